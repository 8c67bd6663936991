"""The endpoints that relying parties call themselves, and what discovery says of all of them.

Spec: spec/oidc.md#discovery
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from milagro.roles.mfa.oidc.claims import released
from milagro.roles.mfa.oidc.clients import AUTH_METHODS, SCOPES
from milagro.roles.mfa.oidc.config import ALGORITHMS
from milagro.roles.mfa.oidc.families import ACCESS
from milagro.roles.mfa.oidc.requests import SCOPE_OF_CLAIM
from milagro.roles.mfa.oidc.web import Exchange, answer

if TYPE_CHECKING:
    from starlette.responses import Response

    from milagro.roles.mfa.oidc.provider import Provider

_OWN_CLAIMS: Final = ("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash")
_ASSERTION_ALGORITHMS: Final = [
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "PS256",
    "PS384",
    "PS512",
    "RS256",
    "RS384",
    "RS512",
]


def metadata(provider: Provider) -> dict[str, Any]:
    """What the provider says of itself (OpenID Connect Discovery 1.0, RFC 8414)."""
    url = provider.url
    found: dict[str, Any] = {
        "issuer": provider.issuer,
        "authorization_endpoint": url("/oidc/authorize"),
        "token_endpoint": url("/oidc/token"),
        "userinfo_endpoint": url("/oidc/userinfo"),
        "jwks_uri": url("/oidc/jwks.json"),
        "pushed_authorization_request_endpoint": url("/oidc/par"),
        "revocation_endpoint": url("/oidc/revoke"),
        "introspection_endpoint": url("/oidc/introspect"),
        "end_session_endpoint": url("/oidc/logout"),
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": list(ALGORITHMS),
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "token_endpoint_auth_signing_alg_values_supported": _ASSERTION_ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "introspection_endpoint_auth_methods_supported": [name for name in AUTH_METHODS if name != "none"],
        "code_challenge_methods_supported": ["S256"],
        "acr_values_supported": [provider.config.acr],
        "claim_types_supported": ["normal"],
        "claims_supported": [*_OWN_CLAIMS, *SCOPE_OF_CLAIM],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_pushed_authorization_requests": False,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "display_values_supported": ["page", "popup"],
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }
    return {**found, "registration_endpoint": url("/oidc/register")} if provider.config.registration else found


class Endpoints:
    """Discovery, keys, tokens, userinfo."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def discovery(self, _exchange: Exchange) -> Response:
        """GET /.well-known/openid-configuration."""
        return answer(metadata(self._provider), headers={"access-control-allow-origin": "*"})

    def jwks(self, _exchange: Exchange) -> Response:
        """GET /oidc/jwks.json.

        Spec: spec/oidc.md#keys
        """
        keys = [key.public() for key in self._provider.keys.published(self._provider.now())]
        return answer({"keys": keys}, headers={"access-control-allow-origin": "*"})

    def token(self, exchange: Exchange) -> Response:
        """POST /oidc/token."""
        if exchange.repeated:
            return _twice()
        found: Response = self._provider.server.create_token_response(exchange)
        return found

    def revoke(self, exchange: Exchange) -> Response:
        """POST /oidc/revoke (RFC 7009)."""
        if exchange.repeated:
            return _twice()
        found: Response = self._provider.server.create_endpoint_response("revocation", exchange)
        return found

    def introspect(self, exchange: Exchange) -> Response:
        """POST /oidc/introspect (RFC 7662)."""
        if exchange.repeated:
            return _twice()
        found: Response = self._provider.server.create_endpoint_response("introspection", exchange)
        return found

    def userinfo(self, exchange: Exchange) -> Response:
        """GET or POST /oidc/userinfo, the access token in the header or, by POST, in the body (RFC 6750).

        Spec: spec/oidc.md#claims
        """
        scheme, _, bearer = exchange.headers.get("authorization", "").partition(" ")
        tokens = [bearer.strip()] if scheme.lower() == "bearer" else []
        tokens += [exchange.form["access_token"]] if "access_token" in exchange.form else []
        if len(tokens) != 1:
            error = {"error": "invalid_request"} if tokens else {}
            return _challenge(error, 400 if tokens else 401)
        found = self._provider.families.find(tokens[0], ACCESS, self._provider.now())
        client = self._provider.client(found.grant.client) if found is not None else None
        if found is None or client is None:
            return _challenge({"error": "invalid_token"}, 401)
        profile = self._provider.records.profile(found.grant.user)
        claims = released(found.grant, client, found.scope, "userinfo", profile)
        return answer({**claims, "sub": found.grant.subject})


def _challenge(error: dict[str, str], status: int) -> Response:
    told = ", ".join(['Bearer realm="userinfo"', *(f'{name}="{value}"' for name, value in error.items())])
    return answer(error, status, {"www-authenticate": told})


def _twice() -> Response:
    return answer({"error": "invalid_request", "error_description": "The request has a parameter twice."}, 400)
