"""The group law against the geometry that defines it: points on a line add up to the identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from milagro._reference.roots import any_sqrt

if TYPE_CHECKING:
    import random

    from milagro._reference.group import Group
    from milagro._reference.ops import ReferenceCurve


@pytest.fixture(params=["g1", "g2"])
def group(ops: ReferenceCurve, request: pytest.FixtureRequest) -> Group[Any]:
    chosen: Group[Any] = getattr(ops, f"_{request.param}")
    return chosen


def pair(value: Any) -> tuple[int, int]:
    return (int(value.re), int(value.im)) if hasattr(value, "re") else (int(value), 0)


class Plain:
    """Fp2 once more, with Python integers and nothing shared with the backend; Fp is the part with im = 0."""

    def __init__(self, p: int) -> None:
        self.p = p

    def mul(self, a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        return (a[0] * b[0] - a[1] * b[1]) % self.p, (a[0] * b[1] + a[1] * b[0]) % self.p

    def sub(self, a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        return (a[0] - b[0]) % self.p, (a[1] - b[1]) % self.p


def on_curve(plain: Plain, point: Any, b: Any) -> bool:
    x, y = map(pair, point)
    left = plain.mul(y, y)
    right = plain.mul(plain.mul(x, x), x)
    return plain.sub(plain.sub(left, right), pair(b)) == (0, 0)


def collinear(plain: Plain, one: Any, two: Any, three: Any) -> bool:
    (x1, y1), (x2, y2), (x3, y3) = (tuple(map(pair, point)) for point in (one, two, three))
    left = plain.mul(plain.sub(y2, y1), plain.sub(x3, x1))
    return left == plain.mul(plain.sub(y3, y1), plain.sub(x2, x1))


def test_sum_of_two_points_lies_on_their_line(group: Group[Any], rng: random.Random) -> None:
    plain, curve = Plain(int(group.curve.p)), group.curve
    base = group.generator.point
    for _ in range(5):
        a, b = (curve.multiply(base, rng.randrange(1, group.order)) for _ in range(2))
        total = curve.add(a, b)
        assert on_curve(plain, a, curve.b)
        assert on_curve(plain, total, curve.b)
        assert collinear(plain, a, b, curve.neg(total))


def test_double_lies_on_the_tangent(group: Group[Any]) -> None:
    plain, curve = Plain(int(group.curve.p)), group.curve
    point = group.generator.point
    double = curve.add(point, point)
    assert on_curve(plain, double, curve.b)
    (x, y), (u, v) = (tuple(map(pair, q)) for q in (point, curve.neg(double)))
    # 2y (v - y) = 3x^2 (u - x)
    left = plain.mul(plain.mul((2, 0), y), plain.sub(v, y))
    assert left == plain.mul(plain.mul((3, 0), plain.mul(x, x)), plain.sub(u, x))


def test_identity_and_inverse(group: Group[Any]) -> None:
    g, zero = group.generator, group.identity
    assert group.equal(group.add(g, zero), g)
    assert group.equal(group.add(zero, g), g)
    assert group.is_identity(group.add(zero, zero))
    assert group.is_identity(group.add(g, group.neg(g)))
    assert group.is_identity(group.neg(zero))
    assert group.is_identity(group.mul_integer(zero, 5))
    assert group.is_identity(group.mul_integer(g, 0))
    assert not group.is_identity(g)
    assert not group.equal(g, zero)


def test_multiples_are_repeated_sums(group: Group[Any]) -> None:
    total = group.identity
    for k in range(20):
        assert group.equal(group.mul_integer(group.generator, k), total)
        assert group.equal(group.mul_integer(group.generator, -k), group.neg(total))
        total = group.add(total, group.generator)


def test_addition_is_associative_and_commutative(group: Group[Any], rng: random.Random) -> None:
    a, b, c = (group.mul_integer(group.generator, rng.randrange(group.order)) for _ in range(3))
    assert group.equal(group.add(a, group.add(b, c)), group.add(group.add(a, b), c))
    assert group.equal(group.add(a, b), group.add(b, a))


def test_generator_has_order_r(group: Group[Any]) -> None:
    assert group.in_subgroup(group.generator)
    assert group.in_subgroup(group.identity)
    assert group.equal(group.mul_integer(group.generator, group.order + 1), group.generator)
    assert group.equal(group.mul_integer(group.generator, group.order - 1), group.neg(group.generator))
    # the last step of this one adds P to P
    assert group.equal(group.mul_integer(group.generator, group.order + 2), group.mul_integer(group.generator, 2))


def test_a_point_outside_the_subgroup_is_told_apart(ops: ReferenceCurve) -> None:
    group, cofactor = (ops._g2, ops.params.cofactor_g2)
    if ops.params.cofactor_g1 > 1:
        assert not ops._g1.in_subgroup(ops._g1.wrap(outside(ops._g1)))
    point = outside(group)
    assert not group.in_subgroup(group.wrap(point))
    assert group.in_subgroup(group.wrap(group.curve.multiply(point, cofactor)))
    assert group.curve.multiply(point, cofactor * group.order) is None


def outside(group: Group[Any]) -> Any:
    """The first point by x = 1, 2, ... (1 + i, 1 + 2i, ... over Fp2), not multiplied by the cofactor."""
    field = group.field
    for n in range(1, 200):
        x = field.element((1, n) if field.degree == 2 else (n, 0))
        y = any_sqrt(field, group.curve.right_side(x))
        if y is not None and group.curve.multiply((x, y), group.order) is not None:
            return x, y
    raise AssertionError("no point outside the subgroup was found")


def test_msm_is_the_sum_of_products(group: Group[Any], ops: ReferenceCurve, rng: random.Random) -> None:
    points = [group.mul_integer(group.generator, rng.randrange(group.order)) for _ in range(4)]
    numbers = [rng.randrange(group.order) for _ in range(4)]
    scalars = [ops.scalar_from_bytes(n.to_bytes(ops.params.scalar_bytes, "big")) for n in numbers]
    expected = group.identity
    for point, n in zip(points, numbers, strict=True):
        expected = group.add(expected, group.mul_integer(point, n))
    assert group.equal(group.msm(points, scalars), expected)
    assert group.is_identity(group.msm([], []))
