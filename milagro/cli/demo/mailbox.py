"""The mailbox of `milagro demo web`: a page with the letters that lie in a folder, as files of e-mail."""

from __future__ import annotations

import email
import re
from email.message import EmailMessage
from email.policy import default
from html import escape
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.routing import Route

from milagro.cli.demo.layout import Layout, files, filled

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

_LINK: Final = re.compile(r"http://127\.0\.0\.1:\d+/[\w/]*")  # nowhere but to the demo itself


def invitation(user: str, sender: str, code: str, server: str) -> bytes:
    """The letter that an administrator would write."""
    letter = EmailMessage()
    letter["Subject"] = "Your enrolment code"
    letter["From"] = f"The administrator <{sender}>"
    letter["To"] = user
    letter.set_content(
        f"Hello,\n\nopen {server}/login, say that you have an enrolment code, and enter\n\n"
        f"user name: {user}\nenrolment code: {code}\n\nThe code is good for one browser, for a day. "
        "You need none if you let the page send you a short one.\n"
    )
    return letter.as_bytes()


def mailbox(folder: Path) -> Starlette:
    """The page with the letters of `folder`, the newest first, as an ASGI application."""
    layout = Layout("Mailbox", "what the login server and its administrator write to people")

    def home(_request: Request) -> Response:
        found = sorted(folder.glob("*.eml"), key=lambda path: (path.stat().st_mtime, path.name), reverse=True)
        letters = [_letter(number, path.read_bytes()) for number, path in enumerate(found, 1)]
        again = '<p><a class="button" href="/">Look again</a></p>'
        return layout.page("Letters", "\n".join([again, *letters]))

    return Starlette(routes=[Route("/", home), *files()])


def _letter(number: int, content: bytes) -> str:
    letter = email.message_from_bytes(content, policy=default)
    names = {"subject": "Subject", "sender": "From", "to": "To"}
    texts = {key: str(letter[name] or "") for key, name in names.items()}
    return filled("letter.html", _linked(_text(letter)), number=str(number), **texts)


def _text(letter: Any) -> str:
    body = letter.get_body(preferencelist=("plain",))
    return "" if body is None else str(body.get_content()).strip()


def _linked(text: str) -> str:
    # What is linked needs no escape: its characters are those of the pattern.
    return _LINK.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', escape(text))
