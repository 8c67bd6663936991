"""A run as the driver moves it: the parties of `protocols.sharing` behind one face, restored from what happened.

    events  0: seed     then   receive octets | end of a step     each with the signatures and seals that it made

Nothing is restored from a party's own state: living through the events again leads to the same place, because what is
drawn comes from the seed and what was signed and sealed comes from the record.

Spec: spec/dta-network.md, Runs
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from milagro import cbor
from milagro.errors import MalformedEnvelope, MilagroError, StoreError
from milagro.octets import os2ip, unframe
from milagro.protocols.sharing import KeyGeneration, LostHolder, RepairHelper, RepairPlan, Resharing, RunFailed
from milagro.protocols.sharing.runs.engine import stream
from milagro.roles.dta.network.credentials import Recorded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from milagro.protocols.sharing import Credentials, KeyShare, Outcome, Outgoing, SharedKey, Suite
    from milagro.roles.switches import Proposal

SEED_OCTETS: Final = 32
_SEED, _RECEIVE, _END = 0, 1, 2
_HERE: Final = (1, 1)


class Party(Protocol):
    """What the driver asks of a run."""

    def begin(self) -> list[Outgoing]:
        """The first messages."""

    def receive(self, octets: bytes) -> None:
        """Takes a message. Raises: MilagroError if it is none."""

    def end_step(self) -> list[Outgoing]:
        """What to send when a step is over."""

    def take_recovery_file(self) -> tuple[bytes, list[Outgoing]] | None:
        """What is to be stored now, and what to send once it is; None if there is nothing, or it was taken."""

    @property
    def ready(self) -> bool:
        """Whether nothing more is to come in this step."""

    @property
    def over(self) -> bool:
        """Whether it has ended."""

    @property
    def place(self) -> tuple[int, int]:
        """Phase and step."""

    @property
    def missing(self) -> set[int]:
        """From whom something is still to come in this step."""


class SharingParty:
    """A key generation or a resharing."""

    def __init__(self, run: KeyGeneration | Resharing) -> None:
        self.run = run
        self._taken = False

    def begin(self) -> list[Outgoing]:
        """As Party."""
        return self.run.begin()

    def receive(self, octets: bytes) -> None:
        """As Party."""
        self.run.receive(octets)

    def end_step(self) -> list[Outgoing]:
        """As Party."""
        return self.run.end_step()

    def take_recovery_file(self) -> tuple[bytes, list[Outgoing]] | None:
        """As Party."""
        octets = self.run.recovery_file
        if octets is None or self._taken:
            return None
        self._taken = True
        return octets, self.run.recovery_stored()

    @property
    def ready(self) -> bool:
        """As Party."""
        return self.run.ready

    @property
    def over(self) -> bool:
        """As Party."""
        return self.run.over

    @property
    def place(self) -> tuple[int, int]:
        """As Party."""
        return self.run.place

    @property
    def missing(self) -> set[int]:
        """As Party."""
        return self.run.missing

    def outcome(self) -> Outcome:
        """What came out. Raises: RunFailed."""
        return self.run.outcome


class HelperParty:
    """One who helps to repair a share."""

    def __init__(self, helper: RepairHelper) -> None:
        self._helper = helper
        self.over = False
        self.place = _HERE

    def begin(self) -> list[Outgoing]:
        """As Party."""
        return self._helper.begin()

    def receive(self, octets: bytes) -> None:
        """As Party."""
        self._helper.receive(octets)

    def end_step(self) -> list[Outgoing]:
        """As Party."""
        self.over = True
        return [self._helper.answer()]

    def take_recovery_file(self) -> None:
        """As Party; there is none."""

    @property
    def ready(self) -> bool:
        """As Party."""
        return self._helper.ready

    @property
    def missing(self) -> set[int]:
        """As Party."""
        return set() if self.over else self._helper.missing


class LostParty:
    """One whose share is repaired."""

    def __init__(self, holder: LostHolder) -> None:
        self._holder = holder
        self.over = False
        self.place = _HERE

    def begin(self) -> list[Outgoing]:
        """As Party."""
        return []

    def receive(self, octets: bytes) -> None:
        """As Party."""
        self._holder.receive(octets)

    def end_step(self) -> list[Outgoing]:
        """As Party."""
        self.over = True
        return []

    def take_recovery_file(self) -> None:
        """As Party; there is none."""

    @property
    def ready(self) -> bool:
        """As Party."""
        return self._holder.ready

    @property
    def missing(self) -> set[int]:
        """As Party."""
        return set() if self.over else self._holder.missing

    def result(self) -> KeyShare:
        """The share. Raises: RunFailed."""
        return self._holder.result()


class Live:
    """A run in progress, and the record of it."""

    def __init__(self, party: Party, recorded: Recorded) -> None:
        self.party, self._recorded = party, recorded
        self.events = 0

    def restore(self, events: Iterable[bytes]) -> None:
        """Lives through what happened. Raises: StoreError if it leads elsewhere."""
        for octets in events:
            kind, body, made = _read_event(octets)
            self._recorded.expect(made)
            try:
                self._apply(kind, body)
            except MilagroError as error:
                raise StoreError(f"the stored state of a run cannot be lived through: {error}") from error
            self._recorded.taken()
            self.events += 1

    def begin(self, seed: bytes) -> tuple[bytes, list[Outgoing]]:
        """The event to keep, and the first messages."""
        out = self._apply(_SEED, seed)
        return self._event(_SEED, seed), out

    def receive(self, octets: bytes) -> bytes:
        """The event to keep. Raises: MilagroError, and then nothing has changed."""
        self.party.receive(octets)
        return self._event(_RECEIVE, octets)

    def end_step(self) -> tuple[bytes, list[Outgoing], bytes | None]:
        """The event to keep, what to send, and the recovery file to store before that."""
        out = self.party.end_step()
        stored = self.party.take_recovery_file()
        return self._event(_END, b""), [*out, *(stored[1] if stored else [])], stored[0] if stored else None

    def _apply(self, kind: int, body: bytes) -> list[Outgoing]:
        if kind == _SEED:
            return self.party.begin()
        if kind == _RECEIVE:
            self.party.receive(body)
            return []
        out = self.party.end_step()
        self.party.take_recovery_file()
        return out

    def _event(self, kind: int, body: bytes) -> bytes:
        self.events += 1
        return cbor.encode([kind, body, [[*one] for one in self._recorded.taken()]], _LIMITS)


_LIMITS: Final = cbor.Limits(octets=64 << 20)


def seed_in(event: bytes) -> bytes:
    """The seed in the first event of a run. Raises: MalformedEnvelope."""
    kind, body, _ = _read_event(event)
    if kind != _SEED or len(body) != SEED_OCTETS:
        raise MalformedEnvelope("the first event of a run holds its seed")
    return body


def _read_event(octets: bytes) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    value: Any = cbor.decode(octets, _LIMITS)  # written here, and sealed since
    kind, body, made = value
    return kind, body, [(digest, one) for digest, one in made]


def make(
    suite: Suite,
    proposal: Proposal,
    attempt: int,
    me: int,
    keys: Credentials,
    seed: bytes,
    key: SharedKey | None,
    share: KeyShare | None,
) -> Live:
    """This node's party in an attempt at what is proposed.

    Raises: ParameterError if it does not fit the key
    """
    recorded, session = Recorded(keys), proposal.session_of(attempt)
    if proposal.kind in ("generate", "rotate"):
        return Live(SharingParty(KeyGeneration(suite, proposal.charter.roster, session, me, recorded, seed)), recorded)
    if key is None:
        raise MalformedEnvelope("there is no key yet that could be given new shares")
    if proposal.kind != "repair":
        rosters = proposal.before.roster, proposal.charter.roster
        return Live(SharingParty(Resharing(key, rosters, session, me, recorded, seed, share)), recorded)
    plan = RepairPlan(key, proposal.charter.roster, proposal.helpers, proposal.lost, session)
    if me == proposal.lost:
        return Live(LostParty(LostHolder(plan, recorded)), recorded)
    if share is None:
        raise RunFailed("a helper without a share", {me: "has no share"})
    return Live(HelperParty(RepairHelper(plan, share, recorded, stream(seed, b"repair"))), recorded)


def place_of(suite: Suite, octets: bytes) -> tuple[int, tuple[int, int]] | None:
    """Sender and place of a message of a key generation or resharing, as it says itself; None for other messages."""
    try:
        kind, bundle, *_ = unframe(octets)
        if kind != b"B":
            return None
        _, sender, phase, step, _ = suite.fields("BUNDLE_", bundle, 5)
    except (MilagroError, ValueError):
        return None
    return os2ip(sender), (os2ip(phase), os2ip(step))
