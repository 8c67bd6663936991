"""What members of a network agree to do, and what proves that it was done: a switch from one key to the next.

Spec: spec/dta-network.md, Proposals; Switching epochs
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
from milagro.roles.charter import Charter

if TYPE_CHECKING:
    from milagro.cid import CID

VERSION: Final = 1
KINDS: Final = ("generate", "reshare", "refresh", "retire", "repair", "rotate")
_LIMITS: Final = cbor.Limits(octets=32 << 20)


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


def _integer(value: cbor.Value, highest: int = 0xFFFF) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
        raise MalformedEnvelope("a number is out of its range")
    return value
