"""From a seed, a curve equation and two generators to every number of a curve's data sheet."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from math import floor
from pathlib import Path
from typing import Any, Literal

import gmpy2
from gmpy2 import mpz

from curve_params.arithmetic import Curve, Element, Field
from milagro.params._model import SSWU, CurveParams, Decomposition, Fp2, SvdW

SOURCE = Path(__file__).with_name("curves.toml")
CANONICAL = ("BN254", "BN254CX", "FP256BN", "BN_SNARK1", "BN462", "FP512BN", "BLS12-381", "BLS383", "BLS461")
WIDTHS: tuple[Literal[4, 6, 8], ...] = (4, 6, 8)

Table = dict[str, Any]


@dataclass(frozen=True)
class Family:
    """The polynomials in u that define p, r and the trace t, and what follows from the family alone."""

    p: str
    r: str
    t: str
    ate_loop: str
    endomorphism: str  # lambda, a root of x^2 + x + 1 mod r
    glv_basis: tuple[tuple[str, ...], ...]  # (a_0, a_1) with a_0 + a_1 lambda = 0 mod r
    gls_basis: tuple[tuple[str, ...], ...]  # (a_0, .., a_3) with sum a_i p^i = 0 mod r
    clears_g1: str  # h_eff of G1
    final_exponent_multiple: int


FAMILIES = {
    "BN": Family(
        p="36u^4 + 36u^3 + 24u^2 + 6u + 1",
        r="36u^4 + 36u^3 + 18u^2 + 6u + 1",
        t="6u^2 + 1",
        ate_loop="6u + 2",
        endomorphism="36u^3 + 18u^2 + 6u + 1",
        glv_basis=(("2u + 1", "-6u^2 - 2u"), ("6u^2 + 4u + 1", "2u + 1")),
        gls_basis=(  # short vectors with psi = p = 6u^2 mod r, as in Galbraith and Scott, eprint 2008/117
            ("2u + 1", "-u", "-u - 1", "-u"),
            ("u + 1", "u", "u", "-2u"),
            ("1", "-2u - 1", "-1", "-2u"),
            ("2u + 1", "0", "2u", "1"),
        ),
        clears_g1="1",
        final_exponent_multiple=1,
    ),
    "BLS12": Family(
        p="(u^6 - 2u^5 + 2u^3 + u + 1)/3",
        r="u^4 - u^2 + 1",
        t="u + 1",
        ate_loop="u",
        endomorphism="u^2 - 1",
        glv_basis=(("u^2 - 1", "-1"), ("1", "u^2")),
        gls_basis=(("u", "-1", "0", "0"), ("0", "u", "-1", "0"), ("0", "0", "u", "-1"), ("1", "0", "-1", "u")),
        clears_g1="-u + 1",
        final_exponent_multiple=3,
    ),
}


def polynomial(text: str, u: int) -> int:
    """The value at u of a polynomial written as "36u^4 - u + 1", or "(...)/3" if the division is exact."""
    inner = re.fullmatch(r"\((.*)\)/(\d+)", text)
    if inner:
        value, remainder = divmod(polynomial(inner[1], u), int(inner[2]))
        if remainder:
            raise ArithmeticError(f"{text} is not an integer at u = {u:#x}")
        return value
    total = 0
    for sign, factor, variable, exponent in re.findall(r"([+-]?)\s*(\d*)(u?)(?:\^(\d+))?(?=\s|$|[+-])", text):
        if factor or variable:
            term = int(factor or 1) * (u ** int(exponent or 1) if variable else 1)
            total += -term if sign == "-" else term
    return total


def seed(text: str) -> int:
    """The integer written as signed powers of two, "-2^62 - 2^55 - 1", or as hexadecimal digits, "-0x6882..."."""
    if "0x" in text:
        return int(text, 16)
    terms = re.findall(r"([+-]?)\s*(?:2\^(\d+)|(1))(?=\s|$)", text)
    return sum((-1 if sign == "-" else 1) * (1 << int(power or 0)) for sign, power, _ in terms)


def read_inputs(path: Path = SOURCE) -> dict[str, Table]:
    """The inputs of every curve, by canonical name."""
    with path.open("rb") as file:
        return tomllib.load(file)


def pair(field: Field, value: int | list[int]) -> Element:
    """An element as curves.toml writes it: an integer of Fp, or [re, im]."""
    return field.element(*value) if isinstance(value, list) else field.element(value)


def plain(x: Element) -> Fp2:
    """An element as a data sheet holds it."""
    return int(x[0]), int(x[1])


def twist_orders(p: int, t: int) -> list[int]:
    """The orders of the two sextic twists of E over Fp2, for E over Fp with j = 0 and trace t."""
    t2 = t * t - 2 * p
    f = int(gmpy2.isqrt(mpz((4 * p * p - t2 * t2) // 3)))
    if t2 * t2 + 3 * f * f != 4 * p * p:
        raise ArithmeticError("t is not the trace of a curve y^2 = x^3 + b over Fp")
    return [p * p + 1 - (t2 + sign * 3 * f) // 2 for sign in (1, -1)]


def find_z_svdw(curve: Curve, *, in_fp: bool) -> Element:
    """The first of 1, -1, 2, -2, ... that satisfies the four criteria of RFC 9380, section 6.6.1 (appendix H.1).

    Over Fp2 an integer is always found: there -3 is a square, so one with g(Z) square is enough.
    """
    for size in count(1):
        for z in (curve.field.element(size), curve.field.element(-size)):
            if svdw_criteria(curve, z, in_fp=in_fp):
                return z
    raise AssertionError("unreachable")


def svdw_criteria(curve: Curve, z: Element, *, in_fp: bool) -> bool:
    """Whether g(Z) != 0, -3 Z^2 / (4 g(Z)) is a non-zero square, and g(Z) or g(-Z/2) is a square."""
    f = curve.field
    gz = curve.rhs(z)
    if f.element(0) in (gz, z):
        return False
    h = f.div(f.scale(f.mul(z, z), -3), f.scale(gz, 4))
    half = f.div(f.neg(z), f.element(2))
    return f.is_square(h, in_fp=in_fp) and any(f.is_square(curve.rhs(x), in_fp=in_fp) for x in (z, half))


def svdw(curve: Curve, *, in_fp: bool) -> SvdW:
    """The constants of the Shallue-van de Woestijne map to y^2 = x^3 + b."""
    f = curve.field
    z = find_z_svdw(curve, in_fp=in_fp)
    gz = curve.rhs(z)
    three_z2 = f.scale(f.mul(z, z), 3)
    return SvdW(
        z=plain(z),
        c1=plain(gz),
        c2=plain(f.div(f.neg(z), f.element(2))),
        c3=plain(f.sqrt(f.neg(f.mul(gz, three_z2)), in_fp=in_fp)),
        c4=plain(f.div(f.scale(gz, -4), three_z2)),
    )


def sswu(field: Field, table: Table) -> SSWU:
    """The published constants of a simplified SWU map, with trailing zero coefficients removed."""

    def coefficients(name: str) -> tuple[Fp2, ...]:
        values = [plain(pair(field, value)) for value in table[name]]
        while values[-1] == (0, 0):
            values.pop()
        return tuple(values)

    a, b, z = (plain(pair(field, table[name])) for name in "abz")
    names = ("x_num", "x_den", "y_num", "y_den")
    return SSWU(a, b, z, *(coefficients(name) for name in names))


def cube_root_of_unity(curve: Curve, g1: tuple[int, int], lam: int) -> int:
    """The beta in Fp with (beta x, y) = lambda (x, y) on the generator of G1."""
    f = curve.field
    root = f.sqrt(f.element(-3), in_fp=True)[0]
    half = (f.p + 1) // 2
    point = f.element(g1[0]), f.element(g1[1])
    image = curve.multiply(lam, point)
    for beta in ((root - 1) * half % f.p, (-root - 1) * half % f.p):
        if image == (f.scale(point[0], beta), point[1]):
            return int(beta)
    raise ArithmeticError("lambda does not act on G1 as a cube root of unity in Fp")


def first_row_of_inverse(basis: tuple[tuple[int, ...], ...]) -> list[Fraction]:
    """beta with (1, 0, ..) = sum beta_j basis_j, by Gauss and Jordan on the transposed system."""
    size = len(basis)
    rows = [[Fraction(basis[j][i]) for j in range(size)] + [Fraction(int(i == 0))] for i in range(size)]
    for column in range(size):
        pivot = next(i for i in range(column, size) if rows[i][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [x / rows[column][column] for x in rows[column]]
        for i in set(range(size)) - {column}:
            rows[i] = [x - rows[i][column] * y for x, y in zip(rows[i], rows[column], strict=True)]
    return [row[-1] for row in rows]


def decomposition(rows: tuple[tuple[str, ...], ...], u: int, r: int, eigenvalue: int, words: int) -> Decomposition:
    """The basis with its signs, the rounded constants, and the length of the short scalars."""
    shift = 64 * (words + 1)
    basis = tuple(tuple(polynomial(entry, u) for entry in row) for row in rows)
    signs = [1 if beta > 0 else -1 for beta in first_row_of_inverse(basis)]
    basis = tuple(tuple(sign * entry for entry in row) for sign, row in zip(signs, basis, strict=True))
    factors = tuple(floor(2**shift * beta + Fraction(1, 2)) for beta in first_row_of_inverse(basis))
    return Decomposition(eigenvalue, basis, factors, short_bits(basis, r, shift))


def short_bits(basis: tuple[tuple[int, ...], ...], r: int, shift: int) -> int:
    """Bits of the bound |a_i| <= (1/2 + r/2^(s + 1)) sum_j |b_ji|: a rounding and a rounded factor in each c_j."""
    error = Fraction(1, 2) + Fraction(r, 2 ** (shift + 1))
    return max(floor(error * sum(abs(row[i]) for row in basis)) for i in range(len(basis))).bit_length()


def derive(name: str, given: Table) -> CurveParams:
    """The whole data sheet of one curve. Nothing is proved here: see proofs.py."""
    family = FAMILIES[given["family"]]
    u = seed(given["u"])
    p, r, t = (polynomial(text, u) for text in (family.p, family.r, family.t))
    field = Field(mpz(p))
    xi, b = pair(field, given["xi"]), field.element(given["b"])
    twist_b = field.div(b, xi) if given["twist"] == "D" else field.mul(b, xi)
    e1 = Curve(field, field.element(0), b)
    e2 = Curve(field, field.element(0), twist_b)
    twist_order = next((order for order in twist_orders(p, t) if order % r == 0), 0)
    lam = polynomial(family.endomorphism, u) % r
    g1 = (given["g1"][0] % p, given["g1"][1] % p)
    field_bytes = (p.bit_length() + 7) // 8
    words = next(words for words in WIDTHS if 64 * words >= p.bit_length())
    return CurveParams(
        name=name,
        family=given["family"],
        u=u,
        p=p,
        r=r,
        t=t,
        b=given["b"],
        xi=plain(xi),
        twist=given["twist"],
        twist_b=plain(twist_b),
        g1=g1,
        g2=(plain(pair(field, given["g2"][0])), plain(pair(field, given["g2"][1]))),
        cofactor_g1=(p + 1 - t) // r,
        cofactor_g2=twist_order // r,
        h_eff_g1=polynomial(family.clears_g1, u),
        ate_loop=polynomial(family.ate_loop, u),
        final_exponent_multiple=family.final_exponent_multiple,
        frobenius=plain(field.pow(xi, (p - 1) // 6)),
        cube_root_of_unity=cube_root_of_unity(e1, g1, lam),
        cube_root_of_unity_r=lam,
        glv=decomposition(family.glv_basis, u, r, lam, words),
        gls=decomposition(family.gls_basis, u, r, p % r, words),
        map_g1=sswu(field, given["sswu_g1"]) if "sswu_g1" in given else svdw(e1, in_fp=True),
        map_g2=sswu(field, given["sswu_g2"]) if "sswu_g2" in given else svdw(e2, in_fp=False),
        suite_g1=given["suite"] + "G1",
        suite_g2=given["suite"] + "G2",
        field_bytes=field_bytes,
        scalar_bytes=(r.bit_length() + 7) // 8,
        hash_length=(p.bit_length() + 128 + 7) // 8,
        words=words,
        aliases=tuple(given["aliases"]),
        security_bits=given["security_bits"],
    )
