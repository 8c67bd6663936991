"""[mfa.oidc]: whether this server is an OpenID Provider, and the relying parties that its operator names.

Spec: spec/oidc.md#clients
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from milagro.errors import MilagroError
from milagro.roles.mfa.oidc.clients import AUTH_METHODS, SCOPES, RelyingParty, metadata_faults
from milagro.stores import files

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.roles.config import Reader

ALGORITHMS: Final = ("ES256", "RS256")
CROSSING: Final = ("any-network", "same-network", "off")
DEFAULT_ACR: Final = "urn:milagro:acr:mpin"
_SECRET_OCTETS: Final = 32  # of a secret of 256 bits, written in any way; a plain hash of it cannot be searched


@dataclass(frozen=True, slots=True)
class OidcConfig:
    """The provider's folder of keys, how long what it gives is good, and its static clients."""

    keys: Path
    clients: tuple[RelyingParty, ...]
    acr: str
    hardware_algorithms: tuple[str, ...]
    registration: bool
    registration_requires_pkce: bool
    login_page: str
    session_seconds: int
    code_seconds: int
    access_seconds: int
    refresh_seconds: int
    grace_seconds: int
    publish_seconds: int
    overlap_seconds: int
    max_interactions: int
    crossing: str = "any-network"
    crossing_seconds: int = 180


def read_oidc(reader: Reader) -> OidcConfig:
    """The table [mfa.oidc]."""
    return OidcConfig(
        keys=reader.path("keys", "oidc-keys"),
        clients=_read_clients(reader.tables("clients")) if "clients" in reader else (),
        acr=reader.text("acr", DEFAULT_ACR),
        hardware_algorithms=tuple(reader.texts("hardware_algorithms", default=(), least=0)),
        registration=reader.boolean("registration", default=False),
        registration_requires_pkce=reader.boolean("registration_requires_pkce", default=True),
        login_page=_read_path(reader),
        session_seconds=reader.integer("session_seconds", 60, 30 * 86400, 12 * 3600),
        code_seconds=reader.integer("code_seconds", 5, 600, 60),
        access_seconds=reader.integer("access_seconds", 30, 86400, 600),
        refresh_seconds=reader.integer("refresh_seconds", 60, 366 * 86400, 30 * 86400),
        grace_seconds=reader.integer("grace_seconds", 0, 60, 10),
        publish_seconds=reader.integer("publish_seconds", 0, 30 * 86400, 86400),
        overlap_seconds=reader.integer("overlap_seconds", 0, 90 * 86400, 7 * 86400),
        max_interactions=reader.integer("max_interactions", 10, 1_000_000, 20_000),
        crossing=reader.choice("crossing", CROSSING, "any-network"),
        crossing_seconds=reader.integer("crossing_seconds", 30, 600, 180),
    )


def _read_path(reader: Reader) -> str:
    path = reader.text("login_page", "/login", limit=200)
    if not path.startswith("/") or path.startswith("//") or "?" in path or "#" in path:
        reader.fault("login_page", "must be a path on this server, such as /login")
    return path


def _read_clients(readers: list[Reader]) -> tuple[RelyingParty, ...]:
    clients: list[RelyingParty] = []
    for reader in readers:
        client = _read_client(reader)
        if client.client_id in {other.client_id for other in clients}:
            reader.fault("id", f"is {client.client_id!r}, which another client has already")
        for key, fault in metadata_faults(client):
            reader.fault(key, fault)
        clients.append(client)
    return tuple(clients)


def _read_client(reader: Reader) -> RelyingParty:
    name = reader.text("id", limit=128)
    method = reader.choice("auth_method", AUTH_METHODS, "client_secret_basic")
    public = method == "none"
    return RelyingParty(
        client_id=name,
        name=reader.text("name", name or "?", limit=100),
        uri=reader.text("uri", "", limit=2000),
        redirect_uris=tuple(reader.texts("redirect_uris")),
        post_logout_redirect_uris=tuple(reader.texts("post_logout_redirect_uris", default=(), least=0)),
        auth_method=method,
        secret=_read_secret(reader, method),
        jwks=_read_jwks(reader) if method == "private_key_jwt" else None,
        scopes=tuple(reader.texts("scopes", SCOPES, SCOPES)),
        grant_types=tuple(
            reader.texts(
                "grant_types", ("authorization_code", "refresh_token"), ("authorization_code", "refresh_token")
            )
        ),
        signing_alg=reader.choice("id_token_alg", ALGORITHMS, "RS256"),
        pairwise=reader.choice("subject", ("public", "pairwise"), "public") == "pairwise",
        sector=reader.text("sector", "", limit=253),
        implied_consent=reader.choice("consent", ("ask", "implied"), "ask") == "implied",
        require_pkce=reader.boolean("require_pkce", default=True) or public,
        require_pushed=reader.boolean("require_pushed", default=False),
        claims_in_id_token=reader.boolean("claims_in_id_token", default=False),
        introspects_all=reader.boolean("introspects_all", default=False),
        backchannel_logout_uri=reader.text("backchannel_logout_uri", "", limit=2000),
    )


def _read_secret(reader: Reader, method: str) -> bytes | None:
    """The SHA-256 of the secret, of which nothing else is kept."""
    if not method.startswith("client_secret"):
        return None
    path = reader.file("secret_file")
    try:
        content = files.read(path).strip() if path is not None else b""
    except MilagroError:
        return None  # noted already
    if path is not None and len(content) < _SECRET_OCTETS:
        reader.fault("secret_file", f"names {path}, which must hold at least {_SECRET_OCTETS} random characters")
    return hashlib.sha256(content).digest()


def _read_jwks(reader: Reader) -> dict[str, Any] | None:
    path = reader.file("jwks_file")
    try:
        found = json.loads(files.read(path)) if path is not None else None
    except (MilagroError, ValueError):
        reader.fault("jwks_file", f"names {path}, which holds no JSON Web Key Set")
        return None
    return found if isinstance(found, dict) else None
