"""The operations of an MFA server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from milagro.errors import MilagroError
from milagro.roles import logs
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
from milagro.roles.mfa import administration, devices, second_devices
from milagro.roles.mfa.logins import log_in
from milagro.roles.mfa.mail import operations as mail_operations
from milagro.roles.mfa.split import operations as split_operations
from milagro.roles.proofs import Applicant
from milagro.roles.refusals import DevicePinned, code_of
from milagro.roles.transport.operations import Call, NoRequest, Operation, Service

if TYPE_CHECKING:
    from prometheus_client import Counter

    from milagro.roles.mfa.mail.operations import MailDesk
    from milagro.roles.mfa.service import MfaService
    from milagro.roles.mfa.upstream.routes import UpstreamDesk

_log = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the operations work with."""

    service: MfaService
    logins: Counter
    mail: MailDesk | None = None
    upstream: UpstreamDesk | None = None


def enrol(desk: Desk, request: EnrolmentRequest, _call: Call) -> EnrolmentAnswer:
    """A pinned identity, and the ticket for its shares."""
    applicant = Applicant(
        request.user, request.device, request.code, request.algorithm, request.public_key, request.replace
    )
    try:
        enrolment = desk.service.enrol(applicant, request.signature)
    except DevicePinned:
        _log.warning("a second identity for a pinned device was refused", device=request.device)
        raise
    _log.info("enrolled", identity=enrolment.identity.digest().hex())
    return EnrolmentAnswer(identity=enrolment.identity.to_bytes(), ticket=enrolment.ticket)


def confirm(desk: Desk, request: HolderRequest, _call: Call) -> ConfirmationAnswer:
    """The device has its shares."""
    return ConfirmationAnswer(status=desk.service.confirm(request.identity, request.at, request.signature))


def permits(desk: Desk, request: PermitsRequest, _call: Call) -> PermitsAnswer:
    """The ticket for the current slot's permit."""
    found = desk.service.permits(request.identity, request.at, request.signature, request.key_id)
    return PermitsAnswer() if found is None else PermitsAnswer(slot=found.slot, ticket=found.ticket)


def pass_one(desk: Desk, request: FirstPass, _call: Call) -> PassMessage:
    """A challenge."""
    try:
        return PassMessage(message=desk.service.pass_one(request.message, request.key_id, request.purpose))
    except MilagroError as error:
        desk.logins.labels(code_of(error)).inc()
        raise


def pass_two(desk: Desk, request: PassMessage, call: Call) -> LoginAnswer:
    """Who logged in."""
    return log_in(desk, request, call)


def status(desk: Desk, _request: NoRequest, _call: Call) -> MfaStatusAnswer:
    """What everyone may know."""
    service, config = desk.service, desk.service.config
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
        email=desk.mail is not None,
        upstream=desk.upstream.config.name if desk.upstream is not None else None,
    )


def network(desk: Desk, _request: NoRequest, _call: Call) -> NetworkAnswer:
    """The network that this server works with."""
    return desk.service.issuers.network()


SERVICE = Service(
    name="Mfa",
    package="milagro.mfa.v1",
    summary="An MFA server: it enrols clients and checks their logins.",
    proto=Path(__file__).with_name("mfa.proto"),
    operations=(
        Operation(
            "Enrol",
            "Pins an identity for an invited user's device. Repeating it with the same key gives a fresh ticket.",
            enrol,
            EnrolmentRequest,
            EnrolmentAnswer,
            "/v1/enrolments",
            tag="enrolment",
        ),
        Operation(
            "Confirm",
            "Uses the invitation up, now that the device has its shares.",
            confirm,
            HolderRequest,
            ConfirmationAnswer,
            "/v1/enrolments/confirm",
            tag="enrolment",
        ),
        Operation(
            "Permits",
            "The ticket for the shares of the current slot's permit.",
            permits,
            PermitsRequest,
            PermitsAnswer,
            "/v1/permits",
            tag="enrolment",
        ),
        Operation(
            "PassOne",
            "The first pass: a commitment in, a challenge out.",
            pass_one,
            FirstPass,
            PassMessage,
            "/v1/login/pass1",
            tag="login",
            begins=True,
        ),
        Operation(
            "PassTwo",
            "The second pass: the answer to the challenge in, the outcome out.",
            pass_two,
            PassMessage,
            LoginAnswer,
            "/v1/login/pass2",
            tag="login",
        ),
        Operation(
            "Status",
            "The server's name, origin, suite and D-TAs.",
            status,
            NoRequest,
            MfaStatusAnswer,
            "/v1/status",
            "GET",
        ),
        Operation(
            "Network",
            "The network of D-TAs that this server works with, and the identities of its members.",
            network,
            NoRequest,
            NetworkAnswer,
            "/v1/network",
            "GET",
        ),
        *mail_operations.OPERATIONS,
        *devices.OPERATIONS,
        *second_devices.OPERATIONS,
        *split_operations.OPERATIONS,
        *administration.OPERATIONS,
    ),
)
