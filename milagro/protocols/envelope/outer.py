"""The part of an envelope that everybody can read: first octets, suite, key commitment, slots."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from milagro import cbor
from milagro.cbor import Fields, Limits
from milagro.errors import MalformedEnvelope
from milagro.octets import i2osp, os2ip
from milagro.protocols.envelope.labels import DIGEST_OCTETS, ID_OCTETS
from milagro.protocols.envelope.suites import suite_named

if TYPE_CHECKING:
    from milagro.cbor import Key, Value

MAGIC: Final = b"MLGENV\x00\x01"
PREAMBLE_OCTETS: Final = 16
MAX_OUTER: Final = 1 << 23
MAX_SEALED_HEADER: Final = 1 << 20
MAX_SLOTS: Final = 4096
MIN_ANONYMOUS: Final = 4
TAG_OCTETS: Final = 16
_LIMITS = Limits(octets=MAX_OUTER, items=4 * MAX_SLOTS + 64, depth=4)
_SUITE, _COMMITMENT, _SLOTS = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Slot:
    """The content secret sealed to one key; without the key's id in an anonymous envelope."""

    key_id: bytes | None
    octets: bytes


@dataclass(frozen=True, slots=True)
class Outer:
    """The outer map.

    Spec: spec/envelope.md#outer
    Raises: MalformedEnvelope for slots that no envelope has
    """

    suite: str
    commitment: bytes
    slots: tuple[Slot, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.slots) <= MAX_SLOTS:
            raise MalformedEnvelope(f"an envelope has between 1 and {MAX_SLOTS} slots")
        if any(len(slot.octets) != suite_named(self.suite).slot_octets for slot in self.slots):
            raise MalformedEnvelope(f"a slot of {self.suite} has another length")
        ids = [slot.key_id for slot in self.slots if slot.key_id is not None]
        if len(ids) not in (0, len(self.slots)):
            raise MalformedEnvelope("some slots are named and some are not")
        if any(left >= right for left, right in pairwise(ids)):
            raise MalformedEnvelope("the slots are not in the order of their key ids, or one stands twice")
        if not ids and (len(self.slots) < MIN_ANONYMOUS or len(self.slots).bit_count() != 1):
            raise MalformedEnvelope(f"an anonymous envelope has a power of two of slots, at least {MIN_ANONYMOUS}")

    @property
    def anonymous(self) -> bool:
        """Whether the slots say nothing of their keys."""
        return self.slots[0].key_id is None

    @property
    def key_ids(self) -> tuple[bytes, ...]:
        """The key ids of the slots, ascending; none in an anonymous envelope."""
        return tuple(slot.key_id for slot in self.slots if slot.key_id is not None)

    def to_bytes(self) -> bytes:
        """The outer map in CBOR."""
        slots = [slot.octets if slot.key_id is None else (slot.key_id, slot.octets) for slot in self.slots]
        return cbor.encode({_SUITE: self.suite, _COMMITMENT: self.commitment, _SLOTS: slots}, _LIMITS)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Outer:
        """The outer map with these octets.

        Raises: MalformedEnvelope, NonCanonical
        """
        fields = Fields(cbor.decode(octets, _LIMITS), "the outer map")
        suite = fields.text(_SUITE, 1, 64)
        commitment = fields.octets(_COMMITMENT, DIGEST_OCTETS, DIGEST_OCTETS)
        slots = tuple(_slot(entry) for entry in fields.array(_SLOTS))
        refuse_unknown_critical(fields, "the outer map")
        return cls(suite, commitment, slots)


def _slot(entry: Value) -> Slot:
    match entry:
        case bytes():
            return Slot(None, entry)
        case (bytes() as key_id, bytes() as octets) if len(key_id) == ID_OCTETS:
            return Slot(key_id, octets)
    raise MalformedEnvelope("a slot is not an octet string, nor a key id and an octet string")


def refuse_unknown_critical(fields: Fields, what: str) -> dict[int, Value]:
    """The fields with negative keys, which may be passed over; any other unread field is refused.

    Spec: spec/envelope.md#outer
    Raises: MalformedEnvelope
    """
    unread = fields.unread()
    if any(not is_ignorable(key) for key in unread):
        raise MalformedEnvelope(f"{what} has a critical field that this release does not know")
    return {key: fields.value(key) for key in sorted(unread, key=str) if isinstance(key, int)}


def is_ignorable(key: Key) -> bool:
    """Whether a field with this key may be passed over by those who do not know it."""
    return isinstance(key, int) and key < 0


def preamble(outer: bytes, sealed_header: bytes) -> bytes:
    """The first 16 octets: format, version, and the lengths of outer map and sealed header."""
    return MAGIC + i2osp(len(outer), 4) + i2osp(len(sealed_header), 4)


def read_preamble(octets: bytes) -> tuple[int, int]:
    """The lengths of outer map and sealed header.

    Raises: MalformedEnvelope
    """
    if octets[:6] != MAGIC[:6]:
        raise MalformedEnvelope("this is not a Milagro envelope")
    if octets[6:8] != MAGIC[6:]:
        raise MalformedEnvelope("the envelope has a version that this release does not read")
    outer, header = os2ip(octets[8:12]), os2ip(octets[12:16])
    if not 0 < outer <= MAX_OUTER or not TAG_OCTETS < header <= MAX_SEALED_HEADER:
        raise MalformedEnvelope("the envelope has an impossible length in its first octets")
    return outer, header
