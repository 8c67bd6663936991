"""Arrays of points in one buffer, and hashing of many messages."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import pytest

from milagro.errors import (
    EncodingError,
    IdentityElement,
    InvalidFlags,
    NonCanonical,
    NotInSubgroup,
    NotOnCurve,
    ParameterError,
    WrongLength,
)
from milagro.groups import Curve, Encoding, Xmd, curve
from milagro.params import NAMES

COUNT = 4


def groups(E: Curve) -> list[tuple[Any, Any, Callable[..., Any], Callable[..., bytes], Callable[..., Any]]]:
    return [
        (E.g1, E.g1_identity, E.g1_array_from_bytes, E.g1_array_to_bytes, E.g1_from_bytes),
        (E.g2, E.g2_identity, E.g2_array_from_bytes, E.g2_array_to_bytes, E.g2_from_bytes),
    ]


def test_an_array_is_the_encodings_in_a_row(any_curve: Curve) -> None:
    E = any_curve
    for g, _, read, write, _ in groups(E):
        points = [g * E.scalar(i + 1) for i in range(COUNT)]
        for encoding in (None, *E.encodings):
            octets = write(points, encoding)
            assert octets == b"".join(p.to_bytes(encoding) for p in points)
            assert read(octets, encoding) == points
        assert write([]) == b""
        assert read(b"") == []


@pytest.fixture(scope="module")
def E(backend_name: str) -> Curve:
    return curve("BLS12-381", backend=backend_name)


def test_any_contiguous_buffer_of_octets_is_taken(E: Curve) -> None:
    points = [E.g1 * E.scalar(i + 1) for i in range(COUNT)]
    octets = E.g1_array_to_bytes(points)
    kinds = (bytes, bytearray, memoryview, lambda o: array.array("B", o))
    for kind in kinds:
        assert E.g1_array_from_bytes(kind(octets)) == points
    table = memoryview(octets).cast("B", (COUNT, len(octets) // COUNT))
    assert E.g1_array_from_bytes(table) == points
    for wrong in (memoryview(octets)[::2], array.array("I", octets[:96]), octets.hex(), 5, None):
        with pytest.raises(ParameterError):
            E.g1_array_from_bytes(wrong)


def test_numpy_arrays_are_taken_and_given(E: Curve) -> None:
    np = pytest.importorskip("numpy")
    points = [E.g2 * E.scalar(i + 1) for i in range(COUNT)]
    table = np.frombuffer(E.g2_array_to_bytes(points), dtype=np.uint8).reshape(COUNT, -1)
    assert E.g2_array_from_bytes(table) == points
    assert E.g2_array_from_bytes(np.ascontiguousarray(table[::2])) == points[::2]
    with pytest.raises(ParameterError):
        E.g2_array_from_bytes(table[:, ::2])


def bad_elements(E: Curve) -> dict[type[EncodingError], bytes]:
    good = E.g1.to_bytes()
    off = next(x for x in range(1, 99) if not _on_curve(E, x))
    outside = next(x for x in range(1, 99) if _outside(E, x))
    return {
        InvalidFlags: bytes([good[0] & 0x7F]) + good[1:],
        NonCanonical: b"\x9f" + b"\xff" * (len(good) - 1),
        NotOnCurve: b"\x80" + off.to_bytes(47, "big"),
        NotInSubgroup: b"\x80" + outside.to_bytes(47, "big"),
        IdentityElement: E.g1_identity.to_bytes(),
    }


def _on_curve(E: Curve, x: int) -> bool:
    try:
        E.ops.g1_from_x(x.to_bytes(48, "big"), 0, "larger")
    except NotOnCurve:
        return False
    return True


def _outside(E: Curve, x: int) -> bool:
    return _on_curve(E, x) and not E.ops.g1_in_subgroup(E.ops.g1_from_x(x.to_bytes(48, "big"), 0, "larger"))


def test_the_first_bad_element_is_named_wherever_it_is(E: Curve) -> None:
    good = [(E.g1 * E.scalar(i + 1)).to_bytes() for i in range(COUNT)]
    for error, octets in bad_elements(E).items():
        for at in range(COUNT):
            row = [*good[:at], octets, *good[at + 1 :]]
            with pytest.raises(error, match=f"element {at} "):
                E.g1_array_from_bytes(b"".join(row))
        with pytest.raises(error, match="element 1 "):
            E.g1_array_from_bytes(good[0] + octets + octets + good[1])


def test_a_buffer_that_ends_within_an_element_is_refused(E: Curve) -> None:
    for g, _, read, write, _ in groups(E):
        octets = write([g] * 2)
        for cut in (1, len(octets) // 2 - 1, len(octets) - 1):
            with pytest.raises(WrongLength):
                read(octets[:cut])
        with pytest.raises(WrongLength):
            read(octets + b"\x00")


def test_the_identity_is_taken_only_where_it_is_allowed(E: Curve) -> None:
    for g, zero, read, write, _ in groups(E):
        octets = write([g, zero])
        assert read(octets, allow_identity=True) == [g, zero]
        with pytest.raises(IdentityElement, match="element 1 "):
            read(octets)
        with pytest.raises(IdentityElement, match="element 1 "):
            write([g, zero], Encoding.MILAGRO)


def test_points_of_another_curve_group_or_kind_are_refused(E: Curve) -> None:
    other = curve("BN254", backend=E.backend_name)
    for wrong in (other.g1, E.g2, E.scalar(1)):
        with pytest.raises(ParameterError):
            E.g1_array_to_bytes([E.g1, wrong])
    with pytest.raises(ParameterError):
        E.g1_array_from_bytes(b"", Encoding.EIP197)


def test_an_array_takes_one_length_only(E: Curve) -> None:
    """The reader of MILAGRO also takes the compressed form, but never in an array."""
    short = E.g1.to_bytes(Encoding.MILAGRO_COMPRESSED)
    assert E.g1_from_bytes(short, Encoding.MILAGRO) == E.g1
    with pytest.raises(EncodingError):
        E.g1_array_from_bytes(short * 97, Encoding.MILAGRO)


@pytest.mark.parametrize("name", NAMES)
def test_hashing_many_is_hashing_each(name: str, backend_name: str) -> None:
    E = curve(name, backend=backend_name)
    messages = [b"", b"abc", b"abc", b"\x00" * 200]
    for more in ({}, {"expander": Xmd("sha512")}, {"nonuniform": True}):
        assert E.hash_to_g1_many(messages, b"TAG", **more) == [E.hash_to_g1(m, b"TAG", **more) for m in messages]
    assert E.hash_to_g2_many(messages[:2], b"TAG") == [E.hash_to_g2(m, b"TAG") for m in messages[:2]]
    assert E.hash_to_g1_many(messages, b"TAG", workers=2) == E.hash_to_g1_many(messages, b"TAG")
    assert E.hash_to_g1_many([], b"TAG") == []
    with pytest.raises(ParameterError):
        E.hash_to_g1_many([b""], b"")


def test_many_pairings_are_each_pairing(backend_name: str) -> None:
    E = curve("BN254", backend=backend_name)
    pairs = [(E.scalar(k) * E.g1, E.prepare(E.g2) if k % 2 else E.g2) for k in range(1, 6)]
    each = [E.pairing(P, Q) for P, Q in pairs]
    assert E.pairing_many(pairs) == each
    assert E.pairing_many(pairs, workers=3) == each
    assert E.pairing_many([]) == []
    for workers in (0, -1):
        with pytest.raises(ParameterError, match="worker"):
            E.pairing_many(pairs, workers=workers)


# -- results in a buffer ---------------------------------------------------------------------------------------------
def array_calls(E: Curve) -> dict[str, Callable[..., Any]]:
    ks = E.scalar_array_to_bytes([E.scalar(k) for k in (2, 3, 5)])
    ps, qs = E.g1_array_to_bytes([E.g1] * 3), E.g2_array_to_bytes([E.g2] * 3)
    return {
        "hash-g1": lambda **more: E.hash_to_g1_array([b"a", b"b"], b"T", **more),
        "hash-g2": lambda **more: E.hash_to_g2_array([b"a", b"b"], b"T", **more),
        "multiply-g1": lambda **more: E.multiply_g1_array(ps, ks, **more),
        "multiply-g2": lambda **more: E.multiply_g2_array(qs, ks, **more),
        "multiply-one": lambda **more: E.multiply_g1_array(E.g1.to_bytes(), ks, **more),
        "pairing": lambda **more: E.pairing_array(ps, qs, **more),
    }


def array_results(E: Curve) -> dict[str, bytes]:
    ks = [E.scalar(k) for k in (2, 3, 5)]
    return {
        "hash-g1": b"".join(E.hash_to_g1(m, b"T").to_bytes() for m in (b"a", b"b")),
        "hash-g2": b"".join(E.hash_to_g2(m, b"T").to_bytes() for m in (b"a", b"b")),
        "multiply-g1": b"".join((E.g1 * k).to_bytes() for k in ks),
        "multiply-g2": b"".join((E.g2 * k).to_bytes() for k in ks),
        "multiply-one": b"".join((E.g1 * k).to_bytes() for k in ks),
        "pairing": E.pairing(E.g1, E.g2).to_bytes() * 3,
    }


def test_results_come_in_one_buffer_new_or_given(E: Curve) -> None:
    for name, call in array_calls(E).items():
        expected = array_results(E)[name]
        assert call() == expected
        for workers in (1, 2):
            out = bytearray(len(expected))
            assert call(out=out, workers=workers) == expected
            assert out == expected


def test_a_buffer_that_does_not_fit_is_refused(E: Curve) -> None:
    for name, call in array_calls(E).items():
        size = len(array_results(E)[name])
        for wrong, error in (
            (bytearray(size - 1), WrongLength),
            (bytearray(size + 1), WrongLength),
            (bytearray(), WrongLength),
            (bytes(size), ParameterError),
            (memoryview(bytearray(size)).toreadonly(), ParameterError),
            (memoryview(bytearray(2 * size))[::2], ParameterError),
            (array.array("H", bytes(size)), ParameterError),
            ("text", ParameterError),
        ):
            with pytest.raises(error):
                call(out=wrong)


def test_numpy_arrays_take_the_results(E: Curve) -> None:
    np = pytest.importorskip("numpy")
    out = np.zeros((3, 48), dtype=np.uint8)
    ks = np.frombuffer(E.scalar_array_to_bytes([E.scalar(k) for k in (2, 3, 5)]), dtype=np.uint8).reshape(3, -1)
    E.multiply_g1_array(E.g1.to_bytes(), ks, out=out)
    assert out.tobytes() == array_results(E)["multiply-g1"]
    assert E.g1_array_from_bytes(out[1]) == [E.g1 * E.scalar(3)]
    assert np.asarray(E.hash_to_g1_array([b"a", b"b"], b"T")).tobytes() == array_results(E)["hash-g1"]
    for wrong in (np.zeros((3, 96), dtype=np.uint8)[:, ::2], np.zeros((3, 48), dtype=np.uint16)):
        with pytest.raises(ParameterError):
            E.multiply_g1_array(E.g1.to_bytes(), ks, out=wrong)


def test_different_numbers_of_elements_are_refused(E: Curve) -> None:
    ps, ks = E.g1_array_to_bytes([E.g1] * 3), E.scalar_array_to_bytes([E.scalar(2)] * 2)
    with pytest.raises(ParameterError):
        E.multiply_g1_array(ps, ks)
    with pytest.raises(ParameterError):
        E.pairing_array(ps, E.g2.to_bytes())


def test_arrays_of_gt(E: Curve) -> None:
    e = E.pairing(E.g1, E.g2)
    fs = [e ** E.scalar(k) for k in (1, 2, 0)]
    octets = E.gt_array_to_bytes(fs)
    assert octets == b"".join(f.to_bytes() for f in fs)
    assert E.gt_array_from_bytes(octets, allow_identity=True) == fs
    assert E.gt_array_from_bytes(b"") == []
    with pytest.raises(IdentityElement, match="element 2 "):
        E.gt_array_from_bytes(octets)
    with pytest.raises(NotInSubgroup, match="element 1 "):
        E.gt_array_from_bytes(e.to_bytes() + bytes(len(e.to_bytes()) - 1) + b"\x02")
    with pytest.raises(WrongLength):
        E.gt_array_from_bytes(octets[:-1])


@pytest.mark.parametrize("name", NAMES)
def test_every_encoding_reads_at_once_what_it_reads_one_by_one(name: str, backend_name: str) -> None:
    """Both signs, and identities where the encoding has them."""
    E = curve(name, backend=backend_name)
    for g, zero, read, write, single in groups(E):
        points = [g, -g, g + g, -(g + g), g * E.scalar(12345)]
        for encoding in E.encodings:
            octets = write(points, encoding)
            assert octets == b"".join(p.to_bytes(encoding) for p in points)
            width = len(octets) // len(points)
            rows = [octets[at : at + width] for at in range(0, len(octets), width)]
            assert read(octets, encoding) == points == [single(row, encoding) for row in rows]
            try:
                end = zero.to_bytes(encoding)
            except IdentityElement:
                continue
            assert write([*points, zero], encoding) == octets + end
            assert read(octets + end, encoding, allow_identity=True) == [*points, zero]
