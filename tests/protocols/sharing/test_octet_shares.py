"""Sharing of octets against a field made of plain logarithm tables, and every refusal."""

from __future__ import annotations

from contextlib import suppress
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milagro.errors import EncodingError, InvalidShare, MalformedEnvelope, NonCanonical, ParameterError, WrongLength
from milagro.protocols.sharing.header import Header
from milagro.protocols.sharing.octet_shares import (
    OctetShare,
    combine,
    interpolate,
    invert_public,
    lagrange_public,
    multiply_public,
    split,
)
from milagro.protocols.sharing.refusals import (
    CorruptShare,
    DuplicateShare,
    MixedShares,
    TooFewShares,
    TruncatedShare,
    UnknownVersion,
    ZeroIndex,
)
from tests.protocols.sharing.sources import random_from
from tests.protocols.sharing.test_shamir import remade

POWERS = [1]
for _ in range(254):  # powers of the generator x + 1
    doubled = POWERS[-1] << 1
    POWERS.append((doubled ^ (0x11B if doubled > 255 else 0)) ^ POWERS[-1])
LOG = {value: i for i, value in enumerate(POWERS)}


def times(a: int, b: int) -> int:
    return POWERS[(LOG[a] + LOG[b]) % 255] if a and b else 0


def over(a: int, b: int) -> int:
    return POWERS[(LOG[a] - LOG[b]) % 255] if a else 0


def plain_interpolation(points: list[tuple[int, int]], at: int) -> int:
    total = 0
    for x, y in points:
        term = y
        for other, _ in points:
            if other != x:
                term = times(term, over(other ^ at, other ^ x))
        total ^= term
    return total


def test_the_field_is_the_one_of_aes() -> None:
    assert multiply_public(0x57, 0x83) == 0xC1  # the example of FIPS 197, section 4.2
    for a in range(256):
        for b in range(256):
            assert multiply_public(a, b) == times(a, b)
    assert all(multiply_public(a, invert_public(a)) == 1 for a in range(1, 256))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_interpolation_agrees_with_tables(data: st.DataObject) -> None:
    xs = data.draw(st.lists(st.integers(0, 255), min_size=1, max_size=6, unique=True))
    at = data.draw(st.integers(0, 255).filter(lambda x: x not in xs))
    length = data.draw(st.integers(0, 20))
    points = [(x, data.draw(st.binary(min_size=length, max_size=length))) for x in xs]
    expected = bytes(plain_interpolation([(x, value[i]) for x, value in points], at) for i in range(length))
    assert interpolate(points, at) == expected


@given(st.binary(max_size=100), st.integers(1, 6), st.integers(0, 4), st.integers())
@settings(max_examples=60, deadline=None)
def test_any_threshold_of_the_shares_gives_the_secret(secret: bytes, threshold: int, more: int, seed: int) -> None:
    shares = split(secret, threshold, threshold + more, random_from(seed))
    assert combine(shares[more:]) == secret
    assert combine(reversed(shares)) == secret
    again = [OctetShare.from_bytes(share.to_bytes()) for share in shares]
    assert combine(again[:threshold]) == secret


def test_every_subset_and_a_large_secret() -> None:
    secret = random_from("large")(1_000_003)
    shares = split(secret, 3, 5, random_from(1))
    assert all(combine(some) == secret for some in combinations(shares, 3))
    assert combine(split(b"x", 255, 255, random_from(2))) == b"x"


def test_an_altered_share_is_noticed_wherever_it_stands() -> None:
    shares = split(b"a secret", 2, 4, random_from(3))
    for i in range(3):
        for at in range(len(shares[0].value)):
            value = bytearray(shares[i].value)
            value[at] ^= 1
            spoilt = [*shares[:i], OctetShare(shares[i].header, bytes(value)), *shares[i + 1 :]]
            with pytest.raises(InvalidShare):
                combine(spoilt[: max(2, i + 1)])


def test_shares_that_do_not_go_together_are_refused_by_name() -> None:
    ours, others = split(b"one", 2, 3, random_from(1)), split(b"two", 2, 3, random_from(2))
    for some, error in (
        ([ours[0], others[1]], MixedShares),
        ([ours[0], ours[0]], DuplicateShare),
        ([ours[0]], TooFewShares),
        ([], InvalidShare),
        ([ours[0], OctetShare(ours[1].header, ours[1].value + b"\0")], MixedShares),
        ([ours[0], OctetShare(Header(ours[1].header.set_id, 1, 2, 2), ours[1].value)], MixedShares),
    ):
        with pytest.raises(error):
            combine(some)


@pytest.mark.parametrize(("threshold", "count"), [(0, 2), (3, 2), (2, 256)])
def test_numbers_out_of_range_are_refused(threshold: int, count: int) -> None:
    with pytest.raises(ParameterError):
        split(b"", threshold, count, random_from(0))
    with pytest.raises(ParameterError):
        OctetShare(Header(bytes(16), 0, 256, 1), bytes(32))


def test_places_out_of_range_are_refused() -> None:
    for indices, at in (([], 0), ([1, 1], 0), ([1, 2], 2)):
        with pytest.raises(ParameterError):
            lagrange_public(indices, at)
    with pytest.raises(WrongLength):
        interpolate([(1, b"a"), (2, b"ab")])


def test_octets_are_refused_by_name() -> None:
    octets = split(b"a secret", 2, 3, random_from(4))[0].to_bytes()
    assert OctetShare.from_bytes(octets).to_bytes() == octets
    for length in range(len(octets)):
        with pytest.raises(TruncatedShare):
            OctetShare.from_bytes(octets[:length])
    for bit in range(8 * len(octets)):
        spoilt = bytearray(octets)
        spoilt[bit // 8] ^= 1 << bit % 8
        expected = UnknownVersion if bit < 8 else (TruncatedShare, WrongLength) if bit < 72 else CorruptShare
        with pytest.raises(expected):
            OctetShare.from_bytes(bytes(spoilt))
    for field, value, error in (
        (4, b"\0\0", ZeroIndex),
        (4, b"\1\0", NonCanonical),
        (3, b"\1\0", NonCanonical),
        (5, bytes(31), WrongLength),
        (0, b"SHARE_", MalformedEnvelope),
    ):
        with pytest.raises(error):
            OctetShare.from_bytes(remade(octets, field, value))


@given(st.binary(max_size=200), st.integers(0, 5))
def test_no_octets_make_the_reader_fail_otherwise(junk: bytes, field: int) -> None:
    with pytest.raises(EncodingError):
        OctetShare.from_bytes(junk)
    octets = split(b"a secret", 2, 3, random_from(4))[0].to_bytes()
    with suppress(EncodingError):
        OctetShare.from_bytes(remade(octets, field, junk))


def test_a_share_shows_nothing() -> None:
    share = split(b"a secret", 1, 1, random_from(5))[0]
    assert b"a secret" in share.value
    assert "secret" not in repr(share)
