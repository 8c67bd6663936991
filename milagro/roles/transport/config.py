"""The tables that say how a server is reached: [grpc], [limits], [operators], [traces]."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from milagro.stores.urls import url_fault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from milagro.roles.config import Reader

ALGORITHMS = ("ES256", "ES384", "ES512", "Ed25519", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
DEFAULT_ALGORITHMS = ("ES256", "Ed25519", "PS256", "RS256")
LOOPBACK = ("127.0.0.0/8", "::1/128")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """The networks that these texts name; a bare address is a network of one."""
    return tuple(ipaddress.ip_network(text) for text in texts)


@dataclass(frozen=True, slots=True)
class GrpcConfig:
    """[grpc]: a second port, for gRPC."""

    port: int
    reflection: bool = True


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """[limits]: how much is taken on, in all and from one caller."""

    running: int = 32
    connections: int = 1024
    per_second: int = 200
    burst: int = 400
    callers: int = 10_000
    proxies: tuple[Network, ...] = networks(LOOPBACK)
    address_header: str = ""


@dataclass(frozen=True, slots=True)
class OperatorsConfig:
    """[operators]: whose bearer tokens open the operators' operations."""

    issuer: str
    audience: str
    scope: str
    jwks_file: Path | None
    jwks_url: str
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    refresh_seconds: int = 300


@dataclass(frozen=True, slots=True)
class TracesConfig:
    """[traces]: where OpenTelemetry spans go."""

    endpoint: str
    ratio: float
    service_name: str


def read_grpc(reader: Reader) -> GrpcConfig:
    """The table [grpc]."""
    return GrpcConfig(port=reader.integer("port", 1, 65535), reflection=reader.boolean("reflection", default=True))


def read_limits(reader: Reader) -> LimitsConfig:
    """The table [limits]; what is missing has a default."""
    rate = reader.integer("per_second", 0, 1_000_000, 200)
    return LimitsConfig(
        running=reader.integer("running", 1, 1000, 32),
        connections=reader.integer("connections", 1, 100_000, 1024),
        per_second=rate,
        burst=reader.integer("burst", 1, 1_000_000, max(1, min(2 * rate, 1_000_000))),
        callers=reader.integer("callers", 1, 10_000_000, 10_000),
        proxies=_read_networks(reader),
        address_header=reader.choice("address_header", ("", "x-forwarded-for", "x-real-ip"), ""),
    )


def _read_networks(reader: Reader) -> tuple[Network, ...]:
    texts = reader.texts("proxies", default=LOOPBACK, least=0)
    try:
        return networks(texts)
    except ValueError as error:
        reader.fault("proxies", f"has something that is no network: {error}")
        return ()


def read_operators(reader: Reader) -> OperatorsConfig:
    """The table [operators]."""
    config = OperatorsConfig(
        issuer=reader.text("issuer", limit=2000),
        audience=reader.text("audience", limit=2000),
        scope=reader.text("scope", "milagro.operator"),
        jwks_file=reader.file("jwks_file", required=False),
        jwks_url=reader.text("jwks_url", "", limit=2000),
        algorithms=tuple(reader.texts("algorithms", default=DEFAULT_ALGORITHMS)),
        refresh_seconds=reader.integer("refresh_seconds", 10, 86_400, 300),
    )
    if (config.jwks_file is None) == (not config.jwks_url):
        reader.fault("jwks_file", "or jwks_url must be given, and not both")
    parts = urlsplit(config.jwks_url)
    fault = url_fault(f"{parts.scheme}://{parts.netloc}") if config.jwks_url else None
    if fault:
        reader.fault("jwks_url", fault)
    if not config.algorithms or not set(config.algorithms) <= set(ALGORITHMS):
        reader.fault("algorithms", f"must be some of {', '.join(ALGORITHMS)}")
    if not config.scope.isascii() or any(letter in ' "\\' for letter in config.scope):
        reader.fault("scope", "is one scope of OAuth: ASCII without spaces, quotes and backslashes")
    return config


def read_traces(reader: Reader) -> TracesConfig:
    """The table [traces]."""
    config = TracesConfig(
        endpoint=reader.text("endpoint", limit=2000),
        ratio=reader.integer("percent", 0, 100, 100) / 100,
        service_name=reader.text("service_name", "milagro"),
    )
    if not config.endpoint.startswith(("http://", "https://")):
        reader.fault(
            "endpoint", "must be the http or https URL of an OTLP collector, such as http://127.0.0.1:4318/v1/traces"
        )
    return config
