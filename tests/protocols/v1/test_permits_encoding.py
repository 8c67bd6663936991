"""Obfuscated points decode to what was encoded, and only octets of the right form decode."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from milagro.errors import (
    EncodingError,
    IdentityElement,
    InvalidFlags,
    NonCanonical,
    NotInSubgroup,
    ParameterError,
    WrongLength,
)
from milagro.groups import curve
from milagro.protocols.mpin.v1.permits_encoding import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from milagro.groups import Curve


def stream(seed: int) -> Callable[[int], bytes]:
    state = [seed]

    def draw(count: int) -> bytes:
        state[0] += 1
        return hashlib.shake_256(state[0].to_bytes(4, "big")).digest(count)

    return draw


@pytest.mark.parametrize("name", ["BN254CX", "BLS12-381", "BLS461"])
def test_round_trip(backend_name: str, name: str) -> None:
    e = curve(name, backend=backend_name)
    first_octets = set()
    for n in range(1, 25):
        point = e.scalar(n) * e.g1
        octets = encode(e, point, stream(1000 * n))
        assert len(octets) == 1 + 2 * e.field_bytes
        assert decode(e, octets) == point
        first_octets.add(octets[0])
    assert first_octets == {0, 1, 2, 3}


def test_one_point_has_many_encodings(small: Curve) -> None:
    assert len({encode(small, small.g1, stream(1000 * n)) for n in range(8)}) == 8


def test_counting_starts_anywhere_below_the_second_point(small: Curve) -> None:
    """v is spread over the gap under x, not always x itself: otherwise the octets would show what they are."""
    offsets = set()
    for n in range(40):
        octets = encode(small, small.g1, stream(1000 * n))
        v = octets[1 + small.field_bytes :]
        try:
            small.ops.g1_from_x(v, 0, "parity")
        except EncodingError:
            offsets.add("below")
        else:
            offsets.add("at")
    assert offsets == {"at", "below"}


def test_malformed_octets_are_refused(small: Curve) -> None:
    octets = encode(small, small.g1, stream(7))
    nb, p = small.field_bytes, small.params.p.to_bytes(small.field_bytes, "big")
    for bad, error in (
        (octets[:-1], WrongLength),
        (octets + b"\0", WrongLength),
        (bytes([octets[0] | 4]) + octets[1:], InvalidFlags),
        (octets[:1] + p + octets[1 + nb :], NonCanonical),
        (octets[: 1 + nb] + p, NonCanonical),
        (bytes([1]) + octets[1 : 1 + nb] * 2, IdentityElement),
    ):
        with pytest.raises(error):
            decode(small, bad)
    with pytest.raises(IdentityElement):
        encode(small, small.g1_identity, stream(1))


def test_a_sum_outside_the_subgroup_is_refused(backend_name: str) -> None:
    e = curve("BLS12-381", backend=backend_name)
    with pytest.raises(NotInSubgroup):
        decode(e, bytes([0]) + (5).to_bytes(48, "big") + (9).to_bytes(48, "big"))


def test_counting_past_the_field_is_refused(backend_name: str) -> None:
    """On FP256BN no point has x = p - 1: (-1)^3 + 3 = 2 is no square, since p = 3 mod 8."""
    e = curve("FP256BN", backend=backend_name)
    last = (e.params.p - 1).to_bytes(e.field_bytes, "big")
    one = (1).to_bytes(e.field_bytes, "big")
    with pytest.raises(NonCanonical):
        decode(e, bytes([0]) + one + last)
    with pytest.raises(ParameterError):
        encode(e, e.g1, lambda count: last.rjust(count, b"\0")[:count])
