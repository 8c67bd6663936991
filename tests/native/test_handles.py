"""Handles tell nothing, cannot be copied, pickled, made or mixed, and operations refuse everything else."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from milagro import _native, params
from milagro.backend import CurveOps
from milagro.errors import ParameterError

from .conftest import Pair


def handles(E: CurveOps) -> dict[str, Any]:
    k = E.scalar_reduce(b"\x5a" * 80)
    P, Q = E.g1_mul(E.g1_generator(), k), E.g2_mul(E.g2_generator(), k)
    return {"Scalar": k, "G1": P, "G2": Q, "GT": E.pairing(P, Q)}


def test_a_curve_is_one_object_whatever_it_is_called() -> None:
    for name in params.NAMES:
        E = _native.curve(name)
        assert all(_native.curve(alias) is E for alias in params.get(name).aliases)
    with pytest.raises(ParameterError):
        _native.curve("BN255")
    assert _native.NAME == "native"
    assert _native.CONSTANT_TIME


def test_the_native_curve_has_every_operation_of_the_boundary(pair: Pair) -> None:
    operations = [name for name in vars(CurveOps) if not name.startswith("_")]
    assert {"g1_mul", "g2_msm", "gt_exp", "pairing_check", "tower"} <= set(operations)
    assert all(callable(getattr(pair.N, name)) for name in operations)


def test_repr_names_the_type_and_the_curve_only(pair: Pair) -> None:
    for kind, handle in handles(pair.N).items():
        assert repr(handle) == f"<native {kind} of {pair.params.name}>"
        assert str(handle) == repr(handle)


def test_handles_are_neither_pickled_nor_copied(pair: Pair) -> None:
    for thing in [*handles(pair.N).values(), pair.N]:
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                attempt(thing)


def test_handles_have_no_attributes_and_no_buffer(pair: Pair) -> None:
    for handle in handles(pair.N).values():
        assert [name for name in dir(handle) if not name.startswith("__")] == []
        with pytest.raises(AttributeError):
            handle.note = 1
        for attempt in (bytes, memoryview, int):
            with pytest.raises(TypeError):
                attempt(handle)


def test_handles_are_made_by_operations_only(pair: Pair) -> None:
    for handle in handles(pair.N).values():
        with pytest.raises(TypeError):
            type(handle)()
        with pytest.raises(TypeError):
            type("Sub", (type(handle),), {})
    blank = type(pair.N.g1_generator()).__new__(type(pair.N.g1_generator()))
    assert repr(blank) == "<native G1 of no curve>"
    with pytest.raises(ParameterError):
        pair.N.g1_is_identity(blank)


def test_handles_of_another_curve_are_refused() -> None:
    ours, other, wide = (_native.curve(name) for name in ("BN254", "BN254CX", "BLS12-381"))
    k, P, Q, f = handles(other).values()
    for call in (
        lambda: ours.scalar_to_bytes(k),
        lambda: ours.scalar_add(ours.scalar_reduce(b"1"), k),
        lambda: ours.g1_add(ours.g1_generator(), P),
        lambda: ours.g1_mul(ours.g1_generator(), k),
        lambda: ours.g1_mul_integer(P, 3),
        lambda: ours.g2_equal(ours.g2_generator(), Q),
        lambda: ours.g1_msm([P], [k]),
        lambda: ours.g2_msm([Q], [k]),
        lambda: ours.gt_mul(ours.gt_one(), f),
        lambda: ours.gt_exp(f, k),
        lambda: ours.pairing(P, ours.g2_generator()),
        lambda: ours.pairing_check([ours.g1_generator()], [Q]),
    ):
        with pytest.raises(ParameterError, match="another curve"):
            call()
    for call in (lambda: wide.g1_neg(P), lambda: wide.scalar_neg(k), lambda: wide.pairing(P, Q)):
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("wrong", [None, 1, b"\1" * 32, "1", object(), 1.5, [1]])
def test_other_types_are_refused(wrong: Any) -> None:
    E = _native.curve("BN254")
    k, P, Q, f = handles(E).values()
    calls = [
        lambda: E.scalar_add(k, wrong),
        lambda: E.scalar_to_bytes(wrong),
        lambda: E.g1_add(wrong, P),
        lambda: E.g1_mul(P, wrong),
        lambda: E.g1_mul(wrong, k),
        lambda: E.g2_mul(Q, wrong),
        lambda: E.g2_to_affine(wrong),
        lambda: E.gt_exp(f, wrong),
        lambda: E.gt_exp(wrong, k),
        lambda: E.pairing(Q, P),
        lambda: E.pairing(P, wrong),
        lambda: E.g1_mul(k, P),
        lambda: E.gt_trace(P),
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()
    for call in (
        lambda: E.g1_msm([wrong], [k]),
        lambda: E.g2_msm([Q], [wrong]),
        lambda: E.pairing_product([P], [wrong]),
        lambda: E.pairing_check([wrong], [Q]),
    ):
        with pytest.raises((TypeError, ParameterError)):
            call()


def test_octets_are_bytes() -> None:
    E = _native.curve("BN254")
    for octets in (None, "1" * 32, 1, [0] * 32, bytearray(32), memoryview(bytes(32))):
        for call in (E.scalar_from_bytes, E.scalar_reduce, E.g1_map_original, E.g2_map_original, E.gt_from_bytes):
            with pytest.raises(TypeError):
                call(octets)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            E.g1_from_affine(octets, bytes(32))  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            E.g1_hash_uniform(octets, 1)  # type: ignore[arg-type]
    for k in (1.0, "1", None, b"1"):
        with pytest.raises((TypeError, AttributeError)):
            E.g1_mul_integer(E.g1_generator(), k)  # type: ignore[arg-type]
