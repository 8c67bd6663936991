"""Every form for many values gives what the single form gives, on any number of values and threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from milagro.errors import NonCanonical, ParameterError, WrongLength
from milagro.groups import Curve, Scalar, Xmd, Xof, curve
from milagro.groups.arrays import each_part, parts
from milagro.params import NAMES

SIZES = (0, 1, 7, 8, 9, 17)


@pytest.fixture(scope="module")
def E(backend_name: str) -> Curve:
    return curve("BN254", backend=backend_name)


@pytest.fixture(scope="module")
def S(backend_name: str) -> Curve:
    """A curve with a cofactor in G1."""
    return curve("BLS12-381", backend=backend_name)


def sizes(E: Curve) -> tuple[int, ...]:
    """The reference backend has no groups of eight to get wrong."""
    return SIZES if E.backend_name == "native" else (*SIZES[:2], 3)


def scalars(E: Curve, count: int) -> list[Scalar]:
    """Zero, one, the last, and others that look random."""
    edges = [0, 1, E.order - 1, 2**128 - 1, 2**128]
    return [E.scalar(edges[i] if i < len(edges) else pow(7, 80 + i, E.order)) for i in range(count)]


def points(E: Curve, g: Any, count: int) -> list[Any]:
    """Multiples of g with other denominators, the identity and an opposite among them."""
    found = [g * E.scalar(3 * i + 2) for i in range(count)]
    if count > 2:
        found[1], found[2] = g - g, -found[0]
    return found


# -- hashing -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("expander", [Xmd("sha256"), Xmd("sha512"), Xof("shake128")])
@pytest.mark.parametrize("nonuniform", [False, True])
def test_hashes(E: Curve, expander: Any, nonuniform: bool) -> None:
    more: dict[str, Any] = {"expander": expander, "nonuniform": nonuniform}
    for count in sizes(E):
        messages = [bytes([i]) * (i * 11) for i in range(count)]
        assert E.hash_to_g1_many(messages, b"T", **more) == [E.hash_to_g1(m, b"T", **more) for m in messages]
    assert E.hash_to_g2_many([b"a", b"b"], b"T", **more) == [E.hash_to_g2(m, b"T", **more) for m in (b"a", b"b")]


@pytest.mark.parametrize("name", NAMES)
def test_hashes_on_every_curve(name: str, backend_name: str) -> None:
    E = curve(name, backend=backend_name)
    messages = [b"one", b"two", b""]
    assert E.hash_to_g1_many(messages, b"T") == [E.hash_to_g1(m, b"T") for m in messages]
    assert E.hash_to_g2_many(messages, b"T") == [E.hash_to_g2(m, b"T") for m in messages]
    hs = [m.rjust(E.field_bytes, b"\x81") for m in messages]
    assert E.map_to_g1_original_many(hs) == [E.map_to_g1_original(h) for h in hs]


def test_original_maps_of_octets_of_any_length(E: Curve) -> None:
    for count in sizes(E):
        hs = [bytes([i + 1]) * (5 * i) for i in range(count)]
        assert E.map_to_g1_original_many(hs) == [E.map_to_g1_original(h) for h in hs]


def test_a_tag_is_checked_where_there_is_no_message(E: Curve) -> None:
    for hash_many in (E.hash_to_g1_many, E.hash_to_g2_many):
        with pytest.raises(ParameterError):
            hash_many([], b"")
        with pytest.raises(ParameterError):
            hash_many(["text"], b"T")  # type: ignore[list-item]


# -- multiples ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["", "_vartime"])
def test_multiples(E: Curve, S: Curve, form: str) -> None:
    for C in (E, S):
        for group, g in (("g1", C.g1), ("g2", C.g2)):
            many: Callable[..., Any] = getattr(C, f"multiply_{group}_many{form}")
            for count in sizes(C):
                Ps, ks = points(C, g, count), scalars(C, count)
                assert many(Ps, ks) == [P * k for P, k in zip(Ps, ks, strict=True)]


@pytest.mark.parametrize("form", ["", "_vartime"])
def test_one_point_with_many_scalars_and_one_scalar_with_many_points(E: Curve, form: str) -> None:
    for group, g in (("g1", E.g1), ("g2", E.g2)):
        many: Callable[..., Any] = getattr(E, f"multiply_{group}_many{form}")
        for count in sizes(E):
            Ps, ks, k = points(E, g, count), scalars(E, count), E.scalar(12345)
            assert many(Ps, k) == [P * k for P in Ps] == many(iter(Ps), [k])
            for P in (g, g - g, g + g):
                assert many(P, ks) == [P * x for x in ks] == many([P], iter(ks))


def test_powers(E: Curve) -> None:
    e = E.pairing(E.g1, E.g2)
    for count in sizes(E):
        fs, ks = [e ** E.scalar(i) for i in range(count)], scalars(E, count)
        assert E.power_many(fs, ks) == [f**k for f, k in zip(fs, ks, strict=True)]
        assert E.power_many(e, ks) == [e**k for k in ks]
        assert E.power_many(fs, E.scalar(5)) == [f ** E.scalar(5) for f in fs]


def test_products_of_scalars(E: Curve) -> None:
    for count in sizes(E):
        a, b = scalars(E, count), scalars(E, count)[::-1]
        assert E.scalar_products(a, b) == [x * y for x, y in zip(a, b, strict=True)]
    with pytest.raises(ParameterError):
        E.scalar_products(scalars(E, 2), scalars(E, 1))


def test_different_numbers_are_refused(E: Curve) -> None:
    ks, e = scalars(E, 3), E.pairing(E.g1, E.g2)
    for call in (
        lambda: E.multiply_g1_many([E.g1] * 2, ks),
        lambda: E.multiply_g2_many([E.g2] * 2, ks),
        lambda: E.multiply_g1_many_vartime([E.g1] * 4, ks),
        lambda: E.power_many([e] * 2, ks),
        lambda: E.multiply_g1_many([], ks),
        lambda: E.multi_multiply_g1([E.g1], ks),
        lambda: E.multi_multiply_g2_vartime([E.g2] * 4, ks),
    ):
        with pytest.raises(ParameterError):
            call()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 30, 60, 90])
def test_sums_of_short_and_long_scalars(E: Curve, count: int) -> None:
    """Up to 128 bits a public scalar is not divided; sums of few and of many points go different ways."""
    count = count if E.backend_name == "native" else min(count, 4)
    for multiply, single, g in (
        (E.multi_multiply_g1_vartime, E.multi_multiply_g1, E.g1),
        (E.multi_multiply_g2_vartime, E.multi_multiply_g2, E.g2),
    ):
        Ps = points(E, g, count)
        short = [E.scalar(pow(11, 40 + i, E.order) % 2**128) for i in range(count)]
        for ks in (short, scalars(E, count), [*short[: count // 2], *scalars(E, count - count // 2)]):
            assert multiply(Ps, ks) == single(Ps, ks)  # type: ignore[operator]


# -- pairings ----------------------------------------------------------------------------------------------------------
def equations(E: Curve, count: int) -> list[list[Any]]:
    """Of 0 to 3 pairs, prepared and not, with identities; every third is 1."""
    found = []
    for i in range(count):
        P, Q = E.g1 * E.scalar(i + 2), E.g2 * E.scalar(i + 3)
        right = E.prepare(Q) if i % 2 else Q
        pairs = [(P, right), (E.g1_identity, Q), (E.g1, E.prepare(E.g2_identity))][: i % 4]
        found.append([(P, right), (-P, Q)] if i % 3 == 0 else pairs)
    return found


@pytest.mark.parametrize("name", ["BN254", "BLS12-381"])
def test_products_and_checks_of_pairings(name: str, backend_name: str) -> None:
    E = curve(name, backend=backend_name)
    for count in sizes(E):
        made = equations(E, count)
        expected = [E.pairing_product(pairs) for pairs in made]
        assert E.pairing_products_many(made) == expected
        assert E.pairing_checks_many(iter(made)) == [f.is_one() for f in expected]
        pairs = [pairs[0] for pairs in made if pairs]
        assert E.pairing_many(pairs) == [E.pairing(P, Q) for P, Q in pairs]


def test_a_wrong_equation_fails_alone(E: Curve) -> None:
    good = [(E.g1, E.g2), (-E.g1, E.g2_prepared)]
    bad = [(E.g1, E.g2), (E.g1, E.g2)]
    for at in range(3):
        row = [good, good, good]
        row[at] = bad
        assert E.pairing_checks_many(row) == [i != at for i in range(3)]


def test_sizes_that_do_not_add_up_are_refused_below(E: Curve) -> None:
    p, q = E.g1._handle, E.g2._handle
    for sizes_ in ([1], [3], [2, 1], [-1, 3], []):
        for call in (E.ops.pairing_products_many, E.ops.pairing_checks_many):
            with pytest.raises(ParameterError):
                call([p, p], [q, q], sizes_)
    with pytest.raises(ParameterError):
        E.ops.pairing_products_many([p], [q, q], [1])


# -- what is refused ---------------------------------------------------------------------------------------------------
def test_values_of_another_curve_or_kind_are_refused(E: Curve, S: Curve) -> None:
    k, e = E.scalar(2), E.pairing(E.g1, E.g2)
    for wrong in (S.g1, E.g2, k, None):
        with pytest.raises(ParameterError):
            E.multiply_g1_many([E.g1, wrong], [k, k])  # type: ignore[list-item]
        with pytest.raises(ParameterError):
            E.multi_multiply_g1_vartime([E.g1, wrong], [k, k])  # type: ignore[list-item]
        with pytest.raises(ParameterError):
            E.pairing_many([(wrong, E.g2)])  # type: ignore[list-item]
    for wrong_k in (S.scalar(2), E.g1, 2):
        for call in (
            lambda k=wrong_k: E.multiply_g1_many(E.g1, k),
            lambda k=wrong_k: E.multiply_g2_many([E.g2], [k]),
            lambda k=wrong_k: E.power_many(e, [k]),
            lambda k=wrong_k: E.scalar_products([k], [k]),
            lambda k=wrong_k: E.scalar_array_to_bytes([k]),
        ):
            with pytest.raises((ParameterError, TypeError)):
                call()
    with pytest.raises(ParameterError):
        E.pairing_checks_many([[(E.g1, S.g2)]])
    with pytest.raises(ParameterError):
        E.pairing_checks_many([[(E.g1, S.g2_prepared)]])
    with pytest.raises(ParameterError):
        E.gt_array_to_bytes([S.pairing(S.g1, S.g2)])


# -- arrays of scalars ---------------------------------------------------------------------------------------------
def test_arrays_of_scalars(any_curve: Curve) -> None:
    E = any_curve
    ks = scalars(E, 9)
    octets = E.scalar_array_to_bytes(ks)
    assert octets == b"".join(k.to_bytes() for k in ks)
    assert E.scalar_array_from_bytes(octets) == ks
    assert E.scalar_array_from_bytes(bytes(15) + b"\x07" + b"\xff" * 16, 16) == [E.scalar(7), E.scalar(2**128 - 1)]
    assert E.scalar_array_from_bytes(b"") == []
    with pytest.raises(NonCanonical):
        E.scalar_array_from_bytes(octets + E.order.to_bytes(E.scalar_bytes, "big"))
    with pytest.raises(WrongLength):
        E.scalar_array_from_bytes(octets[1:])
    for size in (0, -1, E.scalar_bytes + 1):
        with pytest.raises(ParameterError):
            E.scalar_array_from_bytes(octets, size)


# -- threads -------------------------------------------------------------------------------------------------------
def test_the_results_do_not_depend_on_the_number_of_threads(E: Curve) -> None:
    count = 17 if E.backend_name == "native" else 9
    Ps, ks, made = points(E, E.g1, count), scalars(E, count), equations(E, count)
    messages = [bytes([i]) for i in range(count)]
    octets, rows = E.g1_array_to_bytes(Ps), E.scalar_array_to_bytes(ks)
    xy = b"".join(bytes(2 * E.field_bytes) if P.is_identity() else b"".join(P.coordinates()) for P in Ps)
    calls: list[Callable[[int], Any]] = [
        lambda n: E.hash_to_g1_many(messages, b"T", workers=n),
        lambda n: E.map_to_g1_original_many(messages, workers=n),
        lambda n: E.multiply_g1_many(Ps, ks, workers=n),
        lambda n: E.multiply_g1_many(Ps[0], ks, workers=n),
        lambda n: E.multiply_g1_many(Ps, ks[2], workers=n),
        lambda n: E.multi_multiply_g1(Ps, ks, workers=n),
        lambda n: E.multi_multiply_g1_vartime(Ps, ks, workers=n),
        lambda n: E.multi_multiply_g1_array(xy, rows, workers=n),
        lambda n: E.pairing_products_many(made, workers=n),
        lambda n: E.pairing_checks_many(made, workers=n),
        lambda n: E.g1_array_from_bytes(octets, allow_identity=True, workers=n),
    ]
    for call in calls:
        expected = call(1)
        assert call(2) == expected
        assert call(5) == expected


def test_there_is_at_least_one_thread(E: Curve) -> None:
    for workers in (0, -1, True, 1.5):
        for call in (
            lambda n=workers: E.hash_to_g1_many([b""], b"T", workers=n),
            lambda n=workers: E.multiply_g1_many([], [], workers=n),
            lambda n=workers: E.pairing_checks_many([], workers=n),
            lambda n=workers: E.multi_multiply_g1([], [], workers=n),
            lambda n=workers: E.g1_array_from_bytes(b"", workers=n),
        ):
            with pytest.raises(ParameterError, match="worker"):
                call()


@pytest.mark.parametrize("count", [0, 1, 8, 9, 16, 17, 100])
@pytest.mark.parametrize("workers", [1, 2, 3, 64])
def test_work_is_divided_without_gaps(count: int, workers: int) -> None:
    divided = parts(count, workers)
    assert len(divided) <= max(workers, 1)
    assert [i for part in divided for i in range(part.start, part.stop)] == list(range(count))
    assert all((part.stop - part.start) % 8 == 0 for part in divided[:-1])
    assert sum(each_part(lambda part: part.stop - part.start, count, workers)) == count
