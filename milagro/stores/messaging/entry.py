"""One entry of a sender's log: DAG-CBOR, signed, numbered from 1, linked to the one before it and one further back.

    seq     1     2     3     4     5     6     7     8
    prev    -     1     2     3     4     5     6     7
    skip    -     -     2     -     4     4     6     -      seq minus the largest power of 2 that divides it

The skip links make any entry reachable from any later one in at most about log2(n)^2 / 2 steps, so that a reader who
is far behind needs no memory for what lies between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self, TypeAlias

from milagro import cbor
from milagro.cid import CID, LINK_TAG, Codec
from milagro.errors import BrokenChain, EncodingError, MalformedEnvelope, ParameterError
from milagro.stores.content import MAX_BLOCK_OCTETS

LABEL: Final = b"milagro log entry 1\0"
MAX_ENTRY_OCTETS: Final = 1 << 14
MAX_PARTS: Final = 64
MAX_PAYLOAD_OCTETS: Final = MAX_PARTS * MAX_BLOCK_OCTETS
MAX_NAME_OCTETS: Final = 128
MAX_SIGNATURE_OCTETS: Final = 8192
MAX_SEQUENCE: Final = (1 << 53) - 1
_LIMITS: Final = cbor.Limits(octets=MAX_ENTRY_OCTETS, items=512, depth=4)
_VERSION: Final = 1


class Author(Protocol):
    """Who signs a log."""

    @property
    def name(self) -> str:
        """The identity under which others know the signing key, such as the text of a CID."""
        ...

    def sign(self, message: bytes) -> bytes:
        """A signature that `Verify` accepts for this name."""
        ...


Verify: TypeAlias = Callable[[str, bytes, bytes], None]
"""Takes a name, a message and a signature. Raises InvalidSignature, also for a name that it does not know."""


def skip_target(sequence: int) -> int:
    """The number that the skip link of entry `sequence` leads to, 0 for none: s - 2^v, v = trailing zero bits of s.

    Spec: spec/messaging.md#log-entry
    """
    return sequence & (sequence - 1)


def part_count(size: int) -> int:
    """How many blocks a payload of `size` octets takes."""
    return -(-size // MAX_BLOCK_OCTETS)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as its sender signed it; `decode` and `signed` make no others.

    Spec: spec/messaging.md#log-entry
    """

    topic: str
    sender: str
    sequence: int
    previous: CID | None
    skip: CID | None
    parts: tuple[CID, ...]
    size: int
    signature: bytes
    block: bytes
    cid: CID

    @classmethod
    def signed(
        cls,
        author: Author,
        topic: str,
        sequence: int,
        previous: CID | None,
        skip: CID | None,
        parts: tuple[CID, ...],
        size: int,
    ) -> Self:
        """The next entry of the author's log.

        Raises: ParameterError for what `decode` would refuse
        """
        fields = _fields(topic, author.name, sequence, previous, skip, parts, size)
        signature = author.sign(LABEL + cbor.encode(fields, _LIMITS))
        try:
            return cls.decode(cbor.encode({**fields, "sig": signature}, _LIMITS))
        except EncodingError as error:
            raise ParameterError(f"the entry cannot be made: {error}") from error

    @classmethod
    def decode(cls, block: bytes) -> Self:
        """The entry in a block; its signature is still to be checked.

        Spec: spec/messaging.md#log-entry
        Raises: MalformedEnvelope, NonCanonical, WrongLength
        """
        fields = cbor.Fields(cbor.decode(block, _LIMITS, tags=(LINK_TAG,)), "the log entry")
        fields.integer("v", _VERSION, _VERSION)
        sequence = fields.integer("seq", 1, MAX_SEQUENCE)
        size = fields.integer("size", 1, MAX_PAYLOAD_OCTETS)
        entry = cls(
            topic=fields.text("topic", 1, MAX_NAME_OCTETS),
            sender=fields.text("sender", 1, MAX_NAME_OCTETS),
            sequence=sequence,
            previous=_link(fields.value("prev"), sequence - 1),
            skip=_link(fields.value("skip"), skip_target(sequence)),
            parts=tuple(CID.from_link(part) for part in fields.array("parts", part_count(size), part_count(size))),
            size=size,
            signature=fields.octets("sig", 1, MAX_SIGNATURE_OCTETS),
            block=bytes(block),
            cid=CID.of(block, Codec.DAG_CBOR),
        )
        fields.finish()
        if any(part.codec is not Codec.RAW for part in entry.parts):
            raise MalformedEnvelope("the parts of a payload are raw blocks")
        if skip_target(sequence) == sequence - 1 and entry.skip != entry.previous:
            raise MalformedEnvelope("two links of a log entry lead to one number and differ")
        return entry

    def check(self, verify: Verify) -> None:
        """Refuses unless the sender signed the entry.

        Raises: InvalidSignature
        """
        fields = _fields(self.topic, self.sender, self.sequence, self.previous, self.skip, self.parts, self.size)
        verify(self.sender, LABEL + cbor.encode(fields, _LIMITS), self.signature)

    def step_towards(self, sequence: int) -> tuple[int, CID]:
        """Number and CID of the next entry on the shortest way back to entry `sequence`, which is an earlier one."""
        if self.skip is not None and skip_target(self.sequence) >= sequence:
            return skip_target(self.sequence), self.skip
        if self.previous is None:
            raise ParameterError("nothing stands before the first entry")
        return self.sequence - 1, self.previous


@dataclass(frozen=True, slots=True)
class Fork:
    """Two entries that one sender signed under one number of one log: evidence that anyone can check.

    Spec: spec/messaging.md#forks
    """

    first: Entry
    second: Entry

    @property
    def sender(self) -> str:
        """Who signed both."""
        return self.first.sender

    @property
    def sequence(self) -> int:
        """The number that both have."""
        return self.first.sequence

    @classmethod
    def prove(cls, first: bytes, second: bytes, verify: Verify) -> Self:
        """The fork that two blocks show.

        Raises: EncodingError, InvalidSignature, BrokenChain if they do not contradict each other
        """
        a, b = Entry.decode(first), Entry.decode(second)
        if (a.topic, a.sender, a.sequence) != (b.topic, b.sender, b.sequence) or a.cid == b.cid:
            raise BrokenChain("the two entries do not contradict each other")
        a.check(verify)
        b.check(verify)
        return cls(a, b)


def _fields(
    topic: str,
    sender: str,
    sequence: int,
    previous: CID | None,
    skip: CID | None,
    parts: tuple[CID, ...],
    size: int,
) -> dict[str, Any]:
    return {
        "v": _VERSION,
        "topic": topic,
        "sender": sender,
        "seq": sequence,
        "prev": previous and previous.link(),
        "skip": skip and skip.link(),
        "parts": [part.link() for part in parts],
        "size": size,
    }


def _link(value: cbor.Value, target: int) -> CID | None:
    """The link to entry `target`: null if that is 0, and only then."""
    if (value is None) != (target == 0):
        raise MalformedEnvelope("a log entry has a link too many or too few")
    if value is None:
        return None
    cid = CID.from_link(value)
    if cid.codec is not Codec.DAG_CBOR:
        raise MalformedEnvelope("a link between log entries leads to something else")
    return cid
