"""Sums of public multiples in G1 through eight lanes are those of the words alone."""

from __future__ import annotations

import random
from typing import Any

import pytest

from milagro import _native, params
from milagro.backend import CurveOps

# around the smallest sum that is given to the lanes, groups that are not full, more rows than are worked off together
COUNTS = (8, 15, 16, 17, 33, 100, 700)


class Sides:
    """One curve with and without lanes, and the same values on both."""

    def __init__(self, name: str) -> None:
        if "ifma" not in _native.implementations():
            pytest.skip("this processor has no lanes")
        self.params = params.get(name)
        self.sides: list[CurveOps] = [_native.curve(name, kind) for kind in ("adx", "ifma")]

    def agree(self, factors: list[int], scalars: list[int]) -> None:
        """sum k_i (f_i G) is one point on both sides, the one that the integers say."""
        size, r = self.params.scalar_bytes, self.params.r
        expected = sum(f * k for f, k in zip(factors, scalars, strict=True)) % r
        for ops in self.sides:
            points = [self._point(ops, f) for f in factors]
            ks: list[Any] = [ops.scalar_from_bytes((k % r).to_bytes(size, "big")) for k in scalars]
            assert ops.g1_equal(ops.g1_msm_vartime(points, ks), self._point(ops, expected))

    def _point(self, ops: CurveOps, factor: int) -> Any:
        # the sum gives the point a denominator other than 1
        return ops.g1_add(ops.g1_mul_integer(ops.g1_generator(), factor - 5), ops.g1_mul_integer(ops.g1_generator(), 5))


@pytest.fixture(scope="module", params=["BN254", "FP256BN", "BLS12-381", "BLS383"])
def sides(request: pytest.FixtureRequest) -> Sides:
    return Sides(request.param)


@pytest.mark.parametrize("count", COUNTS)
def test_points_that_differ(sides: Sides, count: int) -> None:
    source, r = random.Random(count), sides.params.r
    factors = [source.randrange(1, r) for _ in range(count)]
    weights = [source.randrange(1, 1 << 128) for _ in range(count)]
    sides.agree(factors, weights)
    sides.agree(factors, [source.randrange(r) for _ in range(count)])
    sides.agree(factors, [k if i % 3 else source.randrange(r) for i, k in enumerate(weights)])


@pytest.mark.parametrize("count", COUNTS)
def test_points_that_meet_in_a_bucket(sides: Sides, count: int) -> None:
    """Equal and opposite ones, in pairs and in long rows, and the identity."""
    k, r = (1 << 127) + 12345, sides.params.r
    sides.agree([7] * count, [k] * count)
    sides.agree([7, r - 7] * count, [k] * 2 * count)
    sides.agree([7, 7, r - 7, r - 14] * count, [k] * 4 * count)
    sides.agree([0, 1, r - 1, 2] * count, [k, r - 1, 1, 0] * count)
    sides.agree([(-1) ** i * (i % 5) for i in range(count)], [k] * count)
