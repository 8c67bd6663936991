"""How a refusal looks from outside, whatever carries it: status, code, message, and what helps to try again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from milagro.errors import MilagroError, Status, Unavailable, status_of
from milagro.roles import logs
from milagro.roles.refusals import code_of

_log = logs.logger(__name__)
_INTERNAL = "the server failed; its log tells its operator why"
CRASHED = Status(500, "INTERNAL", 1)
TURNED_AWAY = frozenset({"busy", "rate-limited", "timed-out", "too-large"})


@dataclass(frozen=True, slots=True)
class Fault:
    """A refusal as a transport writes it."""

    status: Status
    code: str
    message: str
    retry_after: int | None = None
    challenge: str | None = None

    def headers(self) -> dict[str, str]:
        """What stands beside the refusal: in HTTP's headers, in gRPC's trailing metadata."""
        found = {}
        if self.retry_after is not None:
            found["retry-after"] = str(self.retry_after)
        if self.challenge is not None:
            found["www-authenticate"] = self.challenge
        return found


def fault_of(error: BaseException) -> Fault:
    """The refusal that `error` becomes; what is wrong inside the server is logged and not told."""
    if not isinstance(error, MilagroError):
        _log.error("crashed", exc_info=error)
        return Fault(CRASHED, "internal", _INTERNAL)
    status = status_of(error)
    if status.http >= 500 and not isinstance(error, Unavailable):
        _log.error("failed", error=type(error).__name__, reason=str(error))
        # One status for all of these, too: which part of a server failed is its operator's business.
        return Fault(status._replace(grpc="INTERNAL"), "internal", _INTERNAL)
    retry = error.retry_after if isinstance(error, Unavailable) else None
    if retry is None and isinstance(error, Unavailable):
        retry = 1.0
    challenge = getattr(error, "challenge", None)
    return Fault(status, code_of(error), str(error), None if retry is None else max(1, math.ceil(retry)), challenge)
