"""Logins that wait at the same moment are verified together.

    verify --> queue ==(nobody is at work)==> lead: take what waits, verify it as one batch, let the next lead
                     ==(somebody is)========> wait: woken with an outcome, or to lead

A login that finds nobody at work is verified at once and alone, so that an idle server adds no wait. While a batch is
at work the next one gathers; the busier the server, the larger its batches and the less each login costs.

Spec: spec/mpin.md#batch-verification
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING, Final, cast

from milagro.errors import AuthenticationFailed
from milagro.protocols.mpin.v2.batch import verify_batch
from milagro.roles.mfa.split.leading import SplitSecret

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from milagro.groups import Random
    from milagro.protocols.mpin.v2 import Authenticated, Countable
    from milagro.roles.mfa.network_keys import LoginSecret

LIMIT: Final = 64  # in a batch: finding a wrong one among them takes at most 65 products


@dataclass(eq=False, slots=True)
class _Waiting:
    """One login in the queue. `outcome` is None until its batch is verified."""

    secret: LoginSecret
    countable: Countable
    outcome: Authenticated | Exception | None = None
    woken: Event = field(default_factory=Event)


class LoginVerifier:
    """What `Countable.verify` says, for threads that call it at the same time.

    Secret: the server secrets, for as long as a call lasts
    """

    def __init__(self, random: Random = secrets.token_bytes, limit: int = LIMIT) -> None:
        self._random = random
        self._limit = limit
        self._lock = Lock()
        self._queue: list[_Waiting] = []
        self._at_work = False

    def verify(self, secret: LoginSecret, countable: Countable) -> Authenticated:
        """The login, if it is right under this server secret; returns once the batch that it is in has been verified.

        Spec: spec/mpin.md#batch-verification
        Raises: AuthenticationFailed whatever is wrong; what Countable.verify raises
        """
        one = _Waiting(secret, countable)
        if not self._leads_at_once(one):
            one.woken.wait()
        if one.outcome is None:
            self._lead()
        if isinstance(one.outcome, Exception):
            raise one.outcome
        return cast("Authenticated", one.outcome)

    def _leads_at_once(self, one: _Waiting) -> bool:
        with self._lock:
            self._queue.append(one)
            idle, self._at_work = not self._at_work, True
        return idle

    def _lead(self) -> None:
        """Verifies the first in the queue, of which the caller is one, and wakes them and the next to lead."""
        with self._lock:
            batch, self._queue = self._queue[: self._limit], self._queue[self._limit :]
        try:
            for secret, some in _by_secret(batch):
                self._judge(secret, some)
        finally:
            self._hand_over(batch)

    def _hand_over(self, batch: Sequence[_Waiting]) -> None:
        with self._lock:
            following = self._queue[:1]
            self._at_work = bool(following)
        for one in batch:
            if one.outcome is None:  # only where the leader's thread is being ended
                one.outcome = AuthenticationFailed()
        for one in (*following, *batch):
            one.woken.set()

    def _judge(self, secret: LoginSecret, some: Sequence[_Waiting]) -> None:
        countables = [one.countable for one in some]
        outcomes: Sequence[Authenticated | Exception]
        try:
            outcomes = self._verify(secret, countables)
        except Exception as error:  # noqa: BLE001 - raised again in the threads that it belongs to
            outcomes = [error] * len(some)
        for one, outcome in zip(some, outcomes, strict=True):
            one.outcome = outcome

    def _verify(self, secret: LoginSecret, countables: Sequence[Countable]) -> Sequence[Authenticated | Exception]:
        if isinstance(secret, SplitSecret):
            return secret.verify(countables)
        return verify_batch(secret, countables, self._random) if countables[1:] else [countables[0].verify(secret)]


def _by_secret(batch: Iterable[_Waiting]) -> Iterable[tuple[LoginSecret, list[_Waiting]]]:
    """The logins that one server secret verifies: while a key is replaced there are two."""
    found: dict[int, list[_Waiting]] = defaultdict(list)
    for one in batch:
        found[id(one.secret)].append(one)
    return [(some[0].secret, some) for some in found.values()]
