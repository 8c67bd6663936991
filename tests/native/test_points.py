"""Both groups of points against the reference: edges, opposite points, points outside the subgroup."""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import pytest

from milagro.errors import IdentityElement, NonCanonical, NotOnCurve, ParameterError, WrongLength

from .conftest import Pair, outcome

GROUPS = ["g1", "g2"]


def degree(group: str) -> int:
    return 1 if group == "g1" else 2


def random_x(pair: Pair, rng: random.Random, group: str) -> bytes:
    return b"".join(pair.octets(rng.randrange(pair.params.p)) for _ in range(degree(group)))


def stray_point(pair: Pair, rng: random.Random, group: str) -> tuple[Any, Any]:
    """A point of the whole curve; where the cofactor is not 1, hardly ever one of the subgroup."""
    while True:
        point = pair.call(f"{group}_from_x", random_x(pair, rng, group), rng.randrange(2), "parity")
        if point[0] is not NotOnCurve:
            return point


def sample(pair: Pair, rng: random.Random, group: str) -> list[tuple[Any, Any]]:
    generator = pair.call(f"{group}_generator")
    return [
        pair.call(f"{group}_identity"),
        generator,
        pair.call(f"{group}_neg", generator),
        pair.call(f"{group}_mul", generator, pair.scalars(rng.randrange(pair.params.r))),
        stray_point(pair, rng, group),
    ]


@pytest.mark.parametrize("group", GROUPS)
def test_addition_is_complete(pair: Pair, rng: random.Random, group: str) -> None:
    points = sample(pair, rng, group)
    for P, Q in product(points, repeat=2):
        pair.same_point(group, pair.call(f"{group}_add", P, Q))
        pair.agree(f"{group}_equal", P, Q)
        opposite = pair.call(f"{group}_neg", P)
        assert pair.agree(f"{group}_is_identity", pair.call(f"{group}_add", P, opposite))
    for P in points:
        pair.same_point(group, P)
        pair.same_point(group, pair.call(f"{group}_neg", P))
        pair.agree(f"{group}_is_identity", P)
        pair.agree(f"{group}_in_subgroup", P)


@pytest.mark.parametrize("group", GROUPS)
def test_equality_does_not_depend_on_the_representation(pair: Pair, rng: random.Random, group: str) -> None:
    N = pair.N
    for P, _ in sample(pair, rng, group):
        G = getattr(N, f"{group}_generator")()
        add, neg, equal = (getattr(N, f"{group}_{name}") for name in ("add", "neg", "equal"))
        again = add(add(P, G), neg(G))
        assert equal(P, again)
        assert not equal(P, add(P, G))


@pytest.mark.parametrize("group", GROUPS)
def test_multiples_at_the_edges(pair: Pair, rng: random.Random, scalar_edges: list[int], group: str) -> None:
    generator = pair.call(f"{group}_generator")
    P = pair.call(f"{group}_mul", generator, pair.scalars(rng.randrange(pair.params.r)))
    identity = pair.call(f"{group}_identity")
    for k in scalar_edges:
        product_ = pair.call(f"{group}_mul", P, pair.scalars(k))
        pair.same_point(group, product_)
        by_integer = pair.call(f"{group}_mul_integer", P, k)
        assert getattr(pair.N, f"{group}_equal")(product_[0], by_integer[0])
        assert pair.agree(f"{group}_is_identity", pair.call(f"{group}_mul", identity, pair.scalars(k)))


@pytest.mark.parametrize("group", GROUPS)
def test_multiples_by_integers_anywhere_on_the_curve(pair: Pair, rng: random.Random, group: str) -> None:
    P, r = stray_point(pair, rng, group), pair.params.r
    cofactor = pair.params.cofactor_g1 if group == "g1" else pair.params.cofactor_g2
    for k in (
        0,
        1,
        -1,
        2,
        255,
        256,
        r - 1,
        r,
        r + 1,
        -r,
        1 << 64,
        rng.getrandbits(700),
        -rng.getrandbits(64),
        cofactor,
    ):
        pair.same_point(group, pair.call(f"{group}_mul_integer", P, k))
    multiple, is_identity = (getattr(pair.N, f"{group}_{name}") for name in ("mul_integer", "is_identity"))
    assert is_identity(multiple(P[0], r * cofactor))
    assert is_identity(multiple(P[0], (r * cofactor) ** 3))
    assert is_identity(multiple(multiple(P[0], cofactor), r))


