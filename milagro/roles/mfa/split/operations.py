"""What replicas that share a server secret ask of each other; each request carries a MAC under their common key.

They run in places of their own: while all others wait for another replica, that one may be waiting for this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from milagro.errors import NotFound
from milagro.roles.mfa.split.leading import ANSWER, JOIN, SETTLE
from milagro.roles.mfa.split.messages import (
    AnswerRequest,
    JoinAnswer,
    JoinRequest,
    PartialAnswer,
    SettleAnswer,
    SettleRequest,
)
from milagro.roles.transport.operations import Call, Operation

if TYPE_CHECKING:
    from milagro.roles.mfa.operations import Desk
    from milagro.roles.mfa.split.joining import Joining


def join(desk: Desk, request: JoinRequest, _call: Call) -> JoinAnswer:
    """A contribution to a run, once its attempts are counted here."""
    return JoinAnswer(contribution=_joining(desk).join(request))


def answer(desk: Desk, request: AnswerRequest, _call: Call) -> PartialAnswer:
    """A partial product."""
    return PartialAnswer(partial=_joining(desk).answer(request))


def settle(desk: Desk, request: SettleRequest, _call: Call) -> SettleAnswer:
    """Attempts given back."""
    _joining(desk).settle(request)
    return SettleAnswer(status="settled")


def _joining(desk: Desk) -> Joining:
    if desk.service.joining is None:
        raise NotFound("the server secret is not split here")
    return desk.service.joining


OPERATIONS: Final = (
    Operation(
        "SplitJoin",
        "Counts attempts that another replica verifies, and contributes weights for them.",
        join,
        JoinRequest,
        JoinAnswer,
        JOIN,
        tag="replicas",
        inner=True,
    ),
    Operation(
        "SplitAnswer",
        "The partial product of a run, once.",
        answer,
        AnswerRequest,
        PartialAnswer,
        ANSWER,
        tag="replicas",
        inner=True,
    ),
    Operation(
        "SplitSettle",
        "Gives the attempts of a run back, shown that all of them were right.",
        settle,
        SettleRequest,
        SettleAnswer,
        SETTLE,
        tag="replicas",
        inner=True,
    ),
)
