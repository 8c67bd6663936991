"""What a value is: immutable, bound to its curve, silent about itself if it is secret."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest

from milagro.errors import ParameterError
from milagro.groups import Curve, G1Point, Scalar, curve

if TYPE_CHECKING:
    from collections.abc import Callable


def values(E: Curve) -> list[object]:
    return [E.scalar(5), E.g1, E.g2, E.g2_prepared, E.pairing(E.g1, E.g2)]


def test_a_curve_is_one_object_for_each_name_and_backend(backend_name: str) -> None:
    E = curve("BN254CX", backend=backend_name)
    assert E is curve("BN254_CX", backend=backend_name)
    assert (E.name, E.backend_name) == ("BN254CX", backend_name)
    assert pickle.loads(pickle.dumps(E)) is E
    assert E is not curve("BN254", backend=backend_name)


def test_an_unknown_curve_or_backend_is_a_parameter_error() -> None:
    with pytest.raises(ParameterError):
        curve("P-256", backend="reference")
    with pytest.raises(ParameterError):
        curve("BN254", backend="fastest")


def test_the_backend_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILAGRO_BACKEND", "reference")
    assert curve("BN254") is curve("BN254", backend="reference")


def test_values_cannot_be_changed_made_or_pickled(any_curve: Curve) -> None:
    for value in values(any_curve):
        with pytest.raises(ParameterError):
            value._handle = None
        with pytest.raises(ParameterError):
            del value._curve
        with pytest.raises(ParameterError):
            type(value)()
        with pytest.raises(ParameterError, match="not pickled"):
            pickle.dumps(value)
        assert copy.copy(value) is value
        assert copy.deepcopy([value])[0] is value


def test_a_scalar_tells_nothing(any_curve: Curve) -> None:
    k = any_curve.scalar(0xABCDEF)
    assert repr(k) == f"{k}" == f"<Scalar of {any_curve.name}, redacted>"
    for operation in (int, hash, float, lambda k: range(10)[k], lambda k: f"{k:x}"):
        with pytest.raises(TypeError):
            operation(k)
    assert not hasattr(k, "__dict__")


def test_a_point_shows_a_digest_and_no_coordinates(any_curve: Curve) -> None:
    E = any_curve
    for value in (E.g1, E.g2, E.pairing(E.g1, E.g2)):
        text = repr(value)
        assert text.startswith(f"<{type(value).__name__} of {E.name}, digest ")
        assert len(text) < 60
    assert repr(E.g1) == repr(E.g1 + E.g1 - E.g1)
    assert repr(E.g1) != repr(-E.g1)
    assert repr(E.g1_identity) != repr(E.g1)


def test_values_of_two_curves_do_not_mix(backend_name: str) -> None:
    E, F = curve("BN254", backend=backend_name), curve("BN254CX", backend=backend_name)
    mixtures: list[Callable[[], object]] = [
        lambda: E.g1 + F.g1,
        lambda: E.g1 - F.g1,
        lambda: E.g1 == F.g1,
        lambda: E.g1 * F.scalar(2),
        lambda: F.scalar(2) * E.g2,
        lambda: E.scalar(2) + F.scalar(2),
        lambda: E.scalar(2) - F.scalar(2),
        lambda: E.scalar(2) * F.scalar(2),
        lambda: E.scalar(2) == F.scalar(2),
        lambda: E.gt_one * F.gt_one,
        lambda: E.gt_one == F.gt_one,
        lambda: E.gt_one ** F.scalar(2),
        lambda: E.pairing(F.g1, E.g2),
        lambda: E.pairing_check([(E.g1, F.g2)]),
        lambda: E.pairing_product([(E.g1, E.g2), (F.g1, E.g2)]),
        lambda: E.multi_multiply_g1([E.g1], [F.scalar(2)]),
        lambda: E.multi_multiply_g2([F.g2], [E.scalar(2)]),
    ]
    for mixture in mixtures:
        with pytest.raises(ParameterError, match="cannot be used"):
            mixture()


def test_values_of_two_backends_do_not_mix(both_backends: tuple[str, ...]) -> None:
    one, other = (curve("BN254", backend=name) for name in both_backends)
    with pytest.raises(ParameterError, match="cannot be used"):
        one.g1 + other.g1


def test_kinds_do_not_mix(any_curve: Curve) -> None:
    E = any_curve
    with pytest.raises(ParameterError):
        E.pairing(E.g2, E.g1)
    with pytest.raises(ParameterError):
        E.multi_multiply_g1([E.g2], [E.scalar(1)])
    for mixture in (lambda: E.g1 + E.g2, lambda: E.g1 * 2, lambda: E.scalar(1) + 1, lambda: E.gt_one**2):
        with pytest.raises(TypeError):
            mixture()
    assert E.g1 != E.g2
    assert E.scalar(1) != 1
    assert E.gt_one != E.g1


def test_equal_points_are_one_key_of_a_dictionary(any_curve: Curve) -> None:
    E = any_curve
    table = {E.g1 * E.scalar(3): "three", E.g2: "generator", E.g1_identity: "identity", E.gt_one: "one"}
    assert table[E.g1 + E.g1 + E.g1] == "three"
    assert table[E.g2_identity + E.g2] == "generator"
    assert table[E.g1 - E.g1] == "identity"
    assert table[E.pairing(E.g1_identity, E.g2)] == "one"


def test_a_scalar_is_made_of_a_public_integer_in_range(any_curve: Curve) -> None:
    E = any_curve
    for value in (-1, E.order, True, 1.0, "1", None):
        with pytest.raises(ParameterError):
            E.scalar(value)
    assert E.scalar(0).is_zero()
    assert E.scalar_reduce(b"").is_zero()
    assert E.scalar_reduce(E.order.to_bytes(80, "big") + b"\x00").is_zero()


def test_zero_has_no_inverse(any_curve: Curve) -> None:
    with pytest.raises(ParameterError, match="no inverse"):
        any_curve.scalar(0).inverse()


def test_a_random_scalar_is_what_the_source_gave(any_curve: Curve) -> None:
    E = any_curve
    draws = [b"\xff" * E.scalar_bytes, bytes(E.scalar_bytes), (7).to_bytes(E.scalar_bytes, "big")]
    # All ones exceed r even under the mask, zero is refused: the third draw is the scalar.
    assert E.random_scalar(lambda n: draws.pop(0)[-n:]) == E.scalar(7)
    assert not draws


@pytest.mark.parametrize("source", [bytes, lambda n: b"\xff" * n, lambda n: b"\x01" * (n + 1)])
def test_a_broken_source_of_randomness_is_noticed(any_curve: Curve, source: Callable[[int], bytes]) -> None:
    with pytest.raises(ParameterError):
        any_curve.random_scalar(source)


def test_sequences_of_different_lengths_are_refused(any_curve: Curve) -> None:
    E = any_curve
    with pytest.raises(ParameterError, match="points cannot be multiplied"):
        E.multi_multiply_g1([E.g1, E.g1], [E.scalar(1)])


def test_sums_for_public_scalars_refuse_what_does_not_fit(any_curve: Curve) -> None:
    E = any_curve
    for call in (
        lambda: E.multi_multiply_g1_vartime([E.g1, E.g1], [E.scalar(1)]),
        lambda: E.multi_multiply_g2_vartime([E.g1], [E.scalar(1)]),  # type: ignore[list-item]
        lambda: E.multi_multiply_g1_array("text", b""),  # type: ignore[arg-type]
        lambda: E.multi_multiply_g2_array(memoryview(bytes(8))[::2], b""),
        lambda: E.multi_multiply_g1_array(bytes(2 * E.field_bytes), b""),
        lambda: E.g1.mul_vartime(5),  # type: ignore[arg-type]
    ):
        with pytest.raises(ParameterError):
            call()


def test_lagrange_refuses_what_does_not_interpolate(any_curve: Curve) -> None:
    E = any_curve
    for indices in ([], [1, 1], [0, 1], [1, E.order], [-1, 2], ["a"], [1, 1 + E.order]):
        with pytest.raises(ParameterError):
            E.lagrange_at_zero(indices)


def test_lagrange_interpolates_at_zero(any_curve: Curve) -> None:
    E = any_curve
    a = [E.scalar(k) for k in (11, 22, 33)]
    xs = [2, 5, 9]
    shares = [a[0] + a[1] * E.scalar(x) + a[2] * E.scalar(x * x) for x in xs]
    total = E.scalar(0)
    for coefficient, share in zip(E.lagrange_at_zero(xs), shares, strict=True):
        total = total + coefficient * share
    assert total == a[0]


def test_types_of_results(any_curve: Curve) -> None:
    E = any_curve
    k = E.scalar(2)
    assert isinstance(k * k, Scalar)
    assert isinstance(k * E.g1, G1Point)
    assert E.g1.curve is E
