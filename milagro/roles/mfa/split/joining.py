"""What a replica does for another one that leads: it counts the attempts itself, contributes, and answers once."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from milagro.errors import AuthenticationFailed, Expired, Replay, Unavailable
from milagro.protocols.mpin.v2 import PassTwo
from milagro.protocols.mpin.v2.joint import Attempts, Contribution, Partial, Participant
from milagro.roles.mfa.split.counters import Counters, Guess
from milagro.roles.refusals import Busy

if TYPE_CHECKING:
    from collections.abc import Callable

    from milagro.protocols.mpin.v2 import Countable, Suite, Verifier
    from milagro.roles.clock import Clock
    from milagro.roles.mfa.records import MfaRecords
    from milagro.roles.mfa.split.dealt import Dealt
    from milagro.roles.mfa.split.messages import AnswerRequest, Evidence, JoinRequest, Request, SettleRequest

FRESH_SECONDS: Final = 60
_RUN_SECONDS: Final = 15.0
_MAX_RUNS: Final = 4096
_OVER: Final = "this run is over, or not known here; start again"


@dataclass(slots=True)
class _Run:
    """A run that this replica takes part in."""

    participant: Participant
    guesses: list[Guess]
    sender: int
    since: float


class Joining:
    """One replica's side of the runs that others lead. Threads share it.

    `dealt` gives this replica's part in the secret of a key.
    Spec: spec/mpin.md#split-secret
    Secret: the shares
    """

    def __init__(
        self,
        suite: Suite,
        verifier: Verifier,
        records: MfaRecords,
        counters: Counters,
        dealt: Callable[[bytes, int], Dealt],
        clock: Clock,
    ) -> None:
        self._suite, self._verifier, self._records = suite, verifier, records
        self._counters, self._dealt, self._clock = counters, dealt, clock
        self._lock = threading.Lock()
        self._runs: OrderedDict[bytes, _Run] = OrderedDict()

    def join(self, request: JoinRequest) -> bytes:
        """This replica's contribution to the run; the attempts are counted here, durably, before it is made.

        Raises: AuthenticationFailed, InvalidSignature, Expired, KeyOver, Suspended, Locked, RateLimited, Replay, Busy,
            EncodingError
        """
        now = self._clock()
        dealt = self._admit(request, now)
        found = [self._derive(one, now) for one in request.attempts]
        attempts = Attempts.of(self._suite, request.run, [countable for countable, _ in found])
        guesses = [guess for _, guess in found]
        self._counters.count(guesses, now)
        participant = Participant(dealt.share, dealt.dealing, attempts, secrets.token_bytes)
        self._keep(request.run, _Run(participant, guesses, request.sender, time.monotonic()))
        return participant.contribution.to_bytes()

    def answer(self, request: AnswerRequest) -> bytes:
        """This replica's partial product, once for its contribution.

        Raises: AuthenticationFailed, Expired, Replay, InvalidShare, WrongRound, ParameterError, EncodingError
        """
        self._admit(request, self._clock())
        run = self._find(request)
        said = [Contribution.from_bytes(self._suite, octets) for octets in request.contributions]
        return run.participant.answer(said, secrets.token_bytes).to_bytes()

    def settle(self, request: SettleRequest) -> None:
        """Gives the attempts of the run back, if the partial products show that all of them were right.

        Raises: AuthenticationFailed, Expired, Replay, InvalidShare, WrongRound, ParameterError, EncodingError
        """
        self._admit(request, self._clock())
        run = self._find(request)
        run.participant.decide([Partial.from_bytes(self._suite, octets) for octets in request.partials])
        self._counters.give_back(run.guesses)
        with self._lock:
            self._runs.pop(request.run, None)

    def check_ready(self) -> None:
        """Refuses while nothing can be counted here. Raises: Unavailable"""
        self._counters.check()

    def close(self) -> None:
        """Lets the counters go."""
        self._counters.close()

    def _admit(self, request: Request, now: int) -> Dealt:
        """This replica's part in the key of the request, if another replica asks, and now."""
        dealt = self._dealt(request.key_id, now)
        known = request.sender != dealt.own and request.sender <= len(dealt.replicas)
        if not known or request.receiver != dealt.own or not request.is_under(dealt.link):
            raise AuthenticationFailed("only replicas of this server that share its secret may ask for this")
        if abs(now - request.at) > FRESH_SECONDS:
            raise Expired("the request is too old, or the clocks of the replicas differ")
        return dealt

    def _derive(self, evidence: Evidence, now: int) -> tuple[Countable, Guess]:
        """The attempt that the client signed; every check that the leader made is made again."""
        second = PassTwo.from_bytes(evidence.second)
        verifier = self._verifier.beside(evidence.session)  # a login for one purpose names it in its relying party
        identity = verifier.resume(evidence.session).identity
        device = self._records.pinned(identity.user, identity.device)
        challenged = verifier.review(evidence.session, device.identity if device else None, now)
        if device is None or device.suspended:
            raise AuthenticationFailed
        countable = challenged.accept(second, now)
        return countable, Guess(challenged.attempt_name(second), identity.digest(), self._forgotten(countable, now))

    def _forgotten(self, countable: Countable, now: int) -> int:
        """Until when the name of an attempt is kept: for a slot more than `review` would accept it again."""
        if countable.slot is None or self._suite.slot_seconds is None:
            raise Unavailable("a split server secret needs a suite with time permits")
        limits = self._verifier.limits
        late = limits.seconds("grace") + limits.seconds("lifetime")
        return max(now, (countable.slot + 2) * self._suite.slot_seconds) + late

    def _keep(self, name: bytes, run: _Run) -> None:
        with self._lock:
            while self._runs and next(iter(self._runs.values())).since < run.since - _RUN_SECONDS:
                self._runs.popitem(last=False)
            if name in self._runs:
                raise Replay("this run was begun before; start again")
            if len(self._runs) >= _MAX_RUNS:
                raise Busy("too many runs are under way; try again")
            self._runs[name] = run

    def _find(self, request: Request) -> _Run:
        with self._lock:
            run = self._runs.get(request.run)
        if run is None or run.sender != request.sender or run.since < time.monotonic() - _RUN_SECONDS:
            raise Replay(_OVER)
        return run
