"""One product of pairings across the lanes, against the same product in words; and its kernels against integers."""

from __future__ import annotations

import random
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from milagro import params
from milagro.backend import CurveOps

NAMES = [name for name in params.NAMES if name != "FP512BN"]  # which has no digits to spare
PREPARED = ("", "p", "up", "pp", "uu", "pupu", "ppppppp", "upupupup", "uuuuuuuuu", "pupupupupupupupup")


class Across:
    """One curve in words only, and with products across the lanes."""

    def __init__(self, name: str) -> None:
        native: Any = pytest.importorskip("milagro._native")
        if "ifma" not in native.implementations():
            pytest.skip("this processor has no AVX-512 IFMA")
        self.sheet = params.get(name)
        self.words: CurveOps = native.curve(name, "adx")
        self.lanes: CurveOps = native.curve(name, "ifma")
        self.module: ModuleType = import_module(f"milagro._native.w{self.sheet.words}s")
        self.engine = self.module.Engine(self.sheet)
        self.rng = random.Random(f"across the lanes of {name}")

    def scalars(self, n: int) -> list[bytes]:
        size = self.sheet.scalar_bytes
        return [self.rng.randrange(1, self.sheet.r).to_bytes(size, "big") for _ in range(n)]


@pytest.fixture(params=NAMES, scope="module")
def across(request: pytest.FixtureRequest) -> Across:
    return Across(request.param)


def points(ops: CurveOps, ks: list[bytes], ls: list[bytes], kinds: str) -> tuple[list[Any], list[Any]]:
    """Points k P and l Q, the latter prepared where the kind is p."""
    left = [ops.g1_mul(ops.g1_generator(), ops.scalar_from_bytes(k)) for k in ks]
    right = [ops.g2_mul(ops.g2_generator(), ops.scalar_from_bytes(one)) for one in ls]
    return left, [ops.g2_prepare(q) if kind == "p" else q for q, kind in zip(right, kinds, strict=True)]


@pytest.mark.parametrize("kinds", PREPARED)
def test_products_agree(across: Across, kinds: str) -> None:
    for _ in range(3):
        ks, ls = across.scalars(len(kinds)), across.scalars(len(kinds))
        both = [
            ops.gt_to_bytes(ops.pairing_product(*points(ops, ks, ls, kinds))) for ops in (across.words, across.lanes)
        ]
        assert both[0] == both[1]


@pytest.mark.parametrize("kinds", ["pp", "up", "uu", "ppp", "upupupupp"])
def test_checks_agree(across: Across, kinds: str) -> None:
    for ops in (across.words, across.lanes):
        left, right = points(ops, across.scalars(len(kinds)), across.scalars(len(kinds)), kinds)
        assert not ops.pairing_check(left, right)
        # e(P, Q) e(-P, Q), as often as it fits, and the identity in between
        P, Q = left[0], ops.g2_generator()
        left = [P, ops.g1_neg(P), ops.g1_identity()] * 3
        right = [Q, ops.g2_prepare(Q), right[0]] * 3
        assert ops.pairing_check(left, right)
        assert not ops.pairing_check(left[:-2], right[:-2])


def test_identities_contribute_one(across: Across) -> None:
    ops = across.lanes
    P, Q = ops.g1_generator(), ops.g2_generator()
    assert ops.gt_is_one(ops.pairing_product([ops.g1_identity(), P], [Q, ops.g2_identity()]))
    assert ops.pairing_check([ops.g1_identity()], [ops.g2_prepare(Q)])
    assert ops.gt_equal(ops.pairing_product([P, ops.g1_identity()], [Q, Q]), ops.pairing(P, Q))


# -- kernels against integers ------------------------------------------------------------------------------------------
Fp2 = tuple[int, int]


