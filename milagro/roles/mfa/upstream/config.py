"""[mfa.upstream]: the OpenID provider by which people enrol, and who of its people may.

Spec: spec/enrolment.md#upstream, spec/enrolment.md#names
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from milagro.roles.mfa.mail.config import canonical_address
from milagro.stores.urls import canonical_origin, is_loopback, url_fault

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.roles.config import Reader

ANYBODY: Final = "*"
EMAIL: Final = "email"
ALGORITHMS: Final = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
_DEFAULT_ALGORITHMS: Final = ("ES256", "PS256", "RS256")
_AUTH_METHODS: Final = ("client_secret_basic", "client_secret_post", "none")
_USER_OCTETS: Final = 256


@dataclass(frozen=True, slots=True)
class UpstreamConfig:
    """The provider, who this server is there, and which of its claims is the user's name."""

    issuer: str
    name: str
    client_id: str
    auth_method: str
    secret_file: Path | None
    scopes: tuple[str, ...]
    claim: str
    allowed: tuple[str, ...]
    link_existing: bool
    max_age: int
    algorithms: tuple[str, ...]
    origins: tuple[str, ...]
    ca_certificate: Path | None
    per_network: int
    max_pending: int

    def user(self, claims: dict[str, Any]) -> str | None:
        """The user's name by the claims of an ID token or of userinfo, None if this is nobody who may enrol."""
        value = claims.get(self.claim)
        if not isinstance(value, str):
            return None
        if self.claim == EMAIL:
            found = canonical_address(value) if claims.get("email_verified") is True else None
        else:
            name = unicodedata.normalize("NFC", value)
            found = name if name.isprintable() and 1 <= len(name.encode()) <= _USER_OCTETS else None
        return found if found is not None and self._allows(found) else None

    def _allows(self, name: str) -> bool:
        domain = f"@{name.rpartition('@')[2]}"
        return ANYBODY in self.allowed or name in self.allowed or ("@" in name and domain in self.allowed)

    def reaches(self, url: str) -> bool:
        """Whether this server asks the URL anything: its origin is the issuer's, or one of `origins`."""
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}"
        known = {canonical_origin(base_of(self.issuer)), *self.origins}
        return url_fault(base) is None and not parts.fragment and canonical_origin(base) in known


def base_of(issuer: str) -> str:
    """Scheme, host and port of an issuer, which may have a path."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}"


def read_upstream(reader: Reader) -> UpstreamConfig:
    """The table [mfa.upstream]."""
    issuer = _read_issuer(reader)
    method = reader.choice("auth_method", _AUTH_METHODS, "client_secret_basic")
    return UpstreamConfig(
        issuer=issuer,
        name=reader.text("name", urlsplit(issuer).hostname or "?", limit=100),
        client_id=reader.text("client_id", limit=256),
        auth_method=method,
        secret_file=reader.file("secret_file") if method != "none" else None,
        scopes=_read_scopes(reader),
        claim=reader.text("claim", EMAIL, limit=100),
        allowed=tuple(entry.lower() if entry.startswith("@") else entry for entry in reader.texts("allowed")),
        link_existing=reader.boolean("link_existing", default=False),
        max_age=reader.integer("max_age", 0, 86400, 300),
        algorithms=tuple(reader.texts("algorithms", ALGORITHMS, _DEFAULT_ALGORITHMS)),
        origins=_read_origins(reader),
        ca_certificate=reader.file("ca_certificate", required=False),
        per_network=reader.integer("per_network", 1, 1_000_000, 100),
        max_pending=reader.integer("max_pending", 10, 1_000_000, 10_000),
    )


def _read_issuer(reader: Reader) -> str:
    issuer = reader.text("issuer", limit=2000)
    if not issuer:
        return "https://missing.invalid"  # a fault is noted
    fault = url_fault(base_of(issuer)) or ("has a query or a fragment" if set("?#") & set(issuer) else None)
    if fault:
        reader.fault("issuer", fault)
        return "https://wrong.invalid"
    return issuer


def _read_scopes(reader: Reader) -> tuple[str, ...]:
    scopes = tuple(reader.texts("scopes", default=("openid", "email")))
    if "openid" not in scopes or any(not scope.isascii() or set(' "\\') & set(scope) for scope in scopes):
        reader.fault("scopes", "must have openid, and each is ASCII without spaces, quotes and backslashes")
    return scopes


def _read_origins(reader: Reader) -> tuple[str, ...]:
    found = []
    for url in reader.texts("origins", default=(), least=0):
        fault = url_fault(url)
        if fault:
            reader.fault("origins", f"has one that {fault}")
        elif is_loopback(urlsplit(url).hostname or "") or url.startswith("https:"):
            found.append(canonical_origin(url))
    return tuple(found)
