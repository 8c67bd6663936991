"""The D-TA over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.roles import logs
from milagro.roles.http import Metrics, application
from milagro.roles.messages import ClientShareRequest, DtaStatusAnswer, PermitRequest, ServerShareRequest, ShareAnswer

if TYPE_CHECKING:
    from fastapi import FastAPI

    from milagro.roles.config import ServerConfig
    from milagro.roles.dta.service import DtaService

_log = logs.logger(__name__)


def create_app(service: DtaService, config: ServerConfig) -> FastAPI:
    """The application of one D-TA."""
    metrics = Metrics()
    issued = metrics.counter("milagro_dta_issued", "Shares issued", "purpose")
    name = service.status().name
    app = application(
        "Milagro D-TA",
        "Issues shares of one part of the master secret against tickets.",
        config,
        service.check_ready,
        metrics,
    )

    def answer(share: bytes, purpose: str) -> ShareAnswer:
        issued.labels(purpose).inc()
        _log.info("issued", purpose=purpose)
        return ShareAnswer(issuer=name, share=share)

    @app.post("/v1/shares/client", tags=["issuing"])
    def client_share(request: ClientShareRequest) -> ShareAnswer:
        """A client share for the holder of an identity, once a ticket."""
        share = service.client_share(request.ticket, request.identity, request.signature)
        return answer(share, "client-share")

    @app.post("/v1/shares/server", tags=["issuing"])
    def server_share(request: ServerShareRequest) -> ShareAnswer:
        """The server share for the authority that signed the ticket, once a ticket."""
        return answer(service.server_share(request.ticket), "server-share")

    @app.post("/v1/permits", tags=["issuing"])
    def permit(request: PermitRequest) -> ShareAnswer:
        """A share of a time permit for the holder of an identity, once a ticket."""
        share = service.permit(request.ticket, request.identity, request.slot, request.signature)
        return answer(share, "permit")

    @app.get("/v1/status", tags=["operation"])
    def status() -> DtaStatusAnswer:
        """The D-TA's name, suite and commitment."""
        now = service.status()
        return DtaStatusAnswer(
            role="dta",
            name=now.name,
            suite=now.suite,
            curve=now.curve,
            slot_seconds=now.slot_seconds,
            commitment=now.commitment,
        )

    return app
