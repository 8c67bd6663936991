"""A request as the provider's endpoints see it, and the headers and cookies of their answers.

Endpoints are plain functions `Exchange -> Response` that run in threads; nothing of them knows the framework but the
response classes. Parameters that are empty count as left out, and a parameter that stands twice is refused (RFC 6749,
section 3.1).

Spec: spec/oidc.md#pages
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse

from milagro.roles.refusals import InvalidRequest
from milagro.roles.transport.gate import CALL

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from milagro.roles.transport.operations import Call

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
_MOST_FIELDS: Final = 64
_SAME: Final = frozenset({"same-origin", "none"})
_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request."""

    method: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    repeated: frozenset[str]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes = field(repr=False)
    call: Call = field(repr=False)

    @property
    def parameters(self) -> Mapping[str, str]:
        """Those of the query in a GET, those of the form in a POST."""
        return self.form if self.method == "POST" else self.query

    def json(self) -> Any:
        """The body. Raises: InvalidRequest if it is no JSON object, or not called one"""
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise InvalidRequest(f"the body must be {JSON}")
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            raise InvalidRequest("body: JSON decode error") from None
        if not isinstance(found, dict):
            raise InvalidRequest("the body must be a JSON object")
        return found


async def read(request: Request) -> Exchange:
    """The request of the framework. Raises: InvalidRequest"""
    body = await request.body()
    is_form = request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM
    query, twice = _fields(request.url.query.encode())
    form, again = _fields(body) if is_form else ({}, frozenset())
    repeated = again if request.method == "POST" else twice
    return Exchange(request.method, query, form, repeated, request.headers, request.cookies, body, request.scope[CALL])


def _fields(octets: bytes) -> tuple[dict[str, str], frozenset[str]]:
    try:
        pairs = parse_qsl(octets.decode("ascii"), encoding="utf-8", errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise InvalidRequest("the parameters are not URL-encoded UTF-8, or too many") from None
    names = [name for name, _ in pairs]
    return dict(pairs), frozenset(name for name in names if names.count(name) > 1)


def with_parameters(uri: str, parameters: Mapping[str, str]) -> str:
    """The URI with parameters added to its query."""
    if not parameters:
        return uri
    return f"{uri}{'&' if urlsplit(uri).query else '?'}{urlencode(parameters)}"


def redirect(uri: str) -> Response:
    """303: the browser goes there with a GET, whatever brought it here."""
    return RedirectResponse(uri, 303, headers=_HEADERS)


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return JSONResponse(body, status, headers={**_HEADERS, **(headers or {})})


def page(text: str, status: int = 200, *, form_action: str = "'none'", script: bool = False) -> Response:
    """A page of this server: nothing of others in it, in nobody's frame, forms to `form_action` only."""
    policy = [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        f"form-action {form_action}",
    ]
    if script:
        policy.append("script-src 'self'")
    return HTMLResponse(text, status, headers={**_HEADERS, "content-security-policy": "; ".join(policy)})


def form_target(uri: str) -> str:
    """A redirect URI as a source in form-action: its origin, or an app's own scheme."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else f"{parts.scheme}:"


def check_origin(exchange: Exchange, own: str) -> None:
    """Refuses what the page of another site than `own` sent.

    Spec: spec/oidc.md#cross-site
    Raises: InvalidRequest
    """
    origin, site = exchange.headers.get("origin"), exchange.headers.get("sec-fetch-site")
    if (origin is not None and origin != own) or (site is not None and site not in _SAME):
        raise InvalidRequest("this request came from another site's page")


@dataclass(frozen=True, slots=True)
class Cookies:
    """The names of the provider's cookies, and how they are set.

    Over https they have the prefix __Host-, so that no other host, and nothing without TLS, can plant one.
    Spec: spec/oidc.md#cookies
    """

    secure: bool

    @property
    def browser(self) -> str:
        """Binds interactions to a browser; says nothing about anyone."""
        return self._prefix + "milagro-browser"

    @property
    def session(self) -> str:
        """The session; a new one at every login."""
        return self._prefix + "milagro-session"

    @property
    def enrolment(self) -> str:
        """Binds an enrolment by an upstream provider to a browser; says nothing about anyone."""
        return self._prefix + "milagro-enrolment"

    @property
    def _prefix(self) -> str:
        return "__Host-" if self.secure else ""

    def put(self, response: Response, name: str, value: str, seconds: int | None = None) -> None:
        """Sets one, until the browser closes or for so many seconds."""
        response.set_cookie(name, value, max_age=seconds, path="/", secure=self.secure, httponly=True, samesite="lax")

    def clear(self, response: Response, name: str) -> None:
        """Takes one away."""
        response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="lax")
