"""Points as octets: every header, wrong lengths and edges, natively and by reference; and numbers from digits."""

from __future__ import annotations

import random
from typing import Any

import pytest

from milagro.errors import InvalidFlags, NonCanonical, ParameterError, WrongLength
from tests.native.conftest import Pair, outcome

ENCODINGS = ("milagro", "milagro-compressed", "tagged", "zcash", "zcash-uncompressed", "eip197")


def encodings(pair: Pair) -> list[str]:
    """Those that fit the curve: flags need three bits to spare."""
    fits = pair.params.p.bit_length() <= 8 * pair.params.field_bytes - 3
    return [name for name in ENCODINGS if fits or not name.startswith("zcash")]


def both(pair: Pair, group: str, octets: bytes, encoding: str) -> Any:
    """What reading gives in both: the coordinates, the identity, or the class of the refusal."""
    results = []
    for ops in (pair.N, pair.R):
        point = outcome(getattr(ops, f"{group}_from_octets"), octets, encoding)
        if not isinstance(point, type):
            point = getattr(ops, f"{group}_is_identity")(point) or getattr(ops, f"{group}_to_affine")(point)
        results.append(point)
    assert results[0] == results[1], (group, encoding, octets.hex())
    return results[0]


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_what_is_written_is_read(pair: Pair, rng: random.Random, group: str) -> None:
    points = [(getattr(pair.N, f"{group}_{name}")(), getattr(pair.R, f"{group}_{name}")()) for name in ("generator",)]
    for k in (2, pair.params.r - 1, rng.randrange(pair.params.r)):
        points.append(pair.call(f"{group}_mul", points[0], pair.scalars(k)))
    points += [pair.call(f"{group}_neg", point) for point in points]
    for encoding in encodings(pair):
        for point in points:
            octets = pair.agree(f"{group}_to_octets", point, encoding)
            assert both(pair, group, octets, encoding) == pair.agree(f"{group}_to_affine", point)


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_the_identity(pair: Pair, group: str) -> None:
    identity = getattr(pair.N, f"{group}_identity")(), getattr(pair.R, f"{group}_identity")()
    for encoding in encodings(pair):
        octets = pair.agree(f"{group}_to_octets", identity, encoding)
        if isinstance(octets, bytes):
            assert both(pair, group, octets, encoding) is True
            for at in (0, 1, len(octets) - 1):
                both(pair, group, octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :], encoding)


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_every_first_octet(pair: Pair, group: str) -> None:
    point = getattr(pair.N, f"{group}_generator")()
    for encoding in encodings(pair):
        octets = getattr(pair.N, f"{group}_to_octets")(point, encoding)
        results = [both(pair, group, bytes([head]) + octets[1:], encoding) for head in range(256)]
        assert any(isinstance(result, tuple) for result in results)
        zeros = [both(pair, group, bytes([head]) + bytes(len(octets) - 1), encoding) for head in range(256)]
        if encoding == "zcash":
            assert InvalidFlags in results
            assert zeros.count(True) == 1


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_lengths_and_numbers_that_are_too_large(pair: Pair, group: str) -> None:
    point = getattr(pair.N, f"{group}_generator")()
    for encoding in encodings(pair):
        octets = getattr(pair.N, f"{group}_to_octets")(point, encoding)
        for wrong in (b"", octets[:1], octets[:-1], octets + b"\0", octets * 2):
            assert both(pair, group, wrong, encoding) is WrongLength
        modulus = pair.params.p.to_bytes(pair.params.field_bytes, "big")
        for at in range(1 if len(octets) % 2 else 0, len(octets), pair.params.field_bytes):
            both(pair, group, octets[:at] + modulus + octets[at + len(modulus) :], encoding)
        expected = InvalidFlags if encoding == "zcash" and group == "g1" else NonCanonical  # p has no flag in front
        assert both(pair, group, octets[: -len(modulus)] + modulus, encoding) is expected
    for ops in (pair.N, pair.R):
        for method, value in (
            (f"{group}_from_octets", b"\4"),
            (f"{group}_to_octets", getattr(ops, f"{group}_identity")()),
        ):
            with pytest.raises(ParameterError):
                getattr(ops, method)(value, "der")


def test_numbers_from_digits(pair: Pair) -> None:
    size = pair.params.scalar_bytes
    for digits in (b"0", b"9", b"0000", b"0042", b"1234", b"9999", b"9" * 18, b"000000000000000001"):
        written = [ops.scalar_to_bytes(ops.scalar_from_decimal(digits)) for ops in (pair.N, pair.R)]
        assert written == [int(digits).to_bytes(size, "big")] * 2
    for octet in set(range(256)) - set(b"0123456789"):
        for digits in (bytes([octet]), b"12" + bytes([octet]) + b"4"):
            assert outcome(pair.N.scalar_from_decimal, digits) is NonCanonical
            assert outcome(pair.R.scalar_from_decimal, digits) is NonCanonical
    for digits in (b"", b"1" * 19):
        assert outcome(pair.N.scalar_from_decimal, digits) is WrongLength
        assert outcome(pair.R.scalar_from_decimal, digits) is WrongLength


def test_numbers_from_random_bits(pair: Pair, rng: random.Random) -> None:
    size, r = pair.params.scalar_bytes, pair.params.r
    values = [0, 1, r - 1, r, r + 1, (1 << 8 * size) - 1, 1 << r.bit_length() - 1, *(rng.getrandbits(8 * size),) * 5]
    for value in values:
        below = value % (1 << r.bit_length())
        expected = below.to_bytes(size, "big") if below < r else NonCanonical
        for ops in (pair.N, pair.R):
            read = outcome(ops.scalar_from_bits, value.to_bytes(size, "big"))
            assert (read if isinstance(read, type) else ops.scalar_to_bytes(read)) == expected
    for octets in (bytes(size - 1), bytes(size + 1)):
        assert outcome(pair.N.scalar_from_bits, octets) is WrongLength
        assert outcome(pair.R.scalar_from_bits, octets) is WrongLength


def test_scalars_with_zeros_in_front(pair: Pair) -> None:
    size, r = pair.params.field_bytes, pair.params.r
    for value in (0, 1, r - 1):
        for ops in (pair.N, pair.R):
            k = ops.scalar_from_bytes(value.to_bytes(size, "big"))
            assert ops.scalar_to_bytes(k) == value.to_bytes(pair.params.scalar_bytes, "big")
    for octets in (r.to_bytes(size, "big"), b"\xff" * size, b"\1" + bytes(size - 1)):
        expected = NonCanonical if int.from_bytes(octets, "big") >= r else None
        for ops in (pair.N, pair.R):
            assert outcome(ops.scalar_from_bytes, octets) is NonCanonical or expected is None
