"""The MFA server as a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.roles.mfa.operations import SERVICE, Desk
from milagro.roles.transport.front import Front
from milagro.roles.transport.http import application
from milagro.roles.transport.metrics import Metrics
from milagro.roles.transport.readiness import Readiness

if TYPE_CHECKING:
    from fastapi import FastAPI

    from milagro.roles.config import ServerConfig
    from milagro.roles.mfa.service import MfaService


def create_app(service: MfaService, config: ServerConfig) -> FastAPI:
    """The HTTP application of one MFA server."""
    metrics = Metrics()
    desk = Desk(service, metrics.counter("milagro_mfa_logins", "Logins by their end", "result"))
    front = Front(SERVICE, desk, config, Readiness(service.check_ready), metrics)
    return application("Milagro MFA", "Enrols clients and checks their logins.", front)
