"""The configuration of a D-TA in a network: `[dta]` with a table `[dta.network]`.

Spec: spec/dta-network.md, Time
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.roles.config import CommonConfig, Reader
from milagro.roles.dta.network.memory import CONSENTS, Settings
from milagro.stores.kubo import socket_of
from milagro.stores.urls import url_fault

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """[dta.network]: identity, sealed data key, blocks, channel, pace, and what the server consents to by itself.

    `takes_part` is false for a replica that only issues: another one on the same database writes and reads the letters.
    """

    identity: Path
    data_key: Path
    blocks: Path
    channel: str
    ipfs_url: str
    ca_certificate: Path | None
    settings: Settings
    takes_part: bool = True


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """A D-TA in a network."""

    common: CommonConfig
    name: str
    network: NetworkConfig


def read_network(reader: Reader) -> NetworkConfig:
    """The table [dta.network]."""
    config = NetworkConfig(
        identity=reader.path("identity", "identity"),
        data_key=reader.path("data_key", "data-key.sealed"),
        blocks=reader.path("blocks", "blocks"),
        channel=reader.choice("channel", ("http", "ipfs"), "http"),
        ipfs_url=reader.text("ipfs_url", "http://127.0.0.1:5001", limit=2000),
        ca_certificate=reader.file("ca_certificate", required=False),
        settings=Settings(
            step_seconds=reader.integer("step_seconds", 1, 3600, 20),
            start_seconds=reader.integer("start_seconds", 1, 86400, 20),
            ask_seconds=reader.integer("ask_seconds", 1, 3600, 60),
            approve=frozenset(reader.texts("approve", CONSENTS, ("refresh",), least=0)),
        ),
        takes_part=reader.boolean("takes_part", default=True),
    )
    fault = None if socket_of(config.ipfs_url) else url_fault(config.ipfs_url)
    if config.channel == "ipfs" and fault:
        reader.fault("ipfs_url", fault)
    return config
