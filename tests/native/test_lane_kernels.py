"""Eight residues at once against Python's integers: every function of lanes.h, all lanes different, at the edges."""

from __future__ import annotations

import random
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from milagro import params
from milagro.errors import MilagroError, ParameterError

LANES, DIGIT = 8, 52
DIGITS = {4: 5, 6: 8}
NAMES = [name for name in params.NAMES if params.get(name).words in DIGITS]


def lane_module(words: int) -> ModuleType:
    """The module of that word count; skips where the processor cannot run it."""
    pytest.importorskip("milagro._native")
    if not import_module(f"milagro._native.w{words}x").lanes_supported():
        pytest.skip("this processor has no AVX-512 IFMA")
    return import_module(f"milagro._native.w{words}v")


class Field:
    """The lanes of one curve's field, for lists of eight integers."""

    def __init__(self, name: str) -> None:
        sheet = params.get(name)
        self.p, self.digits, self.module = sheet.p, DIGITS[sheet.words], lane_module(sheet.words)
        self.R = 1 << DIGIT * self.digits
        self.bound = 2 * self.p + (4 << DIGIT * (self.digits - 1))
        self.rng = random.Random(f"lanes {name}")

    def columns(self, values: list[int], count: int) -> list[list[int]]:
        low = (1 << DIGIT) - 1
        digits = [[value >> DIGIT * i & low for value in values] for i in range(count - 1)]
        return [*digits, [value >> DIGIT * (count - 1) for value in values]]

    def values(self, columns: list[list[int]]) -> list[int]:
        return [sum(column[k] << DIGIT * i for i, column in enumerate(columns)) for k in range(LANES)]

    def run(self, name: str, *numbers: list[int], wide: bool = False) -> Any:
        """The kernel on residues (pairs of them for Fp2), or on columns."""
        half = len(numbers) // 2 if name.startswith("fp2") and "sqr" not in name and "square" not in name else 1
        count = 2 * self.digits if wide else self.digits
        split = [self.columns(values, count) for values in numbers]
        if name.startswith("fp2"):
            half = 2
        x = [column for columns in split[:half] for column in columns]
        y = [column for columns in split[half:] for column in columns]
        return self.module.kernel(name, self.p, x, y)

    def residues(self, name: str, *numbers: list[int], wide: bool = False) -> list[int]:
        """The residues that come out, having checked their digits and their bound."""
        columns = self.run(name, *numbers, wide=wide)
        assert all(0 <= digit < 1 << DIGIT for column in columns for digit in column), name
        values = self.values(columns)
        assert max(values) < (self.p if name in ("leave", "canonical") else self.bound), name
        return values

    def edges(self) -> list[int]:
        """Residues where carries, borrows and choices change their course."""
        p, top = self.p, self.bound - 1
        unit = 1 << DIGIT * (self.digits - 1)
        powers = [value for i in range(1, self.digits) for value in (1 << DIGIT * i, (1 << DIGIT * i) - 1)]
        steps = [k << (p.bit_length() - 2) for k in range(9)]
        near = [
            0,
            1,
            2,
            p - 1,
            p,
            p + 1,
            2 * p - 1,
            2 * p,
            2 * p + 1,
            top,
            top - 1,
            p // 2,
            p // 2 + 1,
            p - unit,
            p + unit,
        ]
        around = [value + shift for value in steps for shift in (-1, 0, 1, -unit, unit, unit - 1)]
        return [value for value in near + powers + around if 0 <= value <= top]

    def batches(self, rounds: int) -> list[list[int]]:
        """Every edge in every lane position some time, next to random residues."""
        edges = self.edges()
        rows = [[edges[(i + k) % len(edges)] for k in range(LANES)] for i in range(0, len(edges), 3)]
        mixed = [
            [
                self.rng.choice(edges) if self.rng.random() < 0.3 else self.rng.randrange(self.bound)
                for _ in range(LANES)
            ]
            for _ in range(rounds)
        ]
        return rows + mixed


@pytest.fixture(params=NAMES, scope="module")
def field(request: pytest.FixtureRequest) -> Field:
    return Field(request.param)


def pairs(field: Field, rounds: int) -> list[tuple[list[int], list[int]]]:
    left = field.batches(rounds)
    right = field.batches(rounds)
    field.rng.shuffle(right)
    return list(zip(left, right, strict=True))


def test_sums(field: Field) -> None:
    p = field.p
    for x, y in pairs(field, 60):
        for name, expected in (
            ("add", [a + b for a, b in zip(x, y, strict=True)]),
            ("sub", [a - b for a, b in zip(x, y, strict=True)]),
            ("neg", [-a for a in x]),
            ("halve", [a * pow(2, -1, p) for a in x]),
        ):
            operands = (x, y) if name in ("add", "sub") else (x,)
            assert [value % p for value in field.residues(name, *operands)] == [value % p for value in expected], name
        assert field.residues("canonical", x) == [a % p for a in x]


def test_every_pair_of_edges_can_be_added_and_subtracted(field: Field) -> None:
    edges, p = field.edges(), field.p
    for x in edges:
        for at in range(0, len(edges), LANES):
            y = [edges[(at + k) % len(edges)] for k in range(LANES)]
            assert [value % p for value in field.residues("add", [x] * LANES, y)] == [(x + b) % p for b in y]
            assert [value % p for value in field.residues("sub", [x] * LANES, y)] == [(x - b) % p for b in y]


