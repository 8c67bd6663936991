"""Shamir's scheme against plain integers, and every way in which shares do not go together."""

from __future__ import annotations

import copy
import pickle
from contextlib import suppress
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milagro.errors import EncodingError, InvalidShare, MalformedEnvelope, MilagroError, ParameterError, WrongLength
from milagro.protocols.sharing.header import Header
from milagro.protocols.sharing.refusals import (
    CorruptShare,
    DuplicateShare,
    MixedShares,
    TooFewShares,
    TruncatedShare,
    UnknownVersion,
    ZeroIndex,
)
from milagro.protocols.sharing.shamir import Share, combine, evaluate, interpolate, lagrange, split
from tests.protocols.sharing.sources import number, random_from, suite

CURVES = ("BLS12-381", "BN254", "BN462")


def plain_interpolation(points: list[tuple[int, int]], r: int, at: int = 0) -> int:
    total = 0
    for x, y in points:
        term = y
        for other, _ in points:
            if other != x:
                term = term * (at - other) * pow(x - other, -1, r) % r
        total += term
    return total % r


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("name", CURVES)
def test_any_threshold_of_the_shares_gives_the_secret(name: str, backend: str) -> None:
    s, random = suite(name, backend), random_from(name)
    secret = s.curve.random_scalar(random)
    shares = split(s, secret, 3, 5, random)
    for some in combinations(shares, 3):
        assert combine(some) == secret
        points = [(share.header.index, number(share.value)) for share in some]
        assert plain_interpolation(points, s.curve.order) == number(secret)
    assert combine(shares) == secret
    assert combine(reversed(shares)) == secret


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_evaluation_and_interpolation_agree_with_plain_integers(data: st.DataObject) -> None:
    E = suite(data.draw(st.sampled_from(CURVES))).curve
    edge = st.sampled_from([0, 1, E.order - 1])
    numbers = data.draw(st.lists(edge | st.integers(0, E.order - 1), min_size=1, max_size=6))
    x, at = data.draw(st.integers(1, 65535)), data.draw(st.integers(70000, 80000))
    f = [E.scalar(k) for k in numbers]
    assert number(evaluate(E, f, x)) == sum(k * x**i for i, k in enumerate(numbers)) % E.order
    xs = data.draw(st.sets(st.integers(1, 65535), min_size=len(f), max_size=len(f) + 2))
    points = [(i, evaluate(E, f, i)) for i in sorted(xs)]
    assert interpolate(E, points, at) == evaluate(E, f, at)
    assert interpolate(E, points) == f[0]
    assert number(interpolate(E, points, at)) == plain_interpolation([(i, number(y)) for i, y in points], E.order, at)


def test_fewer_shares_than_the_threshold_fit_every_secret() -> None:
    s, random = suite(), random_from("few")
    E = s.curve
    shares = split(s, E.scalar(1), 3, 5, random)[:2]
    for guess in (E.scalar(0), E.scalar(1), E.random_scalar(random)):
        points = [(0, number(guess)), *((share.header.index, number(share.value)) for share in shares)]
        third = plain_interpolation(points, E.order, 4)
        fitting = Share(s, Header(*shares[0].header.of_set, 4), E.scalar(third))
        assert combine([*shares, fitting]) == guess


def test_shares_that_do_not_go_together_are_refused_by_name() -> None:
    s, random = suite(), random_from("mixed")
    secret = s.curve.random_scalar(random)
    ours, others = split(s, secret, 3, 5, random), split(s, secret, 3, 5, random)
    with pytest.raises(MixedShares) as caught:
        combine([*ours[:2], others[2]])
    assert caught.value.culprits == (3,)
    with pytest.raises(DuplicateShare) as twice:
        combine([*ours[:3], ours[0]])
    assert twice.value.culprits == (1,)
    with pytest.raises(TooFewShares):
        combine(ours[:2])
    with pytest.raises(InvalidShare, match="no share"):
        combine([])
    older = [Share(s, Header(one.header.set_id, 1, 3, one.header.index), one.value) for one in ours]
    with pytest.raises(MixedShares):
        combine([*ours[:2], older[2]])
    wrong = Share(s, ours[4].header, ours[4].value + s.curve.scalar(1))
    with pytest.raises(InvalidShare, match="polynomial"):
        combine([*ours[:3], wrong])
    other_curve = split(suite("BN254"), suite("BN254").curve.scalar(5), 3, 5, random)
    strange = Share(other_curve[0].suite, ours[2].header, other_curve[2].value)
    with pytest.raises(ParameterError):
        combine([*ours[:2], strange])


