"""The word arithmetic of each native module, on edges and on moduli of every length, against Python integers."""

from __future__ import annotations

import random
from itertools import product
from types import ModuleType

import pytest

from milagro import params
from milagro.backend import CurveOps
from milagro.errors import ParameterError

from .conftest import Pair

WORDS = (4, 6, 8)
SPECIAL = {  # the longest and shortest moduli of each length, and words of 0 and of all ones
    4: [(1 << 256) - 189, (1 << 255) - 19, (1 << 255) + 95, (1 << 256) - (1 << 128) + 1, (1 << 193) + 133],
    6: [(1 << 384) - 317, (1 << 383) - 421, (1 << 384) - (1 << 128) - (1 << 96) + (1 << 32) - 1, (1 << 321) + 9],
    8: [(1 << 512) - 569, (1 << 511) - 187, (1 << 512) - (1 << 320) + 7, (1 << 449) + 5],
}


def jacobi(x: int, m: int) -> int:
    """The symbol (x/m) by its definition's rules."""
    x, sign = x % m, 1
    while x:
        while x % 2 == 0:
            x //= 2
            sign = -sign if m % 8 in (3, 5) else sign
        x, m = m, x
        sign = -sign if x % 4 == m % 4 == 3 else sign
        x %= m
    return sign if m == 1 else 0


