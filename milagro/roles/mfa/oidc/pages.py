"""The pages that the provider makes itself: consent, logout, what went wrong, and the form of response_mode=form_post.

Plain HTML with one stylesheet; only the last has a script, of one line, and a button for those without.

Spec: spec/oidc.md#pages
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Final

STYLESHEET: Final = Path(__file__).with_name("pages.css").read_bytes()
SUBMIT_SCRIPT: Final = Path(__file__).with_name("submit.js").read_bytes()
_SCOPES: Final = {
    "openid": "That it is you",
    "profile": "Your name and what else your profile has",
    "email": "Your e-mail address",
    "address": "Your postal address",
    "phone": "Your telephone number",
    "groups": "The groups that you are in",
    "offline_access": "To keep this access when you are logged out",
}


def document(title: str, body: str, head: str = "", language: str = "en") -> str:
    """A whole page with the stylesheet; `body` and `head` are HTML."""
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="robots" content="noindex">\n'
        f'<title>{escape(title)}</title>\n<link rel="stylesheet" href="/oidc/pages.css">\n{head}</head>\n'
        f"<body>\n{body}</body>\n</html>\n"
    )


def _page(title: str, body: str, head: str = "") -> str:
    return document(title, f"<main>\n<h1>{escape(title)}</h1>\n{body}</main>\n", head)


def hidden(fields: Mapping[str, str]) -> str:
    """Fields of a form that nobody sees."""
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">\n' for name, value in fields.items()
    )


def consent(client: str, host: str, user: str, scopes: list[str], fields: Mapping[str, str]) -> str:
    """Whether the user lets the client have what it asks for."""
    listed = "".join(f"<li>{escape(_SCOPES[scope])}</li>\n" for scope in _SCOPES if scope in scopes)
    return _page(
        f"{client} wants to know who you are",
        f"<p>You are logged in as <strong>{escape(user)}</strong>. <strong>{escape(client)}</strong> "
        f"(<span>{escape(host)}</span>) asks for:</p>\n<ul>\n{listed}</ul>\n"
        f'<form method="post" action="/oidc/consent">\n{hidden(fields)}'
        '<button type="submit" name="decision" value="allow">Allow</button>\n'
        '<button type="submit" name="decision" value="deny" class="second">Do not allow</button>\n</form>\n',
    )


def logout(user: str, fields: Mapping[str, str]) -> str:
    """Whether the user wants to log out."""
    return _page(
        "Log out?",
        f"<p>You are logged in as <strong>{escape(user)}</strong>. Logging out ends this here and at every site "
        "that you have used it for.</p>\n"
        f'<form method="post" action="/oidc/logout/confirm">\n{hidden(fields)}'
        '<button type="submit" name="decision" value="logout">Log out</button>\n'
        '<button type="submit" name="decision" value="stay" class="second">Stay logged in</button>\n</form>\n',
    )


def told(title: str, text: str) -> str:
    """One sentence."""
    return _page(title, f'<p role="status">{escape(text)}</p>\n')


def error(text: str, request_id: str) -> str:
    """What went wrong, and what its operator can find it by."""
    return _page(
        "This login cannot go on",
        f'<p role="alert">{escape(text)}</p>\n'
        "<p>Go back to the site that you came from and start again. If it happens again, tell that site.</p>\n"
        f'<p class="small">Request {escape(request_id)}</p>\n',
    )


def form_post(uri: str, fields: Mapping[str, str]) -> str:
    """The response to a client that wants it by POST."""
    return _page(
        "Going back",
        f'<form method="post" action="{escape(uri)}">\n{hidden(fields)}<button type="submit">Continue</button>\n'
        "</form>\n",
        '<script src="/oidc/submit.js" defer></script>\n',
    )
