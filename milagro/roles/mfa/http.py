"""The MFA server over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.errors import MilagroError, Unavailable
from milagro.roles import logs
from milagro.roles.http import Metrics, application
from milagro.roles.messages import (
    ConfirmationAnswer,
    EnrolmentAnswer,
    EnrolmentRequest,
    FirstPass,
    HolderRequest,
    LoginAnswer,
    MfaStatusAnswer,
    NetworkAnswer,
    PassMessage,
    PermitsAnswer,
    PermitsRequest,
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
    @app.post("/v1/enrolments", tags=["enrolment"], response_model_exclude_none=True)
    def enrol(request: EnrolmentRequest) -> EnrolmentAnswer:
        """Pins an identity for an invited user's device. Repeating it with the same key gives fresh tickets."""
        applicant = Applicant(request.user, request.device, request.code, request.algorithm, request.public_key)
        try:
            enrolment = service.enrol(applicant, request.signature)
        except DevicePinned:
            _log.warning("a second identity for a pinned device was refused", user=request.user, device=request.device)
            raise
        _log.info("enrolled", identity=enrolment.identity.digest().hex())
        tickets = enrolment.tickets
        return EnrolmentAnswer(identity=enrolment.identity.to_bytes(), dtas=tickets.dtas, network=tickets.network)

    @app.post("/v1/enrolments/confirm", tags=["enrolment"])
    def confirm(request: HolderRequest) -> ConfirmationAnswer:
        """Uses the invitation up, now that the device has its shares."""
        service.confirm(request.identity, request.at, request.signature)
        return ConfirmationAnswer(status="active")

    @app.post("/v1/permits", tags=["enrolment"], response_model_exclude_none=True)
    def permits(request: PermitsRequest) -> PermitsAnswer:
        """Tickets for the shares of the current slot's permit."""
        found = service.permits(request.identity, request.at, request.signature, request.key_id)
        return PermitsAnswer(slot=found.slot, dtas=found.tickets.dtas, network=found.tickets.network)


def _add_login(app: FastAPI, service: MfaService, metrics: Metrics) -> None:
    logins = metrics.counter("milagro_mfa_logins", "Logins by their end", "result")

    @app.post("/v1/login/pass1", tags=["login"])
    def pass_one(request: FirstPass) -> PassMessage:
        """The first pass: a commitment in, a challenge out."""
        try:
            return PassMessage(message=service.pass_one(request.message, request.key_id))
        except MilagroError as error:
            logins.labels(code_of(error)).inc()
            raise

    @app.post("/v1/login/pass2", tags=["login"], response_model_exclude_none=True)
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
            move=who.move,
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
            dtas=service.issuers.names(),
        )

    if service.config.network is not None:

        @app.get("/v1/network", tags=["operation"])
        def network() -> NetworkAnswer:
            """The network of D-TAs that this server works with, and the identities of its members."""
            known = service.issuers.network()
            if known is None:
                raise Unavailable("there is no network of D-TAs")
            return known
