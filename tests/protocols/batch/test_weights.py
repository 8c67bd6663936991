"""The parts of every batch: weights, and the search for what is wrong."""

from __future__ import annotations

import itertools

import pytest

from milagro.errors import ParameterError
from milagro.groups import Curve, G1Point, G2Point, curve
from milagro.groups.batches import WEIGHT_OCTETS, failures, random_weights, weighted_sum
from tests.protocols.batch.sources import random_from


@pytest.fixture(scope="module")
def E(backend_name: str) -> Curve:
    return curve("BN254", backend=backend_name)


def test_a_weight_has_128_bits_on_every_curve(any_curve: Curve) -> None:
    most = any_curve.scalar(2**128 - 1)
    assert random_weights(any_curve, 3, lambda n: b"\xff" * n) == [most] * 3
    assert random_weights(any_curve, 0, random_from("none")) == []


def test_a_weight_is_never_zero(E: Curve) -> None:
    """Zeros are left out and drawn again, and the others keep their order; zeros across two weights are no zero."""
    draws = iter([bytes(32), bytes(15) + b"\x07" + bytes(16), b"\x01" + bytes(15)])
    assert random_weights(E, 2, lambda _: next(draws)) == [E.scalar(7), E.scalar(2**120)]
    split = b"\x01" + bytes(15) + bytes(15) + b"\x01"
    assert random_weights(E, 2, lambda _: split) == [E.scalar(2**120), E.scalar(1)]
    with pytest.raises(ParameterError, match="broken"):
        random_weights(E, 1, bytes)


def test_all_weights_come_from_one_draw_and_differ(E: Curve) -> None:
    asked: list[int] = []
    draw = random_from("each")

    def noted(length: int) -> bytes:
        asked.append(length)
        return draw(length)

    weights = random_weights(E, 5, noted)
    assert asked == [5 * WEIGHT_OCTETS]
    assert len({k.to_bytes() for k in weights}) == 5


@pytest.mark.parametrize("wrong", [0, 15, 17])
def test_a_source_of_the_wrong_length_is_refused(E: Curve, wrong: int) -> None:
    with pytest.raises(ParameterError):
        random_weights(E, 1, lambda _: b"\x01" * wrong)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_weighted_sum_is_the_sum_of_the_multiples(any_curve: Curve, count: int) -> None:
    E = any_curve
    ks = random_weights(E, count, random_from("sum"))
    for g, zero in ((E.g1, E.g1_identity), (E.g2, E.g2_identity)):
        points = [g * E.scalar(i + 2) for i in range(count)]
        total = sum((p * k for p, k in zip(points, ks, strict=True)), start=zero)
        assert weighted_sum(E, points, ks) == total


def test_the_search_finds_every_set_of_bad_equations(E: Curve) -> None:
    """Equations e(a_i P, Q) = 1 with a_i = 0 for the good ones: all 2^n sets for n up to 4."""
    P, Q = E.g1, E.g2
    for count in range(5):
        for bad in itertools.chain.from_iterable(itertools.combinations(range(count), k) for k in range(count + 1)):
            points = [P * E.scalar(2**i) if i in bad else E.g1_identity for i in range(count)]

            def pairs(part: range, points: list[G1Point] = points) -> list[tuple[G1Point, G2Point]]:
                return [(points[i], Q) for i in part]

            assert failures(E, count, pairs) == list(bad)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 13])
def test_the_search_costs_at_most_one_product_more_than_there_are_equations(E: Curve, count: int) -> None:
    products = 0

    def pairs(part: range) -> list[tuple[G1Point, G2Point]]:
        nonlocal products
        products += 1
        return [(E.g1 * E.scalar(2**i), E.g2) for i in part]

    assert failures(E, count, pairs) == list(range(count))
    assert products <= count + 1
