"""The pages of the demo's two sites: templates that lie beside this module, and headers that let nothing else in."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

_FOLDER: Final = Path(__file__).with_name("pages")
_FILES: Final = {"/style.css": "text/css", "/icon.svg": "image/svg+xml"}


class Layout:
    """The frame around every page of one site, which also sends forms to `forms`."""

    def __init__(self, brand: str, tagline: str, forms: str = "") -> None:
        self._brand, self._tagline = brand, tagline
        self._headers = {
            "cache-control": "no-store",
            "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            f"frame-ancestors 'none'; form-action 'self' {forms}".rstrip(),
            "cross-origin-opener-policy": "same-origin",
            "referrer-policy": "same-origin",  # with none at all, forms come without their origin
            "x-content-type-options": "nosniff",
        }

    def page(self, heading: str, body: str, status: int = 200) -> Response:
        """A page with this heading; `body` is HTML."""
        title = f"{heading} - {self._brand}"
        texts = {"title": title, "brand": self._brand, "tagline": self._tagline, "heading": heading}
        return HTMLResponse(filled("page.html", body, **texts), status, self._headers)


def filled(name: str, body: str = "", **texts: str) -> str:
    """A template with `texts` in it as text, and `body` as HTML."""
    template = Template((_FOLDER / name).read_text())
    return template.substitute({key: escape(text) for key, text in texts.items()}, body=body)


def files() -> list[Route]:
    """The routes of what all pages share."""
    return [Route(path, _file(path[1:], kind)) for path, kind in _FILES.items()]


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    content = (_FOLDER / name).read_bytes()

    async def answer(_request: Request) -> Response:
        return Response(content, media_type=kind, headers={"x-content-type-options": "nosniff"})

    return answer