@pytest.fixture(params=WORDS)
def words(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def module(words: int, implementation: str) -> ModuleType:
    """The native module of that many words in that implementation."""
    from importlib import import_module

    native = import_module("milagro._native")
    if implementation not in native.implementations():
        pytest.skip(f"this processor cannot run {implementation}")
    return import_module(f"milagro._native.w{words}{'' if implementation == 'portable' else 'x'}")


@pytest.fixture
def moduli(words: int) -> list[int]:
    curves = [params.get(name) for name in params.NAMES]
    return [m for c in curves if c.words == words for m in (c.p, c.r)] + SPECIAL[words]


def residues(m: int, words: int, rng: random.Random) -> list[int]:
    """Numbers below m where carries, borrows and the last subtraction change their course."""
    near = [0, 1, 2, m - 1, m - 2, m // 2, m // 2 + 1]
    powers = [value for k in range(1, words) for value in (1 << 64 * k, (1 << 64 * k) - 1, m - (1 << 64 * k))]
    lone = [0xFFFFFFFFFFFFFFFF << 64 * k for k in range(words)]
    random_ones = [rng.randrange(m) for _ in range(4)]
    return [value for value in near + powers + lone + random_ones if 0 <= value < m]


def test_sums_and_products(module: ModuleType, moduli: list[int], words: int) -> None:
    rng, R, kernel = random.Random(f"sums {words}"), 1 << 64 * words, module.kernel
    for m in moduli:
        unit = pow(R, -1, m)
        for x, y in product(residues(m, words, rng), repeat=2):
            assert kernel("add", m, x, y) == (x + y) % m
            assert kernel("sub", m, x, y) == (x - y) % m
            assert kernel("mul", m, x, y) == x * y * unit % m
            assert kernel("product", m, x, y) == kernel("tower_product", m, x, y) == x * y
            assert kernel("tower_add", m, x, y) == (x + y) % m
            assert kernel("tower_sub", m, x, y) == (x - y) % m
            if x + y < R:
                assert kernel("tower_plain_add", m, x, y) == x + y
        for x in residues(m, words, rng):
            assert kernel("neg", m, x, 0) == -x % m
            assert kernel("sqr", m, x, 0) == x * x * unit % m
            assert kernel("square", m, x, 0) == x * x
            assert kernel("halve", m, x, 0) == x * pow(2, -1, m) % m
            if 2 * m < R:
                for y in (m, m + 1, 2 * m - 1):
                    assert kernel("mul", m, x, y) == x * y * unit % m


def test_products_of_all_words(module: ModuleType, moduli: list[int], words: int) -> None:
    """The product takes any words, not only residues: sums are multiplied before they are reduced."""
    full = (1 << 64 * words) - 1
    for x, y in product([0, 1, full, full - 1, full >> 1, full // 3, full // 5 * 3], repeat=2):
        assert module.kernel("product", moduli[0], x, y) == x * y
        assert module.kernel("tower_product", moduli[0], x, y) == x * y
        assert module.kernel("square", moduli[0], x ^ y, 0) == (x ^ y) ** 2


def test_numbers_before_reduction(module: ModuleType, moduli: list[int], words: int) -> None:
    rng, R, kernel = random.Random(f"wide {words}"), 1 << 64 * words, module.kernel
    for m in moduli:
        top, unit = m * R, pow(R, -1, m)
        values = [0, 1, R - 1, R, top - 1, top - R, top - R + 1, top // 2, top // 2 + 1, (m - 1) ** 2, (m - 1) * R]
        values += [x << 64 * words | low for x in residues(m, words, rng)[-8:] for low in (0, R - 1, rng.randrange(R))]
        for x, y in product(values, repeat=2):
            assert kernel("wide_add", m, x, y) == (x + y) % top
            assert kernel("wide_sub", m, x, y) == (x - y) % top
            assert kernel("wide_sub_plain", m, max(x, y), min(x, y)) == abs(x - y)
            assert kernel("tower_wide_add", m, x, y) == (x + y) % top
            assert kernel("tower_wide_sub", m, x, y) == (x - y) % top
            if x + y < R * R:  # from R^2 - 1
                assert kernel("tower_wide_sub_both", m, x, y) == R * R - 1 - x - y
        for x in values:
            assert kernel("redc", m, x, 0) == kernel("tower_redc", m, x, 0) == x * unit % m


def test_inverses_and_symbols(module: ModuleType, moduli: list[int], words: int) -> None:
    rng, kernel = random.Random(f"inverses {words}"), module.kernel
    for name in params.NAMES:
        sheet = params.get(name)
        for m in (sheet.p, sheet.r):
            if sheet.words != words:
                continue
            bits = [1 << k for k in range(0, m.bit_length() - 1, 7)]
            for x in residues(m, words, rng) + bits + [m - bit for bit in bits]:
                assert kernel("inverse", m, x, 0) == (pow(x, -1, m) if x else 0)
                assert kernel("jacobi", m, x, 0) == kernel("jacobi_vartime", m, x, 0) == jacobi(x, m)
                assert kernel("jacobi", m, x, 0) == {0: 0, 1: 1, m - 1: -1}[pow(x, (m - 1) // 2, m)]
    for m in SPECIAL[words]:
        for x in residues(m, words, rng):
            assert kernel("jacobi", m, x, 0) == kernel("jacobi_vartime", m, x, 0) == jacobi(x, m)


def test_symbols_of_all_numbers_modulo_small_ones(module: ModuleType) -> None:
    for m in range(3, 160, 2):
        for x in range(m):
            assert module.kernel("jacobi", m, x, 0) == jacobi(x, m)


def test_symbols_of_many_numbers(module: ModuleType, moduli: list[int], words: int) -> None:
    """Long remainder sequences turn through many signs; and numbers with a factor in common have the symbol 0."""
    rng, kernel = random.Random(f"symbols {words}"), module.kernel
    for m in moduli:
        for x in (rng.randrange(m) for _ in range(200)):
            assert kernel("jacobi", m, x, 0) == jacobi(x, m)
    for _ in range(50):
        factor, other = rng.getrandbits(60) | 1, rng.getrandbits(64 * words - 64) | 1
        assert kernel("jacobi", factor * other, factor * rng.randrange(other), 0) == (0 if factor > 1 else 1)


def test_powers(module: ModuleType, moduli: list[int], words: int) -> None:
    rng, R, kernel = random.Random(f"powers {words}"), 1 << 64 * words, module.kernel
    for m in moduli:
        exponents = [0, 1, 2, 31, 32, 33, 63, 0b10000010000010001, (m + 1) // 4, m - 2, m // 2, R - 1, rng.randrange(R)]
        for e, x in product(exponents, [0, 1, m - 1, rng.randrange(m)]):
            assert kernel("pow", m, x * R % m, e) == pow(x, e, m) * R % m


def test_what_is_no_kernel_is_refused(module: ModuleType, moduli: list[int]) -> None:
    with pytest.raises(ParameterError):
        module.kernel("div", moduli[0], 1, 1)


def test_batch_inversion(pair: Pair, rng: random.Random, field_edges: list[int], implementation: str) -> None:
    from importlib import import_module

    native = import_module(f"milagro._native.w{pair.params.words}{'' if implementation == 'portable' else 'x'}")
    octets, tower = pair.octets, pair.N.tower
    batches = [[], [0], [0, 0], [5], [0, 7, 0], [*field_edges, 0], [rng.randrange(pair.params.p) for _ in range(9)]]
    for batch in batches:
        real = [octets(x) for x in batch]
        complex_ = [octets(x) + octets(y) for x, y in zip(batch, batch[::-1], strict=True)]
        assert native.inverses(pair.N, real) == [tower("fp_inv", x) for x in real]
        assert native.inverses(pair.N, complex_) == [tower("fp2_inv", x) for x in complex_]


def test_values_of_two_implementations_do_not_mix(pair: Pair, implementation: str) -> None:
    native = pytest.importorskip("milagro._native")
    for other in native.implementations():
        ops: CurveOps = native.curve(pair.params.name, other)
        if other != implementation:
            with pytest.raises((TypeError, ParameterError)):
                pair.N.g1_neg(ops.g1_generator())
