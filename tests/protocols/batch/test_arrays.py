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
