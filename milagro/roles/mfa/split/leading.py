"""The server secret of a replica that has only a share: logins are verified together with t - 1 others.

    up --no answer, or a false one--> down --after a second, asked for its status--> up

Whoever is down is asked again only for its status, and before an attempt is counted: so an outage costs at most the
attempts that were under way when it began. Such an attempt stays counted, since nobody knows any more who learned what.
"""

from __future__ import annotations

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from milagro.errors import InvalidShare, MalformedEnvelope, MilagroError, Unavailable
from milagro.protocols.mpin.v2.joint import Attempts, Contribution, Partial, Participant, verify_jointly
from milagro.roles import logs
from milagro.roles.messages import MfaStatusAnswer
from milagro.roles.mfa.split.messages import (
    MAX_ATTEMPTS,
    AnswerRequest,
    Evidence,
    JoinAnswer,
    JoinRequest,
    PartialAnswer,
    Request,
    SettleAnswer,
    SettleRequest,
)
from milagro.roles.refusals import Locked, code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from milagro.protocols.mpin.v2 import Authenticated, Countable, Suite
    from milagro.roles.clock import Clock
    from milagro.roles.mfa.split.dealt import Dealt, Replica
    from milagro.roles.peer import Peer
    from milagro.roles.wire import Message

JOIN: Final = "/v1/split/join"
ANSWER: Final = "/v1/split/answer"
SETTLE: Final = "/v1/split/settle"
_STATUS: Final = "/v1/status"
_PROBE_SECONDS: Final = 1.0
_NO_MAC: Final = bytes(32)
_TOO_FEW: Final = "too few of the servers that share the secret can be reached; try again"
_log = logs.logger(__name__)

ResultT = TypeVar("ResultT")
AnswerT = TypeVar("AnswerT", bound="Message")


class _Other:
    """Another replica, and whether it answered the last time."""

    def __init__(self, replica: Replica, peer: Peer) -> None:
        self.replica, self.peer = replica, peer
        self._lock = threading.Lock()
        self._asked = 0.0
        self.up = True

    def fail(self, error: MilagroError) -> None:
        """Notes that it cannot be counted on now."""
        if self.up:
            _log.warning("a server that shares the secret is passed over", server=self.replica.name, reason=str(error))
        self._asked, self.up = time.monotonic(), False

    def probe(self) -> bool:
        """Whether it is up, or is up again; it is asked at most once a second."""
        with self._lock:
            if not self.up and time.monotonic() >= self._asked + _PROBE_SECONDS:
                try:
                    self.peer.get(_STATUS, MfaStatusAnswer)
                    self.up = True
                except MilagroError:
                    self._asked = time.monotonic()
            return self.up