@pytest.mark.parametrize(("threshold", "count"), [(0, 3), (4, 3), (2, 65536)])
def test_numbers_out_of_range_are_refused(threshold: int, count: int) -> None:
    s = suite()
    with pytest.raises(ParameterError):
        split(s, s.curve.scalar(1), threshold, count, random_from(0))


def test_a_source_that_gives_too_little_is_refused() -> None:
    s = suite()
    with pytest.raises(ParameterError):
        split(s, s.curve.scalar(1), 2, 3, lambda n: bytes(n - 1))


@pytest.mark.parametrize("at", [-1, 65536, 1.5])
def test_a_header_out_of_range_is_refused(at: object) -> None:
    if isinstance(at, float):
        with pytest.raises(ParameterError):
            Header(bytes(15), 0, 1, 1)
        return
    with pytest.raises(ParameterError):
        Header(bytes(16), 0, 1, at)  # type: ignore[arg-type]


@pytest.fixture
def octets() -> bytes:
    s, random = suite(), random_from("octets")
    return split(s, s.curve.random_scalar(random), 3, 5, random)[1].to_bytes()


def test_octets_come_back(octets: bytes) -> None:
    share = Share.from_bytes(suite(), octets)
    assert share.to_bytes() == octets
    assert (share.header.threshold, share.header.index, share.header.epoch) == (3, 2, 0)


def test_every_truncation_and_every_flipped_bit_is_refused_by_name(octets: bytes) -> None:
    s = suite()
    for length in range(len(octets)):
        with pytest.raises(TruncatedShare):
            Share.from_bytes(s, octets[:length])
    for bit in range(8 * len(octets)):
        spoilt = bytearray(octets)
        spoilt[bit // 8] ^= 1 << bit % 8
        expected = UnknownVersion if bit < 8 else (TruncatedShare, WrongLength) if bit < 72 else CorruptShare
        with pytest.raises(expected):
            Share.from_bytes(s, bytes(spoilt))
    with pytest.raises(WrongLength):
        Share.from_bytes(s, octets + b"\0")


def remade(octets: bytes, field: int, value: bytes) -> bytes:
    """The share with one field changed and a checksum that fits."""
    import hashlib

    from milagro.octets import frame, i2osp, unframe

    fields = unframe(octets[9:-16])
    fields[field] = value
    body = frame(*fields)
    start = b"\x01" + i2osp(25 + len(body), 8) + body
    return start + hashlib.sha256(start).digest()[:16]


def test_bad_fields_under_a_good_checksum_are_refused_by_name(octets: bytes) -> None:
    s = suite()
    with pytest.raises(ZeroIndex):
        Share.from_bytes(s, remade(octets, 4, bytes(2)))
    for field, value, error in (
        (0, b"SHARING-V9", MalformedEnvelope),
        (1, bytes(15), WrongLength),
        (3, bytes(2), EncodingError),
        (5, bytes(31), WrongLength),
        (5, s.curve.order.to_bytes(32, "big"), EncodingError),
    ):
        with pytest.raises(error):
            Share.from_bytes(s, remade(octets, field, value))
    with pytest.raises(MalformedEnvelope):
        Share.from_bytes(suite("BN254"), octets)


@given(st.binary(max_size=300))
def test_no_octets_make_the_reader_fail_otherwise(junk: bytes) -> None:
    with pytest.raises(MilagroError):
        Share.from_bytes(suite(), junk)


@given(st.integers(0, 6), st.binary(max_size=40))
@settings(max_examples=60)
def test_no_field_makes_the_reader_fail_otherwise(field: int, value: bytes) -> None:
    s, random = suite(), random_from("octets")
    good = split(s, s.curve.random_scalar(random), 3, 5, random)[1].to_bytes()
    made = remade(good, min(field, 5), value)
    with suppress(EncodingError):
        assert Share.from_bytes(s, made).to_bytes() == made


def test_a_share_shows_nothing_and_is_not_copied() -> None:
    s, random = suite(), random_from("secret")
    share = split(s, s.curve.random_scalar(random), 2, 2, random)[0]
    assert share.value.to_bytes().hex() not in repr(share)
    for refuse in (lambda: pickle.dumps(share), lambda: copy.copy(share)):
        with pytest.raises(ParameterError):
            refuse()
    with pytest.raises(TypeError):
        hash(share)


def test_the_weights_of_lagrange_refuse_their_own_place() -> None:
    with pytest.raises(ParameterError):
        lagrange(suite().curve, [1, 2, 3], 2)