def test_products(field: Field) -> None:
    p, unit = field.p, pow(field.R, -1, field.p)
    for x, y in pairs(field, 60):
        assert field.values(field.run("product", x, y)) == [a * b for a, b in zip(x, y, strict=True)]
        assert [v % p for v in field.residues("mul", x, y)] == [a * b * unit % p for a, b in zip(x, y, strict=True)]
        assert [v % p for v in field.residues("sqr", x)] == [a * a * unit % p for a in x]
        assert [v % p for v in field.residues("enter", x)] == [a * field.R % p for a in x]
        assert field.residues("leave", x) == [a * unit % p for a in x]


def test_products_in_fp2(field: Field) -> None:
    p, unit = field.p, pow(field.R, -1, field.p)
    batches = [batch for pair in pairs(field, 60) for batch in pair]
    for i in range(0, len(batches) - 3, 2):
        a, b, c, d = batches[i : i + 4]
        real = [s * u - t * v for s, t, u, v in zip(a, b, c, d, strict=True)]
        imaginary = [s * v + t * u for s, t, u, v in zip(a, b, c, d, strict=True)]
        got = field.run("fp2_product", a, b, c, d)
        assert field.values(got[: len(got) // 2]) == real
        assert field.values(got[len(got) // 2 :]) == imaginary
        check_both(field, "fp2_mul", field.run("fp2_mul", a, b, c, d), real, imaginary, unit)
        real = [s * s - t * t for s, t in zip(a, b, strict=True)]
        imaginary = [2 * s * t for s, t in zip(a, b, strict=True)]
        check_both(field, "fp2_sqr", field.run("fp2_sqr", a, b), real, imaginary, unit)
        got = field.run("fp2_square_product", a, b)
        assert [v % p for v in field.values(got[: len(got) // 2])] == [v % p for v in real]
        assert field.values(got[len(got) // 2 :]) == imaginary


def check_both(field: Field, name: str, got: list[list[int]], real: list[int], imaginary: list[int], unit: int) -> None:
    for half, expected in ((got[: field.digits], real), (got[field.digits :], imaginary)):
        assert all(0 <= digit < 1 << DIGIT for column in half for digit in column), name
        values = field.values(half)
        assert max(values) < field.bound
        assert [v % field.p for v in values] == [v * unit % field.p for v in expected], name


def test_sums_of_products_are_reduced_whatever_their_sign(field: Field) -> None:
    p, unit, reach = field.p, pow(field.R, -1, field.p), 14 * field.p * field.R
    edges = [0, 1, -1, p, -p, field.R, -field.R, p * field.R, -p * field.R, reach, -reach, reach - 1, 1 - reach]
    for _ in range(80):
        x = [
            field.rng.choice(edges) if field.rng.random() < 0.4 else field.rng.randrange(-reach, reach)
            for _ in range(LANES)
        ]
        y = [field.rng.randrange(-reach, reach) for _ in range(LANES)]
        assert [v % p for v in field.residues("redc", x, wide=True)] == [v * unit % p for v in x]
        assert field.values(field.run("wide_add", x, y, wide=True)) == [a + b for a, b in zip(x, y, strict=True)]
        assert field.values(field.run("wide_sub", x, y, wide=True)) == [a - b for a, b in zip(x, y, strict=True)]


def test_columns_may_be_as_large_as_63_bits(field: Field) -> None:
    p, unit, limit = field.p, pow(field.R, -1, field.p), (1 << 63) - (1 << 57) - 1
    for sign in (-1, 1):
        low = [[sign * limit] * LANES for _ in range(2 * field.digits - 2)]
        x = [*low, [0] * LANES, [0] * LANES]
        got = field.module.kernel("redc", p, x, [])
        assert [v % p for v in field.values(got)] == [v * unit % p for v in field.values(x)]


def test_the_quotient_is_right_next_to_multiples_of_the_modulus(field: Field) -> None:
    # x = R(kp + d), with large numbers moved between the columns of the upper half, up or down
    p, n, rng = field.p, field.digits, field.rng
    for k in range(-14, 14):
        for moved in (-1, 0, 1):
            w = [k * p + rng.choice((-1, 0, 1, -2, 2, rng.randrange(-p // 100, p // 100))) for _ in range(LANES)]
            upper = field.columns(w, n)
            for i in range(n - 1):
                upper[i] = [digit + (moved << 62) for digit in upper[i]]
                upper[i + 1] = [digit - (moved << 10) for digit in upper[i + 1]]
            columns = field.module.kernel("redc", p, [[0] * LANES] * n + upper, [])
            assert all(0 <= digit < 1 << DIGIT for column in columns for digit in column)
            values = field.values(columns)
            assert max(values) < field.bound
            assert [value % p for value in values] == [value % p for value in w]


def test_verdicts_and_inverses(field: Field) -> None:
    p, R = field.p, field.R
    for x, y in pairs(field, 40):
        same = [
            b if k % 3 else (a + p if a + p < field.bound else a) for k, (a, b) in enumerate(zip(x, y, strict=True))
        ]
        assert field.run("is_zero", x) == sum((a % p == 0) << k for k, a in enumerate(x))
        assert field.run("equal", x, same) == sum(
            ((a - b) % p == 0) << k for k, (a, b) in enumerate(zip(x, same, strict=True))
        )
        assert field.run("odd", x) == sum((a * pow(R, -1, p) % p & 1) << k for k, a in enumerate(x))
        expected = [pow(a, -1, p) * R * R % p if a % p else 0 for a in x]
        assert [v % p for v in field.residues("inverse", x)] == expected


def test_what_does_not_fit_is_refused(field: Field) -> None:
    zero = [[0] * LANES] * field.digits
    with pytest.raises(ParameterError):
        field.module.kernel("div", field.p, zero, zero)
    for modulus in ((1 << 64) + 13, 7 << (field.p.bit_length() - 3) | 0xFFFFFFFF):
        with pytest.raises(MilagroError):
            field.module.kernel("add", modulus, zero, zero)
