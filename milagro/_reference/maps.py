"""From field elements to points: the maps of RFC 9380 and those of the original library."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gmpy2 import mpz

from milagro._reference.fields import F, Field, Quadratic
from milagro._reference.roots import any_sqrt, original_sqrt
from milagro.octets import os2ip
from milagro.params._model import SSWU, CurveParams, SvdW
from milagro.params._model import Fp2 as Pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from milagro._reference.pairing import Pairing
    from milagro._reference.weierstrass import Point, Weierstrass


def map_to_curve(curve: Weierstrass[F], data: SvdW | SSWU, u: F) -> Point[F]:
    """The point of `curve` that belongs to the field element u.

    Spec: RFC 9380, section 6
    """
    return svdw(curve, data, u) if isinstance(data, SvdW) else sswu(curve, data, u)


def with_sign_of(field: Field[F], u: F, y: F) -> F:
    """y or -y, whichever has the sgn0 of u."""
    signed: F = y if field.sgn0(u) == field.sgn0(y) else -y % field.p
    return signed


def first_on_curve(field: Field[F], right_side: Callable[[F], F], candidates: list[F], u: F) -> tuple[F, F]:
    """(x, y) for the first candidate x with a square right side, sgn0(y) = sgn0(u)."""
    for x in candidates:
        y = any_sqrt(field, right_side(x))
        if y is not None:
            return x, with_sign_of(field, u, y)
    raise ArithmeticError("one of the candidates of a map is always on the curve")


def svdw(curve: Weierstrass[F], data: SvdW, u: F) -> Point[F]:
    """The Shallue-van de Woestijne map, with t = inv0((1 - c1 u^2)(1 + c1 u^2)).

    x1 = c2 - c3 u (1 - c1 u^2) t,  x2 = c2 + c3 u (1 - c1 u^2) t,  x3 = Z + c4 ((1 + c1 u^2)^2 t)^2
    Spec: spec/curves.md#svdw (RFC 9380, section 6.6.1)
    """
    field, p = curve.field, curve.p
    z, c1, c2, c3, c4 = map(field.element, (data.z, data.c1, data.c2, data.c3, data.c4))
    v = u * u % p * c1 % p
    plus, minus = (field.one + v) % p, (field.one - v) % p
    t = field.inv(plus * minus % p)
    step = u * minus % p * t % p * c3 % p
    w = plus * plus % p * t % p
    x3 = (w * w % p * c4 + z) % p
    return first_on_curve(field, curve.right_side, [(c2 - step) % p, (c2 + step) % p, x3], u)


def sswu(curve: Weierstrass[F], data: SSWU, u: F) -> Point[F]:
    """The simplified SWU map on y^2 = x^3 + A x + B, then the isogeny to `curve`, with t = inv0(Z^2 u^4 + Z u^2).

    x1 = -B/A (1 + t), or B/(Z A) where t = 0;  x2 = Z u^2 x1
    Spec: spec/curves.md#sswu (RFC 9380, section 6.6.2)
    """
    field, p = curve.field, curve.p
    a, b, z = field.element(data.a), field.element(data.b), field.element(data.z)
    zuu = z * (u * u % p) % p
    t = field.inv((zuu * zuu + zuu) % p)
    x1 = -b * field.inv(a) % p * (field.one + t) % p if t else b * field.inv(z * a % p) % p
    point = first_on_curve(field, lambda x: (x * x % p * x + a * x + b) % p, [x1, zuu * x1 % p], u)
    return isogeny(field, data, point)


def isogeny(field: Field[F], data: SSWU, point: tuple[F, F]) -> Point[F]:
    """(x_num(x)/x_den(x), y y_num(x)/y_den(x)); the identity where a denominator is zero.

    Spec: spec/curves.md#sswu (RFC 9380, section 6.6.3 and appendix E)
    """
    x, y = point
    horner = partial(evaluate, field, x=x)
    x_den, y_den = horner(data.x_den), horner(data.y_den)
    if not x_den or not y_den:
        return None
    new_x = horner(data.x_num) * field.inv(x_den) % field.p
    return new_x, y * horner(data.y_num) % field.p * field.inv(y_den) % field.p


def evaluate(field: Field[F], coefficients: tuple[Pair, ...], x: F) -> F:
    """sum c_k x^k, by Horner's rule."""
    value = field.zero
    for coefficient in reversed(coefficients):
        value = (value * x + field.element(coefficient)) % field.p
    return value


def clear_cofactor_g2(pairing: Pairing, point: Point[Quadratic]) -> Point[Quadratic]:
    """BN: u Q + psi(3u Q) + psi^2(u Q) + psi^3(Q);  BLS12: (u^2 - u - 1) Q + psi((u - 1) Q) + psi^2(2 Q).

    Spec: spec/curves.md#clear-cofactor (RFC 9380, section 7 and appendix G.3 for BLS12; Fuentes-Castaneda, Knapp and
    Rodriguez-Henriquez 2011 for BN)
    """
    u = pairing.params.u
    times = pairing.twist.multiply
    if pairing.params.family == "BN":
        uq = times(point, u)
        terms = [uq, pairing.psi(times(uq, 3)), pairing.psi(uq, 2), pairing.psi(point, 3)]
    else:
        terms = [times(point, u * u - u - 1), pairing.psi(times(point, u - 1)), pairing.psi(times(point, 2), 2)]
    return pairing.twist.sum(terms)


def mapit(curve: Weierstrass[mpz], params: CurveParams, h: bytes) -> Point[mpz]:
    """The first x = int(h) mod p, x + 1, ... with x^3 + b a non-zero square, even y, times the cofactor."""
    p = curve.p
    x = os2ip(h) % p
    while True:
        y = original_sqrt(curve.field, curve.right_side(x))
        if y:
            point = curve.multiply((x, y if y % 2 == 0 else p - y), params.cofactor_g1)
            if point is not None:
                return point
        x = (x + 1) % p


def mapit2(pairing: Pairing, h: bytes) -> Point[Quadratic]:
    """The first X = 1 + i u, 1 + i (u + 1), ... with a root Y of X^3 + b', cofactor cleared; u = int(h) mod p."""
    curve = pairing.twist
    u = os2ip(h) % curve.p
    while True:
        x = Quadratic(mpz(1), u)
        y = original_sqrt(curve.field, curve.right_side(x))
        if y is not None:
            return clear_cofactor_g2(pairing, (x, y))
        u = (u + 1) % curve.p
