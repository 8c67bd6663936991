"""Broadcast: each party makes one statement, and all honest parties end with the same statement of each, or none.

    step 1       a party sends its signed statement
    step k + 1   it passes on what it accepted in step k, under its own signature
    accepted     in step k: a statement with k signatures, its sender's among them; at most two of each sender

    after step f + 1:   one statement accepted - it holds;   two - its sender said two things;   none - absent

With at most f parties wrong or absent, and messages between honest ones arriving within a step, all honest parties
accept the same statements: one that comes in the last step carries f + 1 signatures, so an honest party had it before
and passed it on (Dolev and Strong, "Authenticated Algorithms for Byzantine Agreement", SIAM J. Comput. 12(4), 1983).
A party signs the list of all that it passes on in a step at once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from milagro.errors import MalformedEnvelope, MilagroError, VerificationError
from milagro.octets import frame, i2osp, os2ip, unframe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milagro.protocols.sharing.runs.roster import Table
    from milagro.protocols.sharing.suite import Suite

DIGEST_OCTETS = 32
MAX_MESSAGE = 1 << 24
_BOTH = 2  # two statements of one sender prove that it said two things; more prove no more


class Signed(NamedTuple):
    """Octets and the signature over them."""

    octets: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Statement:
    """What a party says in a phase: `STATEMENT_`, run, be(sender, 2), be(phase, 1), body, signed.

    Spec: spec/sharing.md#broadcast
    """

    sender: int
    phase: int
    body: bytes
    signed: Signed

    @property
    def digest(self) -> bytes:
        """SHA-256 of the octets that are signed."""
        return hashlib.sha256(self.signed.octets).digest()


def make_statement(table: Table, phase: int, body: bytes) -> Statement:
    """This party's statement."""
    octets = table.suite.labelled("STATEMENT_", table.run_id, i2osp(table.me, 2), i2osp(phase, 1), body)
    return Statement(table.me, phase, body, Signed(octets, table.credentials.sign(octets)))


def read_statement(table: Table, signed: Signed) -> Statement:
    """The statement of this run with these octets.

    Raises: EncodingError, VerificationError
    """
    sender, phase, body = parse_statement(table.suite, table.run_id, signed.octets)
    table.verify(sender, signed.octets, signed.signature)
    return Statement(sender, phase, body, signed)


def parse_statement(suite: Suite, run: bytes, octets: bytes) -> tuple[int, int, bytes]:
    """Sender, phase and body of a statement of this run, its signature not verified. Raises: EncodingError."""
    found, sender, phase, body = suite.fields("STATEMENT_", octets, 4)
    if len(sender) != 2 or len(phase) != 1:
        raise MalformedEnvelope("a statement names its sender in 2 octets and its phase in 1")
    if found != run:
        raise MalformedEnvelope("a statement of another run")
    return os2ip(sender), phase[0], body


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a party passes on in a step: `BUNDLE_`, run, be(sender, 2), be(phase, 1), be(step, 2), digests, signed.

    `entries` are the statements, each with the signed lists of those who passed it on before.
    Spec: spec/sharing.md#broadcast
    """

    sender: int
    phase: int
    step: int
    digests: frozenset[bytes]
    signed: Signed
    entries: tuple[bytes, ...] = ()

    def to_bytes(self) -> bytes:
        """frame("B", list, signature, entry, entry, ..)."""
        return frame(b"B", *self.signed, *self.entries)


def make_bundle(table: Table, phase: int, step: int, accepted: Sequence[Accepted]) -> Bundle:
    """This party's bundle of a step."""
    digests = b"".join(one.statement.digest for one in accepted)
    numbers = i2osp(table.me, 2), i2osp(phase, 1), i2osp(step, 2)
    octets = table.suite.labelled("BUNDLE_", table.run_id, *numbers, digests)
    signed = Signed(octets, table.credentials.sign(octets))
    entries = tuple(frame(*one.statement.signed, *(frame(*link) for link in one.chain)) for one in accepted)
    return Bundle(table.me, phase, step, _split(digests), signed, entries)


def read_bundle(table: Table, signed: Signed, entries: Sequence[bytes] = ()) -> Bundle:
    """The bundle of this run with these octets; its entries are read when it is taken.

    Raises: EncodingError, VerificationError
    """
    run, sender, phase, step, digests = table.suite.fields("BUNDLE_", signed.octets, 5)
    if [len(sender), len(phase), len(step), len(digests) % DIGEST_OCTETS] != [2, 1, 2, 0]:
        raise MalformedEnvelope("the fields of a bundle have other lengths")
    if run != table.run_id:
        raise MalformedEnvelope("a bundle of another run")
    table.verify(os2ip(sender), signed.octets, signed.signature)
    return Bundle(os2ip(sender), phase[0], os2ip(step), _split(digests), signed, tuple(entries))


