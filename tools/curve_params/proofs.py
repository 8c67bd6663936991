"""What a data sheet claims, checked from the numbers alone and one claim at a time.

Nothing here trusts derivation.py: a claim is computed from the finished CurveParams, so that a wrong input is
found as well as a wrong formula. Points that nobody chose come from hashing a label.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from fractions import Fraction
from math import gcd, isqrt
from typing import TYPE_CHECKING, NamedTuple

import gmpy2
from gmpy2 import mpz

from curve_params.arithmetic import Curve, Field
from curve_params.derivation import FAMILIES, polynomial, svdw_criteria, twist_orders
from curve_params.isogeny import isogeny_claims
from milagro.params._model import SSWU, CurveParams, Decomposition, SvdW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from curve_params.arithmetic import Element, Point

ROUNDS = 64
SAMPLES = 3


class Claim(NamedTuple):
    """One sentence about a curve, and whether it holds."""

    text: str
    holds: bool


@dataclass(frozen=True)
class Subject:
    """A data sheet with its field and its two curves made ready to compute with."""

    curve: CurveParams
    field: Field
    e1: Curve
    e2: Curve
    g1: Point
    g2: Point


def subject(curve: CurveParams) -> Subject:
    """The fields and curves that a data sheet describes, taken from it as they stand."""
    f = Field(mpz(curve.p))
    zero = f.element(0)
    return Subject(
        curve=curve,
        field=f,
        e1=Curve(f, zero, f.element(curve.b)),
        e2=Curve(f, zero, f.element(*curve.twist_b)),
        g1=(f.element(curve.g1[0]), f.element(curve.g1[1])),
        g2=(f.element(*curve.g2[0]), f.element(*curve.g2[1])),
    )


def samples(curve: Curve, label: str, *, in_fp: bool) -> list[Point]:
    """Some points that nobody chose."""
    return [curve.sample(f"{label} {k}", in_fp=in_fp) for k in range(SAMPLES)]


def prove_numbers(s: Subject) -> Iterator[Claim]:
    """The integers: p, r and t from the seed, prime, and of the right shape."""
    c, family = s.curve, FAMILIES[s.curve.family]
    for letter, value in (("p", c.p), ("r", c.r), ("t", c.t)):
        text: str = getattr(family, letter)
        yield Claim(f"{letter} = {text} at u = {c.u:#x}", value == polynomial(text, c.u))
    for letter, value in (("p", c.p), ("r", c.r)):
        # GMP runs a Baillie-PSW test, then ROUNDS - 24 Miller-Rabin rounds; each lets a composite by with odds < 1/4.
        yield Claim(f"{letter} passes Baillie-PSW and {ROUNDS - 24} Miller-Rabin rounds", prime(value))
    yield Claim("p = 3 mod 4, so i^2 = -1 has no root in Fp", c.p % 4 == 3)
    yield Claim("p = 1 mod 6, so E is ordinary and has six twists", c.p % 6 == 1)
    yield Claim("p + 1 - t = h1 r", c.p + 1 - c.t == c.cofactor_g1 * c.r)
    yield Claim("h1 is prime to r", gcd(c.cofactor_g1, c.r) == 1)
    yield Claim("the ate loop counts the family's length", c.ate_loop == polynomial(family.ate_loop, c.u))
    degree = next((k for k in range(1, 13) if pow(c.p, k, c.r) == 1), 0)
    yield Claim("the embedding degree is 12", degree == 12)
    multiple = c.final_exponent_multiple
    yield Claim("the final exponent's multiple is the family's", multiple == family.final_exponent_multiple)
    yield Claim("the final exponent's multiple is prime to r", gcd(multiple, c.r) == 1)


def prime(n: int) -> bool:
    """Whether n passes GMP's tests."""
    return bool(gmpy2.is_prime(mpz(n), ROUNDS))


