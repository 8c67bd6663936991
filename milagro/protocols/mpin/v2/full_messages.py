"""The four messages of FULL, in the order in which they travel.

    client -- FullOne --> server -- FullChallenge --> client -- FullTwo --> server -- FullConfirmation --> client

Points in them are octets here and are decoded behind the signature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from milagro.errors import MalformedEnvelope
from milagro.octets import frame, i2osp
from milagro.protocols.mpin.v2.client_key import SIGNATURE_OCTETS
from milagro.protocols.mpin.v2.identity import Identity
from milagro.protocols.mpin.v2.sessions import NONCE_OCTETS, SESSION_OCTETS, need_length
from milagro.protocols.mpin.v2.suite import read_labelled
from milagro.protocols.mpin.v2.two_pass import lifetime_from

if TYPE_CHECKING:
    from milagro.protocols.mpin.v2.sessions import Context

MAC_OCTETS = 32


@dataclass(frozen=True, slots=True)
class FullOne:
    """`FULL-PASS1_`, identity, slot, U, R, client nonce, sig1.

    Spec: spec/mpin.md#full
    """

    identity: Identity
    slot: bytes
    U: bytes
    R: bytes
    nonce: bytes
    signature: bytes

    @property
    def suite_id(self) -> str:
        """The suite that the message is of."""
        return self.identity.suite_id

    def _label(self) -> bytes:
        return f"{self.suite_id}FULL-PASS1_".encode()

    def _body(self) -> tuple[bytes, ...]:
        return self.identity.to_bytes(), self.slot, self.U, self.R, self.nonce

    def signed(self, context: Context) -> bytes:
        """What sig1 is over: frame(label, context.., identity, slot, U, R, client nonce)."""
        return frame(self._label(), *context.octets, *self._body())

    def to_bytes(self) -> bytes:
        """The octets on the wire."""
        return frame(self._label(), *self._body(), self.signature)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The message with these octets. Raises EncodingError."""
        suite_id, (identity, slot, U, R, nonce, signature) = read_labelled(octets, "FULL-PASS1_", 6)
        who = Identity.from_bytes(identity)
        if who.suite_id != suite_id:
            raise MalformedEnvelope("the identity is of another suite than the message")
        need_length("a slot", slot, 0, 12)
        need_length("a nonce", nonce, NONCE_OCTETS)
        need_length("a signature", signature, SIGNATURE_OCTETS)
        return cls(who, slot, U, R, nonce, signature)


@dataclass(frozen=True, slots=True)
class FullChallenge:
    """`FULL-ASK_`, session id, server nonce, lifetime in seconds, W.

    Spec: spec/mpin.md#full
    """

    suite_id: str
    session_id: bytes
    nonce: bytes
    lifetime: int
    W: bytes

    def to_bytes(self) -> bytes:
        """The octets on the wire."""
        label = f"{self.suite_id}FULL-ASK_".encode()
        return frame(label, self.session_id, self.nonce, i2osp(self.lifetime, 4), self.W)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The message with these octets. Raises EncodingError."""
        suite_id, (session_id, nonce, lifetime, W) = read_labelled(octets, "FULL-ASK_", 4)
        need_length("a session id", session_id, SESSION_OCTETS)
        need_length("a nonce", nonce, NONCE_OCTETS)
        return cls(suite_id, session_id, nonce, lifetime_from(lifetime), W)


@dataclass(frozen=True, slots=True)
class FullTwo:
    """`FULL-PASS2_`, session id, V, MAC_c, sig2.

    Spec: spec/mpin.md#full
    """

    suite_id: str
    session_id: bytes
    V: bytes
    mac: bytes
    signature: bytes

    def _label(self) -> bytes:
        return f"{self.suite_id}FULL-PASS2_".encode()

    def signed(self, context: Context, full_one: FullOne, challenge: FullChallenge) -> bytes:
        """What sig2 is over: frame(label, context.., FULL-PASS1 octets, FULL-ASK octets, session id, V, MAC_c)."""
        before = (full_one.to_bytes(), challenge.to_bytes())
        return frame(self._label(), *context.octets, *before, self.session_id, self.V, self.mac)

    def to_bytes(self) -> bytes:
        """The octets on the wire."""
        return frame(self._label(), self.session_id, self.V, self.mac, self.signature)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The message with these octets. Raises EncodingError."""
        suite_id, (session_id, V, mac, signature) = read_labelled(octets, "FULL-PASS2_", 4)
        need_length("a session id", session_id, SESSION_OCTETS)
        need_length("a MAC", mac, MAC_OCTETS)
        need_length("a signature", signature, SIGNATURE_OCTETS)
        return cls(suite_id, session_id, V, mac, signature)


@dataclass(frozen=True, slots=True)
class FullConfirmation:
    """`FULL-CONFIRM_`, session id, MAC_s.

    Spec: spec/mpin.md#full
    """

    suite_id: str
    session_id: bytes
    mac: bytes

    def to_bytes(self) -> bytes:
        """The octets on the wire."""
        return frame(f"{self.suite_id}FULL-CONFIRM_".encode(), self.session_id, self.mac)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The message with these octets. Raises EncodingError."""
        suite_id, (session_id, mac) = read_labelled(octets, "FULL-CONFIRM_", 2)
        need_length("a session id", session_id, SESSION_OCTETS)
        need_length("a MAC", mac, MAC_OCTETS)
        return cls(suite_id, session_id, mac)
