"""What both runs have in common: phases of broadcast, who is left out, what is sealed, saving and restoring.

    begin --> [phase: steps of broadcast] --settle--> next phase .. --> over: a result, or RunFailed

A party that is absent, contradicts itself or breaks the rules is left out from then on; all honest parties see it so,
because they judge by statements that are the same for all. If more are left out than the roster allows, the run fails.

Everything secret that a party draws comes from one seed, so its whole state is the seed and what has happened since.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from milagro.errors import MalformedEnvelope, ProtocolError, WrongLength, WrongRound
from milagro.octets import frame, i2osp, unframe
from milagro.protocols.sharing.refusals import RunFailed
from milagro.protocols.sharing.runs.broadcast import MAX_MESSAGE, Broadcast, Bundle, Signed, Statement, read_bundle
from milagro.protocols.sharing.runs.roster import Outgoing, Table
from milagro.protocols.sharing.suite import draw

if TYPE_CHECKING:
    from milagro.groups import Random
    from milagro.protocols.sharing.suite import Suite

SEED_OCTETS = 32
Bodies = Mapping[int, bytes]


def stream(seed: bytes, label: bytes) -> Random:
    """Octets that grow from a secret seed: SHAKE256(frame(seed, label, be(call, 8))) for each call.

    Spec: spec/sharing.md#party-state
    Secret: seed and result
    """
    calls = 0

    def more(length: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.shake_256(frame(seed, label, i2osp(calls, 8))).digest(length)

    return more


class Run(ABC):
    """One party of a run.

    Spec: spec/sharing.md#runs, spec/sharing.md#party-state
    """

    FIRST = 1
    CONFIRM = 1

    def __init__(self, table: Table, seed: bytes, faults: int) -> None:
        self._table, self._seed, self._faults = table, seed, faults
        self._parties = frozenset(table.members)
        self._later: dict[tuple[int, int, int], Bundle] = {}
        self._events: list[bytes] = []
        self._history = hashlib.sha256(table.run_id)
        self._failure: RunFailed | None = None
        self._outbox: list[Outgoing] = []
        self._broadcast: Broadcast | None = None
        self._over = False
        self.excluded: dict[int, str] = {}
        self.evidence: dict[int, bytes] = {}
        self.suspected: set[int] = set()

    # -- what the caller does ----------------------------------------------------------------------------------------
    def begin(self) -> list[Outgoing]:
        """The first messages.

        Raises: WrongRound if it has begun
        """
        if self._broadcast is not None:
            raise WrongRound("the run has begun")
        return self._enter(self.FIRST)

    def receive(self, octets: bytes) -> None:
        """Take in a message, from wherever it came; what is known already or is past changes nothing.

        Raises: EncodingError, VerificationError, ProtocolError for what is no message of this run; nothing has
            changed then, and the run goes on
        """
        if len(octets) > MAX_MESSAGE:
            raise WrongLength(f"a message has at most {MAX_MESSAGE} octets")
        fields = unframe(octets)
        if len(fields) >= 3 and fields[0] == b"B":
            self._receive_bundle(read_bundle(self._table, Signed(fields[1], fields[2]), fields[3:]), octets)
        else:
            raise MalformedEnvelope("this is no message of a run")

    def end_step(self) -> list[Outgoing]:
        """What to send when the time of a step is up, or when `ready` says that nothing more is to come in it.

        Raises: WrongRound before `begin` and after the run is over
        """
        broadcast = self._current
        self._events.append(b"E")
        missing = broadcast.parties - broadcast.heard - {self._table.me}
        self.suspected = (self.suspected | missing) - broadcast.heard
        octets = broadcast.next_step()
        if octets is not None:
            self._outbox = [Outgoing(None, octets)]
            self._feed()
            return self.outbox
        try:
            return self._settle(broadcast)
        except RunFailed as failure:
            return self._fail(failure)

    @property
    def ready(self) -> bool:
        """Whether every party from whom something is to be expected has been heard in this step."""
        if self._over or self._broadcast is None:
            return False
        spoken = self._broadcast.spoken or self._broadcast.step > 1
        return spoken and self._broadcast.parties - self.suspected - {self._table.me} <= self._broadcast.heard

    @property
    def missing(self) -> set[int]:
        """From whom something is still to come in this step; nobody where the run is not under way."""
        if self._over or self._broadcast is None:
            return set()
        return set(self._broadcast.parties - self.suspected - {self._table.me} - self._broadcast.heard)

    @property
    def outbox(self) -> list[Outgoing]:
        """The messages of the current step, to be sent again until the step is over."""
        return list(self._outbox)

    @property
    def over(self) -> bool:
        """Whether the run has ended, with a result or without."""
        return self._over

    @property
    def place(self) -> tuple[int, int]:
        """Phase and step."""
        return self._current.phase, self._current.step

    @property
    def failure(self) -> RunFailed | None:
        """Why the run ended without a result, if it did."""
        return self._failure

    def to_bytes(self) -> bytes:
        """The state of the party, to be stored before anything that it gave out is sent.

        Spec: spec/sharing.md#party-state
        Secret: the result; keep it sealed
        """
        table = self._table
        return table.suite.labelled("PARTY_", table.run_id, i2osp(table.me, 2), self._seed, frame(*self._events))

    def _restore(self, octets: bytes) -> None:
        """Live through what has happened again."""
        run, me, _, events = self._table.suite.fields("PARTY_", octets, 4)
        if run != self._table.run_id or me != i2osp(self._table.me, 2):
            raise ProtocolError("the state is of another run or another party")
        self.begin()
        for event in unframe(events):
            self._replay(event)

    def _replay(self, event: bytes) -> None:
        kind, rest = event[:1], event[1:]
        if kind == b"E":
            self.end_step()
        elif kind == b"R":
            self.receive(rest)
        elif kind == b"S":
            self.recovery_stored()
        else:
            raise MalformedEnvelope("an event of another version")

    # -- what a run fills in -----------------------------------------------------------------------------------------
    @abstractmethod
    def recovery_stored(self) -> list[Outgoing]:
        """Go on, after the recovery file is stored."""

    @abstractmethod
    def _say(self, phase: int) -> bytes | None:
        """This party's statement of a phase; None if it waits for the caller."""

    @abstractmethod
    def _judge(self, phase: int, bodies: Bodies) -> int | None:
        """Settle a phase by what all said in it; the next phase, or None at the end."""

    def _check_bound(self) -> None:
        """Raises: RunFailed if more parties are left out than may be."""
        if len(self.excluded) > self._faults:
            raise self.failed("more parties are absent or wrong than the roster allows")

    def failed(self, message: str) -> RunFailed:
        """The error of a run that ends here."""
        names = ", ".join(f"{index} ({reason})" for index, reason in sorted(self.excluded.items())) or "nobody"
        return RunFailed(f"{message}: {names}", self.excluded)

    # -- phases ------------------------------------------------------------------------------------------------------
    @property
    def _current(self) -> Broadcast:
        if self._broadcast is None or self._over:
            raise WrongRound("the run has not begun, or is over")
        return self._broadcast

    @property
    def _steps(self) -> int:
        # Those left out were among the faults, so fewer remain. One echo is always made: it shows who said two things.
        return max(1, self._faults - len(self.excluded)) + 1

    def _enter(self, phase: int) -> list[Outgoing]:
        self._broadcast = Broadcast(self._table, phase, self._parties - self.excluded.keys(), self._steps)
        # Whoever was silent in the last phase is left out by now; a party that was slow once is waited for again.
        self.suspected = set()
        body = self._say(phase)
        self._outbox = [] if body is None else [Outgoing(None, self._broadcast.say(body))]
        self._feed()
        return self.outbox

    def _speak(self, body: bytes) -> list[Outgoing]:
        """The statement that `_say` put off."""
        octets = self._current.say(body)
        self._outbox.append(Outgoing(None, octets))
        return [Outgoing(None, octets)]

    def _settle(self, broadcast: Broadcast) -> list[Outgoing]:
        bodies: dict[int, bytes] = {}
        for index, said in sorted(broadcast.outcomes().items()):
            self._history.update(frame(i2osp(index, 2), *(one.digest for one in said)))
            if len(said) == 1:
                bodies[index] = said[0].body
            else:
                self._leave_out(index, "said two things" if said else "absent", said)
        self._check_bound()
        following = self._judge(broadcast.phase, bodies)
        self._check_bound()
        if self._table.me in self.excluded:
            raise self.failed("this party was left out by the rules that all apply")
        if following is None:
            self._over, self._outbox = True, []
            return []
        return self._enter(following)

    def _leave_out(self, index: int, reason: str, said: tuple[Statement, ...] = ()) -> None:
        self.excluded.setdefault(index, reason)
        if said:
            self.evidence[index] = frame(*(part for one in said for part in one.signed))

    def _fail(self, failure: RunFailed) -> list[Outgoing]:
        self._failure, self._over, self._outbox = failure, True, []
        return []

    # -- messages ----------------------------------------------------------------------------------------------------
    def _receive_bundle(self, bundle: Bundle, octets: bytes) -> None:
        place = (bundle.phase, bundle.step)
        key = (*place, bundle.sender)
        if self._over or self._broadcast is None:
            raise WrongRound("the run has not begun, or is over")
        if bundle.sender not in self._broadcast.parties - {self._table.me} or key in self._later:
            return
        if place == self.place and bundle.sender not in self._broadcast.heard:
            # What is known already is not kept: a party's state grows with what was said, not with how often.
            new = self._broadcast.take(bundle)
            self._events.append(b"R" + frame(b"B", *bundle.signed, *new))
        elif self._is_next(bundle):
            self._events.append(b"R" + octets)
            self._later[key] = bundle

    def _is_next(self, bundle: Bundle) -> bool:
        """Whether a bundle is of the step after this one: an honest party that waits for this one is no further."""
        phase, step = self.place
        begins = phase < bundle.phase <= self.CONFIRM and bundle.step == 1
        return begins or (bundle.phase, bundle.step) == (phase, step + 1)

    def _feed(self) -> None:
        """Take the bundles of this step that came before it began."""
        for key in sorted(key for key in self._later if key[:2] == self.place):
            self._current.take(self._later.pop(key))

    def seal_for(self, to: int, phase: int, body: bytes) -> bytes:
        """A signed private message, sealed for one party. It travels inside a statement, so that none can be lost."""
        table = self._table
        numbers = i2osp(table.me, 2), i2osp(to, 2), i2osp(phase, 1)
        octets = table.suite.labelled("PRIVATE_", table.run_id, *numbers, body)
        return table.credentials.seal(table.members[to], frame(octets, table.credentials.sign(octets)))

    def open_from(self, sender: int, phase: int, sealed: bytes) -> tuple[bytes, Signed]:
        """The body of what a party sealed for this one, and what it signed.

        Raises: EncodingError, VerificationError
        """
        table = self._table
        signed = Signed(*unframe(table.credentials.open(table.members[sender], sealed), 2))
        found, body = self.read_private(sender, table.me, signed)
        if found != phase:
            raise MalformedEnvelope("a private message of another phase")
        return body, signed

    def read_private(self, sender: int, to: int, signed: Signed) -> tuple[int, bytes]:
        """Phase and body of a private message of this run. Raises: EncodingError, VerificationError."""
        table = self._table
        run, by, whom, phase, body = table.suite.fields("PRIVATE_", signed.octets, 5)
        if (run, by, whom, len(phase)) != (table.run_id, i2osp(sender, 2), i2osp(to, 2), 1):
            raise MalformedEnvelope("a private message of another run, or between others")
        table.verify(sender, signed.octets, signed.signature)
        return phase[0], body


def seed_of(random: Random) -> bytes:
    """A fresh seed."""
    return draw(random, SEED_OCTETS)


def seed_in(suite: Suite, octets: bytes) -> bytes:
    """The seed in the state of a party. Raises: EncodingError."""
    _, _, seed, _ = suite.fields("PARTY_", octets, 4)
    if len(seed) != SEED_OCTETS:
        raise MalformedEnvelope("the state of a party has a seed of 32 octets")
    return seed
