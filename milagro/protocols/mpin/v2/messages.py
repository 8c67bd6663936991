"""The messages of two-pass login and of FULL: what both have in one place, what FULL adds beside it.

    client -- first pass --> server -- challenge --> client -- second pass --> server [-- confirmation --> client]

Points in them are octets here and are decoded behind the signature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from milagro.errors import MalformedEnvelope
from milagro.octets import frame, i2osp, os2ip
from milagro.protocols.mpin.v2.client_key import SIGNATURE_OCTETS
from milagro.protocols.mpin.v2.identity import Identity
from milagro.protocols.mpin.v2.sessions import NONCE_OCTETS, SESSION_OCTETS, Context, need_length
from milagro.protocols.mpin.v2.suite import read_labelled

MAC_OCTETS = 32
LIFETIME_OCTETS = 4
_MAX_LIFETIME = 86400
_SLOT_OCTETS = 12


def lifetime_from(octets: bytes) -> int:
    """The seconds in a challenge.

    Shape: 4 octets, from 1 second to a day
    Raises: MalformedEnvelope
    """
    lifetime = os2ip(need_length("a lifetime", octets, LIFETIME_OCTETS))
    if not 1 <= lifetime <= _MAX_LIFETIME:
        raise MalformedEnvelope("a session lasts from one second to a day")
    return lifetime


# -- first pass --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class FirstPass:
    """label, identity, slot, the points of the kind, client nonce, sig1.

    Spec: spec/mpin.md#two-pass, spec/mpin.md#full
    """

    LABEL: ClassVar[str]
    POINTS: ClassVar[tuple[str, ...]]

    identity: Identity
    slot: bytes
    nonce: bytes
    signature: bytes

    @property
    def suite_id(self) -> str:
        """The suite that the message is of."""
        return self.identity.suite_id

    def _label(self) -> bytes:
        return (self.suite_id + self.LABEL).encode()

    def _body(self) -> tuple[bytes, ...]:
        points = (getattr(self, name) for name in self.POINTS)
        return self.identity.to_bytes(), self.slot, *points, self.nonce

    def signed(self, context: Context) -> bytes:
        """What sig1 is over: frame(label, context.., identity, slot, points, client nonce)."""
        return frame(self._label(), *context.octets, *self._body())

    def to_bytes(self) -> bytes:
        """The octets on the wire."""
        return frame(self._label(), *self._body(), self.signature)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The message with these octets; the points in it are decoded later, behind the signature.

        Raises: EncodingError
        """
        suite_id, fields = read_labelled(octets, cls.LABEL, 4 + len(cls.POINTS))
        identity, slot, *points, nonce, signature = fields
        who = Identity.from_bytes(identity)
        if who.suite_id != suite_id:
            raise MalformedEnvelope("the identity is of another suite than the message")
        need_length("a slot", slot, 0, _SLOT_OCTETS)
        need_length("a nonce", nonce, NONCE_OCTETS)
        need_length("a signature", signature, SIGNATURE_OCTETS)
        return cls(who, slot, nonce, signature, *points)


@dataclass(frozen=True, slots=True)
class PassOne(FirstPass):
    """`PASS1_`, identity, slot, U, client nonce, sig1.

    Spec: spec/mpin.md#two-pass
    """

    LABEL = "PASS1_"
    POINTS = ("U",)

    U: bytes


@dataclass(frozen=True, slots=True)
class FullOne(FirstPass):
    """`FULL-PASS1_`, identity, slot, U, R, client nonce, sig1.

    Spec: spec/mpin.md#full
    """

    LABEL = "FULL-PASS1_"
    POINTS = ("U", "R")

    U: bytes
    R: bytes


# -- challenge ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ServerChallenge:
    """label, session id, server nonce, lifetime in seconds, the points of the kind.

    Spec: spec/mpin.md#two-pass, spec/mpin.md#full
    """

    LABEL: ClassVar[str]
    POINTS: ClassVar[tuple[str, ...]]

    suite_id: str
    session_id: bytes
    nonce: bytes
    lifetime: int

    @property
    def question(self) -> tuple[bytes, bytes, bytes]:
        """The fields of every kind, for a frame: session id, server nonce, lifetime."""
        return self.session_id, self.nonce, i2osp(self.lifetime, LIFETIME_OCTETS)

    def to_bytes(self) -> bytes:
        """The octets on the wire."""
        return frame((self.suite_id + self.LABEL).encode(), *self.question, *(getattr(self, n) for n in self.POINTS))

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The message with these octets. Raises EncodingError."""
        suite_id, fields = read_labelled(octets, cls.LABEL, 3 + len(cls.POINTS))
        session_id, nonce, lifetime, *points = fields
        need_length("a session id", session_id, SESSION_OCTETS)
        need_length("a nonce", nonce, NONCE_OCTETS)
        return cls(suite_id, session_id, nonce, lifetime_from(lifetime), *points)


@dataclass(frozen=True, slots=True)
class Challenge(ServerChallenge):
    """`ASK_`, session id, server nonce, lifetime in seconds.

    Spec: spec/mpin.md#two-pass
    """

    LABEL = "ASK_"
    POINTS = ()


@dataclass(frozen=True, slots=True)
class FullChallenge(ServerChallenge):
    """`FULL-ASK_`, session id, server nonce, lifetime in seconds, W.

    Spec: spec/mpin.md#full
    """

    LABEL = "FULL-ASK_"
    POINTS = ("W",)

    W: bytes


# -- second pass -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class SecondPass:
    """label, session id, V, the MACs of the kind, sig2.

    Spec: spec/mpin.md#two-pass, spec/mpin.md#full
    """

    LABEL: ClassVar[str]
    MACS: ClassVar[tuple[str, ...]]

    suite_id: str
    session_id: bytes
    V: bytes
    signature: bytes

    def _label(self) -> bytes:
        return (self.suite_id + self.LABEL).encode()

    def _body(self) -> tuple[bytes, ...]:
        return self.session_id, self.V, *(getattr(self, name) for name in self.MACS)

    def signed(self, context: Context, first: FirstPass, challenge: ServerChallenge) -> bytes:
        """What sig2 is over: frame(label, context.., first pass, challenge, session id, V, MACs)."""
        return frame(self._label(), *context.octets, first.to_bytes(), challenge.to_bytes(), *self._body())

    def to_bytes(self) -> bytes:
        """The octets on the wire."""
        return frame(self._label(), *self._body(), self.signature)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The message with these octets; the point in it is decoded later, behind the signature.

        Raises: EncodingError
        """
        suite_id, fields = read_labelled(octets, cls.LABEL, 3 + len(cls.MACS))
        session_id, V, *macs, signature = fields
        need_length("a session id", session_id, SESSION_OCTETS)
        for mac in macs:
            need_length("a MAC", mac, MAC_OCTETS)
        need_length("a signature", signature, SIGNATURE_OCTETS)
        return cls(suite_id, session_id, V, signature, *macs)


@dataclass(frozen=True, slots=True)
class PassTwo(SecondPass):
    """`PASS2_`, session id, V, sig2.

    Spec: spec/mpin.md#two-pass
    """

    LABEL = "PASS2_"
    MACS = ()


@dataclass(frozen=True, slots=True)
class FullTwo(SecondPass):
    """`FULL-PASS2_`, session id, V, MAC_c, sig2.

    Spec: spec/mpin.md#full
    """

    LABEL = "FULL-PASS2_"
    MACS = ("mac",)

    mac: bytes


# -- confirmation ------------------------------------------------------------------------------------------------
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
