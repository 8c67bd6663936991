"""Every path of scalar multiplication against the reference: short scalars at their extremes, points that meet."""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import pytest

from milagro.errors import IdentityElement, NonCanonical, NotInSubgroup, NotOnCurve, ParameterError, WrongLength
from milagro.params import CurveParams, Decomposition

from .conftest import Pair, outcome

GROUPS = ["g1", "g2"]


def decomposition(sheet: CurveParams, group: str) -> Decomposition:
    return sheet.glv if group == "g1" else sheet.gls


def extremes(sheet: CurveParams, group: str, rng: random.Random) -> list[int]:
    """Scalars whose parts are zero, negative, as large as they get, or cross the boundaries of digits."""
    d, r = decomposition(sheet, group), sheet.r
    powers = [pow(d.eigenvalue, i, r) for i in range(len(d.basis))]
    near = [s * (1 << k) + e for k in (4, 5, 63, 64, d.bits - 2) for s in (1, -1) for e in (-1, 0, 1)]
    corners = []
    for halves in product((-1, 1), repeat=len(d.basis)):  # the corners of the parallelepiped of the basis
        corner = [sum(h * row[i] for h, row in zip(halves, d.basis, strict=True)) // 2 for i in range(len(d.basis))]
        corners.append(sum(a * power for a, power in zip(corner, powers, strict=True)))
    sums = [e * p + f * q for p in powers for q in powers for e in (1, -1) for f in (0, 16, -17)]
    values = [0, 1, 2, 3, 16, 17, 31, 32, 33, r - 1, r - 2, r // 2, *powers, *near, *corners, *sums]
    values += [near_power * p for near_power in near[:6] for p in powers]
    return [*(value % r for value in values), *(rng.randrange(r) for _ in range(4))]


def parts(k: int, d: Decomposition, words: int) -> list[int]:
    """The decomposition as the data sheet defines it."""
    shift = 64 * (words + 1)
    rounded = [(k * g + (1 << (shift - 1))) >> shift for g in d.factors]
    first = [k] + [0] * (len(d.basis) - 1)
    return [first[i] - sum(c * row[i] for c, row in zip(rounded, d.basis, strict=True)) for i in range(len(first))]


@pytest.mark.parametrize("group", GROUPS)
def test_short_scalars_are_short(pair: Pair, rng: random.Random, group: str) -> None:
    d, r = decomposition(pair.params, group), pair.params.r
    for k in extremes(pair.params, group, rng):
        short = parts(k, d, pair.params.words)
        assert sum(a * pow(d.eigenvalue, i, r) for i, a in enumerate(short)) % r == k
        assert max(map(abs, short)) < 1 << d.bits


@pytest.mark.parametrize("group", GROUPS)
def test_multiples_by_extreme_scalars(pair: Pair, rng: random.Random, group: str) -> None:
    ks = extremes(pair.params, group, rng)
    ks = [*ks[:12], *rng.sample(ks[12:], 24)]
    generator = pair.call(f"{group}_generator")
    P = pair.call(f"{group}_mul", generator, pair.scalars(rng.randrange(1, pair.params.r)))
    for k in ks:
        expected = getattr(pair.R, f"{group}_mul_integer")(P[1], k)
        for method in ("mul", "mul_vartime"):
            pair.same_point(group, (getattr(pair.N, f"{group}_{method}")(P[0], pair.scalars(k)[0]), expected))
        total = getattr(pair.N, f"{group}_msm")([P[0]], [pair.scalars(k)[0]])
        pair.same_point(group, (total, expected))


@pytest.mark.parametrize("group", GROUPS)
def test_multiples_agree_on_every_extreme_scalar(pair: Pair, rng: random.Random, group: str) -> None:
    N = pair.N
    mul, vartime, integer, equal, msm, msm_vartime = (
        getattr(N, f"{group}_{name}") for name in ("mul", "mul_vartime", "mul_integer", "equal", "msm", "msm_vartime")
    )
    G = getattr(N, f"{group}_generator")()
    P = integer(G, rng.randrange(1, pair.params.r))
    for k in [*extremes(pair.params, group, rng), *(rng.randrange(pair.params.r) for _ in range(60))]:
        expected, scalar = integer(P, k), pair.scalars(k)[0]
        assert equal(mul(P, scalar), expected), k
        assert equal(vartime(P, scalar), expected), k
        assert equal(mul(G, scalar), integer(G, k)), k
        assert equal(msm([P], [scalar]), expected), k
        assert equal(msm_vartime([P], [scalar]), expected), k


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("method", ["mul", "mul_vartime"])
def test_multiples_of_the_identity(pair: Pair, rng: random.Random, group: str, method: str) -> None:
    N = pair.N
    identity = getattr(N, f"{group}_identity")()
    cancelled = getattr(N, f"{group}_add")(
        getattr(N, f"{group}_generator")(), getattr(N, f"{group}_neg")(getattr(N, f"{group}_generator")())
    )
    for k in (0, 1, 2, pair.params.r - 1, rng.randrange(pair.params.r)):
        for point in (identity, cancelled):
            result = getattr(N, f"{group}_{method}")(point, pair.scalars(k)[0])
            assert getattr(N, f"{group}_is_identity")(result)
            assert getattr(N, f"{group}_equal")(result, identity)


def check_sum(pair: Pair, group: str, points: list[Any], ks: list[int], factors: list[int]) -> None:
    """sum k_i P_i for P_i = factor_i G, by both methods, against one multiple of G."""
    N, r = pair.N, pair.params.r
    scalars = [pair.scalars(k)[0] for k in ks]
    expected = getattr(N, f"{group}_mul_integer")(
        getattr(N, f"{group}_generator")(), sum(k * f for k, f in zip(ks, factors, strict=True)) % r
    )
    for method in ("msm", "msm_vartime"):
        total = getattr(N, f"{group}_{method}")(points, scalars)
        assert getattr(N, f"{group}_equal")(total, expected), (method, len(points))


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("n", [1, 2, 3, 16, 17, 18, 40, 41, 42, 64, 200])
def test_sums_of_any_length_and_any_coincidence(pair: Pair, rng: random.Random, group: str, n: int) -> None:
    N, r = pair.N, pair.params.r
    d = decomposition(pair.params, group)
    # The points: few different ones, their opposites and images, so that they meet in every bucket; and identities.
    pool = [0, 1, r - 1, 2, d.eigenvalue, r - d.eigenvalue, *(rng.randrange(r) for _ in range(4))]
    handles = {f: getattr(N, f"{group}_mul_integer")(getattr(N, f"{group}_generator")(), f) for f in pool}
    edges = [0, 0, 1, 2, r - 1, 1 << 64, d.eigenvalue, r - d.eigenvalue]
    for _ in range(3):
        factors = [rng.choice(pool) for _ in range(n)]
        ks = [rng.choice([*edges, rng.randrange(r), rng.getrandbits(128) % r]) for _ in range(n)]
        check_sum(pair, group, [handles[f] for f in factors], ks, factors)
    check_sum(pair, group, [handles[1]] * n, [rng.randrange(r)] * n, [1] * n)
    check_sum(pair, group, [handles[1], handles[r - 1]] * n, [7] * (2 * n), [1, r - 1] * n)
    check_sum(pair, group, [handles[0]] * n, [7] * n, [0] * n)
    check_sum(pair, group, [handles[2]] * n, [0] * n, [2] * n)


@pytest.mark.parametrize("group", GROUPS)
def test_a_sum_of_a_thousand(pair: Pair, rng: random.Random, group: str) -> None:
    N, r, n = pair.N, pair.params.r, 1024
    point, step = (getattr(N, f"{group}_mul_integer")(getattr(N, f"{group}_generator")(), 5) for _ in range(2))
    points = []
    for _ in range(n):
        points.append(point)
        point = getattr(N, f"{group}_add")(point, step)
    factors = [5 * (i + 1) for i in range(n)]
    ks = [rng.randrange(r) for _ in range(n)]
    scalars = [pair.scalars(k)[0] for k in ks]
    expected = getattr(N, f"{group}_mul_integer")(
        getattr(N, f"{group}_generator")(), sum(k * f for k, f in zip(ks, factors, strict=True)) % r
    )
    assert getattr(N, f"{group}_equal")(getattr(N, f"{group}_msm_vartime")(points, scalars), expected)


@pytest.mark.parametrize("group", GROUPS)
def test_sums_for_public_scalars_agree_with_the_reference(pair: Pair, rng: random.Random, group: str) -> None:
    generator = pair.call(f"{group}_generator")
    assert pair.agree(f"{group}_is_identity", pair.call(f"{group}_msm_vartime", [], []))
    points = [pair.call(f"{group}_mul", generator, pair.scalars(rng.randrange(pair.params.r))) for _ in range(3)]
    scalars = [pair.scalars(rng.randrange(pair.params.r)) for _ in range(3)]
    total = [
        getattr(ops, f"{group}_msm_vartime")([P[side] for P in points], [k[side] for k in scalars])
        for side, ops in enumerate((pair.N, pair.R))
    ]
    pair.same_point(group, (total[0], total[1]))
    assert outcome(getattr(pair.N, f"{group}_msm_vartime"), [points[0][0]], []) is ParameterError
    assert outcome(getattr(pair.R, f"{group}_msm_vartime"), [points[0][1]], []) is ParameterError


def stray_points(pair: Pair, rng: random.Random, group: str, count: int) -> list[Any]:
    degree = 1 if group == "g1" else 2
    found: list[Any] = []
    while len(found) < count:
        x = b"".join(pair.octets(rng.randrange(pair.params.p)) for _ in range(degree))
        point = outcome(getattr(pair.N, f"{group}_from_x"), x, rng.randrange(2), "parity")
        if point is not NotOnCurve:
            found.append(point)
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_subgroup_tests_decide_as_multiplication_by_the_order_does(pair: Pair, rng: random.Random, group: str) -> None:
    N, r = pair.N, pair.params.r
    cofactor = pair.params.cofactor_g1 if group == "g1" else pair.params.cofactor_g2
    integer, member, identity, add = (
        getattr(N, f"{group}_{name}") for name in ("mul_integer", "in_subgroup", "is_identity", "add")
    )
    assert member(getattr(N, f"{group}_identity")())
    small = [q for q in range(2, 2000) if cofactor % q == 0]
    outside = 0
    for stray in stray_points(pair, rng, group, 4):
        inside, torsion = integer(stray, cofactor), integer(stray, r)
        lesser = [integer(stray, r * (cofactor // q)) for q in small]  # points of order dividing a small q
        for point in (stray, inside, torsion, *lesser, *(add(inside, low) for low in lesser), add(inside, torsion)):
            truth = identity(integer(point, r))
            assert member(point) == truth
            outside += not truth
        assert member(inside)
    assert outside > 0 or cofactor == 1


def rows_of(pair: Pair, group: str, points: list[Any]) -> bytes:
    width = (2 if group == "g1" else 4) * pair.params.field_bytes
    octets = [outcome(getattr(pair.N, f"{group}_to_affine"), P) for P in points]
    return b"".join(bytes(width) if xy is IdentityElement else b"".join(xy) for xy in octets)


@pytest.mark.parametrize("group", GROUPS)
def test_sums_from_buffers(pair: Pair, rng: random.Random, group: str) -> None:
    N, r = pair.N, pair.params.r
    array, integer = getattr(N, f"{group}_msm_array_vartime"), getattr(N, f"{group}_mul_integer")
    generator = getattr(N, f"{group}_generator")()
    for n in (0, 1, 3, 40):
        points = [integer(generator, rng.choice([0, 1, r - 1, rng.randrange(r)])) for _ in range(n)]
        ks = [pair.scalars(rng.choice([0, 1, rng.randrange(r)]))[0] for _ in range(n)]
        octets, scalars = rows_of(pair, group, points), b"".join(N.scalar_to_bytes(k) for k in ks)
        expected = getattr(N, f"{group}_msm")(points, ks)
        assert getattr(N, f"{group}_equal")(array(octets, scalars), expected)
        assert getattr(N, f"{group}_equal")(array(memoryview(octets), bytearray(scalars)), expected)
        if n == 3:
            total = getattr(pair.R, f"{group}_msm_array_vartime")(octets, scalars)
            pair.same_point(group, (expected, total))


@pytest.mark.parametrize("group", GROUPS)
def test_buffers_are_checked(pair: Pair, rng: random.Random, group: str) -> None:
    N = pair.N
    good = rows_of(pair, group, [getattr(N, f"{group}_generator")()])
    one = N.scalar_to_bytes(pair.scalars(1)[0])
    order = pair.params.r.to_bytes(pair.params.scalar_bytes, "big")
    off = good[:-1] + bytes([good[-1] ^ 1])
    high = b"\xff" * pair.params.field_bytes + good[pair.params.field_bytes :]
    cases = [
        (good + b"\0", one, WrongLength),
        (good, one[1:], WrongLength),
        (good + good, one, ParameterError),
        (good, order, NonCanonical),
        (good + high, one + one, NonCanonical),
        (good + off, one + one, NotOnCurve),
    ]
    cofactor = pair.params.cofactor_g1 if group == "g1" else pair.params.cofactor_g2
    if cofactor != 1:
        stray = stray_points(pair, rng, group, 1)
        assert not getattr(N, f"{group}_in_subgroup")(stray[0])
        cases.append((good + rows_of(pair, group, stray), one + one, NotInSubgroup))
    for octets, scalars, error in cases:
        for ops in (pair.N, pair.R):
            assert outcome(getattr(ops, f"{group}_msm_array_vartime"), octets, scalars) is error


@pytest.mark.parametrize("group", GROUPS)
def test_the_generators_table_gives_what_any_point_gives(pair: Pair, rng: random.Random, group: str) -> None:
    N = pair.N
    mul, equal = getattr(N, f"{group}_mul"), getattr(N, f"{group}_equal")
    G = getattr(N, f"{group}_generator")()
    same = getattr(N, f"{group}_add")(G, getattr(N, f"{group}_identity")())
    for k in (*extremes(pair.params, group, rng)[:40], *(rng.randrange(pair.params.r) for _ in range(10))):
        assert equal(mul(G, pair.scalars(k)[0]), mul(same, pair.scalars(k)[0])), k
