"""Order in a channel: the sender counts and links its envelopes; the receiver notices replay, loss and reordering.

SenderState --position--> sealed --advance(identifier)--> SenderState
ReceiverState --accept(opened)--> ReceiverState, or Replay, OutOfOrder, BrokenChain, Expired
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from milagro import cbor
from milagro.cbor import Fields
from milagro.errors import BrokenChain, Expired, MalformedEnvelope, OutOfOrder, ParameterError, Replay, WrongRound
from milagro.protocols.envelope.header import MAX_CHANNEL, Position
from milagro.protocols.envelope.labels import ID_OCTETS

if TYPE_CHECKING:
    from milagro.protocols.envelope.opening import Opened

MAX_AHEAD: Final = 300  # seconds that a sender's clock may be fast
_CHANNEL, _NEXT, _LAST, _SENDER = range(4)


@dataclass(frozen=True, slots=True)
class SenderState:
    """What a sender keeps of a channel: the next number and the identifier of the last envelope.

    Spec: spec/envelope.md#order
    """

    channel: str
    next: int = 0
    last: bytes = bytes(ID_OCTETS)

    @property
    def position(self) -> Position:
        """The place of the next envelope."""
        return Position(self.channel, self.next, self.last)

    def advance(self, identifier: bytes) -> SenderState:
        """The state after the next envelope, which has this identifier, was sealed."""
        if len(identifier) != ID_OCTETS:
            raise ParameterError(f"an identifier has {ID_OCTETS} octets")
        return replace(self, next=self.next + 1, last=identifier)

    def to_bytes(self) -> bytes:
        """The state in CBOR."""
        return cbor.encode({_CHANNEL: self.channel, _NEXT: self.next, _LAST: self.last})

    @classmethod
    def from_bytes(cls, octets: bytes) -> SenderState:
        """The state with these octets.

        Raises: MalformedEnvelope, NonCanonical
        """
        fields = Fields(cbor.decode(octets), "the sender's state")
        state = cls(*_common(fields))
        fields.finish()
        return state


@dataclass(frozen=True, slots=True)
class ReceiverState:
    """What a receiver keeps per sender and channel: the next number and the identifier of the last envelope.

    Spec: spec/envelope.md#order
    """

    sender: bytes
    channel: str
    next: int = 0
    last: bytes = bytes(ID_OCTETS)

    def accept(self, opened: Opened, now: int, max_age: int | None = None, max_ahead: int = MAX_AHEAD) -> ReceiverState:
        """The state after this envelope; `now` in unix seconds, without `max_age` an envelope may be of any age.

        Spec: spec/envelope.md#order
        Raises: WrongRound, Replay, OutOfOrder, BrokenChain, Expired; the old state stays good
        """
        header = opened.header
        position = header.position
        if header.sender != self.sender or position is None or position.channel != self.channel:
            raise WrongRound("the envelope does not belong to this sender's channel")
        if position.sequence < self.next:
            raise Replay(f"envelope {position.sequence} of the channel was accepted before")
        if position.sequence > self.next:
            raise OutOfOrder(
                f"envelopes {self.next} to {position.sequence - 1} of the channel are missing",
                range(self.next, position.sequence),
            )
        if position.previous != self.last:
            raise BrokenChain(f"envelope {position.sequence} of the channel follows another one than was accepted")
        if header.timestamp > now + max_ahead or (max_age is not None and header.timestamp < now - max_age):
            raise Expired("the envelope was sealed too long ago, or in the future")
        return replace(self, next=self.next + 1, last=opened.identifier)

    def to_bytes(self) -> bytes:
        """The state in CBOR."""
        return cbor.encode({_CHANNEL: self.channel, _NEXT: self.next, _LAST: self.last, _SENDER: self.sender})

    @classmethod
    def from_bytes(cls, octets: bytes) -> ReceiverState:
        """The state with these octets.

        Raises: MalformedEnvelope, NonCanonical
        """
        fields = Fields(cbor.decode(octets), "the receiver's state")
        state = cls(fields.octets(_SENDER, ID_OCTETS, ID_OCTETS), *_common(fields))
        fields.finish()
        return state


def _common(fields: Fields) -> tuple[str, int, bytes]:
    channel, number = fields.text(_CHANNEL, 1, MAX_CHANNEL), fields.integer(_NEXT, 0, (1 << 63) - 1)
    last = fields.octets(_LAST, ID_OCTETS, ID_OCTETS)
    if (number == 0) != (last == bytes(ID_OCTETS)):
        raise MalformedEnvelope("a state of a channel has a last envelope exactly if it has had one")
    return channel, number, last
