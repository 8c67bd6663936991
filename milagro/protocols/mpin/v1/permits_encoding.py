"""Obfuscated points of M-Pin v1: a point of G1 as octets that look random to who does not know what they are.

P is split into W + W', each written as a number from which it is found by counting up to the next x on the curve.
Without the subgroup check (these W are anywhere on the curve), every 1 + 2nb octets whose numbers lie below p and whose
first octet is below 4 decode to some point. It is an obfuscation of time permits, not encryption.

Variable time: the counting depends on the numbers, not on a key.
"""

from __future__ import annotations

from typing import Any

from milagro.errors import IdentityElement, InvalidFlags, NonCanonical, NotOnCurve, ParameterError, WrongLength
from milagro.groups import Curve, Encoding, G1Point, Random
from milagro.octets import below, i2osp, os2ip
from milagro.protocols.mpin.v1.hashing import received

_SPARE = 16  # octets drawn beyond the size of a number before it is reduced: the bias stays below 2^-128
_MAX_DRAWS = 64


def encode(curve: Curve, point: G1Point, random: Random) -> bytes:
    """(su + 2*sv) || be(u, nb) || be(v, nb) with lift(u, su) + lift(v, sv) = P.

    Draws nb + 16 octets for u, one for su, and 17 for v; again from the start if u cannot be used.

    Spec: spec/mpin-v1.md#obfuscated-permits
    Shape: result 1 + 2nb octets
    Raises: IdentityElement if P is the identity, ParameterError if the source of randomness is broken
    Secret: P, until it is decoded
    """
    received(point)
    for _ in range(_MAX_DRAWS):
        u = os2ip(random(curve.field_bytes + _SPARE)) % curve.params.p
        sign_u = random(1)[0] & 1
        try:
            x, below_x, sign_v = _rest(curve, point, u, sign_u)
        except (NonCanonical, IdentityElement):  # the counting would leave the field, or W = P: one in 2^250
            continue
        v = below_x + 1 + os2ip(random(1 + _SPARE)) % (x - below_x)
        return bytes([sign_u | sign_v << 1]) + i2osp(u, curve.field_bytes) + i2osp(v, curve.field_bytes)
    raise ParameterError("the source of randomness returns nothing usable; it is broken")


def decode(curve: Curve, octets: bytes) -> G1Point:
    """lift(u, su) + lift(v, sv).

    Spec: spec/mpin-v1.md#obfuscated-permits
    Shape: 1 + 2nb octets, the first below 4
    Raises: WrongLength, InvalidFlags, NonCanonical, NotInSubgroup, IdentityElement
    """
    nb, p = curve.field_bytes, curve.params.p
    if len(octets) != 1 + 2 * nb:
        raise WrongLength(f"an obfuscated point: expected {1 + 2 * nb} octets, got {len(octets)}")
    if octets[0] > 3:
        raise InvalidFlags("an obfuscated point starts with an octet below 4")
    u, v = below(octets[1 : 1 + nb], p, nb), below(octets[1 + nb :], p, nb)
    total = curve.ops.g1_add(_lift(curve, u, octets[0] & 1), _lift(curve, v, octets[0] >> 1))
    x, y = curve.ops.g1_to_affine(total)
    return curve.g1_from_bytes(b"\x04" + x + y, Encoding.MILAGRO)


def _rest(curve: Curve, point: G1Point, u: int, sign: int) -> tuple[int, int, int]:
    """W' = P - lift(u, sign), as its x, the next lower x on the curve and the parity of its y."""
    ops = curve.ops
    w = _lift(curve, u, sign)
    rest = ops.g1_add(ops.g1_from_affine(*point.coordinates()), ops.g1_neg(w))
    x = os2ip(ops.g1_to_affine(rest)[0])
    lower = x - 1
    while not _on_curve(curve, lower):
        lower -= 1
    return x, lower, ops.g1_sign(rest, "parity")


def _on_curve(curve: Curve, x: int) -> bool:
    try:
        _point(curve, x, 0)
    except NotOnCurve:
        return False
    return True


def _lift(curve: Curve, x: int, sign: int) -> Any:
    """The point with the first x' >= x that is on the curve, its y of parity `sign`."""
    while not _on_curve(curve, x):
        x += 1
    return _point(curve, x, sign)


def _point(curve: Curve, x: int, sign: int) -> Any:
    if not 0 <= x < curve.params.p:
        raise NonCanonical("counting for a point on the curve has left the field")
    return curve.ops.g1_from_x(i2osp(x, curve.field_bytes), sign, "parity")