@pytest.mark.parametrize("group", GROUPS)
def test_sums_of_multiples(pair: Pair, rng: random.Random, scalar_edges: list[int], group: str) -> None:
    generator = pair.call(f"{group}_generator")
    assert pair.agree(f"{group}_is_identity", pair.call(f"{group}_msm", [], []))
    for n in (1, 2, 5):
        ks = [rng.choice(scalar_edges) for _ in range(n)]
        multipliers = [pair.scalars(k) for k in ks]
        points = [pair.call(f"{group}_mul", generator, pair.scalars(rng.choice(scalar_edges))) for _ in range(n)]
        total = [
            getattr(ops, f"{group}_msm")([P[side] for P in points], [k[side] for k in multipliers])
            for side, ops in enumerate((pair.N, pair.R))
        ]
        pair.same_point(group, (total[0], total[1]))
    with pytest.raises(ParameterError):
        getattr(pair.N, f"{group}_msm")([generator[0]], [])


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("rule", ["parity", "larger"])
def test_points_from_x(pair: Pair, rng: random.Random, group: str, rule: str) -> None:
    zero, one = pair.octets(0), pair.octets(1)
    lone = [one, zero] if group == "g1" else [one + zero, zero + one, zero + zero]
    found = 0
    for x in [*lone, *(random_x(pair, rng, group) for _ in range(8))]:
        for sign in (0, 1):
            point = pair.call(f"{group}_from_x", x, sign, rule)
            if point[0] is NotOnCurve:
                assert point[1] is NotOnCurve
                continue
            found += 1
            pair.same_point(group, point)
            assert pair.agree(f"{group}_sign", point, rule) == sign
            assert pair.agree(f"{group}_sign", pair.call(f"{group}_neg", point), rule) == 1 - sign
    assert found > 0


@pytest.mark.parametrize("group", GROUPS)
def test_affine_coordinates_round_trip_and_are_checked(pair: Pair, rng: random.Random, group: str) -> None:
    N = pair.N
    from_affine, to_affine, equal = (getattr(N, f"{group}_{name}") for name in ("from_affine", "to_affine", "equal"))
    P = stray_point(pair, rng, group)[0]
    x, y = to_affine(P)
    assert equal(from_affine(x, y), P)
    width = degree(group) * pair.params.field_bytes
    modulus = pair.params.p.to_bytes(pair.params.field_bytes, "big")
    for bad in (b"", x[1:], x + b"\0"):
        assert outcome(from_affine, bad, y) is WrongLength
        assert outcome(from_affine, x, bad) is WrongLength
    assert outcome(from_affine, x[: width - len(modulus)] + modulus, y) is NonCanonical
    assert outcome(from_affine, x, modulus + y[len(modulus) :]) is NonCanonical
    assert outcome(from_affine, y, x) is NotOnCurve
    assert outcome(from_affine, bytes(width), bytes(width)) is NotOnCurve
    assert outcome(from_affine, x, y[:-1] + bytes([y[-1] ^ 1])) is NotOnCurve


@pytest.mark.parametrize("group", GROUPS)
def test_the_identity_has_no_coordinates(pair: Pair, group: str) -> None:
    N = pair.N
    identity = getattr(N, f"{group}_identity")()
    assert outcome(getattr(N, f"{group}_to_affine"), identity) is IdentityElement
    assert outcome(getattr(N, f"{group}_sign"), identity, "parity") is IdentityElement
    generator = getattr(N, f"{group}_generator")()
    width = degree(group) * pair.params.field_bytes
    assert outcome(getattr(N, f"{group}_sign"), generator, "even") is ParameterError
    assert outcome(getattr(N, f"{group}_from_x"), bytes(width), 2, "parity") is ParameterError
    assert outcome(getattr(N, f"{group}_from_x"), bytes(width), 0, "Parity") is ParameterError


def fp2_power(pair: Pair, x: bytes, exponent: int) -> bytes:
    result = pair.octets(1) + pair.octets(0)
    for bit in bin(exponent)[2:]:
        result = pair.N.tower("fp2_sqr", result)
        if bit == "1":
            result = pair.N.tower("fp2_mul", result, x)
    return result


def test_y_may_be_imaginary(pair: Pair) -> None:
    """Points of the twist over a value of x^3 + b' that is real and no square in Fp: y is a multiple of i."""
    p, tower, octets = pair.params.p, pair.N.tower, pair.octets
    third = (p * p - 1) // 3
    if third % 3 == 0:
        pytest.skip("cube roots in this Fp2 are not a power")
    twist_b = octets(pair.params.twist_b[0]) + octets(pair.params.twist_b[1])
    found = 0
    for value in range(p - 1, p - 60, -1):
        cube = tower("fp2_sub", octets(value) + octets(0), twist_b)
        if pow(value, (p - 1) // 2, p) == 1 or fp2_power(pair, cube, third) != octets(1) + octets(0):
            continue
        x = fp2_power(pair, cube, pow(3, -1, third))
        for sign, rule in product((0, 1), ("parity", "larger")):
            point = pair.call("g2_from_x", x, sign, rule)
            pair.same_point("g2", point)
            assert pair.N.g2_to_affine(point[0])[1][: pair.params.field_bytes] == octets(0)
            assert pair.agree("g2_sign", point, rule) == sign
        found += 1
        if found == 3:
            break
    assert found > 0
