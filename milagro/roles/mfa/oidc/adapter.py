"""Authlib's grants on this server: its requests, its client authentication, and what the grants ask of the records.

What Authlib decides: which request is well-formed, who the client is, whether code, redirect URI, PKCE verifier, grant
type and scope fit, and how an error looks. What it does not do here: give tokens. Its grants make, save and log them in
separate steps, and a code or a refresh token that is used twice at the same moment would be used twice; so that part is
`families`, one transaction each. Two of its habits are kept off: it raises a ValueError where an error's description
has a character of the request that it must not have, so what it would repeat is checked before it; and it logs what it
gives at the level `debug`.

Spec: spec/oidc.md#tokens
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    OAuth2Payload,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from joserfc import jwt
from joserfc.errors import JoseError

from milagro.roles.mfa.oidc.clients import AUTH_METHODS
from milagro.roles.mfa.oidc.families import ACCESS, REFRESH, StoredToken
from milagro.roles.mfa.oidc.web import Exchange, answer

if TYPE_CHECKING:
    from starlette.responses import Response

    from milagro.roles.mfa.oidc.clients import RelyingParty
    from milagro.roles.mfa.oidc.families import Given, Grant, StoredCode
    from milagro.roles.mfa.oidc.provider import Provider

CONFIDENTIAL: Final = [method for method in AUTH_METHODS if method != "none"]
_ASSERTION_SECONDS: Final = 600
_USED: Final = "The code was used before, is over, or is another client's."
logging.getLogger("authlib").setLevel(logging.INFO)


class _Payload(OAuth2Payload):
    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._data = dict(parameters)

    @property
    def data(self) -> dict[str, str]:
        return self._data

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return defaultdict(list, {name: [value] for name, value in self._data.items()})


class Request(OAuth2Request):
    """A request as Authlib's grants read it. TLS is the transport's business, so the address is always https here."""

    def __init__(self, method: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> None:
        super().__init__(method, "https://localhost/", headers=headers)
        self.payload = _Payload(parameters)
        self.payload_data = dict(parameters)

    @property
    def form(self) -> dict[str, str]:
        """The parameters."""
        return self.payload_data


class Pkce(CodeChallenge):
    """PKCE by S256 and nothing else; required of public clients, and of others unless their operator waives it."""

    DEFAULT_CODE_CHALLENGE_METHOD = "plain"
    SUPPORTED_CODE_CHALLENGE_METHOD: Final = ["S256"]

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuses a request without a challenge that needs one, and with one that is not S256."""
        data, client = grant.request.payload.data, grant.request.client
        if "code_challenge" not in data and client.require_pkce:
            raise InvalidRequestError("The code_challenge of PKCE is missing.")
        if "code_challenge" in data and data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("The code_challenge_method must be S256.")
        super().validate_code_challenge(grant, redirect_uri)


