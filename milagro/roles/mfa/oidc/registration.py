"""Dynamic registration (RFC 7591, OpenID Connect Dynamic Client Registration 1.0), for who has an initial token.

Spec: spec/oidc.md#registration
"""

from __future__ import annotations

import hashlib
import json
import secrets
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oauth2.rfc6750 import InvalidTokenError
from authlib.oauth2.rfc7591 import ClientMetadataClaims, ClientRegistrationEndpoint, InvalidClientMetadataError
from authlib.oidc.registration import ClientMetadataClaims as OpenIdMetadataClaims

from milagro.errors import MilagroError
from milagro.roles import logs
from milagro.roles.mfa.oidc.clients import SCOPES, RelyingParty, metadata_faults
from milagro.roles.mfa.oidc.families import new_secret
from milagro.roles.mfa.oidc.web import Exchange, answer
from milagro.stores.urls import is_loopback

if TYPE_CHECKING:
    from starlette.responses import Response

    from milagro.roles.mfa.oidc.provider import Provider

_LIST_LIMIT: Final = 65536
_MOST_URIS: Final = 20
_log = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class _Payload:
    data: dict[str, Any]


@dataclass(slots=True)
class _Request:
    payload: _Payload
    credential: str | None = None


class Registration(ClientRegistrationEndpoint):
    """The registration endpoint; what is well-formed is Authlib's to say, what is safe is `clients`'."""

    def __init__(self, provider: Provider, metadata: dict[str, Any]) -> None:
        super().__init__(claims_classes=[ClientMetadataClaims, OpenIdMetadataClaims])
        self._provider, self._metadata = provider, metadata

    def register(self, exchange: Exchange) -> Response:
        """POST /oidc/register."""
        try:
            wanted = self._client(self._read(exchange))
            self._take_token(exchange)
        except OAuth2Error as error:
            status, body, headers = error()
            kept = {name.lower(): value for name, value in headers if name.lower() == "www-authenticate"}
            return answer(body, status, kept)
        secret = new_secret() if wanted.auth_method.startswith("client_secret") else None
        hashed = None if secret is None else hashlib.sha256(secret.encode()).digest()
        client = RelyingParty.from_json(wanted.client_id, hashed, wanted.to_json())
        self._provider.registry.register(client, self._provider.now())
        _log.info("a client registered itself", client=client.client_id, name=client.name)
        return answer(self._told(client, secret), 201)

    def get_server_metadata(self) -> dict[str, Any]:
        """What Authlib checks the client's metadata against."""
        return self._metadata

    def _read(self, exchange: Exchange) -> dict[str, Any]:
        try:
            body = exchange.json()
        except MilagroError as error:
            raise InvalidClientMetadataError(str(error)) from None
        if not self._token(exchange):
            raise InvalidTokenError
        _check_types(body)
        try:
            found: dict[str, Any] = self.extract_client_metadata(_Request(_Payload(body)))
        except (ValueError, TypeError, AttributeError):
            raise InvalidClientMetadataError("A member has another type than it should.") from None
        return {**found, **{name: body[name] for name in _BESIDE if name in body}}

    def _token(self, exchange: Exchange) -> str:
        scheme, _, token = exchange.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else ""

    def _take_token(self, exchange: Exchange) -> None:
        if not self._provider.registry.use_initial(self._token(exchange), self._provider.now()):
            raise InvalidTokenError

    def _client(self, metadata: dict[str, Any]) -> RelyingParty:
        client = self._made(metadata)
        for name, _ in metadata_faults(client):
            uris = name == "redirect_uris"
            raise InvalidClientMetadataError(
                f"The member {name} is not one that this server takes.",
                error="invalid_redirect_uri" if uris else None,
            )
        self._check_reach(client.backchannel_logout_uri)
        return client

    def _check_reach(self, uri: str) -> None:
        """No stranger makes this server call what only this machine reaches."""
        host, own = (urlsplit(each).hostname or "" for each in (uri, self._provider.issuer))
        if uri and is_loopback(host) and not is_loopback(own):
            raise InvalidClientMetadataError("A member names an address of this server itself.")

    def _made(self, metadata: dict[str, Any]) -> RelyingParty:
        pairwise = metadata.get("subject_type") == "pairwise"
        self._check_reach(metadata.get("sector_identifier_uri") or "")
        uris = tuple(metadata["redirect_uris"])
        sector = metadata.get("sector_identifier_uri")
        method = metadata["token_endpoint_auth_method"]
        return RelyingParty(
            client_id=secrets.token_hex(16),
            name=metadata.get("client_name") or urlsplit(uris[0]).hostname or "?",
            redirect_uris=uris,
            auth_method=method,
            jwks=metadata.get("jwks"),
            uri=metadata.get("client_uri") or "",
            post_logout_redirect_uris=tuple(metadata.get("post_logout_redirect_uris") or ()),
            scopes=tuple((metadata.get("scope") or " ".join(SCOPES)).split()),
            grant_types=tuple(metadata.get("grant_types") or ("authorization_code",)),
            signing_alg=metadata.get("id_token_signed_response_alg") or "RS256",
            pairwise=pairwise,
            sector=_sector(sector, uris) if sector else "",
            require_pkce=method == "none" or self._provider.config.registration_requires_pkce,
            require_pushed=metadata.get("require_pushed_authorization_requests") is True,
            backchannel_logout_uri=metadata.get("backchannel_logout_uri") or "",
        )

    def _told(self, client: RelyingParty, secret: str | None) -> dict[str, Any]:
        body = {
            "client_id": client.client_id,
            "client_id_issued_at": self._provider.now(),
            "client_name": client.name,
            "redirect_uris": list(client.redirect_uris),
            "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
            "token_endpoint_auth_method": client.auth_method,
            "grant_types": list(client.grant_types),
            "response_types": ["code"],
            "scope": " ".join(client.scopes),
            "id_token_signed_response_alg": client.signing_alg,
            "subject_type": "pairwise" if client.pairwise else "public",
            "require_pushed_authorization_requests": client.require_pushed,
        }
        if client.backchannel_logout_uri:
            body |= {
                "backchannel_logout_uri": client.backchannel_logout_uri,
                "backchannel_logout_session_required": True,
            }
        if client.jwks is not None:
            body["jwks"] = client.jwks
        return body if secret is None else {**body, "client_secret": secret, "client_secret_expires_at": 0}


