"""The laws that make these values groups with a pairing, on values that hypothesis chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from milagro.groups import Curve

FEW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SOME = settings(FEW, max_examples=10)

numbers = st.one_of(
    st.integers(0, 3),
    st.integers(0, 2**64),
    st.integers(0, 2**600),
    st.integers(1, 3).map(lambda d: -d),  # r - d
)


def reduced(E: Curve, value: int) -> int:
    return value % E.order


@SOME
@given(a=numbers, b=numbers, c=numbers)
def test_scalars_are_integers_modulo_r(any_curve: Curve, a: int, b: int, c: int) -> None:
    E, r = any_curve, any_curve.order
    x, y, z = (E.scalar(reduced(E, value)) for value in (a, b, c))
    assert x * (y + z) == x * y + x * z
    assert (x * y + z - x).to_bytes() == ((a * b + c - a) % r).to_bytes(E.scalar_bytes, "big")
    assert (-x + x).is_zero()
    if not x.is_zero():
        assert x.inverse() * x == E.scalar(1)


@SOME
@given(octets=st.binary(max_size=200))
def test_reduction(any_curve: Curve, octets: bytes) -> None:
    expected = int.from_bytes(octets, "big") % any_curve.order
    assert any_curve.scalar_reduce(octets).to_bytes() == expected.to_bytes(any_curve.scalar_bytes, "big")


@FEW
@given(a=numbers, b=numbers)
@pytest.mark.parametrize("group", ["g1", "g2"])
def test_multiplication_distributes(any_curve: Curve, group: str, a: int, b: int) -> None:
    E = any_curve
    G = getattr(E, group)
    x, y = E.scalar(reduced(E, a)), E.scalar(reduced(E, b))
    assert x * G + y * G == (x + y) * G
    assert y * (x * G) == (x * y) * G
    assert x * G - y * G == (x - y) * G
    assert x * (G + G) == x * G + x * G
    assert -(x * G) == (-x) * G


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_group_edges(any_curve: Curve, group: str) -> None:
    E = any_curve
    G, zero = getattr(E, group), getattr(E, f"{group}_identity")
    last = E.scalar(E.order - 1)
    assert (G + zero, zero + G, G - G, zero + zero) == (G, G, zero, zero)
    assert E.scalar(0) * G == zero
    assert E.scalar(1) * G == G
    assert last * G == -G
    assert last * G + G == zero
    assert E.scalar(5) * zero == zero
    assert E.scalar(2) * G == G + G
    assert -zero == zero
    assert G != -G


@FEW
@given(ks=st.lists(st.tuples(numbers, numbers), max_size=5))
@pytest.mark.parametrize("group", ["g1", "g2"])
def test_multi_multiplication_is_a_sum(any_curve: Curve, group: str, ks: list[tuple[int, int]]) -> None:
    E = any_curve
    points = [getattr(E, group) * E.scalar(reduced(E, a)) for a, _ in ks]
    scalars = [E.scalar(reduced(E, b)) for _, b in ks]
    expected = getattr(E, f"{group}_identity")
    for point, k in zip(points, scalars, strict=True):
        expected = expected + k * point
    assert getattr(E, f"multi_multiply_{group}")(points, scalars) == expected
    assert getattr(E, f"multi_multiply_{group}_vartime")(points, scalars) == expected
    assert all(k * point == point.mul_vartime(k) for point, k in zip(points, scalars, strict=True))
    width = 2 * E.field_bytes if group == "g1" else 4 * E.field_bytes
    rows = [bytes(width) if point.is_identity() else b"".join(point.coordinates()) for point in points]
    array = getattr(E, f"multi_multiply_{group}_array")
    assert array(b"".join(rows), b"".join(k.to_bytes() for k in scalars)) == expected


@FEW
@given(k=numbers)
def test_points_survive_every_encoding(any_curve: Curve, k: int) -> None:
    E = any_curve
    x = E.scalar(reduced(E, k))
    for encoding in E.encodings:
        for G, read in ((E.g1, E.g1_from_bytes), (E.g2, E.g2_from_bytes)):
            point = x * G
            if not (point.is_identity() and encoding.startswith("milagro")):
                assert read(point.to_bytes(encoding), encoding, allow_identity=True) == point


@FEW
@given(a=numbers, b=numbers)
def test_the_pairing_is_bilinear(any_curve: Curve, a: int, b: int) -> None:
    E = any_curve
    x, y = E.scalar(reduced(E, a)), E.scalar(reduced(E, b))
    e = E.pairing(E.g1, E.g2)
    assert E.pairing(x * E.g1, y * E.g2) == e ** (x * y)
    assert E.pairing(x * E.g1, E.g2) == E.pairing(E.g1, x * E.g2) == e**x
    assert e**x * e**y == e ** (x + y)
    assert E.pairing_check([(x * E.g1, y * E.g2), (-(x * y) * E.g1, E.g2)])


def test_the_pairing_is_not_degenerate(any_curve: Curve) -> None:
    E = any_curve
    e = E.pairing(E.g1, E.g2)
    assert not e.is_one()
    assert e ** E.scalar(0) == E.gt_one
    assert e ** E.scalar(E.order - 1) == e.inverse()
    assert (e * e.inverse()).is_one()
    assert e * E.gt_one == e
    assert E.gt_from_bytes(e.to_bytes()) == e
    assert E.pairing(E.g1_identity, E.g2).is_one()
    assert E.pairing(E.g1, E.g2_identity).is_one()


def test_products_of_pairings(any_curve: Curve) -> None:
    E = any_curve
    two, three = E.scalar(2), E.scalar(3)
    pairs = [(two * E.g1, E.g2), (E.g1, three * E.g2), (E.g1_identity, E.g2)]
    assert E.pairing_product(pairs) == E.pairing(E.g1, E.g2) ** E.scalar(5)
    assert E.pairing_product([]).is_one()
    assert E.pairing_check([])
    assert E.pairing_check([(E.g1_identity, E.g2), (E.g1, E.g2_identity)])
    assert not E.pairing_check(pairs)
    assert not E.pairing_check([(E.g1, E.g2)])


def test_the_trace_is_three_times_the_first_part(any_curve: Curve) -> None:
    E, n, p = any_curve, any_curve.field_bytes, any_curve.params.p
    e = E.pairing(E.g1, E.g2)
    octets, trace = e.to_bytes(), e.trace_bytes()
    for at in range(0, 4 * n, n):
        a = int.from_bytes(octets[at : at + n], "big")
        assert int.from_bytes(trace[at : at + n], "big") == 3 * a % p
    assert e.trace_bytes() == e.inverse().trace_bytes()[: 2 * n] + _negated(e.inverse().trace_bytes()[2 * n :], n, p)


def _negated(octets: bytes, n: int, p: int) -> bytes:
    parts = [int.from_bytes(octets[i : i + n], "big") for i in range(0, len(octets), n)]
    return b"".join((-part % p).to_bytes(n, "big") for part in parts)
