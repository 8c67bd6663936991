"""What a one-pass login and a signature share: one message, with a time and a nonce in place of a challenge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from milagro.errors import MalformedEnvelope
from milagro.octets import frame, i2osp, os2ip
from milagro.protocols.mpin.v2.client_key import SIGNATURE_OCTETS
from milagro.protocols.mpin.v2.identity import Identity
from milagro.protocols.mpin.v2.sessions import NONCE_OCTETS, need_length
from milagro.protocols.mpin.v2.suite import read_labelled

TIME_OCTETS = 8
_SLOT_OCTETS = 12


@dataclass(frozen=True, slots=True)
class TimedMessage:
    """label, identity, slot, time, nonce, U, V, sig; the label is the kind's.

    Spec: spec/mpin.md#one-pass, spec/mpin.md#signing
    """

    LABEL: ClassVar[str]

    identity: Identity
    slot: bytes
    time: int
    nonce: bytes
    U: bytes
    V: bytes
    signature: bytes

    def _label(self) -> bytes:
        return (self.identity.suite_id + self.LABEL).encode()

    def _start(self) -> tuple[bytes, ...]:
        return self.identity.to_bytes(), self.slot, i2osp(self.time, TIME_OCTETS), self.nonce, self.U

    def to_bytes(self) -> bytes:
        """The octets on the wire."""
        return frame(self._label(), *self._start(), self.V, self.signature)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The message with these octets; the points in it are decoded later, behind the client's signature.

        Raises: EncodingError
        """
        suite_id, (identity, slot, time, nonce, U, V, signature) = read_labelled(octets, cls.LABEL, 7)
        who = Identity.from_bytes(identity)
        if who.suite_id != suite_id:
            raise MalformedEnvelope("the identity is of another suite than the message")
        need_length("a slot", slot, 0, _SLOT_OCTETS)
        need_length("a nonce", nonce, NONCE_OCTETS)
        need_length("a signature", signature, SIGNATURE_OCTETS)
        seconds = os2ip(need_length("a time", time, TIME_OCTETS))
        if seconds >= 1 << 62:
            raise MalformedEnvelope("a time is out of range")
        return cls(who, slot, seconds, nonce, U, V, signature)