def prove_sizes(s: Subject) -> Iterator[Claim]:
    """Octets and words: each is the least that holds its number."""
    c = s.curve
    yield Claim(f"p takes {c.field_bytes} octets", 8 * (c.field_bytes - 1) < c.p.bit_length() <= 8 * c.field_bytes)
    yield Claim(f"r takes {c.scalar_bytes} octets", 8 * (c.scalar_bytes - 1) < c.r.bit_length() <= 8 * c.scalar_bytes)
    length = -(-(c.p.bit_length() + 128) // 8)
    yield Claim(f"hash_to_field takes L = ceil((log2 p + 128)/8) = {length} octets", c.hash_length == length)
    fitting = [words for words in (4, 6, 8) if 64 * words >= c.p.bit_length()]
    yield Claim(f"p fits in {c.words} words and in no fewer of 4, 6, 8", c.words == fitting[0])
    yield Claim("every coordinate and constant is reduced", all(0 <= value < c.p for value in residues(c)))
    values = [item for value in astuple(c.map_g1) for item in (value if isinstance(value[0], tuple) else (value,))]
    yield Claim("the constants of the map to G1 lie in Fp", all(im == 0 for _, im in values))
    suites = {c.suite_g1.removesuffix("G1"), c.suite_g2.removesuffix("G2")}
    yield Claim("the two suite names differ in the group alone", len(suites) == 1 and c.suite_g1 != c.suite_g2)


def residues(c: CurveParams) -> list[int]:
    """Every integer of the data sheet that stands for an element of Fp."""
    flat: list[int] = []

    def collect(value: object) -> None:
        if isinstance(value, int):
            flat.append(value)
        elif isinstance(value, tuple):
            for item in value:
                collect(item)

    for group in (c.xi, c.twist_b, c.g1, c.g2, c.frobenius, c.cube_root_of_unity):
        collect(group)
    for constants in (c.map_g1, c.map_g2):
        for value in astuple(constants):
            collect(value)
    return flat


def prove_g1(s: Subject) -> Iterator[Claim]:
    """E over Fp: its order, the generator, and the endomorphism beta with its lambda."""
    c, e = s.curve, s.e1
    yield Claim("the generator of G1 is on E", e.contains(s.g1))
    yield Claim("the generator of G1 has order r", e.multiply(c.r, s.g1) is None)
    # Goldwasser and Kilian: a point of prime order r > (p^(1/4) + 1)^2 on a curve modulo p exists only if p is prime.
    long_order = c.r > (isqrt(isqrt(c.p)) + 2) ** 2 and gcd(6 * c.b, c.p) == 1
    yield Claim("r > (p^(1/4) + 1)^2, so p is prime if r is", long_order)
    # r divides #E(Fp), and the Hasse interval is shorter than r: only one multiple of r lies in it.
    alone = 4 * (isqrt(c.p) + 1) < c.r and c.t**2 <= 4 * c.p
    yield Claim("#E(Fp) = h1 r, the one multiple of r in the Hasse interval", alone)
    points = samples(e, f"{c.name} G1", in_fp=True)
    killed = all(e.multiply(c.cofactor_g1 * c.r, p) is None for p in points)
    yield Claim("h1 r kills points of E that nobody chose", killed)
    yield from prove_cofactor_g1(s, points)
    yield from prove_endomorphism(s, points)


def prove_cofactor_g1(s: Subject, points: list[Point]) -> Iterator[Claim]:
    """h_eff_g1 sends all of E(Fp) to G1 and only O of G1 to O."""
    c, e = s.curve, s.e1
    yield Claim("h_eff_g1 is prime to r", gcd(c.h_eff_g1, c.r) == 1)
    if c.family == "BN":
        yield Claim("h_eff_g1 = h1 = 1: E(Fp) is G1", c.h_eff_g1 == c.cofactor_g1 == 1)
    else:
        # In End(E) = Z[omega]: pi - 1 = m a with m = (u - 1)/3 and a = (3 + (2 u^2 - 1) sqrt(-3))/2, of norm 3 r.
        # So m P is in the kernel of a, which has 3 r elements, and 3 m r P = (u - 1) r P = O for every P in E(Fp).
        m, k = (c.u - 1) // 3, 2 * c.u**2 - 1
        trace = c.u - 1 == 3 * m and c.t - 2 == 3 * m and 4 * c.p == c.t**2 + 3 * (m * k) ** 2
        yield Claim("Frobenius - 1 = ((u - 1)/3) a in Z[omega]", trace and k % 2 == 1)
        yield Claim("a has norm 3 r, so (u - 1) r kills E(Fp)", 9 + 3 * k**2 == 12 * c.r and c.h_eff_g1 == 1 - c.u)
    cleared = [e.multiply(c.h_eff_g1, p) for p in points]
    yield Claim("h_eff_g1 sends points of E into G1", all(p and e.multiply(c.r, p) is None for p in cleared))


def prove_endomorphism(s: Subject, points: list[Point]) -> Iterator[Claim]:
    """(x, y) -> (beta x, y) is multiplication by lambda on G1."""
    c, e = s.curve, s.e1
    beta, lam = c.cube_root_of_unity, c.cube_root_of_unity_r
    yield Claim("beta^2 + beta + 1 = 0 mod p", (beta * beta + beta + 1) % c.p == 0)
    yield Claim("lambda^2 + lambda + 1 = 0 mod r", 0 < lam < c.r and (lam * lam + lam + 1) % c.r == 0)
    in_g1 = [s.g1, *(e.multiply(c.cofactor_g1, p) for p in points)]
    agrees = all(p is not None and e.multiply(lam, p) == (s.field.scale(p[0], beta), p[1]) for p in in_g1)
    yield Claim("(beta x, y) = lambda (x, y) on G1", agrees)


def prove_tower(s: Subject) -> Iterator[Claim]:
    """Fp12 = Fp2[w]/(w^6 - xi) is a field, and w^p = frobenius w."""
    c, f = s.curve, s.field
    xi, one = f.element(*c.xi), f.element(1)
    order = c.p * c.p - 1
    yield Claim("xi is no square in Fp2", f.pow(xi, order // 2) != one)
    yield Claim("xi is no cube in Fp2, so w^6 - xi is irreducible", f.pow(xi, order // 3) != one)
    w_to_p = f.element(*c.frobenius)
    yield Claim("w^p = frobenius w, frobenius = xi^((p-1)/6)", w_to_p == f.pow(xi, (c.p - 1) // 6))
    yield Claim("frobenius^6 = conj(xi)/xi", f.pow(w_to_p, 6) == f.div((xi[0], -xi[1] % c.p), xi))


def prove_g2(s: Subject) -> Iterator[Claim]:
    """The twist E' over Fp2: its type, its order, the generator, and psi."""
    c, f, e = s.curve, s.field, s.e2
    b, xi = f.element(c.b), f.element(*c.xi)
    quotient, product = f.div(b, xi), f.mul(b, xi)
    right, wrong = (quotient, product) if c.twist == "D" else (product, quotient)
    order = c.cofactor_g2 * c.r
    yield Claim(f"E' is the {c.twist}-type twist by xi", e.b == right)
    points = samples(e, f"{c.name} G2", in_fp=False)
    yield from prove_twist_order(s, points)
    other = Curve(f, f.element(0), wrong)
    others = samples(other, f"{c.name} other", in_fp=False)
    yield Claim("the other type of twist has another order", any(other.multiply(order, p) is not None for p in others))
    yield Claim("the generator of G2 is on E'", e.contains(s.g2))
    yield Claim("the generator of G2 has order r", e.multiply(c.r, s.g2) is None)
    in_g2 = [s.g2, *(e.multiply(c.cofactor_g2, p) for p in points)]
    yield Claim("psi = p on G2", all(psi(s, p) == e.multiply(c.p % c.r, p) for p in in_g2))
    characteristic = [
        e.add(e.add(psi(s, psi(s, p)), e.negate(e.multiply(c.t, psi(s, p)))), e.multiply(c.p, p)) for p in points
    ]
    yield Claim("psi^2 - t psi + p = 0 on E'", all(p is None for p in characteristic))


def prove_twist_order(s: Subject, points: list[Point]) -> Iterator[Claim]:
    """Of the six orders that a curve y^2 = x^3 + c over Fp2 can have, E' has h2 r."""
    c, e = s.curve, s.e2
    order, middle = c.cofactor_g2 * c.r, c.p**2 + 1
    twists = [*twist_orders(c.p, c.t), middle - (c.t**2 - 2 * c.p)]
    six = {*twists, *(2 * middle - n for n in twists)}
    killing = [n for n in six if all(e.multiply(n, p) is None for p in points)]
    yield Claim("of the six orders of twists of E over Fp2, only h2 r kills points of E'", killing == [order])
    yield Claim("r^2 does not divide #E'(Fp2): G2 is all its r-torsion", order % c.r**2 != 0)


def psi(s: Subject, point: Point) -> Point:
    """Untwist, p-power Frobenius, twist: (conj(x) c^2, conj(y) c^3), c = frobenius (D-type) or its inverse (M-type)."""
    if point is None:
        return None
    f, p = s.field, s.field.p
    c = f.element(*s.curve.frobenius)
    c = c if s.curve.twist == "D" else f.inv(c)
    c2 = f.mul(c, c)
    (x, y) = point
    return f.mul((x[0], -x[1] % p), c2), f.mul((y[0], -y[1] % p), f.mul(c2, c))


def prove_maps(s: Subject) -> Iterator[Claim]:
    """The constants of both maps to the curve."""
    c = s.curve
    for group, constants, curve, in_fp in (("G1", c.map_g1, s.e1, True), ("G2", c.map_g2, s.e2, False)):
        if isinstance(constants, SvdW):
            yield from svdw_claims(curve, constants, group, in_fp=in_fp)
        elif isinstance(constants, SSWU):
            order = c.r * (c.cofactor_g1 if in_fp else c.cofactor_g2)
            label = f"{c.name} {group} isogenous"
            for text, holds in isogeny_claims(curve, constants, order, label, in_fp=in_fp):
                yield Claim(f"{group}: {text}", holds)


def svdw_claims(curve: Curve, constants: SvdW, group: str, *, in_fp: bool) -> Iterator[Claim]:
    """The criteria and definitions of RFC 9380, section 6.6.1."""
    f = curve.field
    z, c1, c2, c3, c4 = elements(f, constants)
    three_z2 = f.scale(f.mul(z, z), 3)
    yield Claim(f"{group}: Z meets the four criteria of SvdW", svdw_criteria(curve, z, in_fp=in_fp))
    yield Claim(f"{group}: no integer nearer to 0 does", nearest(curve, z, in_fp=in_fp))
    yield Claim(f"{group}: c1 = g(Z), c2 = -Z/2", c1 == curve.rhs(z) and f.add(f.scale(c2, 2), z) == f.element(0))
    yield Claim(f"{group}: c3^2 = -3 Z^2 g(Z)", f.mul(c3, c3) == f.neg(f.mul(c1, three_z2)))
    yield Claim(f"{group}: sgn0(c3) = 0", f.sgn0(c3) == 0)
    yield Claim(f"{group}: 3 Z^2 c4 = -4 g(Z)", f.mul(three_z2, c4) == f.scale(c1, -4))
    inputs = [f.element(k * k + 2, 0 if in_fp else k) for k in range(10)]
    hits = [any(f.is_square(curve.rhs(x), in_fp=in_fp) for x in candidates(curve, constants, x0)) for x0 in inputs]
    yield Claim(f"{group}: one of x1, x2, x3 is always on the curve", all(hits))


def elements(f: Field, constants: SvdW) -> tuple[Element, Element, Element, Element, Element]:
    """Z, c1, c2, c3, c4."""
    c = constants
    return f.element(*c.z), f.element(*c.c1), f.element(*c.c2), f.element(*c.c3), f.element(*c.c4)


def nearest(curve: Curve, z: Element, *, in_fp: bool) -> bool:
    """Whether z is the first of 1, -1, 2, -2, ... that meets the criteria."""
    f = curve.field
    for size in range(1, 1000):
        for candidate in (f.element(size), f.element(-size)):
            if svdw_criteria(curve, candidate, in_fp=in_fp):
                return candidate == z
    return False


def candidates(curve: Curve, constants: SvdW, u: Element) -> tuple[Element, Element, Element]:
    """x1, x2, x3 of the map at u, by the definition in section 6.6.1."""
    f = curve.field
    z, c1, c2, c3, c4 = elements(f, constants)
    step = f.mul(f.mul(u, u), c1)
    plus, minus = f.add(f.element(1), step), f.sub(f.element(1), step)
    inverse = f.inv(f.mul(plus, minus))
    shift = f.mul(f.mul(u, minus), f.mul(inverse, c3))
    ratio = f.mul(f.mul(plus, plus), inverse)
    return f.sub(c2, shift), f.add(c2, shift), f.add(z, f.mul(c4, f.mul(ratio, ratio)))


WINDOWS = (4, 5)  # bits of a digit of a short scalar in the native backend


def prove_scalars(s: Subject) -> Iterator[Claim]:
    """The decompositions of scalars, and the subgroup tests by endomorphisms."""
    c = s.curve
    yield Claim("GLV uses lambda", c.glv.eigenvalue == c.cube_root_of_unity_r and len(c.glv.basis) == 2)
    yield Claim("GLS uses p mod r", c.gls.eigenvalue == c.p % c.r and len(c.gls.basis) == 4)
    for name, d in (("GLV", c.glv), ("GLS", c.gls)):
        for text, holds in decomposition_claims(d, c.r, 64 * (c.words + 1)):
            yield Claim(f"{name}: {text}", holds)
        yield Claim(f"{name}: a short scalar and its sign fit in {c.words} words", d.bits < 64 * c.words)
    yield from prove_subgroup_tests(s)


def decomposition_claims(d: Decomposition, r: int, shift: int) -> Iterator[Claim]:
    """The lattice, the rounding, the bound, and that no partial sum meets a table entry (glv.pxi relies on it)."""
    size, basis = len(d.basis), d.basis
    zero = all(sum(a * pow(d.eigenvalue, i, r) for i, a in enumerate(row)) % r == 0 for row in basis)
    yield Claim("each b_j is a relation of the eigenvalue", zero)
    determinant, adjugate = invert(basis)
    yield Claim("the b_j generate all relations: their determinant is +-r", abs(determinant) == r)
    # (1, 0, ..) = sum beta_j b_j, beta_j = adjugate_0j/determinant
    betas = [Fraction(entry, determinant) for entry in adjugate[0]]
    rounded = all(abs(2**shift * beta - g) <= Fraction(1, 2) for beta, g in zip(betas, d.factors, strict=True))
    yield Claim("the factors are 2^s beta_j, rounded, none negative", rounded and min(d.factors) >= 0)
    yield Claim("c_j is wrong by at most 1/2 + 2^-64", r * 2**64 <= 2 ** (shift + 1))
    reach = [sum(abs(row[i]) for row in basis) for i in range(size)]
    bound = max((Fraction(1, 2) + Fraction(r, 2 ** (shift + 1))) * entry for entry in reach)
    yield Claim(f"|a_i| < 2^{d.bits}", bound < 2**d.bits)
    # v = sum c_j b_j has |c_j| <= max|v_i| sum_i |adjugate_ij/r|, so a relation with all |v_i| < `gap` is 0.
    gap = min(Fraction(r, sum(abs(adjugate[i][j]) for i in range(size))) for j in range(size))
    for w in WINDOWS:
        early = Fraction(2**d.bits, 2**w) + 2 ** (w + 1)
        yield Claim(f"no partial sum before the last window of {w} bits is a relation", early < gap)
        # A vector shorter than (1/2 - 2^-64) gap is its own decomposition: all its coordinates round to 0.
        yield Claim(f"sums of digits of {w} bits decompose into themselves", 2 ** (w + 1) < gap * Fraction(49, 100))


def invert(rows: tuple[tuple[int, ...], ...]) -> tuple[int, list[list[int]]]:
    """Determinant and adjugate: adjugate * rows = determinant * identity."""
    size = len(rows)
    if size == 1:
        return rows[0][0], [[1]]

    def cofactor(i: int, j: int) -> int:
        minor = tuple(tuple(x for b, x in enumerate(row) if b != j) for a, row in enumerate(rows) if a != i)
        return (-1) ** (i + j) * invert(minor)[0]

    adjugate = [[cofactor(j, i) for j in range(size)] for i in range(size)]
    return sum(rows[0][j] * adjugate[j][0] for j in range(size)), adjugate


def prove_subgroup_tests(s: Subject) -> Iterator[Claim]:
    """A point that passes the endomorphism test is killed by r (eprint 2021/1130 and 2022/352).

    f(psi) Q = 0 and psi^2 - t psi + p = 0 give Res(f, X^2 - t X + p) Q = 0; so do #E'(Fp2) Q = 0, and the gcd.
    """
    c, u = s.curve, s.curve.u
    f = [u + 1, u, u, -2 * u] if c.family == "BN" else [-u, 1]
    value = sum(a * pow(c.p, i, c.r) for i, a in enumerate(f))
    yield Claim("f(psi) kills G2", value % c.r == 0)
    common = gcd(resultant(f, c.t, c.p), c.cofactor_g2 * c.r)
    yield Claim("gcd(Res(f, X^2 - tX + p), #E'(Fp2)) = r: f(psi) kills nothing but G2", common == c.r)
    if c.family == "BLS12":
        # (phi - lambda) P = 0 gives (lambda^2 + lambda + 1) P = 0, since phi^2 + phi + 1 = 0
        lam = c.cube_root_of_unity_r
        exact = lam == u * u - 1 and lam * lam + lam + 1 == c.r
        yield Claim("(beta x, y) = (u^2 - 1)(x, y) on G1 alone: lambda^2 + lambda + 1 = r", exact)


def resultant(f: list[int], t: int, n: int) -> int:
    """Res(f, X^2 - t X + n): the norm of f = a + b X modulo the polynomial."""
    a = b = 0
    for coefficient in reversed(f):  # (a + b X) X = -n b + (a + t b) X
        a, b = coefficient - n * b, a + t * b
    return a * a + t * a * b + n * b * b


PROOFS: tuple[Callable[[Subject], Iterator[Claim]], ...] = (
    prove_numbers,
    prove_sizes,
    prove_tower,
    prove_g1,
    prove_g2,
    prove_scalars,
    prove_maps,
)


def prove(curve: CurveParams) -> Iterator[Claim]:
    """Every claim about one curve, in order; a computation that breaks down is a claim that fails."""
    s = subject(curve)
    for proof in PROOFS:
        try:
            yield from proof(s)
        except (ArithmeticError, ValueError) as error:
            yield Claim(f"{proof.__name__} can be computed ({error})", holds=False)
