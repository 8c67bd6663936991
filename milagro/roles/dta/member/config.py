"""The configuration of a D-TA in a network: who it is there, and for whom it issues what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.protocols.issuance import M_PIN, Purpose
from milagro.roles.config import read, read_common
from milagro.roles.dta.issuing.authorities import AuthorityTerms, read_authorities
from milagro.roles.dta.network.config import NodeConfig, read_network

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.roles.config import CommonConfig, Reader

_NAMES = tuple(purpose.value for purpose in Purpose)


@dataclass(frozen=True, slots=True)
class IssuingConfig:
    """[dta.issuing] and [[dta.authorities]]."""

    terms: tuple[AuthorityTerms, ...]
    bundles: tuple[Path, ...]
    purposes: frozenset[Purpose]
    slots_ahead: int
    watermark: Path


@dataclass(frozen=True, slots=True)
class MemberConfig:
    """A D-TA of a network."""

    node: NodeConfig
    issuing: IssuingConfig

    @property
    def common(self) -> CommonConfig:
        """The tables that every role has."""
        return self.node.common

    @property
    def sealed_files(self) -> tuple[Path, ...]:
        """What is sealed with the server's key: the data key of the database, and the keys of the identity."""
        network = self.node.network
        return (network.data_key, *sorted(network.identity.glob("**/*.key")))


def read_config(path: Path) -> MemberConfig:
    """The configuration in `path`.

    Raises: ConfigError with every fault
    """
    top = read(path)
    top.choice("role", ("dta",))
    own = top.table("dta")
    node = NodeConfig(read_common(top), own.text("name", limit=64), read_network(own.table("network")))
    config = MemberConfig(node, _read_issuing(own, own.table("issuing", required=False)))
    top.finish(path)
    return config


def require_network(path: Path) -> NodeConfig:
    """What `read_config` says of the network. Raises: ConfigError."""
    return read_config(path).node


def _read_issuing(own: Reader, reader: Reader) -> IssuingConfig:
    # A network may be founded before anyone is known whose tickets it will take.
    terms, bundles = read_authorities(own.tables("authorities") if "authorities" in own else [])
    return IssuingConfig(
        terms=tuple(terms),
        bundles=tuple(bundles),
        purposes=frozenset(Purpose(name) for name in reader.texts("purposes", _NAMES, sorted(M_PIN))),
        slots_ahead=reader.integer("slots_ahead", 0, 400, 1),
        watermark=reader.path("watermark", "issuing.mark"),
    )
