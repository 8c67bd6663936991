"""The configuration of an MFA server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from milagro.roles.config import CommonConfig, Reader, read, read_common
from milagro.roles.mfa.admin.config import AdminConfig, read_admin
from milagro.roles.mfa.mail.config import EmailConfig, read_email
from milagro.roles.mfa.oidc.config import OidcConfig, read_oidc
from milagro.roles.mfa.pins import DEFAULT_RULES, PinRules, read_rules
from milagro.roles.mfa.split.config import SplitConfig, read_split
from milagro.roles.mfa.upstream.config import UpstreamConfig, read_upstream
from milagro.roles.suites import SuiteConfig, read_suite
from milagro.stores.urls import canonical_origin

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """[mfa.network]: the network of D-TAs, this server's identity in it, and where the network's keys are kept."""

    charter: Path
    bundles: tuple[Path, ...]
    identity: Path
    keys: Path
    ca_certificate: Path | None
    answer_seconds: int
    patience_seconds: int
    poll_seconds: int


@dataclass(frozen=True, slots=True)
class MfaConfig:
    """An MFA server: its name, and its network of D-TAs."""

    common: CommonConfig
    suite: SuiteConfig
    name: str
    relying_party: str
    session_seconds: int
    max_sessions: int
    dta_wait_seconds: int
    network: NetworkConfig
    pins: PinRules = DEFAULT_RULES
    oidc: OidcConfig | None = None
    email: EmailConfig | None = None
    upstream: UpstreamConfig | None = None
    admin: AdminConfig | None = None
    split: SplitConfig | None = None

    @property
    def origin(self) -> str:
        """The origin that logins are bound to."""
        return canonical_origin(self.common.server.public_url)

    @property
    def journals(self) -> Path | None:
        """The folder for the journals of attempts, beside the file of the database's epoch."""
        file = self.common.store.epoch_file
        return None if file is None else file.with_suffix(".attempts")

    @property
    def sealed_files(self) -> tuple[Path, ...]:
        """The files that `milagro keys` is about."""
        signing = sorted(self.oidc.keys.glob("*.sealed")) if self.oidc else []
        identity, keys = self.network.identity, self.network.keys
        shares = sorted(self.split.folder.glob("*.sealed")) if self.split else []
        return (*sorted(keys.glob("*.sealed")), *shares, *sorted(identity.glob("**/*.key")), *signing)


def read_config(path: Path) -> MfaConfig:
    """The configuration in `path`.

    Raises: ConfigError with every fault
    """
    top = read(path)
    top.choice("role", ("mfa",))
    own = top.table("mfa")
    name = own.text("name", limit=253)
    config = MfaConfig(
        common=read_common(top),
        suite=read_suite(top.table("suite", required=False)),
        name=name,
        relying_party=own.text("relying_party", name or "?", limit=253),
        session_seconds=own.integer("session_seconds", 10, 600, 120),
        max_sessions=own.integer("max_sessions", 10, 1_000_000, 10_000),
        dta_wait_seconds=own.integer("dta_wait_seconds", 0, 600, 20),
        network=_read_network(own.table("network")),
        pins=read_rules(own.table("pins", required=False)),
        oidc=read_oidc(own.table("oidc")) if "oidc" in own else None,
        email=read_email(own.table("email")) if "email" in own else None,
        upstream=read_upstream(own.table("upstream")) if "upstream" in own else None,
        admin=read_admin(own.table("admin")) if "admin" in own else None,
        split=read_split(own.table("split")) if "split" in own else None,
    )
    if config.admin is not None and config.oidc is None:
        own.fault("admin", "needs the table [mfa.oidc]: its pages are for people who log in to this server's sessions")
    top.finish(path)
    return config


def _read_network(reader: Reader) -> NetworkConfig:
    return NetworkConfig(
        charter=cast("Path", reader.file("charter")),  # if there is none, a fault is noted
        bundles=reader.files("bundles"),
        identity=reader.path("identity", "identity"),
        keys=reader.path("keys", "network-keys"),
        ca_certificate=reader.file("ca_certificate", required=False),
        answer_seconds=reader.integer("answer_seconds", 1, 60, 5),
        patience_seconds=reader.integer("patience_seconds", 1, 600, 20),
        poll_seconds=reader.integer("poll_seconds", 1, 86400, 60),
    )
