"""Chow-Choo key agreement (WCC of the original library): two identities reach one key, with forward secrecy.

    A (sender key s*A1)                                B (receiver key s*B2)
    start(x) -> Started
             PaG1 = x*A1  ---------------------------->  respond(y, w) -> Answered
             Started  <-------------------------------   PbG2 = y*B2, PgG1 = w*A1
    finish(PbG2, PgG1) -> K                              K

A1 = mapit(H(0, ID_A)) in G1, B2 = mapit2(H(0, ID_B)) in G2, and

    pia = int(H(0, PaG1 || PbG2 || PgG1 || ID_B)) mod r,   pib = int(H(0, PbG2 || PaG1 || PgG1 || ID_A)) mod r
    A:  g = e((x + pia) * s*A1, pib*B2 + PbG2),            D = x * PgG1
    B:  g = e(pia*A1 + PaG1, (y + pib) * s*B2),            D = w * PaG1
    K = first 16 octets of SHA(trace(g) || 04 || D.x || D.y)

Neither side is told whether the other has K: what is encrypted under it shows that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from milagro.errors import IdentityElement, ParameterError, WrongLength, WrongRound
from milagro.groups import Curve, Encoding, G1Point, G2Point, GTElement, Scalar
from milagro.protocols.original_hash import SESSION_KEY_BYTES, HashName, digest, numbered_hash

Point = TypeVar("Point", G1Point, G2Point)


def hashed_identity(curve: Curve, identity: bytes, *, hash_name: HashName = "sha256") -> bytes:
    """H(0, ID), which is what a D-TA is given.

    Spec: spec/wcc.md#keys
    Raises: ParameterError for an empty identity
    """
    if not identity:
        raise ParameterError("an identity has at least one octet")
    return numbered_hash(curve, 0, identity, hash_name=hash_name)


def sender_key(curve: Curve, master: Scalar, hashed: bytes) -> G1Point:
    """s * A1 with A1 = mapit(H(0, ID_A)).

    Spec: spec/wcc.md#keys
    Shape: `hashed` is H(0, ID_A), nb octets
    Raises: WrongLength, ParameterError for s = 0
    Secret: the result; constant time in s on the native backend
    """
    return _nonzero(master) * curve.map_to_g1_original(_of_field(curve, hashed))


def receiver_key(curve: Curve, master: Scalar, hashed: bytes) -> G2Point:
    """s * B2 with B2 = mapit2(H(0, ID_B)).

    Spec: spec/wcc.md#keys
    Shape: `hashed` is H(0, ID_B), nb octets
    Raises: WrongLength, ParameterError for s = 0
    Secret: the result; constant time in s on the native backend
    """
    return _nonzero(master) * curve.map_to_g2_original(_of_field(curve, hashed))


@dataclass(frozen=True, slots=True)
class Transcript:
    """What both sides have seen: PaG1, PbG2, PgG1 and the two identities.

    Spec: spec/wcc.md#exchange
    """

    curve: Curve
    sender: bytes
    receiver: bytes
    pa: G1Point
    pb: G2Point
    pg: G1Point
    hash_name: HashName = "sha256"

    def __post_init__(self) -> None:
        for point in (self.pa, self.pg):
            _received(point)
        _received(self.pb)

    @property
    def pia(self) -> Scalar:
        """int(H(0, PaG1 || PbG2 || PgG1 || ID_B)) mod r."""
        pa, pb, pg = self._octets()
        return self.curve.scalar_reduce(
            numbered_hash(self.curve, 0, pa + pb + pg + self.receiver, hash_name=self.hash_name)
        )

    @property
    def pib(self) -> Scalar:
        """int(H(0, PbG2 || PaG1 || PgG1 || ID_A)) mod r."""
        pa, pb, pg = self._octets()
        return self.curve.scalar_reduce(
            numbered_hash(self.curve, 0, pb + pa + pg + self.sender, hash_name=self.hash_name)
        )

    def _octets(self) -> tuple[bytes, bytes, bytes]:
        encoding = Encoding.MILAGRO
        return self.pa.to_bytes(encoding), self.pb.to_bytes(encoding), self.pg.to_bytes(encoding)


def commitment_g1(curve: Curve, identity: bytes, k: Scalar, *, hash_name: HashName = "sha256") -> G1Point:
    """k * A1: PaG1 with k = x, PgG1 with k = w, both on the sender's identity.

    Spec: spec/wcc.md#exchange
    Raises: ParameterError for k = 0 or an empty identity
    Secret: k; constant time in it on the native backend
    """
    return _nonzero(k) * curve.map_to_g1_original(hashed_identity(curve, identity, hash_name=hash_name))


def commitment_g2(curve: Curve, identity: bytes, k: Scalar, *, hash_name: HashName = "sha256") -> G2Point:
    """k * B2: PbG2 with k = y, on the receiver's identity.

    Spec: spec/wcc.md#exchange
    Raises: ParameterError for k = 0 or an empty identity
    Secret: k; constant time in it on the native backend
    """
    return _nonzero(k) * curve.map_to_g2_original(hashed_identity(curve, identity, hash_name=hash_name))


def sender_session_key(transcript: Transcript, x: Scalar, key: G1Point) -> bytes:
    """K from g = e((x + pia) * s*A1, pib*B2 + PbG2) and D = x * PgG1.

    Spec: spec/wcc.md#session-key
    Shape: result 16 octets
    Raises: ParameterError for x = 0, IdentityElement if either argument of the pairing is the identity
    Secret: the result; constant time in x on the native backend
    """
    curve, pia, pib = transcript.curve, transcript.pia, transcript.pib
    b2 = curve.map_to_g2_original(hashed_identity(curve, transcript.receiver, hash_name=transcript.hash_name))
    left = (_nonzero(x) + pia) * _received(key)
    g = curve.pairing(_received(left), _received(pib * b2 + transcript.pb))
    return _session_key(g, x * transcript.pg, hash_name=transcript.hash_name)


def receiver_session_key(transcript: Transcript, y: Scalar, w: Scalar, key: G2Point) -> bytes:
    """K from g = e(pia*A1 + PaG1, (y + pib) * s*B2) and D = w * PaG1.

    Spec: spec/wcc.md#session-key
    Shape: result 16 octets
    Raises: ParameterError for y = 0 or w = 0, IdentityElement if either argument of the pairing is the identity
    Secret: the result; constant time in y and w on the native backend
    """
    curve, pia, pib = transcript.curve, transcript.pia, transcript.pib
    a1 = curve.map_to_g1_original(hashed_identity(curve, transcript.sender, hash_name=transcript.hash_name))
    right = (_nonzero(y) + pib) * _received(key)
    g = curve.pairing(_received(pia * a1 + transcript.pa), _received(right))
    return _session_key(g, _nonzero(w) * transcript.pa, hash_name=transcript.hash_name)


class Sender:
    """A, after its message and before B's.

    Spec: spec/wcc.md#exchange
    """

    __slots__ = ("_curve", "_hash", "_key", "_pa", "_receiver", "_sender", "_x")

    def __init__(
        self, curve: Curve, key: G1Point, *, parties: tuple[bytes, bytes], x: Scalar, pa: G1Point, hash_name: HashName
    ) -> None:
        self._curve, self._key, self._pa, self._hash = curve, key, pa, hash_name
        self._sender, self._receiver = parties
        self._x: Scalar | None = x

    @classmethod
    def start(
        cls, curve: Curve, sender: bytes, receiver: bytes, key: G1Point, x: Scalar, *, hash_name: HashName = "sha256"
    ) -> tuple[Sender, G1Point]:
        """The waiting sender and PaG1. `x` is fresh from `curve.random_scalar` in every run.

        Raises: ParameterError, IdentityElement
        """
        pa = commitment_g1(curve, sender, x, hash_name=hash_name)
        parties = (sender, receiver)
        return cls(curve, _received(key), parties=parties, x=x, pa=pa, hash_name=hash_name), pa

    def finish(self, pb: G2Point, pg: G1Point) -> bytes:
        """K.

        Raises: WrongRound the second time, IdentityElement
        """
        if self._x is None:
            raise WrongRound("this exchange is over; start another one with a fresh x")
        transcript = Transcript(self._curve, self._sender, self._receiver, self._pa, pb, pg, hash_name=self._hash)
        x, self._x = self._x, None
        return sender_session_key(transcript, x, self._key)


def respond(
    curve: Curve,
    sender: bytes,
    receiver: bytes,
    key: G2Point,
    pa: G1Point,
    *,
    y: Scalar,
    w: Scalar,
    hash_name: HashName = "sha256",
) -> tuple[G2Point, G1Point, bytes]:
    """PbG2 and PgG1 for the sender, and K, which stays here. `y` and `w` are fresh in every run.

    Spec: spec/wcc.md#exchange
    Raises: ParameterError, IdentityElement
    Secret: K
    """
    pb, pg = (
        commitment_g2(curve, receiver, y, hash_name=hash_name),
        commitment_g1(curve, sender, w, hash_name=hash_name),
    )
    return pb, pg, receiver_session_key(Transcript(curve, sender, receiver, pa, pb, pg, hash_name=hash_name), y, w, key)


def _session_key(g: GTElement, d: G1Point, *, hash_name: HashName) -> bytes:
    return digest(g.trace_bytes() + _received(d).to_bytes(Encoding.MILAGRO), hash_name=hash_name)[:SESSION_KEY_BYTES]


def _of_field(curve: Curve, hashed: bytes) -> bytes:
    if len(hashed) != curve.field_bytes:
        raise WrongLength(f"a hashed identity of {curve.name} has {curve.field_bytes} octets, got {len(hashed)}")
    return hashed


def _received(point: Point) -> Point:
    if point.is_identity():
        raise IdentityElement("the identity has no place in this exchange")
    return point


def _nonzero(scalar: Scalar) -> Scalar:
    if scalar.is_zero():
        raise ParameterError("a scalar of this exchange is never zero")
    return scalar
