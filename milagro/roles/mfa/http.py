"""The MFA server as a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.roles.mfa import pages
from milagro.roles.mfa.admin.routes import add_administration
from milagro.roles.mfa.oidc.routes import add_provider
from milagro.roles.mfa.operations import SERVICE, Desk
from milagro.roles.mfa.upstream.routes import add_upstream
from milagro.roles.transport.front import Front
from milagro.roles.transport.http import application
from milagro.roles.transport.metrics import Metrics
from milagro.roles.transport.readiness import Readiness

if TYPE_CHECKING:
    from fastapi import FastAPI

    from milagro.roles.config import ServerConfig
    from milagro.roles.mfa.mail.operations import MailDesk
    from milagro.roles.mfa.oidc.provider import Provider
    from milagro.roles.mfa.service import MfaService
    from milagro.roles.mfa.upstream.routes import UpstreamDesk


def create_app(
    service: MfaService,
    config: ServerConfig,
    provider: Provider | None = None,
    mail: MailDesk | None = None,
    upstream: UpstreamDesk | None = None,
) -> FastAPI:
    """The HTTP application of one MFA server, with the OpenID Provider and the ways of enrolment that it may have."""
    metrics = Metrics()
    desk = Desk(service, metrics.counter("milagro_mfa_logins", "Logins by their end", "result"), mail, upstream)
    front = Front(SERVICE, desk, config, Readiness(service.check_ready), metrics)
    _watch(metrics, service)
    app = application("Milagro MFA", "Enrols clients and checks their logins.", front)
    if provider is not None:
        add_provider(app, provider, front.role)
        add_administration(app, provider, front.role)
    if upstream is not None:
        add_upstream(app, upstream)
    pages.add(app, service)
    return app


def _watch(metrics: Metrics, service: MfaService) -> None:
    guard = service.records.guard
    if guard is not None:
        text = "Replicas whose journals of attempts are awaited after a restore; nobody logs in meanwhile"
        metrics.watch("milagro_mfa_replicas_awaited", text, lambda: len(guard.awaited))
        text = "1 while enough D-TAs witness this replica's journal of attempts"
        metrics.watch("milagro_mfa_witnessed", text, lambda: guard.witnessed)
        text = "When a restore was found that no journal covers (unix seconds), 0 if none was"
        metrics.watch("milagro_mfa_uncovered_restore", text, lambda: guard.uncovered)
