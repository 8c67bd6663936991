"""The second pass as operations and pages use it: checked, counted in the figures, noted in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.errors import MilagroError
from milagro.roles import logs
from milagro.roles.messages import LoginAnswer
from milagro.roles.mfa.pins import network_of
from milagro.roles.refusals import code_of

if TYPE_CHECKING:
    from milagro.roles.messages import PassMessage
    from milagro.roles.mfa.operations import Desk
    from milagro.roles.mfa.service import Bind
    from milagro.roles.transport.operations import Call

_log = logs.logger(__name__)


def log_in(
    desk: Desk, request: PassMessage, call: Call, purpose: str | None = None, bind: Bind | None = None
) -> LoginAnswer:
    """Who logged in, for this purpose; `bind` as in `MfaService.pass_two`."""
    try:
        who = desk.service.pass_two(request.message, network_of(call.caller), purpose, bind)
    except MilagroError as error:
        desk.logins.labels(code_of(error)).inc()
        raise
    desk.logins.labels("accepted").inc()
    _log.info("logged in", identity=who.identity.digest().hex())
    return LoginAnswer(
        user=who.identity.user,
        device=who.identity.device,
        identity_digest=who.identity.digest(),
        at=who.at,
        move=who.move,
    )
