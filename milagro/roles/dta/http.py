"""The D-TA as a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.roles.dta.operations import SERVICE, Desk
from milagro.roles.transport.front import Front
from milagro.roles.transport.http import application
from milagro.roles.transport.metrics import Metrics
from milagro.roles.transport.readiness import Readiness

if TYPE_CHECKING:
    from fastapi import FastAPI

    from milagro.roles.config import ServerConfig
    from milagro.roles.dta.service import DtaService


def create_front(service: DtaService, config: ServerConfig) -> Front:
    """What the transports of one D-TA share."""
    metrics, readiness = Metrics(), Readiness(service.check_ready)
    desk = Desk(service, readiness, metrics.counter("milagro_dta_issued", "Shares issued", "purpose"))
    return Front(SERVICE, desk, config, readiness, metrics)


def create_app(service: DtaService, config: ServerConfig) -> FastAPI:
    """The HTTP application of one D-TA."""
    return application(
        "Milagro D-TA",
        "Issues shares of one part of the master secret against tickets.",
        create_front(service, config),
    )
