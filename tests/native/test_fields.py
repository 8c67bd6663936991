"""Fields and scalars: every operation at the edges of every word, against Python integers and the reference."""

from __future__ import annotations

import random
from itertools import product

import pytest

from milagro.errors import NonCanonical, NotOnCurve, ParameterError, WrongLength

from .conftest import Pair, outcome

UNARY = {
    "fp2": ["neg", "sqr", "inv", "sqrt", "conj", "mul_xi", "frob"],
    "fp4": ["neg", "sqr", "inv", "conj", "frob"],
    "fp12": ["neg", "sqr", "inv", "conj", "frob"],
}
COORDINATES = {"fp": 1, "fp2": 2, "fp4": 4, "fp12": 12}


def test_fp_against_integers(pair: Pair, field_edges: list[int]) -> None:
    p, tower, octets = pair.params.p, pair.N.tower, pair.octets
    for x, y in product(field_edges, repeat=2):
        assert tower("fp_add", octets(x), octets(y)) == octets(x + y)
        assert tower("fp_sub", octets(x), octets(y)) == octets(x - y)
        assert tower("fp_mul", octets(x), octets(y)) == octets(x * y)
    for x in field_edges:
        assert tower("fp_neg", octets(x)) == octets(-x)
        assert tower("fp_sqr", octets(x)) == octets(x * x)
        assert tower("fp_inv", octets(x)) == octets(pow(x, p - 2, p))
        root = pow(x, (p + 1) // 4, p)
        expected = octets(root) if root * root % p == x else NotOnCurve
        assert outcome(tower, "fp_sqrt", octets(x)) == expected


def elements(pair: Pair, rng: random.Random, field: str, edges: list[int]) -> list[bytes]:
    """Random elements, elements of edges, and elements with all but one coordinate 0."""
    count = COORDINATES[field]
    full = [[rng.randrange(pair.params.p) for _ in range(count)] for _ in range(4)]
    edged = [[rng.choice(edges) for _ in range(count)] for _ in range(6)]
    lone = [[rng.choice(edges) if i == at else 0 for i in range(count)] for at in range(count)]
    rows = [[0] * count, [1] + [0] * (count - 1), [pair.params.p - 1] * count, *full, *edged, *lone]
    return [b"".join(map(pair.octets, row)) for row in rows]


@pytest.mark.parametrize("field", UNARY)
def test_towers_against_the_reference(pair: Pair, rng: random.Random, field_edges: list[int], field: str) -> None:
    values = elements(pair, rng, field, field_edges)
    for x in values:
        for name in UNARY[field]:
            pair.agree("tower", f"{field}_{name}", x)
        y = rng.choice(values)
        for name in ("add", "sub", "mul"):
            pair.agree("tower", f"{field}_{name}", x, y)


def test_fp2_square_roots_of_every_kind(pair: Pair, rng: random.Random, field_edges: list[int]) -> None:
    tower, octets = pair.N.tower, pair.octets
    values = [octets(a) + octets(0) for a in field_edges] + [octets(0) + octets(b) for b in field_edges]
    values += [octets(rng.randrange(pair.params.p)) + octets(rng.randrange(pair.params.p)) for _ in range(10)]
    for value in values:
        square = tower("fp2_sqr", value)
        root = outcome(tower, "fp2_sqrt", square)
        if square[pair.params.field_bytes :] == octets(0):
            assert root == outcome(pair.R.tower, "fp2_sqrt", square)
        else:
            assert root in (value, tower("fp2_neg", value))


def test_what_is_not_an_operand_is_refused(pair: Pair) -> None:
    size, p = pair.params.field_bytes, pair.params.p
    one, modulus, full = pair.octets(1), p.to_bytes(size, "big"), b"\xff" * size
    for field, count in COORDINATES.items():
        for octets in (b"", one * (count - 1), one * count + b"\0"):
            with pytest.raises(WrongLength):
                pair.N.tower(f"{field}_neg", octets)
        for bad in (modulus, full):
            for at in range(count):
                with pytest.raises(NonCanonical):
                    pair.N.tower(f"{field}_neg", one * at + bad + one * (count - at - 1))
    for operation in ("fp_pow", "fp_conj", "fp3_add", "fp4_sqrt", "fp", "", "fp2_cyclotomic_sqr"):
        with pytest.raises(ParameterError):
            pair.N.tower(operation, one)
    with pytest.raises(ParameterError):
        pair.N.tower("fp_add", one)
    with pytest.raises(ParameterError):
        pair.N.tower("fp_neg", one, one)
    with pytest.raises(TypeError):
        pair.N.tower("fp_neg", int.from_bytes(one, "big"))  # type: ignore[arg-type]


def test_scalars_against_integers(pair: Pair, scalar_edges: list[int]) -> None:
    N, r, size = pair.N, pair.params.r, pair.params.scalar_bytes
    handles = {k: N.scalar_from_bytes(k.to_bytes(size, "big")) for k in scalar_edges}

    def number(handle: object) -> int:
        return int.from_bytes(N.scalar_to_bytes(handle), "big")

    for (a, A), (b, B) in product(handles.items(), repeat=2):
        assert number(N.scalar_add(A, B)) == (a + b) % r
        assert number(N.scalar_sub(A, B)) == (a - b) % r
        assert number(N.scalar_mul(A, B)) == a * b % r
        assert N.scalar_equal(A, B) is (a == b)
    for a, A in handles.items():
        assert number(A) == a
        assert number(N.scalar_neg(A)) == -a % r
        assert number(N.scalar_inv(A)) == pow(a, r - 2, r)
        assert N.scalar_is_zero(A) is (a == 0)


def test_reduction_of_any_length(pair: Pair, rng: random.Random) -> None:
    r, size = pair.params.r, pair.params.scalar_bytes
    lengths = [0, 1, 7, 8, 9, size - 1, size, size + 1, 63, 64, 65, 127, 200]
    for octets in [fill * n for n in lengths for fill in (b"\0", b"\xff")] + [rng.randbytes(n) for n in lengths]:
        expected = (int.from_bytes(octets, "big") % r).to_bytes(size, "big")
        assert pair.N.scalar_to_bytes(pair.N.scalar_reduce(octets)) == expected
    for value in (r - 1, r, r + 1, 2 * r, r * r, (r - 1) << 64):
        octets = value.to_bytes(200, "big")
        assert pair.N.scalar_to_bytes(pair.N.scalar_reduce(octets)) == (value % r).to_bytes(size, "big")


def test_what_is_not_a_scalar_is_refused(pair: Pair) -> None:
    size, r = pair.params.scalar_bytes, pair.params.r
    for octets in (b"", bytes(size - 1), bytes(size + 1)):
        with pytest.raises(WrongLength):
            pair.N.scalar_from_bytes(octets)
    for octets in (r.to_bytes(size, "big"), (r + 1).to_bytes(size, "big"), b"\xff" * size):
        with pytest.raises(NonCanonical):
            pair.N.scalar_from_bytes(octets)
