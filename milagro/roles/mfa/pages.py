"""The pages for people: what `web/` was built to, served with headers that let nothing else into them.

    GET /  /login        the page: enrol, log in, change the PIN, look after devices
    GET /client/{name}   its script and style, and the client as a module for other pages of this origin

Everything is read once, at the start, so no path that a caller makes up ever reaches the file system.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.routing import Route

from milagro.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fastapi import FastAPI
    from starlette.requests import Request

    from milagro.roles.mfa.service import MfaService

PAGE: Final = "index.html"
PATHS: Final = ("/", "/login")
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\-]+(:\d+)?|https?://\[[0-9a-fA-F:.]+\](:\d+)?")
_KINDS: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_HEADERS: Final = {
    "cache-control": "no-cache",  # kept by the browser, and asked for again with its tag
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
_PAGE_HEADERS: Final = {
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Built:
    """One built file."""

    content: bytes
    kind: str
    tag: str

    def answer(self, request: Request, headers: dict[str, str]) -> Response:
        """The file, or that the browser has it already."""
        known = {**headers, "etag": self.tag}
        if request.headers.get("if-none-match") == self.tag:
            return Response(status_code=304, headers=known)
        return Response(self.content, media_type=self.kind, headers=known)


def built() -> dict[str, Built]:
    """The built files by their names.

    Raises: NotFound if the package lacks them
    """
    folder = resources.files("milagro.roles.mfa").joinpath("web", "dist")
    try:
        entries = [entry for entry in folder.iterdir() if entry.is_file()]
    except OSError:
        raise NotFound("the pages for people are not in this installation of milagro") from None
    found = {}
    for entry in entries:
        content = entry.read_bytes()
        kind = _KINDS.get(entry.name[entry.name.rfind(".") :], "application/octet-stream")
        found[entry.name] = Built(content, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
    return found


def policy(dtas: Iterable[str]) -> str:
    """The content security policy of the page: its own script and style, requests to this server and to D-TAs."""
    allowed = ["'self'", *sorted({origin(url) for url in dtas} - {""})]
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": " ".join(allowed),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def origin(url: str) -> str:
    """Scheme, host and port of a URL, if they are such that a policy can name them; else nothing."""
    parts = urlsplit(url)
    found = f"{parts.scheme}://{parts.netloc}"
    return found if _ORIGIN.fullmatch(found) else ""


def add(app: FastAPI, service: MfaService) -> None:
    """Adds the pages to the application of an MFA server."""
    files = built()

    def page(request: Request) -> Response:
        names = service.issuers.names()  # a D-TA may have moved
        headers = {"content-security-policy": policy(dta.url for dta in names)}
        return files[PAGE].answer(request, {**_HEADERS, **_PAGE_HEADERS, **headers})

    def part(request: Request, name: str) -> Response:
        if name not in files or name == PAGE:
            raise NotFound("there is no such file")
        return files[name].answer(request, dict(_HEADERS))

    for path in PATHS:
        _add(app, path, page)
    _add(app, "/client/{name}", part)


def _add(app: FastAPI, path: str, endpoint: Callable[..., Response]) -> None:
    async def run(request: Request) -> Response:
        return endpoint(request, **request.path_params)

    # A plain route of Starlette: a page is no operation of the API, and has no place in its description.
    app.router.routes.append(Route(path, run, methods=["GET"]))
