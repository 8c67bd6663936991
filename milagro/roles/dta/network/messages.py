"""What members write to each other, each as the payload of one letter, an array in deterministic CBOR.

    [1, "proposal", proposal, bundles]                  [1, "ready", proposal id, attempt, said at]
    [1, "run", run id, message of the run]              [1, "step", step]
    [1, "question", set id, run id in doubt, proposal, attempt]
    [1, "verdict", run id, statement, signature]        both empty: released
    [1, "endorsement", proposal id, attempt, signature]
    [1, "where", nonce]                                 [1, "here", nonce, set id]

Spec: spec/dta-network.md, Proposals; Messages
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final, Self

from milagro import cbor
from milagro.cbor import Fields
from milagro.errors import MalformedEnvelope
from milagro.octets import frame, i2osp
from milagro.roles.charter import MAX_MEMBERS, Charter

if TYPE_CHECKING:
    from milagro.cid import CID

VERSION: Final = 1
KINDS: Final = ("generate", "reshare", "refresh", "retire", "repair", "rotate")
MAX_ATTEMPT: Final = 0xFFFF
_LIMITS: Final = cbor.Limits(octets=32 << 20)
_FIELDS: Final = {
    "proposal": 2, "ready": 3, "run": 2, "step": 1, "question": 4, "verdict": 3, "endorsement": 3,
    "where": 1, "here": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Proposal:
    """What is to be done, so that everybody who says yes says yes to the same.

    `charter` is in force afterwards, `previous` before, empty if nothing changes; `base` is the set id of the key that
    it starts from, empty for the first key.

    Spec: spec/dta-network.md, Proposals
    """

    kind: str
    charter: Charter
    session: bytes
    base: bytes = b""
    previous: Charter | None = None
    lost: int = 0
    helpers: tuple[int, ...] = ()
    overlap_ends: int = 0

    @classmethod
    def generate(cls, charter: Charter) -> Self:
        """The proposal that the first charter makes by itself."""
        return cls("generate", charter, charter.session)

    @cached_property
    def id(self) -> bytes:
        """SHA-256 of the octets."""
        return hashlib.sha256(self.to_bytes()).digest()

    @property
    def before(self) -> Charter:
        """The charter in force before it."""
        return self.previous or self.charter

    def session_of(self, attempt: int) -> bytes:
        """The session of an attempt: another one for each, so that a failed run is never mixed with the next."""
        return hashlib.sha256(frame(b"milagro dta network attempt", self.id, i2osp(attempt, 4))).digest()

    def members(self) -> set[CID]:
        """The identities of all that take part."""
        return {seat.identity for one in (self.before, self.charter) for seat in one.seats}

    def to_bytes(self) -> bytes:
        """The proposal in deterministic CBOR."""
        value: dict[str, cbor.Value] = {
            "milagro": "dta proposal",
            "version": VERSION,
            "kind": self.kind,
            "charter": self.charter.to_bytes(),
            "previous": self.previous.to_bytes() if self.previous else b"",
            "base": self.base,
            "session": self.session,
            "lost": self.lost,
            "helpers": list(self.helpers),
            "overlapEnds": self.overlap_ends,
        }
        return cbor.encode(value, _LIMITS)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The proposal with these octets. Raises: EncodingError."""
        fields = Fields(cbor.decode(octets, _LIMITS), "the proposal")
        if fields.text("milagro") != "dta proposal" or fields.integer("version") != VERSION:
            raise MalformedEnvelope("this is no proposal that this release reads")
        previous = fields.octets("previous")
        made = cls(
            kind=fields.text("kind"),
            charter=Charter.from_bytes(fields.octets("charter")),
            session=fields.octets("session", 32, 32),
            base=fields.octets("base", 0, 16),
            previous=Charter.from_bytes(previous) if previous else None,
            lost=fields.integer("lost", 0, 0xFFFF),
            helpers=tuple(_integer(one) for one in fields.array("helpers", 0, 64)),
            overlap_ends=fields.integer("overlapEnds", 0, 1 << 40),
        )
        fields.finish()
        made._check()
        return made

    def _check(self) -> None:
        charter, before = self.charter, self.before
        fits = self.kind in KINDS and charter.network == before.network
        if self.kind in ("reshare", "retire"):
            fits = fits and self.previous is not None and charter.follows(before)
        else:
            fits = fits and self.previous is None
        fits = fits and bool(self.base) == (self.kind != "generate")
        fits = fits and (self.kind == "repair") == bool(self.lost) == bool(self.helpers)
        if not fits or (self.kind == "rotate") != bool(self.overlap_ends):
            raise MalformedEnvelope("the parts of the proposal do not fit together")


