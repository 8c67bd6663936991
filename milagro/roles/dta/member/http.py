"""A D-TA of a network as a server: its operations, and the letters of the other members.

Spec: spec/dta-network.md, Letters; spec/issuing.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.roles.dta.member.operations import SERVICE, Desk
from milagro.roles.transport.front import Front
from milagro.roles.transport.http import application
from milagro.roles.transport.metrics import Metrics
from milagro.roles.transport.readiness import Readiness

if TYPE_CHECKING:
    from fastapi import FastAPI

    from milagro.roles.config import ServerConfig
    from milagro.roles.dta.member.service import Member


def create_app(member: Member, config: ServerConfig) -> FastAPI:
    """The HTTP application of one D-TA of a network."""
    metrics, readiness = Metrics(), Readiness(member.check_ready)
    desk = Desk(member, readiness, metrics.counter("milagro_dta_issued", "Shares issued", "purpose"))
    app = application(
        "Milagro D-TA",
        "Issues shares of a key that its network holds together, against tickets.",
        Front(SERVICE, desk, config, readiness, metrics),
    )
    if member.node.app is not None:
        app.mount("/messages", member.node.app)
    return app
