"""The pairing: bilinear, not degenerate, with the exponent that the original library has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from milagro._reference import curve

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from milagro._reference.ops import ReferenceCurve


def scalar(ops: ReferenceCurve, value: int) -> Any:
    return ops.scalar_from_bytes((value % ops.params.r).to_bytes(ops.params.scalar_bytes, "big"))


def test_bilinear(ops: ReferenceCurve, rng: random.Random) -> None:
    a, b = (scalar(ops, rng.randrange(1, ops.params.r)) for _ in range(2))
    p, q = ops.g1_generator(), ops.g2_generator()
    e = ops.pairing(p, q)
    expected = ops.gt_exp(e, ops.scalar_mul(a, b))
    assert ops.gt_equal(ops.pairing(ops.g1_mul(p, a), ops.g2_mul(q, b)), expected)
    assert ops.gt_equal(ops.pairing(ops.g1_mul(p, b), ops.g2_mul(q, a)), expected)


def test_not_degenerate_and_of_order_r(ops: ReferenceCurve) -> None:
    e = ops.pairing(ops.g1_generator(), ops.g2_generator())
    assert not ops.gt_is_one(e)
    assert ops.gt_in_subgroup(e)
    assert ops.gt_is_one(ops.gt_mul(e, ops.gt_inv(e)))
    assert ops.gt_equal(ops.gt_exp(e, scalar(ops, -1)), ops.gt_inv(e))
    assert ops.gt_is_one(ops.gt_exp(e, scalar(ops, 0)))


def test_the_identity_pairs_to_one(ops: ReferenceCurve) -> None:
    p, q = ops.g1_generator(), ops.g2_generator()
    assert ops.gt_is_one(ops.pairing(ops.g1_identity(), q))
    assert ops.gt_is_one(ops.pairing(p, ops.g2_identity()))
    e = ops.pairing(p, q)
    assert ops.gt_equal(ops.pairing_product([ops.g1_identity(), p], [q, q]), e)


def test_products(ops: ReferenceCurve) -> None:
    p, q = ops.g1_generator(), ops.g2_generator()
    assert ops.gt_is_one(ops.pairing_product([], []))
    assert ops.pairing_check([], [])
    assert ops.pairing_check([p, ops.g1_neg(p)], [q, q])
    assert not ops.pairing_check([p, p], [q, q])
    e = ops.pairing(p, q)
    assert ops.gt_equal(ops.pairing_product([p, p], [q, q]), ops.gt_mul(e, e))


def test_zero_and_other_elements_are_outside_gt(ops: ReferenceCurve) -> None:
    width = 12 * ops.params.field_bytes
    zero = ops.gt_from_bytes(bytes(width))
    assert not ops.gt_in_subgroup(zero)
    assert not ops.gt_in_subgroup(ops.gt_from_bytes(bytes(width - 1) + b"\x02"))
    assert ops.gt_in_subgroup(ops.gt_one())


def test_psi_is_multiplication_by_p(ops: ReferenceCurve) -> None:
    q = ops.g2_generator()
    image = ops._g2.wrap(ops._pairing.psi(q.point))
    assert ops.g2_equal(image, ops.g2_mul_integer(q, ops.params.p % ops.params.r))


def test_final_exponentiation_is_the_full_power(ops: ReferenceCurve, rng: random.Random) -> None:
    """The split into an easy and a hard part is f^(m (p^12 - 1)/r), calculated in one piece."""
    p, r, m = ops.params.p, ops.params.r, ops.params.final_exponent_multiple
    n = ops.params.field_bytes
    octets = b"".join(rng.randrange(p).to_bytes(n, "big") for _ in range(12))
    f = ops._tower.decode(octets)
    assert ops._pairing.final_exponentiation(f) == ops._tower.pow(f, m * (p**12 - 1) // r)


def test_trace_is_the_sum_of_three_conjugates(ops: ReferenceCurve) -> None:
    e = ops.pairing(ops.g1_generator(), ops.g2_generator()).value
    tower = ops._tower
    total = tower.add(e, tower.add(tower.frobenius(e, 4), tower.frobenius(e, 8)))
    assert ops.gt_trace(ops._gt(e)) == tower.encode_fp4(total)
    assert not any(total[k] for k in (1, 2, 4, 5))


@pytest.mark.parametrize("name", ["BN254CX", "BLS381", "FP256BN"])
def test_value_on_the_generators(shared_vectors: Path, name: str) -> None:
    """Source: values of the original library's oracle, field pair_gen."""
    ops = curve(name)
    values = json.loads((shared_vectors / "oracle" / f"{name}.json").read_text())
    e = ops.pairing(ops.g1_generator(), ops.g2_generator())
    assert ops.gt_to_bytes(e).hex() == values["pair_gen"].lower()
    assert ops.gt_equal(ops.gt_from_bytes(bytes.fromhex(values["pair_gen"])), e)


@pytest.mark.parametrize("a", [1, 7])
def test_value_against_py_ecc(a: int) -> None:
    """BN_SNARK1 against py_ecc, which has Fp12 = Fp[w]/(w^12 - 18 w^6 + 82) with i = w^6 - 9."""
    bn128 = pytest.importorskip("py_ecc.optimized_bn128")
    ops = curve("BN_SNARK1")
    value = ops.pairing(ops.g1_mul_integer(ops.g1_generator(), a), ops.g2_generator()).value
    coefficients = [int(c.re - 9 * c.im) for c in value] + [int(c.im) for c in value]
    expected = bn128.pairing(bn128.G2, bn128.multiply(bn128.G1, a))
    assert [c % ops.params.p for c in coefficients] == [int(c) for c in expected.coeffs]
