"""The MFA server as a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.roles.mfa import pages
from milagro.roles.mfa.operations import SERVICE, Desk
from milagro.roles.transport.front import Front
from milagro.roles.transport.http import application
from milagro.roles.transport.metrics import Metrics
from milagro.roles.transport.readiness import Readiness

if TYPE_CHECKING:
    from fastapi import FastAPI

    from milagro.roles.config import ServerConfig
    from milagro.roles.mfa.service import MfaService


def create_front(service: MfaService, config: ServerConfig) -> Front:
    """What the transports of one MFA server share."""
    metrics = Metrics()
    desk = Desk(service, metrics.counter("milagro_mfa_logins", "Logins by their end", "result"))
    return Front(SERVICE, desk, config, Readiness(service.check_ready), metrics)


def create_app(service: MfaService, config: ServerConfig) -> FastAPI:
    """The HTTP application of one MFA server."""
    app = application("Milagro MFA", "Enrols clients and checks their logins.", create_front(service, config))
    pages.add(app, service)
    return app
