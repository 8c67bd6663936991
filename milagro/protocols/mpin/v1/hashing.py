"""What M-Pin v1 hashes: identities, days, transcripts and times, each into nb octets, a point or a scalar."""

from __future__ import annotations

from typing import TypeVar

from milagro.errors import IdentityElement, ParameterError, WrongLength
from milagro.groups import Curve, Encoding, G1Point, G2Point, Scalar
from milagro.protocols.original_hash import HashName, numbered_hash

MAX_MESSAGE = 256  # octets of a one-pass message; the original cuts off the rest without a word
SECONDS_PER_DAY = 86400

Point = TypeVar("Point", G1Point, G2Point)


def hashed_identity(curve: Curve, identity: bytes, *, hash_name: HashName = "sha256") -> bytes:
    """HID = H(0, ID).

    Spec: spec/mpin-v1.md#hashed-identity
    Shape: identity at least one octet; result `curve.field_bytes` octets
    Raises: ParameterError for an empty identity
    """
    if not identity:
        raise ParameterError("an identity has at least one octet")
    return numbered_hash(curve, 0, identity, hash_name=hash_name)


def identity_point(curve: Curve, hashed: bytes) -> G1Point:
    """A = mapit(HID).

    Spec: spec/mpin-v1.md#hashed-identity
    Raises: WrongLength unless `hashed` is HID, nb octets
    """
    if len(hashed) != curve.field_bytes:
        raise WrongLength(f"a hashed identity of {curve.name} has {curve.field_bytes} octets, got {len(hashed)}")
    return curve.map_to_g1_original(hashed)


def permit_point(curve: Curve, hashed: bytes, date: int, *, hash_name: HashName = "sha256") -> G1Point:
    """AT(date) = mapit(H(date, HID)).

    Spec: spec/mpin-v1.md#time-permit
    Shape: date in whole UTC days since 1970-01-01, at least 1
    Raises: ParameterError for day 0, which means "no permits", and for one that does not fit 31 bits
    """
    return curve.map_to_g1_original(_permit_hash(curve, hashed, date, hash_name))


def _permit_hash(curve: Curve, hashed: bytes, date: int, hash_name: HashName) -> bytes:
    if date < 1:
        raise ParameterError("a time permit needs a day of at least 1; day 0 means that no permits are in use")
    if len(hashed) != curve.field_bytes:
        raise WrongLength(f"a hashed identity of {curve.name} has {curve.field_bytes} octets, got {len(hashed)}")
    return numbered_hash(curve, date, hashed, hash_name=hash_name)


def dated_hashes(curve: Curve, identity: bytes, date: int, *, hash_name: HashName = "sha256") -> list[bytes]:
    """HID, and H(date, HID) unless the date is 0: what mapit makes of them adds up to `dated_point`.

    Spec: spec/mpin-v1.md#verification
    Raises: ParameterError for an empty identity or a negative date
    """
    hashed = hashed_identity(curve, identity, hash_name=hash_name)
    return [hashed, _permit_hash(curve, hashed, date, hash_name)] if date else [hashed]


def dated_point(curve: Curve, identity: bytes, date: int, *, hash_name: HashName = "sha256") -> G1Point:
    """A + AT(date), and A alone for date 0: the point that the responder of a run works with.

    Spec: spec/mpin-v1.md#verification
    Raises: ParameterError for a negative date
    """
    point, *permit = (curve.map_to_g1_original(h) for h in dated_hashes(curve, identity, date, hash_name=hash_name))
    return point + permit[0] if permit else point


def day_of(seconds: int) -> int:
    """floor(seconds / 86400): the UTC day of a Unix time.

    Spec: spec/mpin-v1.md#time-permit
    """
    return seconds // SECONDS_PER_DAY


def time_challenge(
    curve: Curve, time: int, commitment: G1Point, message: bytes = b"", *, hash_name: HashName = "sha256"
) -> Scalar:
    """y = int(H(t, U' || M)) mod r.

    Spec: spec/mpin-v1.md#time-challenge
    Shape: time in Unix seconds below 2^31; message at most 256 octets
    Raises: ParameterError for a longer message, for a time out of range, and for y = 0
    """
    if len(message) > MAX_MESSAGE:
        raise ParameterError(f"a one-pass message has at most {MAX_MESSAGE} octets; hash a longer one first")
    octets = received(commitment).to_bytes(Encoding.MILAGRO) + message
    return nonzero(curve.scalar_reduce(numbered_hash(curve, time, octets, hash_name=hash_name)))


def transcript_hash(
    curve: Curve,
    hashed: bytes,
    *,
    commitment: G1Point,
    v: G1Point,
    y: Scalar,
    r_point: G1Point,
    w_point: G1Point,
    hash_name: HashName = "sha256",
) -> bytes:
    """HASH_ALL = H(0, HID || U' || V || Y || R || W), V before Y.

    Spec: spec/mpin-v1.md#transcript-hash
    Shape: result `curve.field_bytes` octets
    """
    u_v = (received(point).to_bytes(Encoding.MILAGRO) for point in (commitment, v))
    r_w = (received(point).to_bytes(Encoding.MILAGRO) for point in (r_point, w_point))
    return numbered_hash(curve, 0, b"".join([hashed, *u_v, y.to_bytes(curve.field_bytes), *r_w]), hash_name=hash_name)


def received(point: Point) -> Point:
    """The point itself, refused where it is the identity: v1 has no encoding for it and no use."""
    if point.is_identity():
        raise IdentityElement("the identity has no place in M-Pin v1")
    return point


def nonzero(scalar: Scalar) -> Scalar:
    """The scalar itself, refused where it is zero: it would make the step around it empty."""
    if scalar.is_zero():
        raise ParameterError("a scalar of M-Pin v1 is never zero")
    return scalar
