"""BLS signatures of the original Milagro library: keys in G2, signatures in G1, on every curve.

h(M) = mapit(SHAKE256(M, nb octets)), PK = s*Q, S = s*h(M); S is valid iff e(-S, Q) * e(h(M), PK) = 1.
A public key travels in Encoding.MILAGRO (4nb octets), a signature in Encoding.MILAGRO_COMPRESSED (nb + 1 octets).

Signatures and keys add up, and a secret or a signature can be shared by Shamir's scheme. There is no proof of
possession: adding up keys of parties who do not trust each other lets the last one choose the sum (a rogue key).
Use `milagro.protocols.bls.ietf` where that matters.

    status of the original      here
    0   ok                      nothing is raised
    41  bad signature           InvalidSignature
    42  bad octets in G1        EncodingError, when the signature is decoded (before the key)
    43  bad octets in G2        EncodingError, when the public key is decoded
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from milagro.errors import IdentityElement, InvalidSignature, ParameterError
from milagro.groups import Curve, Encoding, G1Point, G2Point, Random, Scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

PUBLIC_KEY_ENCODING = Encoding.MILAGRO
SIGNATURE_ENCODING = Encoding.MILAGRO_COMPRESSED

Point = TypeVar("Point", G1Point, G2Point)


def hash_message(curve: Curve, message: bytes) -> G1Point:
    """h(M) = mapit(SHAKE256(M, nb octets)).

    Spec: spec/bls.md#original
    """
    return curve.map_to_g1_original(hashlib.shake_256(message).digest(curve.field_bytes))


def hash_messages(curve: Curve, messages: Sequence[bytes], *, workers: int = 1) -> list[G1Point]:
    """h(M) of each message, on so many threads.

    Spec: spec/bls.md#original
    """
    octets = [hashlib.shake_256(message).digest(curve.field_bytes) for message in messages]
    return curve.map_to_g1_original_many(octets, workers=workers)


def public_key(curve: Curve, secret: Scalar) -> G2Point:
    """PK = s * Q.

    Spec: spec/bls.md#original
    Raises: ParameterError for s = 0
    Secret: s; constant time in it on the native backend
    """
    return _nonzero(secret) * curve.g2


def sign(curve: Curve, secret: Scalar, message: bytes) -> G1Point:
    """S = s * h(M).

    Spec: spec/bls.md#original
    Raises: ParameterError for s = 0
    Secret: s; constant time in it on the native backend
    """
    return _nonzero(secret) * hash_message(curve, message)


def verify(curve: Curve, key: G2Point, message: bytes, signature: G1Point) -> None:
    """Nothing, if e(-S, Q) * e(h(M), PK) = 1.

    Spec: spec/bls.md#original
    Raises: InvalidSignature, also if the key or the signature is the identity
    """
    degenerate = key.is_identity() or signature.is_identity()
    if degenerate or not curve.pairing_check([(-signature, curve.g2_prepared), (hash_message(curve, message), key)]):
        raise InvalidSignature("the signature does not match its key and message")


def public_key_from_bytes(curve: Curve, octets: bytes) -> G2Point:
    """The public key with these 4nb octets.

    Spec: spec/bls.md#original
    Raises: EncodingError (status 43 of the original)
    """
    return curve.g2_from_bytes(octets, PUBLIC_KEY_ENCODING)


def signature_from_bytes(curve: Curve, octets: bytes) -> G1Point:
    """The signature with these octets: nb + 1 (compressed), and 2nb + 1 as the original also reads them.

    Spec: spec/bls.md#original
    Raises: EncodingError (status 42 of the original)
    """
    return curve.g1_from_bytes(octets, Encoding.MILAGRO)


def aggregate_signatures(signatures: Sequence[G1Point]) -> G1Point:
    """S1 + S2 + ...: the signature of the sum of the keys on the one message.

    Spec: spec/bls.md#original-aggregation
    Raises: ParameterError for none, IdentityElement if one of them or the sum is the identity
    """
    return _sum(signatures)


def aggregate_keys(keys: Sequence[G2Point]) -> G2Point:
    """PK1 + PK2 + ...; safe only for keys whose owners are known to hold their secrets.

    Spec: spec/bls.md#original-aggregation
    Raises: ParameterError for none, IdentityElement if one of them or the sum is the identity
    """
    return _sum(keys)


class SecretShare(NamedTuple):
    """The value `y` of the polynomial at `x` = 1, 2, ..."""

    x: int
    y: Scalar


class SignatureShare(NamedTuple):
    """A signature under the share at `x`."""

    x: int
    signature: G1Point


def random_coefficients(curve: Curve, secret: Scalar, threshold: int, random: Random) -> list[Scalar]:
    """s, a_1, ..., a_(k-1): a polynomial of degree k - 1 with f(0) = s, the rest drawn from [1, r - 1].

    Spec: spec/bls.md#original-shamir
    Raises: ParameterError for a threshold below 1 or s = 0
    Secret: the result
    """
    if threshold < 1:
        raise ParameterError("a threshold is at least 1")
    return [_nonzero(secret), *(curve.random_scalar(random) for _ in range(threshold - 1))]


def make_shares(curve: Curve, coefficients: Sequence[Scalar], count: int) -> list[SecretShare]:
    """(x, f(x)) for x = 1 .. n with f(x) = c_0 + c_1 x + ... + c_(k-1) x^(k-1) mod r.

    Spec: spec/bls.md#original-shamir
    Raises: ParameterError unless 1 <= k <= n < r
    Secret: the result
    """
    if not 1 <= len(coefficients) <= count < curve.order:
        raise ParameterError("there are at least as many shares as coefficients, and at least one coefficient")
    return [SecretShare(x, _evaluate(curve, coefficients, x)) for x in range(1, count + 1)]


def _evaluate(curve: Curve, coefficients: Sequence[Scalar], x: int) -> Scalar:
    at, value = curve.scalar(x), curve.scalar(0)
    for coefficient in reversed(coefficients):
        value = value * at + coefficient
    return value


def recover_secret(curve: Curve, shares: Sequence[SecretShare]) -> Scalar:
    """f(0) by Lagrange's interpolation; the secret if there are at least k shares, and another number if not.

    Spec: spec/bls.md#original-shamir
    Raises: ParameterError for no share, an x twice, or one outside 1 .. r - 1
    Secret: the result
    """
    coefficients = curve.lagrange_at_zero([share.x for share in shares])
    total = curve.scalar(0)
    for coefficient, share in zip(coefficients, shares, strict=True):
        total = total + coefficient * share.y
    return total


def recover_signature(curve: Curve, shares: Sequence[SignatureShare]) -> G1Point:
    """The signature under f(0), from signatures under shares; `verify` tells whether they were enough and right.

    Spec: spec/bls.md#original-shamir
    Raises: ParameterError for no share, an x twice, or one outside 1 .. r - 1; IdentityElement
    """
    coefficients = curve.lagrange_at_zero([share.x for share in shares])
    return _received(curve.multi_multiply_g1([_received(share.signature) for share in shares], coefficients))


def _nonzero(scalar: Scalar) -> Scalar:
    if scalar.is_zero():
        raise ParameterError("a secret key is never zero")
    return scalar


def _sum(points: Sequence[Point]) -> Point:
    if not points:
        raise ParameterError("there is nothing to add up")
    total = _received(points[0])
    for point in points[1:]:
        total = total + _received(point)
    return _received(total)


def _received(point: Point) -> Point:
    if point.is_identity():
        raise IdentityElement("the identity is no key and no signature")
    return point
