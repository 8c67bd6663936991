"""The server of a D-TA in a network: health, metrics, the letters of the others, and what everyone may know.

Spec: spec/dta-network.md, Letters
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from milagro.roles.http import Metrics, application
from milagro.roles.wire import Message, Octets

if TYPE_CHECKING:
    from fastapi import FastAPI

    from milagro.roles.config import ServerConfig
    from milagro.roles.dta.network.node import Node


class NetworkAnswer(Message):
    """What a D-TA tells everyone of its network: key id, epoch, and all public keys that are accepted."""

    identity: str
    key_id: str
    epoch: int
    threshold: int
    holders: list[int]
    ring: Octets


def create_app(node: Node, config: ServerConfig) -> FastAPI:
    """The application of one D-TA in a network."""
    app = application(
        "Milagro D-TA",
        "A member of a network that holds a key together.",
        config,
        node.check_ready,
        Metrics(),
    )

    @app.get("/v1/network", tags=["operation"])
    def network() -> NetworkAnswer:
        """The network's key, as this D-TA knows it."""
        ring = node.holdings.public(int(time.time()))
        key = ring.current
        return NetworkAnswer(
            identity=str(node.identity),
            key_id=key.key_id.hex(),
            epoch=key.epoch,
            threshold=key.threshold,
            holders=list(key.holders),
            ring=ring.to_bytes(),
        )

    if node.app is not None:
        app.mount("/messages", node.app)
    return app
