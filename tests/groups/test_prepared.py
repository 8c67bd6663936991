"""A prepared point stands for its point in pairings, and for nothing else."""

from __future__ import annotations

import pytest

from milagro.errors import ParameterError
from milagro.groups import Curve, G2Prepared, curve


def test_it_stands_for_its_point(any_curve: Curve) -> None:
    E, k = any_curve, any_curve.scalar(0x1234567)
    Q = E.prepare(k * E.g2)
    value = E.pairing(k * E.g1, E.g2)
    assert E.pairing(E.g1, Q) == E.pairing(k * E.g1, E.g2_prepared) == value
    assert E.pairing_product([(E.g1, Q), (k * E.g1, E.g2)]) == value * value
    assert E.pairing_check([(-E.g1, Q), (k * E.g1, E.g2_prepared)])
    assert not E.pairing_check([(E.g1, Q), (k * E.g1, E.g2_prepared)])
    assert E.pairing(E.g1, E.prepare(E.g2_identity)).is_one()


def test_it_tells_nothing(any_curve: Curve) -> None:
    Q = any_curve.g2_prepared
    assert repr(Q) == f"{Q}" == f"<G2Prepared of {any_curve.name}, redacted>"
    assert any_curve.g2 != Q
    assert any_curve.prepare(any_curve.g2) != Q
    for attempt in (hash, bytes):
        with pytest.raises(TypeError):
            attempt(Q)
    assert not hasattr(Q, "to_bytes")


def test_it_belongs_to_one_curve_and_group(backend_name: str) -> None:
    E, F = curve("BN254", backend=backend_name), curve("BN254CX", backend=backend_name)
    with pytest.raises(ParameterError):
        E.pairing(E.g1, F.g2_prepared)
    with pytest.raises(ParameterError):
        E.prepare(E.g1)  # type: ignore[arg-type]
    with pytest.raises(ParameterError):
        E.prepare(E.g2_prepared)  # type: ignore[arg-type]
    with pytest.raises(ParameterError):
        E.pairing_check([(E.g2_prepared, E.g2)])  # type: ignore[list-item]
    assert isinstance(E.g2_prepared, G2Prepared)


def test_public_powers_are_the_same_powers(any_curve: Curve) -> None:
    f = any_curve.pairing(any_curve.g1, any_curve.g2)
    k = any_curve.hash_to_scalar(b"k", b"tag")
    assert f.power_vartime(k) == f**k
    with pytest.raises(ParameterError):
        f.power_vartime(3)  # type: ignore[arg-type]
