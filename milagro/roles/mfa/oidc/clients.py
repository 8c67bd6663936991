"""Relying parties: those that the configuration names, and those that registered themselves.

`RelyingParty` answers what Authlib's grants ask of a client. Redirect URIs are compared octet by octet.

Spec: spec/oidc.md#clients
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from milagro.stores.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import Sequence

SCOPES: Final = ("openid", "profile", "email", "address", "phone", "groups", "offline_access")
AUTH_METHODS: Final = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
_WEB: Final = frozenset({"https", "http"})
_FORBIDDEN: Final = frozenset({"javascript", "data", "vbscript", "file", "blob", "about"})


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """One client. Secret: none, only the hash of its secret."""

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    auth_method: str = "client_secret_basic"
    secret: bytes | None = field(default=None, repr=False)
    jwks: dict[str, Any] | None = field(default=None, repr=False)
    uri: str = ""
    post_logout_redirect_uris: tuple[str, ...] = ()
    scopes: tuple[str, ...] = SCOPES
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    signing_alg: str = "RS256"
    pairwise: bool = False
    sector: str = ""
    implied_consent: bool = False
    require_pkce: bool = True
    require_pushed: bool = False
    claims_in_id_token: bool = False
    introspects_all: bool = False
    backchannel_logout_uri: str = ""

    @property
    def sector_identifier(self) -> str:
        """What clients with the same pairwise subjects have in common."""
        return self.sector or (urlsplit(self.redirect_uris[0]).hostname or "")

    def to_json(self) -> str:
        """What is stored of a client that registered itself, its secret apart."""
        kept = {name: getattr(self, name) for name in self.__slots__ if name not in {"client_id", "secret"}}
        return json.dumps(kept, sort_keys=True)

    @classmethod
    def from_json(cls, client_id: str, secret: bytes | None, text: str) -> RelyingParty:
        """The client that `to_json` wrote."""
        kept: dict[str, Any] = json.loads(text)
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()
        }
        return cls(client_id=client_id, secret=secret, **values)

    # -- what Authlib asks -----------------------------------------------------------------------------------------
    def get_client_id(self) -> str:
        """The id."""
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """None: every request names the one that it means."""

    def get_allowed_scope(self, scope: str | None) -> str:
        """Those of the scopes that this client may have; others are left out, as OpenID Connect says."""
        return " ".join(dict.fromkeys(name for name in (scope or "").split() if name in self.scopes))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether it is one of those that are registered, exactly."""
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Whether this is the secret; compared in constant time."""
        given = hashlib.sha256(client_secret.encode()).digest()
        return self.secret is not None and hmac.compare_digest(given, self.secret)

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """Whether the client authenticates so, and not in another way, everywhere."""
        return method == self.auth_method

    def check_response_type(self, response_type: str) -> bool:
        """Whether it is `code`."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether the client may use it."""
        return grant_type in self.grant_types

    def key_set(self) -> KeySet:
        """The keys that sign the client's assertions. Raises: ValueError, JoseError"""
        return KeySet.import_key_set(self.jwks or {"keys": []})  # type: ignore[arg-type]


def metadata_faults(client: RelyingParty) -> Iterator[tuple[str, str]]:
    """What is wrong with a client's metadata: name of the member, text."""
    yield from _uri_faults(client)
    if client.auth_method == "private_key_jwt" and not _has_public_keys(client):
        yield "jwks_file", "must hold public signature keys, and no private or symmetric ones"
    if client.pairwise and not client.sector and len(_hosts(client.redirect_uris)) > 1:
        yield "sector", "must be given, as the redirect URIs have several hosts"
    if "openid" not in client.scopes:
        yield "scopes", "must have 'openid'"
    if "authorization_code" not in client.grant_types:
        yield "grant_types", "must have 'authorization_code'"


def _uri_faults(client: RelyingParty) -> Iterator[tuple[str, str]]:
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        yield from ((name, fault) for fault in map(_redirect_fault, getattr(client, name)) if fault)
    for name in ("backchannel_logout_uri", "uri"):
        value = getattr(client, name)
        if value and (fault := _web_fault(value)):
            yield name, fault


def _redirect_fault(uri: str) -> str | None:
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return f"has {uri!r}, which is no URI"
    if not uri.isascii() or any(letter <= " " or letter in '\\"<>^`{|}' for letter in uri):
        return f"has {uri!r}, with characters that a URI does not have"
    if not parts.scheme or parts.fragment or "#" in uri or "@" in parts.netloc or "*" in parts.netloc:
        return f"has {uri!r}; it must be absolute, with no fragment, user or wildcard"
    if parts.scheme in _WEB:
        return None if host and (parts.scheme == "https" or is_loopback(host)) else f"has {uri!r}, which is not https"
    if parts.scheme in _FORBIDDEN or "." not in parts.scheme:  # an app's own scheme: a domain of its maker, reversed
        return f"has {uri!r}; a scheme of an app's own has a dot in it (RFC 8252)"
    return None


def _web_fault(uri: str) -> str | None:
    return _redirect_fault(uri) or (None if urlsplit(uri).scheme in _WEB else f"has {uri!r}, which is not https")


def _has_public_keys(client: RelyingParty) -> bool:
    try:
        keys = client.key_set().keys
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return False
    return bool(keys) and all(isinstance(key, (ECKey, RSAKey, OKPKey)) and not key.is_private for key in keys)


def _hosts(uris: Sequence[str]) -> set[str | None]:
    return {urlsplit(uri).hostname for uri in uris}