@lru_cache(maxsize=64)
def read(octets: bytes) -> Proposal:
    """`Proposal.from_bytes`, once for what is read again and again. Raises: EncodingError."""
    return Proposal.from_bytes(octets)


@dataclass(frozen=True)
class Step:
    """One switch of the network: what was proposed, in which attempt it came about, and the proof of it.

    Spec: spec/dta-network.md, Switching epochs
    """

    proposal: Proposal
    attempt: int
    certificate: bytes
    endorsements: Mapping[int, bytes]

    def to_bytes(self) -> bytes:
        """The step in deterministic CBOR."""
        said = {index: self.endorsements[index] for index in sorted(self.endorsements)}
        return cbor.encode([self.proposal.to_bytes(), self.attempt, self.certificate, said], _LIMITS)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The step with these octets. Raises: EncodingError."""
        value = cbor.decode(octets, _LIMITS)
        if not isinstance(value, tuple) or len(value) != 4:
            raise MalformedEnvelope("a step has four parts")
        proposal, attempt, certificate, said = value
        if not isinstance(proposal, bytes) or not isinstance(certificate, bytes) or not isinstance(said, Mapping):
            raise MalformedEnvelope("a part of a step is of another type")
        if not all(isinstance(key, int) and isinstance(one, bytes) for key, one in said.items()):
            raise MalformedEnvelope("an endorsement is of another type")
        return cls(Proposal.from_bytes(proposal), _integer(attempt), certificate, dict(said))


def encode(kind: str, *fields: cbor.Value) -> bytes:
    """The payload of a letter."""
    return cbor.encode([VERSION, kind, *fields], _LIMITS)


def decode(payload: bytes) -> tuple[str, list[cbor.Value]]:
    """Kind and fields of a payload; integers are attempts or times, octets are everything else.

    Raises: EncodingError
    """
    value = cbor.decode(payload, _LIMITS)
    if not isinstance(value, tuple) or len(value) < 2 or value[0] != VERSION:
        raise MalformedEnvelope("this is no message of a network of D-TAs")
    _, kind, *fields = value
    if not isinstance(kind, str) or _FIELDS.get(kind) != len(fields):
        raise MalformedEnvelope("a message of a kind that this release does not read")
    return kind, fields


def octets_in(value: cbor.Value) -> bytes:
    """The octets in a field. Raises: MalformedEnvelope."""
    if not isinstance(value, bytes):
        raise MalformedEnvelope("a field of a message is of another type")
    return value


def list_in(value: cbor.Value) -> list[bytes]:
    """The octet strings in a field, not more than the members of two charters. Raises: MalformedEnvelope."""
    if not isinstance(value, tuple) or len(value) > 2 * MAX_MEMBERS:
        raise MalformedEnvelope("a field of a message is of another type")
    return [octets_in(one) for one in value]


def attempt_in(value: cbor.Value) -> int:
    """The attempt in a field. Raises: MalformedEnvelope."""
    return _integer(value, MAX_ATTEMPT)


def time_in(value: cbor.Value) -> int:
    """The time in a field, unix seconds. Raises: MalformedEnvelope."""
    return _integer(value, 1 << 40)


def _integer(value: cbor.Value, highest: int = 0xFFFF) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
        raise MalformedEnvelope("a number is out of its range")
    return value