# Members that Authlib's classes do not know, or whose type they leave open.
_BESIDE: Final = ("post_logout_redirect_uris", "backchannel_logout_uri", "require_pushed_authorization_requests")
_LISTS: Final = ("redirect_uris", "post_logout_redirect_uris", "grant_types", "response_types")
_TEXTS: Final = (
    "client_name",
    "client_uri",
    "scope",
    "backchannel_logout_uri",
    "subject_type",
    "sector_identifier_uri",
)


def _check_types(metadata: dict[str, Any]) -> None:
    for name in _LISTS:
        value = metadata.get(name, [])
        if not isinstance(value, list) or len(value) > _MOST_URIS or not all(isinstance(each, str) for each in value):
            raise InvalidClientMetadataError(f"The member {name} must be a list of strings.")
    if not metadata.get("redirect_uris"):
        raise InvalidClientMetadataError("The member redirect_uris is missing.", error="invalid_redirect_uri")
    if metadata.get("response_types", ["code"]) != ["code"]:
        raise InvalidClientMetadataError("The member response_types can only have code.")
    for name in _TEXTS:
        value = metadata.get(name, "")
        if not isinstance(value, str) or len(value) > 2000 or not value.isprintable():
            raise InvalidClientMetadataError(f"The member {name} must be a string.")
    if "jwks_uri" in metadata:
        raise InvalidClientMetadataError("The member jwks_uri is not taken; send jwks.")


def _sector(uri: str, redirect_uris: tuple[str, ...]) -> str:
    """The host of the sector identifier, if the list there has all redirect URIs (OpenID Connect Core 1.0, 8.1)."""
    parts = urlsplit(uri)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        raise InvalidClientMetadataError("The sector_identifier_uri must be https.")
    listed = _fetch(uri)
    if not isinstance(listed, list) or not set(redirect_uris) <= {each for each in listed if isinstance(each, str)}:
        raise InvalidClientMetadataError("The list at sector_identifier_uri does not have all redirect URIs.")
    return parts.hostname


def _fetch(uri: str) -> Any:
    """The JSON at an address; None if there is none, or too much."""
    content = bytearray()
    try:
        with (
            httpx.Client(verify=ssl.create_default_context(), timeout=5.0, trust_env=False) as http,
            http.stream("GET", uri) as response,
        ):
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > _LIST_LIMIT:
                    return None
        return json.loads(content) if response.status_code == 200 else None
    except (httpx.HTTPError, ValueError, RecursionError):
        return None
