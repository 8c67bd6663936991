"""The operations of a D-TA."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import milagro
from milagro.roles import logs
from milagro.roles.messages import (
    ClientShareRequest,
    DtaOperatorStatusAnswer,
    DtaStatusAnswer,
    PermitRequest,
    ServerShareRequest,
    ShareAnswer,
)
from milagro.roles.transport.operations import Call, Caller, NoRequest, Operation, Service

if TYPE_CHECKING:
    from prometheus_client import Counter

    from milagro.roles.dta.service import DtaService
    from milagro.roles.transport.readiness import Readiness

_log = logs.logger(__name__)


@dataclass(slots=True)
class Desk:
    """What the operations work with."""

    service: DtaService
    readiness: Readiness
    issued: Counter
    started: int = field(default_factory=lambda: int(time.time()))

    def answer(self, share: bytes, purpose: str) -> ShareAnswer:
        """A share on its way out, counted."""
        self.issued.labels(purpose).inc()
        _log.info("issued", purpose=purpose)
        return ShareAnswer(issuer=self.service.status().name, share=share)


def client_share(desk: Desk, request: ClientShareRequest, _call: Call) -> ShareAnswer:
    """A client share."""
    return desk.answer(desk.service.client_share(request.ticket, request.identity, request.signature), "client-share")


def server_share(desk: Desk, request: ServerShareRequest, _call: Call) -> ShareAnswer:
    """A server share."""
    return desk.answer(desk.service.server_share(request.ticket), "server-share")


def permit(desk: Desk, request: PermitRequest, _call: Call) -> ShareAnswer:
    """A share of a permit."""
    share = desk.service.permit(request.ticket, request.identity, request.slot, request.signature)
    return desk.answer(share, "permit")


def status(desk: Desk, _request: NoRequest, _call: Call) -> DtaStatusAnswer:
    """What everyone may know."""
    now = desk.service.status()
    return DtaStatusAnswer(
        role="dta",
        name=now.name,
        suite=now.suite,
        curve=now.curve,
        slot_seconds=now.slot_seconds,
        commitment=now.commitment,
    )


def operator_status(desk: Desk, _request: NoRequest, _call: Call) -> DtaOperatorStatusAnswer:
    """What the operator may know."""
    now, report = desk.service.status(), desk.service.report()
    return DtaOperatorStatusAnswer(
        name=now.name,
        version=milagro.__version__,
        suite=now.suite,
        ready=desk.readiness.holds(),
        draining=desk.readiness.draining,
        started=desk.started,
        authorities=report.authorities,
        issued=report.issued,
        spent_tickets=report.spent_tickets,
    )


SERVICE = Service(
    name="Dta",
    package="milagro.dta.v1",
    summary="A D-TA: it issues shares of one part of the master secret against tickets.",
    proto=Path(__file__).with_name("dta.proto"),
    operations=(
        Operation(
            "ClientShare",
            "A client share for the holder of an identity, once a ticket.",
            client_share,
            ClientShareRequest,
            ShareAnswer,
            "/v1/shares/client",
            tag="issuing",
        ),
        Operation(
            "ServerShare",
            "The server share for the authority that signed the ticket, once a ticket.",
            server_share,
            ServerShareRequest,
            ShareAnswer,
            "/v1/shares/server",
            tag="issuing",
        ),
        Operation(
            "Permit",
            "A share of a time permit for the holder of an identity, once a ticket.",
            permit,
            PermitRequest,
            ShareAnswer,
            "/v1/permits",
            tag="issuing",
        ),
        Operation(
            "Status",
            "The D-TA's name, suite and commitment.",
            status,
            NoRequest,
            DtaStatusAnswer,
            "/v1/status",
            "GET",
        ),
        Operation(
            "OperatorStatus",
            "How the D-TA is, for its operator.",
            operator_status,
            NoRequest,
            DtaOperatorStatusAnswer,
            "/v1/operator/status",
            "GET",
            Caller.OPERATOR,
        ),
    ),
)
