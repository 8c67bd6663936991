"""The operations of enrolment by e-mail, and what opens them: a desk of their own beside the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from milagro.errors import NotFound
from milagro.roles import logs
from milagro.roles.mfa.mail.enrolments import EmailEnrolments
from milagro.roles.mfa.mail.outbox import Outbox
from milagro.roles.mfa.service import new_code
from milagro.roles.transport.operations import Operation
from milagro.roles.wire import Message, SecretOctets, UnixTime

if TYPE_CHECKING:
    from milagro.roles.mfa.operations import Desk
    from milagro.roles.mfa.service import MfaService
    from milagro.roles.transport.operations import Call

_SHORT_CODE: Final = 9  # K3M9-0QXT: eight letters of five bits, and a dash
_log = logs.logger(__name__)


class AskByEmailRequest(Message):
    """The address of whoever wants to enrol."""

    address: Annotated[str, Field(min_length=3, max_length=254)]


class AskByEmailAnswer(Message):
    """A secret for the browser, which it keeps until the letter is there. Known addresses and others get the same."""

    browser: SecretOctets
    expires: UnixTime


class ConfirmEmailRequest(Message):
    """The browser's secret, and the code in the letter."""

    browser: SecretOctets
    code: Annotated[str, Field(min_length=1, max_length=32)]


class ConfirmEmailAnswer(Message):
    """The user that the address stands for, and an invitation to enrol with, good for an hour."""

    user: str
    code: str
    expires: UnixTime


class MailDesk:
    """Enrolment by e-mail at one MFA server."""

    def __init__(self, service: MfaService) -> None:
        config = service.config
        if config.email is None:
            raise NotFound("this server's configuration has no [mfa.email]")
        state = service.records.state
        self.enrolments = EmailEnrolments(config.email, state, lambda: new_code()[:_SHORT_CODE])
        self.outbox = Outbox(config.email, state, service.now, config.relying_party, config.origin)

    def start(self) -> None:
        """Begins to send."""
        self.outbox.start()

    def close(self) -> None:
        """Ends that."""
        self.outbox.close()


def open_mail(service: MfaService) -> MailDesk | None:
    """The desk for enrolment by e-mail, if the configuration has one."""
    return None if service.config.email is None else MailDesk(service)


def ask(desk: Desk, request: AskByEmailRequest, call: Call) -> AskByEmailAnswer:
    """The browser's half; the other half is on its way."""
    mail = _mail(desk)
    asked = mail.enrolments.ask(request.address, call.caller, desk.service.now())
    mail.outbox.wake()
    _log.info("a letter with a code was asked for")
    return AskByEmailAnswer(browser=asked.browser, expires=asked.expires)


def confirm(desk: Desk, request: ConfirmEmailRequest, _call: Call) -> ConfirmEmailAnswer:
    """An invitation."""
    invited = _mail(desk).enrolments.confirm(request.browser, request.code, desk.service.now())
    _log.info("an e-mail address was confirmed")
    return ConfirmEmailAnswer(user=invited.user, code=invited.code, expires=invited.expires)


def _mail(desk: Desk) -> MailDesk:
    if desk.mail is None:
        raise NotFound("this server does not enrol by e-mail")
    return desk.mail


OPERATIONS: Final = (
    Operation(
        "AskByEmail",
        "Sends a short code to an e-mail address, for the browser that asks.",
        ask,
        AskByEmailRequest,
        AskByEmailAnswer,
        "/v1/enrolments/email",
        tag="enrolment",
    ),
    Operation(
        "ConfirmEmail",
        "An invitation, for the code in the letter and the secret of the browser that asked; once.",
        confirm,
        ConfirmEmailRequest,
        ConfirmEmailAnswer,
        "/v1/enrolments/email/confirm",
        tag="enrolment",
    ),
)
