from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milagro.errors import MalformedEnvelope, NonCanonical, ParameterError, WrongLength
from milagro.octets import below, equal, frame, i2osp, os2ip, unframe, xor


@given(st.integers(0, 2**64 - 1))
def test_integers_come_back(value: int) -> None:
    assert os2ip(i2osp(value, 8)) == value


@pytest.mark.parametrize(("value", "length"), [(-1, 4), (256, 1), (1, 0)])
def test_an_integer_that_does_not_fit_is_refused(value: int, length: int) -> None:
    with pytest.raises(ParameterError):
        i2osp(value, length)


def test_below_is_strict() -> None:
    assert below(b"\x06", 7, 1) == 6
    with pytest.raises(NonCanonical):
        below(b"\x07", 7, 1)
    with pytest.raises(WrongLength):
        below(b"\x00\x06", 7, 1)


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_frames_come_back(fields: list[bytes]) -> None:
    assert unframe(frame(*fields), len(fields)) == fields


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_frames_do_not_collide(left: list[bytes], right: list[bytes]) -> None:
    assert (frame(*left) == frame(*right)) == (left == right)


@pytest.mark.parametrize(
    "octets", [b"\x00", b"\x00\x00\x00", b"\x00\x00\x00\x02a", b"\xff\xff\xff\xffab", frame(b"a") + b"\x00"]
)
def test_a_frame_that_is_cut_is_refused(octets: bytes) -> None:
    with pytest.raises(MalformedEnvelope):
        unframe(octets)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_frame_of_another_count_is_refused(count: int) -> None:
    with pytest.raises(MalformedEnvelope):
        unframe(frame(b"a", b"b"), count)


def test_xor_and_equal() -> None:
    assert xor([b"\x0f\xf0", b"\xff\xff"]) == b"\xf0\x0f"
    with pytest.raises(ParameterError):
        xor([b"a", b"ab"])
    assert equal(b"ab", b"ab")
    assert not equal(b"ab", b"ac")
    assert not equal(b"ab", b"abc")


@given(st.binary(max_size=40), st.data())
def test_xor_is_its_own_inverse(left: bytes, data: st.DataObject) -> None:
    right, third = (data.draw(st.binary(min_size=len(left), max_size=len(left))) for _ in range(2))
    assert xor([xor([left, right, third]), right, third]) == left
    assert xor([left, left]) == bytes(len(left))