class Towers:
    """Fp12 = Fp2[w]/(w^6 - xi) in integers, and its elements as columns of digits."""

    def __init__(self, across: Across) -> None:
        self.p, self.xi = across.sheet.p, across.sheet.xi
        self.digits = {4: 5, 6: 8, 8: 9}[across.sheet.words]
        self.inverse_of_R = pow(2, -52 * self.digits, self.p)

    def product(self, x: Fp2, y: Fp2) -> Fp2:
        return (x[0] * y[0] - x[1] * y[1]) % self.p, (x[0] * y[1] + x[1] * y[0]) % self.p

    def mul(self, x: list[Fp2], y: list[Fp2]) -> list[Fp2]:
        result = [(0, 0)] * 6
        for i in range(6):
            for j in range(6):
                term = self.product(x[i], y[j])
                term = self.product(term, self.xi) if i + j > 5 else term
                a, b = result[(i + j) % 6]
                result[(i + j) % 6] = (a + term[0]) % self.p, (b + term[1]) % self.p
        return result

    def cyclotomic_sqr(self, x: list[Fp2], R: int) -> list[Fp2]:
        """Granger's and Scott's formula for x/R, times R^2: of any x."""

        def square(a: Fp2, b: Fp2) -> tuple[Fp2, Fp2]:
            aa, bb, ab = self.product(a, a), self.product(self.product(b, b), self.xi), self.product(a, b)
            return (aa[0] + bb[0], aa[1] + bb[1]), (2 * ab[0], 2 * ab[1])

        def three_two(a: Fp2, b: Fp2, sign: int) -> Fp2:
            return (3 * a[0] + 2 * sign * R * b[0]) % self.p, (3 * a[1] + 2 * sign * R * b[1]) % self.p

        (A0, A1), (B0, B1), (C0, C1) = (square(x[k], x[k + 3]) for k in range(3))
        turned = self.product(C1, self.xi)
        return [
            three_two(A0, x[0], -1),
            three_two(turned, x[1], 1),
            three_two(B0, x[2], -1),
            three_two(A1, x[3], 1),
            three_two(C0, x[4], -1),
            three_two(B1, x[5], 1),
        ]

    def columns(self, x: list[Fp2]) -> list[list[int]]:
        """Eight residues by digits, real parts first; what stands in the last two lanes must not matter."""
        numbers = [*x, (2 * self.p, 0), (self.p - 1, 2 * self.p)]
        mask = (1 << 52) - 1
        return [[one[part] >> 52 * i & mask for one in numbers] for part in (0, 1) for i in range(self.digits)]

    def numbers(self, columns: list[list[int]]) -> list[Fp2]:
        """The elements in columns; each is a residue."""

        def number(part: int, k: int) -> int:
            digits = [columns[part * self.digits + i][k] for i in range(self.digits)]
            assert all(0 <= digit < 1 << 52 for digit in digits)
            value = sum(digit << 52 * i for i, digit in enumerate(digits))
            assert value < 2 * self.p + (4 << 52 * (self.digits - 1))
            return value

        return [(number(0, k), number(1, k)) for k in range(6)]


def test_kernels(across: Across) -> None:
    towers, rng = Towers(across), across.rng
    p, inverse = towers.p, towers.inverse_of_R
    edges = [0, 1, p - 1, p, p + 1, 2 * p - 1, 2 * p, 2 * p + (3 << 52 * (towers.digits - 1))]

    def element(share_of_edges: float) -> list[Fp2]:
        def number() -> int:
            return rng.choice(edges) if rng.random() < share_of_edges else rng.randrange(2 * p)

        return [(number(), number()) for _ in range(6)]

    def run(name: str, x: list[Fp2], y: list[Fp2]) -> list[Fp2]:
        columns = across.module.across_kernel(name, across.engine, towers.columns(x), towers.columns(y))
        return [(a % p, b % p) for a, b in towers.numbers(columns)]

    def scaled(x: list[Fp2]) -> list[Fp2]:
        return [(a * inverse % p, b * inverse % p) for a, b in x]

    def plus(x: list[Fp2], y: list[Fp2]) -> list[Fp2]:
        return [((a + c) % p, (b + d) % p) for (a, b), (c, d) in zip(x, y, strict=True)]

    most = [(edges[-1], edges[-1])] * 6
    shares = (0, 0.5, 1)
    for x, y in [(most, most), *((element(s), element(t)) for s in shares for t in shares for _ in range(20))]:
        nothing = (0, 0)
        sparse = [nothing, y[0], nothing, y[2], nothing, nothing]
        assert run("mul", x, y) == scaled(towers.mul(x, y))
        assert run("sqr", x, y) == scaled(towers.mul(x, x))
        assert run("mul_sparse", x, y) == scaled(towers.mul(x, [y[0], y[2], nothing, y[4], nothing, nothing]))
        assert run("mul_monic", x, y) == plus(scaled(towers.mul(x, sparse)), x)
        assert run("conj", x, y) == [(-a % p, -b % p) if k % 2 else (a % p, b % p) for k, (a, b) in enumerate(x)]
        # the formula mixes products, which a division by R goes with, and x itself
        R = pow(inverse, -1, p)
        assert run("cyclotomic_sqr", x, y) == scaled(towers.cyclotomic_sqr(x, R))