class SplitSecret:
    """What stands in the place of a ServerSecret where there is only a share of it. Threads share it.

    Spec: spec/mpin.md#split-secret
    Secret: dealt
    """

    def __init__(self, suite: Suite, dealt: Dealt, dial: Callable[[str], Peer], clock: Clock) -> None:
        self.suite, self.dealt, self._clock = suite, dealt, clock
        self._others = [_Other(one, dial(one.url)) for one in dealt.others]
        self.needed = dealt.dealing.threshold - 1
        self._turn = secrets.randbelow(len(self._others))
        self._threads = ThreadPoolExecutor(len(self._others), "split")

    def __repr__(self) -> str:
        return "<SplitSecret, redacted>"

    def require(self) -> None:
        """Refuses while fewer than t - 1 others are there: before an attempt is counted.

        Raises: Unavailable
        """
        if sum(one.up for one in self._others) < self.needed:
            list(self._threads.map(_Other.probe, self._others))
            if sum(one.up for one in self._others) < self.needed:
                raise Unavailable(_TOO_FEW)

    def verify(self, countables: Sequence[Countable]) -> list[Authenticated | MilagroError]:
        """For each attempt the login, or why not; each is used up and was counted before.

        Spec: spec/mpin.md#split-secret
        Raises: WrongRound if an attempt was verified before or stands in the list twice
        """
        found: list[Authenticated | MilagroError] = []
        for at in range(0, len(countables), MAX_ATTEMPTS):
            found += verify_jointly(countables[at : at + MAX_ATTEMPTS], self._judge)
        return found

    def close(self) -> None:
        """Ends all connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for one in self._others:
            one.peer.close()

    # -- runs --------------------------------------------------------------------------------------------------------
    def _judge(self, some: Sequence[Countable]) -> None:
        """Nothing, if all are right. A server that fails in the middle is replaced by another, in a new run."""
        for _ in self._others:
            run = _Led(self, some)
            try:
                run.decide()
            except InvalidShare as error:
                self._blame(error)
            except _Failed:
                continue
            else:
                run.settle()
                return
        raise Unavailable(_TOO_FEW)

    def _blame(self, error: InvalidShare) -> None:
        _log.error("a server that shares the secret lies, or holds another share", servers=list(error.culprits))
        for one in self._others:
            if one.replica.index in error.culprits:
                one.fail(error)

    def candidates(self) -> list[_Other]:
        """The others, those that are up before those that are not, beginning with another one each time."""
        self._turn = (self._turn + 1) % len(self._others)
        turned = [*self._others[self._turn :], *self._others[: self._turn]]
        return sorted(turned, key=lambda one: not one.up)

    def at_once(self, work: Callable[[_Other], ResultT], others: Iterable[_Other]) -> list[ResultT]:
        """What `work` gives for each of the others, all asked at the same moment."""
        some = list(others)
        return [work(some[0])] if len(some) == 1 else list(self._threads.map(work, some))

    def ask(self, other: _Other, path: str, request: Request, answer: type[AnswerT]) -> AnswerT:
        """The answer of another server; one that is not there, or talks nonsense, is down from then on.

        Raises: what it refuses with
        """
        signed = request.model_copy(update={"receiver": other.replica.index, "at": self._clock()})
        try:
            return other.peer.post(path, signed.under(self.dealt.link), answer)
        except (Unavailable, MalformedEnvelope) as error:
            other.fail(error)
            raise


class _Failed(Exception):
    """That a server of a run was there when it began, and then was not."""


class _Led:
    """One run that this replica leads."""

    def __init__(self, secret: SplitSecret, some: Sequence[Countable]) -> None:
        self._secret, self._some = secret, some
        self._run = secrets.token_bytes(16)
        self._attempts = Attempts.of(secret.suite, self._run, some)
        self._peers: list[_Other] = []
        self._partials: list[Partial] = []

    def decide(self) -> None:
        """Nothing, if all attempts are right.

        Raises: AuthenticationFailed; InvalidShare with culprits; _Failed; Unavailable if too few take part, or they do
            not agree; Locked if they count no attempt more
        """
        others = self._joined()
        own = Participant(self._secret.dealt.share, self._secret.dealt.dealing, self._attempts, secrets.token_bytes)
        said = [*others, own.contribution]
        mine = own.answer(said, secrets.token_bytes)
        request = AnswerRequest(**self._head(), contributions=[one.to_bytes() for one in said])
        found = self._secret.at_once(lambda one: self._partial(one, request), self._peers)
        self._partials = [mine, *found]
        own.decide(self._partials)

    def settle(self) -> None:
        """Tells the others that all was right, so that they give the attempts back. The logins do not hang on it."""
        request = SettleRequest(**self._head(), partials=[one.to_bytes() for one in self._partials])
        self._secret.at_once(lambda one: self._settled(one, request), self._peers)

    def _joined(self) -> list[Contribution]:
        """The contributions of t - 1 others."""
        attempts = [Evidence(session=session, second=second) for session, second in (c.evidence for c in self._some)]
        request = JoinRequest(**self._head(), attempts=attempts)
        candidates, refusal = self._secret.candidates(), None
        found: list[Contribution] = []
        while candidates and len(found) < self._secret.needed:
            missing = self._secret.needed - len(found)
            asked, candidates = candidates[:missing], candidates[missing:]
            for one, said in zip(asked, self._secret.at_once(lambda one: self._join(one, request), asked), strict=True):
                if isinstance(said, Contribution):
                    found.append(said)
                    self._peers.append(one)
                elif not isinstance(said, Unavailable | MalformedEnvelope):
                    refusal = said
        if len(found) == self._secret.needed:
            return found
        if refusal is None:
            raise Unavailable(_TOO_FEW)
        raise refusal if self._some[1:] else _told(refusal)

    def _join(self, one: _Other, request: JoinRequest) -> Contribution | MilagroError:
        try:
            said = self._secret.ask(one, JOIN, request, JoinAnswer)
            contribution = Contribution.from_bytes(self._secret.suite, said.contribution)
            if contribution.index != one.replica.index:
                raise MalformedEnvelope("a contribution is of another server than the one that was asked")
        except MilagroError as error:
            return error
        return contribution

    def _partial(self, one: _Other, request: AnswerRequest) -> Partial:
        try:
            said = self._secret.ask(one, ANSWER, request, PartialAnswer)
            partial = Partial.from_bytes(self._secret.suite, said.partial)
            if partial.index != one.replica.index:
                raise MalformedEnvelope("a partial product is of another server than the one that was asked")
        except MilagroError as error:
            one.fail(error)
            raise _Failed from error
        return partial

    def _settled(self, one: _Other, request: SettleRequest) -> None:
        try:
            self._secret.ask(one, SETTLE, request, SettleAnswer)
        except MilagroError as error:
            _log.warning("attempts were not given back", server=one.replica.name, reason=str(error))

    def _head(self) -> dict[str, Any]:
        dealt = self._secret.dealt
        common = {"key_id": dealt.key_id, "run": self._run, "sender": dealt.own, "receiver": dealt.own, "at": 0}
        return {**common, "mac": _NO_MAC}


def _told(refusal: MilagroError) -> MilagroError:
    """What the client hears of another server's refusal: that its attempts are used up; else it is not its fault."""
    if code_of(refusal) == Locked.code:
        return Locked("no attempt of this device is left at the servers that share the secret; enrol it anew")
    _log.error("the servers that share the secret disagree about a login", refused=code_of(refusal))
    return Unavailable("the servers that share the secret disagree; try again")