def _split(digests: bytes) -> frozenset[bytes]:
    return frozenset(digests[i : i + DIGEST_OCTETS] for i in range(0, len(digests), DIGEST_OCTETS))


@dataclass(frozen=True, slots=True)
class Accepted:
    """A statement with the lists of those who passed it on."""

    statement: Statement
    chain: tuple[Signed, ...]


class Broadcast:
    """One phase of statements, as one party sees it.

    Spec: spec/sharing.md#broadcast
    """

    def __init__(self, table: Table, phase: int, parties: frozenset[int], steps: int) -> None:
        self.table, self.phase, self.parties, self.steps = table, phase, parties, steps
        self.step = 1
        self.heard: set[int] = set()
        self.spoken = False
        self._slots: dict[int, dict[bytes, Accepted]] = {index: {} for index in parties}
        self._known: set[bytes] = set()
        self._fresh: list[Accepted] = []

    def say(self, body: bytes) -> bytes:
        """This party's statement as its bundle of step 1."""
        own = Accepted(make_statement(self.table, self.phase, body), ())
        self._slots[self.table.me][own.statement.digest] = own
        self._known.add(own.statement.digest)
        self.spoken = True
        return make_bundle(self.table, self.phase, 1, [own]).to_bytes()

    def take(self, bundle: Bundle) -> tuple[bytes, ...]:
        """Accept what a bundle of the current step brings, the first of its sender; the entries that were new."""
        if bundle.sender in self.heard or bundle.sender not in self.parties or bundle.sender == self.table.me:
            return ()
        self.heard.add(bundle.sender)
        return tuple(entry for entry in bundle.entries[: _BOTH * len(self.parties)] if self._is_new(bundle, entry))

    def _is_new(self, bundle: Bundle, entry: bytes) -> bool:
        try:
            return self._take_entry(bundle, entry)
        except MilagroError:
            return False  # a bad entry is not passed on, and takes nothing from the others

    def _take_entry(self, bundle: Bundle, entry: bytes) -> bool:
        fields = unframe(entry)
        if len(fields) < 2:
            raise MalformedEnvelope("an entry is a statement, a signature, and the lists that it stood in")
        octets, signature, *links = fields
        digest = hashlib.sha256(octets).digest()
        if digest in self._known:  # nearly all are: each is passed on by everybody
            return False
        sender, phase, _ = parse_statement(self.table.suite, self.table.run_id, octets)
        slot = self._slots.get(sender)
        if slot is None or phase != self.phase or len(slot) >= _BOTH:
            return False
        statement = read_statement(self.table, Signed(octets, signature))
        chain = [bundle.signed] if digest in bundle.digests else []
        signers = {sender, *([bundle.sender] if chain else [])}
        for link in links[: len(self.parties)]:
            earlier = self._link(link, digest)
            if earlier.sender not in signers:
                signers.add(earlier.sender)
                chain.append(earlier.signed)
        if len(signers) < self.step:
            raise VerificationError("a statement came too late: it has fewer signatures than the step asks for")
        accepted = Accepted(statement, tuple(chain))
        slot[digest] = accepted
        self._known.add(digest)
        self._fresh.append(accepted)
        return True

    def _link(self, octets: bytes, digest: bytes) -> Bundle:
        earlier = read_bundle(self.table, Signed(*unframe(octets, 2)))
        fits = earlier.phase == self.phase and earlier.step < self.step and digest in earlier.digests
        if not fits or earlier.sender not in self.parties:
            raise VerificationError("a signature under a statement is not one of this phase")
        return earlier

    def next_step(self) -> bytes | None:
        """The bundle of the next step, or None if this was the last."""
        if self.step == self.steps:
            return None
        self.step += 1
        self.heard = set()
        passed, self._fresh = self._fresh, []
        return make_bundle(self.table, self.phase, self.step, passed).to_bytes()

    def outcomes(self) -> dict[int, tuple[Statement, ...]]:
        """For each party what it said: one statement, none, or two that contradict each other."""
        return {index: tuple(slot[digest].statement for digest in sorted(slot)) for index, slot in self._slots.items()}
