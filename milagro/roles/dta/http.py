"""The D-TA over HTTP."""

from __future__ import annotations

from fastapi import FastAPI

from milagro.roles import logs
from milagro.roles.config import ServerConfig
from milagro.roles.dta.service import DtaService
from milagro.roles.http import Metrics, application
from milagro.roles.wire import Message, Octets, SignatureOctets, SlotNumber, TicketText

_log = logs.logger(__name__)


class ClientShareRequest(Message):
    """A ticket for a client share, and the holder's signature over the request."""

    ticket: TicketText
    identity: Octets
    signature: SignatureOctets


class PermitRequest(Message):
    """A ticket for a permit in one slot, and the holder's signature over the request."""

    ticket: TicketText
    identity: Octets
    slot: SlotNumber
    signature: SignatureOctets


class ServerShareRequest(Message):
    """A ticket for a server share."""

    ticket: TicketText


class ShareAnswer(Message):
    """One D-TA's share. Secret."""

    issuer: str
    share: Octets


class StatusAnswer(Message):
    """Who this D-TA is."""

    role: str
    name: str
    suite: str
    curve: str
    slot_seconds: int
    commitment: Octets


def create_app(service: DtaService, config: ServerConfig) -> FastAPI:
    """The application of one D-TA."""
    metrics = Metrics()
    issued = metrics.counter("milagro_dta_issued", "Shares issued", "purpose")
    name = service.status().name
    app = application(
        "Milagro D-TA", "Issues shares of one part of the master secret against tickets.", config, service.check_ready, metrics
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
    def status() -> StatusAnswer:
        """The D-TA's name, suite and commitment."""
        now = service.status()
        return StatusAnswer(
            role="dta",
            name=now.name,
            suite=now.suite,
            curve=now.curve,
            slot_seconds=now.slot_seconds,
            commitment=now.commitment,
        )

    return app
