"""The configuration of an MFA server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from milagro.roles.config import (
    CommonConfig,
    Reader,
    ServerConfig,
    canonical_origin,
    origin_of,
    read,
    read_common,
)
from milagro.roles.mfa.oidc.config import OidcConfig, read_oidc
from milagro.roles.suites import SuiteConfig, read_suite
from milagro.stores.urls import is_loopback

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class DtaAddress:
    """Where a D-TA is, and the commitment that it must show if the operator pinned one."""

    name: str
    url: str
    commitment: bytes
    ca_certificate: Path | None


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
    """An MFA server: its name, its sealed keys, and its D-TAs: single ones, or a network of them."""

    common: CommonConfig
    suite: SuiteConfig
    name: str
    relying_party: str
    registration_key: Path
    server_secret: Path
    dtas: tuple[DtaAddress, ...]
    session_seconds: int
    max_sessions: int
    dta_wait_seconds: int
    network: NetworkConfig | None = None
    oidc: OidcConfig | None = None

    @property
    def origin(self) -> str:
        """The origin that logins are bound to."""
        return canonical_origin(self.common.server.public_url)

    @property
    def sealed_files(self) -> tuple[Path, ...]:
        """The files that `milagro keys` is about."""
        signing = sorted(self.oidc.keys.glob("*.sealed")) if self.oidc else []
        if self.network is None:
            return (self.registration_key, self.server_secret, *signing)
        identity, keys = self.network.identity, self.network.keys
        return (*sorted(keys.glob("*.sealed")), *sorted(identity.glob("**/*.key")), *signing)


def read_config(path: Path) -> MfaConfig:
    """The configuration in `path`.

    Raises: ConfigError with every fault
    """
    top = read(path)
    top.choice("role", ("mfa",))
    own = top.table("mfa")
    name = own.text("name", limit=253)
    common = read_common(top)
    config = MfaConfig(
        common=common,
        suite=read_suite(top.table("suite", required=False)),
        name=name,
        relying_party=own.text("relying_party", name or "?", limit=253),
        registration_key=own.path("registration_key", "registration-key.sealed"),
        server_secret=own.path("server_secret", "server-secret.sealed"),
        dtas=_read_dtas(own.tables("dtas"), common.server) if "dtas" in own or "network" not in own else (),
        session_seconds=own.integer("session_seconds", 10, 600, 120),
        max_sessions=own.integer("max_sessions", 10, 1_000_000, 10_000),
        dta_wait_seconds=own.integer("dta_wait_seconds", 0, 600, 20),
        network=_read_network(own.table("network")) if "network" in own else None,
        oidc=read_oidc(own.table("oidc")) if "oidc" in own else None,
    )
    if "dtas" in own and "network" in own:
        own.fault("network", "and [[mfa.dtas]] exclude each other: name single D-TAs, or a network of them")
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


def _read_dtas(readers: list[Reader], server: ServerConfig) -> tuple[DtaAddress, ...]:
    dtas: list[DtaAddress] = []
    for reader in readers:
        dta = DtaAddress(
            name=reader.text("name", limit=64),
            url=reader.url("url"),
            commitment=reader.hexadecimal("commitment", required=False),
            ca_certificate=reader.file("ca_certificate", required=False),
        )
        if dta.name and dta.name in {other.name for other in dtas}:
            reader.fault("name", f"is {dta.name!r}, which another D-TA has already")
        if dta.url:
            _check_address(reader, dta, dtas, server)
        dtas.append(dta)
    return tuple(dtas)


def _check_address(reader: Reader, dta: DtaAddress, others: list[DtaAddress], server: ServerConfig) -> None:
    try:
        origin = origin_of(dta.url)
        taken = {origin_of(other.url): other.name for other in others if other.url}
    except ValueError:
        return  # noted already
    if origin in taken:
        reader.fault("url", f"is the address of D-TA {taken[origin]!r} as well")
    if origin[2] == server.port and is_loopback(origin[1]) and is_loopback(server.host):
        reader.fault("url", f"has port {server.port}, on which this server itself listens")
