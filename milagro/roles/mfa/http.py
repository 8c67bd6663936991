"""The MFA server over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.errors import MilagroError
from milagro.roles import logs
from milagro.roles.http import Metrics, application
from milagro.roles.messages import (
    ConfirmationAnswer,
    DtaName,
    DtaTicket,
    EnrolmentAnswer,
    EnrolmentRequest,
    HolderRequest,
    LoginAnswer,
    MfaStatusAnswer,
    PassMessage,
    PermitsAnswer,
)
from milagro.roles.proofs import Applicant
from milagro.roles.refusals import DevicePinned, code_of

if TYPE_CHECKING:
    from fastapi import FastAPI

    from milagro.roles.config import ServerConfig
    from milagro.roles.mfa.service import MfaService

_log = logs.logger(__name__)


def create_app(service: MfaService, config: ServerConfig) -> FastAPI:
    """The application of one MFA server."""
    metrics = Metrics()
    app = application("Milagro MFA", "Enrols clients and checks their logins.", config, service.check_ready, metrics)
    _add_enrolment(app, service)
    _add_login(app, service, metrics)
    _add_status(app, service)
    return app


def _add_enrolment(app: FastAPI, service: MfaService) -> None:
    addresses = {dta.name: dta.url for dta in service.config.dtas}

    def listed(tickets: dict[str, str]) -> list[DtaTicket]:
        return [DtaTicket(name=name, url=addresses[name], ticket=ticket) for name, ticket in tickets.items()]

    @app.post("/v1/enrolments", tags=["enrolment"])
    def enrol(request: EnrolmentRequest) -> EnrolmentAnswer:
        """Pins an identity for an invited user's device. Repeating it with the same key gives fresh tickets."""
        applicant = Applicant(request.user, request.device, request.code, request.algorithm, request.public_key)
        try:
            enrolment = service.enrol(applicant, request.signature)
        except DevicePinned:
            _log.warning("a second identity for a pinned device was refused", user=request.user, device=request.device)
            raise
        _log.info("enrolled", identity=enrolment.identity.digest().hex())
        return EnrolmentAnswer(identity=enrolment.identity.to_bytes(), dtas=listed(enrolment.tickets))

    @app.post("/v1/enrolments/confirm", tags=["enrolment"])
    def confirm(request: HolderRequest) -> ConfirmationAnswer:
        """Uses the invitation up, now that the device has its shares."""
        service.confirm(request.identity, request.at, request.signature)
        return ConfirmationAnswer(status="active")

    @app.post("/v1/permits", tags=["enrolment"])
    def permits(request: HolderRequest) -> PermitsAnswer:
        """Tickets for the shares of the current slot's permit."""
        found = service.permits(request.identity, request.at, request.signature)
        return PermitsAnswer(slot=found.slot, dtas=listed(found.tickets))


def _add_login(app: FastAPI, service: MfaService, metrics: Metrics) -> None:
    logins = metrics.counter("milagro_mfa_logins", "Logins by their end", "result")

    @app.post("/v1/login/pass1", tags=["login"])
    def pass_one(request: PassMessage) -> PassMessage:
        """The first pass: a commitment in, a challenge out."""
        try:
            return PassMessage(message=service.pass_one(request.message))
        except MilagroError as error:
            logins.labels(code_of(error)).inc()
            raise

    @app.post("/v1/login/pass2", tags=["login"])
    def pass_two(request: PassMessage) -> LoginAnswer:
        """The second pass: the answer to the challenge in, the outcome out."""
        try:
            who = service.pass_two(request.message)
        except MilagroError as error:
            logins.labels(code_of(error)).inc()
            raise
        logins.labels("accepted").inc()
        _log.info("logged in", identity=who.identity.digest().hex())
        return LoginAnswer(
            user=who.identity.user,
            device=who.identity.device,
            identity_digest=who.identity.digest(),
            at=who.at,
        )


def _add_status(app: FastAPI, service: MfaService) -> None:
    config = service.config

    @app.get("/v1/status", tags=["operation"])
    def status() -> MfaStatusAnswer:
        """The server's name, origin, suite and D-TAs."""
        return MfaStatusAnswer(
            role="mfa",
            name=config.name,
            origin=config.origin,
            relying_party=config.relying_party,
            suite=service.suite.id,
            curve=config.suite.curve,
            hash=config.suite.hash,
            slot_seconds=config.suite.slot_seconds,
            time=service.now(),
            dtas=[DtaName(name=dta.name, url=dta.url) for dta in config.dtas],
        )
