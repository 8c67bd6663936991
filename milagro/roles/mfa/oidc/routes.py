"""The provider's routes on the MFA server's application, beside its operations and behind the same gate.

Spec: spec/oidc.md#endpoints
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from anyio import to_thread
from fastapi import Request, Response

from milagro.roles.mfa.oidc.authorize import Authorization
from milagro.roles.mfa.oidc.crossings import Crossings
from milagro.roles.mfa.oidc.endpoints import Endpoints, metadata
from milagro.roles.mfa.oidc.interactions import Interactions
from milagro.roles.mfa.oidc.logout import Logout
from milagro.roles.mfa.oidc.pages import STYLESHEET, SUBMIT_SCRIPT
from milagro.roles.mfa.oidc.registration import Registration
from milagro.roles.mfa.oidc.web import Exchange, read

if TYPE_CHECKING:
    from fastapi import FastAPI

    from milagro.roles.mfa.oidc.provider import Provider
    from milagro.roles.mfa.operations import Desk

Handler = Callable[[Exchange], Response]
_GET: Final = ("GET",)
_POST: Final = ("POST",)
_BOTH: Final = ("GET", "POST")


def add_provider(app: FastAPI, provider: Provider, desk: Desk) -> None:
    """Adds the routes."""
    interactions, endpoints, logout = Interactions(provider, desk), Endpoints(provider), Logout(provider)
    authorization, crossings = Authorization(provider, interactions), Crossings(provider, desk, interactions)
    found: list[tuple[str, tuple[str, ...], Handler]] = [
        ("/.well-known/openid-configuration", _GET, endpoints.discovery),
        ("/oidc/jwks.json", _GET, endpoints.jwks),
        ("/oidc/authorize", _BOTH, authorization.authorize),
        ("/oidc/par", _POST, authorization.push),
        ("/oidc/token", _POST, endpoints.token),
        ("/oidc/userinfo", _BOTH, endpoints.userinfo),
        ("/oidc/revoke", _POST, endpoints.revoke),
        ("/oidc/introspect", _POST, endpoints.introspect),
        ("/oidc/interaction", _GET, interactions.show),
        ("/oidc/login", _POST, interactions.log_in),
        ("/oidc/cancel", _POST, interactions.cancel),
        ("/oidc/crossing/start", _POST, crossings.start),
        ("/oidc/crossing/state", _POST, crossings.state),
        ("/oidc/crossing/finish", _POST, crossings.finish),
        ("/oidc/crossing/stop", _POST, crossings.stop),
        ("/oidc/crossing/show", _POST, crossings.show),
        ("/oidc/crossing/match", _POST, crossings.match),
        ("/oidc/crossing/login", _POST, crossings.log_in),
        ("/oidc/crossing/deny", _POST, crossings.deny),
        ("/oidc/return", _GET, interactions.go_back),
        ("/oidc/continue", _GET, interactions.go_on),
        ("/oidc/consent", _POST, interactions.consent),
        ("/oidc/logout", _BOTH, logout.end),
        ("/oidc/logout/confirm", _POST, logout.confirm),
        ("/oidc/pages.css", _GET, file(STYLESHEET, "text/css; charset=utf-8")),
        ("/oidc/submit.js", _GET, file(SUBMIT_SCRIPT, "text/javascript; charset=utf-8")),
    ]
    if provider.config.registration:
        found.append(("/oidc/register", _POST, Registration(provider, metadata(provider)).register))
    for path, methods, handler in found:
        add(app, path, methods, handler)


def add(app: FastAPI, path: str, methods: tuple[str, ...], handler: Handler) -> None:
    """Adds one route, whose handler runs in a thread."""

    async def endpoint(request: Request) -> Response:
        return await to_thread.run_sync(handler, await read(request))

    app.add_api_route(path, endpoint, methods=list(methods), include_in_schema=False, response_model=None)


def file(content: bytes, kind: str) -> Handler:
    """The handler that gives a file."""

    def give(_exchange: Exchange) -> Response:
        return Response(content, headers={"content-type": kind, "x-content-type-options": "nosniff"})

    return give
