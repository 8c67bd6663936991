"""What crosses the boundary: octets are checked, handles are checked, nothing secret is shown."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from milagro import backend
from milagro._reference import CONSTANT_TIME, NAME, curve
from milagro.errors import IdentityElement, NonCanonical, NotOnCurve, ParameterError, WrongLength

if TYPE_CHECKING:
    import random

    from milagro._reference.ops import ReferenceCurve


def number(ops: ReferenceCurve, value: int) -> bytes:
    return value.to_bytes(ops.params.field_bytes, "big")


def scalar(ops: ReferenceCurve, value: int) -> Any:
    return ops.scalar_from_bytes((value % ops.params.r).to_bytes(ops.params.scalar_bytes, "big"))


def test_module() -> None:
    assert backend.load("reference").NAME == NAME == "reference"
    assert CONSTANT_TIME is False
    assert curve("BLS12-381") is curve("BLS381")
    with pytest.raises(ParameterError):
        curve("no such curve")


def test_every_operation_of_the_protocol_is_there(ops: ReferenceCurve) -> None:
    names = [name for name in vars(backend.CurveOps) if not name.startswith("_")]
    assert len(names) > 40
    assert [name for name in names if not callable(getattr(ops, name, None))] == []


def test_scalars(ops: ReferenceCurve, rng: random.Random) -> None:
    r, size = ops.params.r, ops.params.scalar_bytes
    a, b = rng.randrange(1, r), rng.randrange(1, r)
    x, y = scalar(ops, a), scalar(ops, b)
    found = [ops.scalar_add(x, y), ops.scalar_sub(x, y), ops.scalar_mul(x, y), ops.scalar_neg(x), ops.scalar_inv(x)]
    expected = [a + b, a - b, a * b, -a, pow(a, -1, r)]
    assert [ops.scalar_to_bytes(k) for k in found] == [(k % r).to_bytes(size, "big") for k in expected]
    assert ops.scalar_is_zero(ops.scalar_inv(scalar(ops, 0)))
    assert not ops.scalar_is_zero(x)
    assert ops.scalar_equal(x, scalar(ops, a))
    assert not ops.scalar_equal(x, y) or a == b


def test_scalar_octets(ops: ReferenceCurve, rng: random.Random) -> None:
    r, size = ops.params.r, ops.params.scalar_bytes
    for wrong in (bytes(size - 1), bytes(size + 1), b""):
        with pytest.raises(WrongLength):
            ops.scalar_from_bytes(wrong)
    with pytest.raises(NonCanonical):
        ops.scalar_from_bytes(r.to_bytes(size, "big"))
    wide = rng.randbytes(3 * size)
    assert ops.scalar_to_bytes(ops.scalar_reduce(wide)) == (int.from_bytes(wide, "big") % r).to_bytes(size, "big")
    assert ops.scalar_is_zero(ops.scalar_reduce(b""))


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_points_come_back_from_their_octets(ops: ReferenceCurve, group: str, rng: random.Random) -> None:
    call = {
        name: getattr(ops, f"{group}_{name}") for name in ("to_affine", "from_affine", "from_x", "sign", "neg", "equal")
    }
    for _ in range(4):
        p = getattr(ops, f"{group}_mul_integer")(getattr(ops, f"{group}_generator")(), rng.randrange(1, ops.params.r))
        x, y = call["to_affine"](p)
        assert call["equal"](call["from_affine"](x, y), p)
        for rule in ("parity", "larger"):
            assert call["equal"](call["from_x"](x, call["sign"](p, rule), rule), p)
            assert call["sign"](p, rule) == 1 - call["sign"](call["neg"](p), rule)


def test_sign_rules(ops: ReferenceCurve) -> None:
    p, group = ops.params.p, ops._g2
    element = group.field.element
    assert [group.sign_of(element(y), "parity") for y in [(2, 1), (1, 2), (0, 1), (0, 2)]] == [0, 1, 1, 0]
    large = [(1, p - 1), (p - 1, 1), (p - 1, 0), (1, 0)]
    assert [group.sign_of(element(y), "larger") for y in large] == [1, 0, 1, 0]
    assert [ops._g1.sign_of(ops._g1.field.element((y, 0)), "larger") for y in (1, p - 1, p // 2, p // 2 + 1)] == [
        0,
        1,
        0,
        1,
    ]


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_octets_of_points_are_checked(ops: ReferenceCurve, group: str) -> None:
    from_affine, from_x = (getattr(ops, f"{group}_{name}") for name in ("from_affine", "from_x"))
    x, y = getattr(ops, f"{group}_to_affine")(getattr(ops, f"{group}_generator")())
    top = number(ops, ops.params.p)
    with pytest.raises(WrongLength):
        from_affine(x[1:], y)
    with pytest.raises(WrongLength):
        from_x(x + b"\0", 0, "parity")
    with pytest.raises(NonCanonical):
        from_affine(x, y[: -len(top)] + top)
    with pytest.raises(NonCanonical):
        from_x(x[: -len(top)] + top, 0, "parity")
    with pytest.raises(NotOnCurve):
        from_affine(x, bytes(len(y)))
    with pytest.raises(ParameterError):
        from_x(x, 2, "parity")
    with pytest.raises(ParameterError):
        from_x(x, 0, "smaller")


def test_x_without_a_point(ops: ReferenceCurve) -> None:
    p, b = ops.params.p, ops.params.b
    x = next(x for x in range(200) if pow(x**3 + b, (p - 1) // 2, p) == p - 1)
    with pytest.raises(NotOnCurve):
        ops.g1_from_x(number(ops, x), 0, "parity")


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_the_identity_has_no_coordinates(ops: ReferenceCurve, group: str) -> None:
    identity = getattr(ops, f"{group}_identity")()
    with pytest.raises(IdentityElement):
        getattr(ops, f"{group}_to_affine")(identity)
    with pytest.raises(IdentityElement):
        getattr(ops, f"{group}_sign")(identity, "parity")


def test_gt_octets(ops: ReferenceCurve) -> None:
    one = ops.gt_to_bytes(ops.gt_one())
    assert one == number(ops, 1) + bytes(11 * ops.params.field_bytes)
    assert ops.gt_is_one(ops.gt_from_bytes(one))
    for wrong in (one[1:], one + b"\0", one[: 4 * ops.params.field_bytes]):
        with pytest.raises(WrongLength):
            ops.gt_from_bytes(wrong)
    with pytest.raises(NonCanonical):
        ops.gt_from_bytes(one[: -ops.params.field_bytes] + number(ops, ops.params.p))


def test_handles_of_another_kind_are_refused(ops: ReferenceCurve) -> None:
    p, q, k = ops.g1_generator(), ops.g2_generator(), scalar(ops, 2)
    other = curve("BN254" if ops.name != "BN254" else "BLS12-381")
    attempts: list[Any] = [
        lambda: ops.g1_add(p, q),
        lambda: ops.g2_add(q, p),
        lambda: ops.g1_mul(p, 2),
        lambda: ops.g1_mul(k, p),
        lambda: ops.pairing(q, p),
        lambda: ops.gt_mul(p, p),
        lambda: ops.scalar_add(k, 1),
        lambda: ops.g1_equal(p, None),
        lambda: ops.g1_add(p, other.g1_generator()),
        lambda: ops.g1_mul(p, scalar(other, 2)),
        lambda: ops.gt_equal(ops.gt_one(), other.gt_one()),
        lambda: ops.pairing_product([p], []),
        lambda: ops.pairing_check([], [q]),
        lambda: ops.g1_msm([p], [k, k]),
        lambda: ops.g2_msm([q, q], [k]),
    ]
    for attempt in attempts:
        with pytest.raises(ParameterError):
            attempt()


def test_uniform_octets_are_checked(ops: ReferenceCurve) -> None:
    for call in (ops.g1_map_to_curve, ops.g2_map_to_curve):
        with pytest.raises(WrongLength):
            call(bytes(2 * ops.params.hash_length + 1), 2)
        with pytest.raises(WrongLength):
            call(b"", 1)
        with pytest.raises(ParameterError):
            call(bytes(ops.params.hash_length), 0)


def test_tower_operations_are_checked(ops: ReferenceCurve) -> None:
    zero = number(ops, 0)
    for operation in ("fp_conj", "fp3_add", "fp4_sqrt", "add", "", "fp12_mul_xi"):
        with pytest.raises(ParameterError):
            ops.tower(operation, zero)
    with pytest.raises(ParameterError):
        ops.tower("fp_add", zero)
    for operation in ("fp2_neg", "fp4_neg", "fp12_neg"):
        with pytest.raises(WrongLength):
            ops.tower(operation, zero)
    with pytest.raises(WrongLength):
        ops.tower("fp4_neg", bytes(12 * len(zero)))
    with pytest.raises(NonCanonical):
        ops.tower("fp_neg", number(ops, ops.params.p))


def test_handles_are_immutable_and_silent(ops: ReferenceCurve) -> None:
    k = scalar(ops, 123456789)
    for handle in (k, ops.g1_generator(), ops.g2_generator(), ops.gt_one()):
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError, TypeError)):
            handle.curve = "other"
        with pytest.raises((AttributeError, TypeError)):
            handle.more = 1
        assert ops.name in repr(handle)
    assert "123456789" not in repr(k)
    assert f"{123456789:x}" not in repr(k)