class CodeGrant(AuthorizationCodeGrant):
    """grant_type=authorization_code."""

    TOKEN_ENDPOINT_AUTH_METHODS: Final = list(AUTH_METHODS)

    def query_authorization_code(self, code: str, client: RelyingParty) -> StoredCode | None:
        """The code. One that was used before revokes what it gave."""
        provider = self.server.provider
        found: StoredCode | None = provider.families.code(code, client)
        if found is not None and found.used:  # whoever repeats it has stolen it, or was stolen from
            provider.families.redeem(found, provider.now(), refresh=False)
            return None
        return found if found is not None and found.expires > provider.now() else None

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Tokens, once."""
        provider, code, client = self.server.provider, self.request.authorization_code, self.request.client
        refresh = client.check_grant_type(RefreshTokenGrant.GRANT_TYPE)
        given = provider.families.redeem(code, provider.now(), refresh=refresh)
        if given is None:
            raise InvalidGrantError(_USED)
        return 200, self.server.token_body(given, code.grant, client), self.TOKEN_RESPONSE_HEADER


class RefreshGrant(RefreshTokenGrant):
    """grant_type=refresh_token. The nonce is of the login, so a refreshed ID token has none."""

    TOKEN_ENDPOINT_AUTH_METHODS: Final = list(AUTH_METHODS)

    def authenticate_refresh_token(self, refresh_token: str) -> StoredToken | None:
        """The token, whatever became of it."""
        found: StoredToken | None = self.server.provider.families.refresh_token(refresh_token)
        return found

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """The next tokens."""
        provider, token = self.server.provider, self.request.refresh_token
        given = provider.families.refresh(token, self.request.payload.scope, provider.now())
        if given is None:
            raise InvalidGrantError("The refresh token is over, was revoked, or was used before.")
        body = self.server.token_body(given, token.grant, self.request.client, refreshed=True)
        return 200, body, self.TOKEN_RESPONSE_HEADER


class _Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS: Final = list(AUTH_METHODS)

    def query_token(self, token: str, _hint: str | None) -> StoredToken | None:
        return _token(self.server.provider, token)

    def revoke_token(self, token: StoredToken, _request: Request) -> None:
        self.server.provider.families.revoke(token)


class _Introspection(IntrospectionEndpoint):
    CLIENT_AUTH_METHODS: Final = CONFIDENTIAL

    def query_token(self, token: str, _hint: str | None) -> StoredToken | None:
        return _token(self.server.provider, token)

    def check_permission(self, token: StoredToken, client: RelyingParty, _request: Request) -> bool:
        return client.introspects_all or token.check_client(client)

    def introspect_token(self, token: StoredToken) -> dict[str, Any]:
        return {
            "active": True,
            "iss": self.server.provider.issuer,
            "sub": token.grant.subject,
            "aud": token.grant.client,
            "client_id": token.grant.client,
            "scope": token.scope,
            "token_type": "Bearer" if token.kind == ACCESS else "refresh_token",
            "iat": token.created,
            "exp": token.expires,
            "auth_time": token.grant.auth_time,
        }


def _token(provider: Provider, key: str) -> StoredToken | None:
    now = provider.now()
    return provider.families.find(key, ACCESS, now) or provider.families.find(key, REFRESH, now)


class _PrivateKeyJwt(JWTBearerClientAssertion):
    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self._provider = provider

    def get_audiences(self) -> list[str]:
        return [self._provider.issuer, self._provider.url("/oidc/token"), self._provider.url("/oidc/par")]

    def resolve_client_public_key(self, client: RelyingParty) -> Any:
        if client.auth_method != self.CLIENT_AUTH_METHOD:
            raise InvalidClientError(description="The client does not authenticate so.")
        return client.key_set()

    def verify_claims(self, claims: jwt.Claims) -> None:
        """As Authlib, by this server's clock, and only for assertions that are soon over."""
        now = self._provider.now()
        wanted: dict[str, Any] = {name: {"essential": True} for name in ("iss", "sub", "exp", "jti")}
        wanted["aud"] = {"essential": True, "values": self.get_audiences()}
        jwt.JWTClaimsRegistry(now=now, leeway=60, **wanted).validate(claims)
        if claims["iss"] != claims["sub"] or not 0 < claims["exp"] + 60 - now <= _ASSERTION_SECONDS + 60:
            raise InvalidClientError(description="The assertion is for another party or lasts too long.")
        if not self._provider.records.use_once(claims["sub"], str(claims["jti"]), claims["exp"] + 60):
            raise InvalidClientError(description="The assertion was used before.")

    def __call__(self, query_client: Callable[[str], Any], request: Request) -> Any:
        try:
            return super().__call__(query_client, request)
        except (JoseError, ValueError, TypeError, KeyError):
            raise InvalidClientError(description="The assertion is not one of this client.") from None


class Server(AuthorizationServer):
    """Authlib's server with this provider's records behind it."""

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self.provider = provider
        self.register_client_auth_method("private_key_jwt", _PrivateKeyJwt(provider))
        self.register_grant(CodeGrant, [Pkce(required=True)])
        self.register_grant(RefreshGrant)
        self.register_endpoint(_Revocation)
        self.register_endpoint(_Introspection)

    def query_client(self, client_id: str) -> RelyingParty | None:
        """The client of this id."""
        return self.provider.client(client_id)

    def authenticate_client(self, request: Request, methods: list[str], endpoint: str = "token") -> RelyingParty:
        """Who sent the request. Raises: InvalidClientError"""
        try:
            found: RelyingParty = super().authenticate_client(request, methods, endpoint)
        except ValueError:  # credentials that are not text, or an id with characters that a description must not have
            raise InvalidClientError(status_code=401) from None
        return found

    def token_body(
        self, given: Given, grant: Grant, client: RelyingParty, *, refreshed: bool = False
    ) -> dict[str, Any]:
        """What the token endpoint answers. Secret: the result"""
        body = {
            "access_token": given.access,
            "token_type": "Bearer",
            "expires_in": given.expires_in,
            "scope": given.scope,
            "id_token": self.provider.id_token(grant, client, given, refreshed=refreshed),
        }
        return body if given.refresh is None else {**body, "refresh_token": given.refresh}

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Exchange | Request) -> Request:
        """An exchange as Authlib reads it."""
        if isinstance(request, Request):
            return request
        return Request(request.method, request.parameters, request.headers)

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        """The answer of the framework."""
        kept = {name.lower(): value for name, value in headers if name.lower() == "www-authenticate"}
        return answer(dict(body) if isinstance(body, list) else body, status, {**kept, "pragma": "no-cache"})
