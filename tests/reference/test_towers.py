"""Fp2, Fp4 and Fp12 against the definition, and against the original library's files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from milagro._reference import curve
from milagro._reference.roots import fp2_any_sqrt
from milagro.errors import NotOnCurve
from milagro.octets import os2ip

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    from milagro._reference.ops import ReferenceCurve

FILES = {
    "BN254": "BN254",
    "BN254CX": "BN254CX",
    "FP256BN": "FP256BN",
    "FP512BN": "FP512BN",
    "BLS12-381": "BLS381",
    "BLS383": "BLS383",
    "BLS461": "BLS461",
}
LIMIT = 5  # tests of each file that are run here


def blocks(folder: Path, kind: str, name: str) -> Iterator[dict[str, str]]:
    text = (folder / "milagro-crypto-c" / kind / f"test_vector_{FILES[name]}.txt").read_text()
    for block in re.split(r"\n# ?test ?\d+\n", text)[1 : LIMIT + 1]:
        yield dict(re.findall(r"^(\w+) = (\S+)$", block, re.MULTILINE))


def octets(ops: ReferenceCurve, value: str) -> bytes:
    """Each hexadecimal number in a printed element, as one coordinate."""
    numbers = re.findall(r"[0-9A-Fa-f]+", value)
    return b"".join(int(number, 16).to_bytes(ops.params.field_bytes, "big") for number in numbers)


def random_octets(ops: ReferenceCurve, rng: random.Random, count: int) -> bytes:
    return b"".join(rng.randrange(ops.params.p).to_bytes(ops.params.field_bytes, "big") for _ in range(count))


@pytest.mark.parametrize("name", FILES)
def test_fp2_of_the_original_library(shared_vectors: Path, name: str) -> None:
    ops = curve(name)
    for block in blocks(shared_vectors, "fp2", name):
        value = {key: octets(ops, text) for key, text in block.items()}
        one, two = value["FP2_1"], value["FP2_2"]
        assert ops.tower("fp2_add", one, two) == value["FP2add"]
        assert ops.tower("fp2_sub", one, two) == value["FP2sub"]
        assert ops.tower("fp2_neg", one) == value["FP2neg"]
        assert ops.tower("fp2_conj", one) == value["FP2conj"]
        assert ops.tower("fp2_mul", one, two) == value["FP2mul"]
        assert ops.tower("fp2_sqr", one) == value["FP2sqr"]
        assert ops.tower("fp2_inv", one) == value["FP2inv"]
        assert ops.tower("fp2_mul_xi", one) == value["FP2_mul_ip"]


@pytest.mark.parametrize("name", FILES)
def test_fp12_of_the_original_library(shared_vectors: Path, name: str) -> None:
    ops = curve(name)
    for block in blocks(shared_vectors, "fp12", name):
        value = {key: octets(ops, text) for key, text in block.items() if key.startswith("FP")}
        one, two = value["FP12_1"], value["FP12_2"]
        assert ops.tower("fp12_mul", one, two) == value["FP12mul"]
        assert ops.tower("fp12_sqr", one) == value["FP12square"]
        assert ops.tower("fp12_cyclotomic_sqr", one) == value["FP12usquare"]
        assert ops.tower("fp12_inv", one) == value["FP12inv"]
        assert ops.tower("fp12_conj", one) == value["FP12conj"]
        assert ops.tower("fp12_frob", one) == value["FP12frob"]
        assert ops.gt_trace(ops.gt_from_bytes(one)) == value["FP4trace"]
        power = ops._tower.pow(ops._tower.decode(one), int(block["BIGsc1"], 16))
        assert ops._tower.encode(power) == value["FP12pow"]


def point(ops: ReferenceCurve, text: str) -> tuple[bytes, bytes]:
    value = octets(ops, text)
    return value[: len(value) // 2], value[len(value) // 2 :]


@pytest.mark.parametrize("name", FILES)
def test_points_of_the_original_library(shared_vectors: Path, name: str) -> None:
    ops = curve(name)
    for block in blocks(shared_vectors, "ecp", name):
        p, q = (ops.g1_from_affine(*point(ops, block[key])) for key in ("ECP1", "ECP2"))
        k, m = (int(block[key], 16) for key in ("BIGscalar1", "BIGscalar2"))
        found = {
            "ECPsum": ops.g1_add(p, q),
            "ECPneg": ops.g1_neg(p),
            "ECPsub": ops.g1_add(p, ops.g1_neg(q)),
            "ECPdbl": ops.g1_add(p, p),
            "ECPmul": ops.g1_mul_integer(p, k),
            "ECPpinmul": ops.g1_mul_integer(p, 1234),
            "ECPmul2": ops.g1_add(ops.g1_mul_integer(p, k), ops.g1_mul_integer(q, m)),
        }
        assert {key: ops.g1_to_affine(value) for key, value in found.items()} == {
            key: point(ops, block[key]) for key in found
        }
        for key in ("ECPwrong", "ECPinf"):
            with pytest.raises(NotOnCurve):
                ops.g1_from_affine(*point(ops, block[key]))


@pytest.mark.parametrize("name", FILES)
def test_points_of_the_original_library_over_fp2(shared_vectors: Path, name: str) -> None:
    ops = curve(name)
    for block in blocks(shared_vectors, "ecp2", name):
        p, q, s, t = (ops.g2_from_affine(*point(ops, block[f"ECP2{k}"])) for k in range(1, 5))
        numbers = [int(block[f"BIGscalar{k}"], 16) for k in range(1, 5)]
        total = ops.g2_identity()
        for value, k in zip((p, q, s, t), numbers, strict=True):
            total = ops.g2_add(total, ops.g2_mul_integer(value, k))
        found = {
            "ECP2sum": ops.g2_add(p, q),
            "ECP2neg": ops.g2_neg(p),
            "ECP2sub": ops.g2_add(p, ops.g2_neg(q)),
            "ECP2dbl": ops.g2_add(p, p),
            "ECP2mul": ops.g2_mul_integer(p, numbers[0]),
            "ECP2mul4": total,
        }
        assert {key: ops.g2_to_affine(value) for key, value in found.items()} == {
            key: point(ops, block[key]) for key in found
        }
        lifts = {ops.g2_to_affine(ops.g2_from_x(point(ops, block["ECP2set1"])[0], sign, "parity")) for sign in (0, 1)}
        assert lifts == {point(ops, block[key]) for key in ("ECP2set1", "ECP2set2")}
        with pytest.raises(NotOnCurve):
            ops.g2_from_affine(*point(ops, block["ECP2wrong"]))


def naive_product(ops: ReferenceCurve, f: bytes, g: bytes) -> bytes:
    """f * g in Fp[i, v, w] with i^2 = -1, v^2 = xi, w^3 = v, monomial by monomial on Python integers."""
    p, n, (s, t) = ops.params.p, ops.params.field_bytes, ops.params.xi
    result = [0] * 12
    values = [[os2ip(h[k * n : (k + 1) * n]) for k in range(12)] for h in (f, g)]
    for j, a in enumerate(values[0]):
        for k, b in enumerate(values[1]):
            # index = 4 (power of w) + 2 (power of v) + (power of i)
            v, w, i = (j // 2 % 2) + (k // 2 % 2), j // 4 + k // 4, j % 2 + k % 2
            v, w = (v + 1, w - 3) if w > 2 else (v, w)
            terms = [(a * b, i)]
            if v > 1:  # v^2 = s + t i
                v, terms = v - 2, [(a * b * s, i), (a * b * t, i + 1)]
            for value, power in terms:
                result[4 * w + 2 * v + power % 2] += value if power % 4 < 2 else -value
    return b"".join((value % p).to_bytes(n, "big") for value in result)


def test_fp12_product_by_definition(ops: ReferenceCurve, rng: random.Random) -> None:
    for _ in range(5):
        f, g = (random_octets(ops, rng, 12) for _ in range(2))
        assert ops.tower("fp12_mul", f, g) == naive_product(ops, f, g)
    top = (ops.params.p - 1).to_bytes(ops.params.field_bytes, "big") * 12
    assert ops.tower("fp12_mul", top, top) == naive_product(ops, top, top)
    assert ops.tower("fp12_mul", bytes(len(top)), top) == bytes(len(top))


@pytest.mark.parametrize(("level", "size"), [("fp", 1), ("fp2", 2), ("fp4", 4), ("fp12", 12)])
def test_field_axioms(ops: ReferenceCurve, rng: random.Random, level: str, size: int) -> None:
    a, b, c = (random_octets(ops, rng, size) for _ in range(3))
    n = ops.params.field_bytes
    zero, one = bytes(size * n), (1).to_bytes(n, "big") + bytes((size - 1) * n)

    def do(name: str, *operands: bytes) -> bytes:
        return ops.tower(f"{level}_{name}", *operands)

    assert do("mul", a, do("add", b, c)) == do("add", do("mul", a, b), do("mul", a, c))
    assert do("mul", do("mul", a, b), c) == do("mul", a, do("mul", b, c))
    assert do("sqr", a) == do("mul", a, a)
    assert do("sub", do("add", a, b), b) == a
    assert do("add", a, do("neg", a)) == zero
    assert do("mul", a, do("inv", a)) == one
    assert do("inv", zero) == zero


@pytest.mark.parametrize(("level", "size"), [("fp2", 2), ("fp4", 4), ("fp12", 12)])
def test_frobenius_is_the_p_power(ops: ReferenceCurve, rng: random.Random, level: str, size: int) -> None:
    n = ops.params.field_bytes
    a = random_octets(ops, rng, size)
    power = (1).to_bytes(n, "big") + bytes((size - 1) * n)
    for bit in f"{ops.params.p:b}":
        power = ops.tower(f"{level}_sqr", power)
        power = ops.tower(f"{level}_mul", power, a) if bit == "1" else power
    assert ops.tower(f"{level}_frob", a) == power
    conjugate = a
    for _ in range(size // 2):
        conjugate = ops.tower(f"{level}_frob", conjugate)
    assert ops.tower(f"{level}_conj", a) == conjugate


def test_fp4_and_fp2_sit_inside_fp12(ops: ReferenceCurve, rng: random.Random) -> None:
    n = ops.params.field_bytes
    a, b = (random_octets(ops, rng, 4) for _ in range(2))
    pad = bytes(8 * n)
    assert ops.tower("fp12_mul", a + pad, b + pad) == ops.tower("fp4_mul", a, b) + pad
    v = bytes(2 * n) + (1).to_bytes(n, "big") + bytes(n)
    c = a[: 2 * n]
    assert ops.tower("fp4_mul", v, ops.tower("fp4_mul", v, c + bytes(2 * n))) == ops.tower("fp2_mul_xi", c) + bytes(
        2 * n
    )


def is_square(value: int, p: int) -> bool:
    return value % p == 0 or pow(value, (p - 1) // 2, p) == 1


def test_square_roots_are_the_ones_the_rule_names(ops: ReferenceCurve, rng: random.Random) -> None:
    p, n = ops.params.p, ops.params.field_bytes
    for _ in range(10):
        a = random_octets(ops, rng, 1)
        root = ops.tower("fp_sqrt", ops.tower("fp_sqr", a))
        assert ops.tower("fp_sqr", root) == ops.tower("fp_sqr", a)
        assert is_square(os2ip(root), p)
        b = random_octets(ops, rng, 2)
        root = ops.tower("fp2_sqrt", ops.tower("fp2_sqr", b))
        assert ops.tower("fp2_sqr", root) == ops.tower("fp2_sqr", b)
        assert is_square(os2ip(root[:n]), p)
    assert ops.tower("fp_sqrt", bytes(n)) == bytes(n)
    assert ops.tower("fp2_sqrt", bytes(2 * n)) == bytes(2 * n)


def test_square_roots_that_do_not_exist(ops: ReferenceCurve) -> None:
    p, n = ops.params.p, ops.params.field_bytes
    four, minus_four = (4).to_bytes(n, "big"), (p - 4).to_bytes(n, "big")
    assert ops.tower("fp2_sqrt", four + bytes(n)) == ops.tower("fp_sqrt", four) + bytes(n)
    with pytest.raises(NotOnCurve):
        ops.tower("fp_sqrt", minus_four)
    with pytest.raises(NotOnCurve):  # has the root 2i, which the original rule does not find
        ops.tower("fp2_sqrt", minus_four + bytes(n))
    field = ops._g2.field
    root = fp2_any_sqrt(field.decode(minus_four + bytes(n)), field.p)
    assert root is not None
    assert {int(root.im), int(-root.im % field.p)} == {2, p - 2}
    assert root.re == 0
    with pytest.raises(NotOnCurve):  # xi is not a square in Fp2, else w^6 - xi would not be irreducible
        ops.tower("fp2_sqrt", b"".join(c.to_bytes(n, "big") for c in ops.params.xi))
