"""Deterministic CBOR: one encoding for each value, and no other octets are accepted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from milagro.cbor import Fields, Limits, Tag, Value, decode, encode
from milagro.errors import EncodingError, MalformedEnvelope, NonCanonical, ParameterError

KEYS = st.integers(-(2**64), 2**64 - 1) | st.text(max_size=30) | st.binary(max_size=30)
ATOMS = KEYS | st.booleans() | st.none()
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=30).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=30)
        | st.builds(Tag, st.just(42), inner)
    ),
    max_leaves=40,
)
NESTED = Limits(depth=64)

# From the table of RFC 8949, appendix A: the rows within the data model.
PUBLISHED: list[tuple[Any, str]] = [
    (0, "00"),
    (23, "17"),
    (24, "1818"),
    (100, "1864"),
    (1000, "1903e8"),
    (1000000, "1a000f4240"),
    (1000000000000, "1b000000e8d4a51000"),
    (18446744073709551615, "1bffffffffffffffff"),
    (-18446744073709551616, "3bffffffffffffffff"),
    (-1, "20"),
    (-1000, "3903e7"),
    (False, "f4"),
    (True, "f5"),
    (None, "f6"),
    (b"", "40"),
    (b"\1\2\3\4", "4401020304"),
    ("IETF", "6449455446"),
    ("\u00fc", "62c3bc"),
    ("\U00010151", "64f0908591"),
    ((), "80"),
    ((1, (2, 3), (4, 5)), "8301820203820405"),
    (tuple(range(1, 26)), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
    ({}, "a0"),
    ({1: 2, 3: 4}, "a201020304"),
    ({"a": 1, "b": (2, 3)}, "a26161016162820203"),
]

REFUSED = {
    "an integer in two octets": ("1817", NonCanonical),
    "an integer in three octets": ("1900ff", NonCanonical),
    "an integer in five octets": ("1a0000ffff", NonCanonical),
    "an integer in nine octets": ("1b00000000ffffffff", NonCanonical),
    "a negative integer in two octets": ("3800", NonCanonical),
    "a long length": ("5801ff", NonCanonical),
    "a long tag": ("d8172a", NonCanonical),
    "indefinite octets": ("5f4101ff", NonCanonical),
    "indefinite text": ("7f6161ff", NonCanonical),
    "an indefinite array": ("9f01ff", NonCanonical),
    "an indefinite map": ("bf6161ff", NonCanonical),
    "keys out of order": ("a203000100", NonCanonical),
    "a longer key first": ("a2626161006162f6", NonCanonical),
    "a key twice": ("a201000100", MalformedEnvelope),
    "a key twice, not neighbours": ("a3010002000100", NonCanonical),
    "an array as key": ("a18000", MalformedEnvelope),
    "a truth value as key": ("a1f500", MalformedEnvelope),
    "null as key": ("a1f600", MalformedEnvelope),
    "half a float": ("f93c00", MalformedEnvelope),
    "a float": ("fa3f800000", MalformedEnvelope),
    "a double": ("fb3ff0000000000000", MalformedEnvelope),
    "undefined": ("f7", MalformedEnvelope),
    "simple(16)": ("f0", MalformedEnvelope),
    "simple(255)": ("f8ff", MalformedEnvelope),
    "false in two octets": ("f814", MalformedEnvelope),
    "break": ("ff", MalformedEnvelope),
    "a reserved head": ("1c", MalformedEnvelope),
    "an indefinite integer": ("1f", MalformedEnvelope),
    "an indefinite tag": ("df00", MalformedEnvelope),
    "a tag": ("d82a4100", MalformedEnvelope),
    "text that is not UTF-8": ("61ff", MalformedEnvelope),
    "text with a surrogate": ("63eda080", MalformedEnvelope),
    "overlong UTF-8": ("62c080", MalformedEnvelope),
    "nothing": ("", MalformedEnvelope),
    "a head cut": ("19ff", MalformedEnvelope),
    "octets cut": ("42ff", MalformedEnvelope),
    "an array cut": ("8201", MalformedEnvelope),
    "a map cut": ("a101", MalformedEnvelope),
    "more after the end": ("0000", MalformedEnvelope),
    "2^64 - 1 octets": ("5bffffffffffffffff", MalformedEnvelope),
    "2^64 - 1 items": ("9bffffffffffffffff", MalformedEnvelope),
    "2^64 - 1 entries": ("bbffffffffffffffff", MalformedEnvelope),
}


@settings(deadline=None)
@given(VALUES)
def test_values_come_back(value: Value) -> None:
    assert decode(encode(value, NESTED), NESTED, tags={42}) == value


@settings(deadline=None)
@given(st.binary(max_size=40))
@example(bytes.fromhex("a10101"))
def test_what_decodes_is_the_encoding_of_its_value(octets: bytes) -> None:
    try:
        value = decode(octets, tags={42})
    except EncodingError:
        return
    assert encode(value) == octets


@settings(deadline=None)
@given(VALUES, st.data())
def test_no_octet_can_be_changed_without_changing_the_value(value: Value, data: st.DataObject) -> None:
    octets = bytearray(encode(value, NESTED))
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        other = decode(bytes(octets), NESTED, tags={42})
    except EncodingError:
        return
    assert encode(other, NESTED) == octets


@settings(deadline=None)
@given(VALUES, st.data())
def test_nothing_that_was_cut_decodes(value: Value, data: st.DataObject) -> None:
    octets = encode(value, NESTED)
    with pytest.raises(EncodingError):
        decode(octets[: data.draw(st.integers(0, len(octets) - 1))], NESTED, tags={42})


@pytest.mark.parametrize(("value", "octets"), PUBLISHED)
def test_the_published_examples(value: Value, octets: str) -> None:
    assert encode(value).hex() == octets
    got = decode(bytes.fromhex(octets))
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name: str) -> None:
    octets, error = REFUSED[name]
    with pytest.raises(error) as caught:
        decode(bytes.fromhex(octets))
    assert type(caught.value) is error


@pytest.mark.parametrize("octets", ["84f93c00", "a2f93c00"])
def test_a_count_beyond_the_end_is_refused_before_an_item_is_read(octets: str) -> None:
    with pytest.raises(MalformedEnvelope, match="cut short"):  # and not: a float
        decode(bytes.fromhex(octets))


def test_keys_are_sorted_by_their_octets() -> None:
    keys: list[Any] = [10, 100, -1, b"", "", "z", "aa"]
    assert list(decode(encode(dict.fromkeys(reversed(keys))))) == keys  # type: ignore[arg-type]


def test_the_order_of_text_keys_is_that_of_dag_cbor() -> None:
    keys = ["z" * n for n in range(30)] + ["a" * n for n in range(1, 30)]
    got = list(decode(encode(dict.fromkeys(keys))))  # type: ignore[arg-type]
    assert got == sorted(keys, key=lambda key: (len(key), key))


def test_depth_is_limited_on_both_sides() -> None:
    octets, value = b"\x81" * 16 + b"\0", decode(b"\x81" * 16 + b"\0")
    assert encode(value) == octets
    for deeper in (b"\x81" + octets, b"\x81" * 17 + b"\xa0", b"\x81" * 100_000):
        with pytest.raises(MalformedEnvelope):
            decode(deeper)
    for too_deep in ((value,), [[decode(b"\x81" * 15 + b"\x80")]]):
        with pytest.raises(ParameterError):
            encode(too_deep)
    loop: list[Value] = []
    loop.append(loop)
    with pytest.raises(ParameterError):
        encode(loop)


def test_octets_and_items_are_limited_on_both_sides() -> None:
    value: Value = {1: (2, 3)}
    octets = encode(value, Limits(items=5))
    assert decode(octets, Limits(octets=len(octets), items=5)) == value
    for limits in (Limits(octets=len(octets) - 1), Limits(items=4)):
        with pytest.raises(MalformedEnvelope):
            decode(octets, limits)
        with pytest.raises(ParameterError):
            encode(value, limits)


@pytest.mark.parametrize(
    "value", [1.5, 2**64, -(2**64) - 1, "\ud800", object(), {1.5: 0}, {True: 0}, {(): 0}, {1}, bytearray(1), Tag(-1, 0)]
)
def test_a_value_outside_the_model_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError):
        encode(value)


def test_tags_are_taken_only_where_named() -> None:
    octets = encode(Tag(42, b"\0cid"))
    assert decode(octets, tags={42}) == Tag(42, b"\0cid")
    with pytest.raises(MalformedEnvelope):
        decode(octets, tags={43})


def test_fields_are_read_with_their_types() -> None:
    fields = Fields({"n": 7, "o": b"ab", "t": "\u00fc", "a": (1,), "m": {1: True}}, "the test")
    assert (fields.integer("n", 7, 7), fields.octets("o", 2, 2), fields.text("t", 2, 2)) == (7, b"ab", "\u00fc")
    assert fields.array("a", 1, 1) == (1,)
    assert fields.unread() == {"m"}
    with pytest.raises(MalformedEnvelope, match=r"the test has unknown fields: 'm'"):
        fields.finish()
    inner = fields.fields("m")
    assert 1 in inner
    assert inner.boolean(1)
    inner.finish()
    fields.finish()


@pytest.mark.parametrize(
    "read",
    [
        lambda fields: fields.value("x"),
        lambda fields: fields.integer("n", 8),
        lambda fields: fields.integer("n", 0, 6),
        lambda fields: fields.integer("b"),
        lambda fields: fields.boolean("n"),
        lambda fields: fields.octets("t"),
        lambda fields: fields.octets("o", 3),
        lambda fields: fields.octets("o", 0, 1),
        lambda fields: fields.text("o"),
        lambda fields: fields.text("t", 0, 1),
        lambda fields: fields.text("t", 3),
        lambda fields: fields.array("o"),
        lambda fields: fields.array("a", 2),
        lambda fields: fields.array("a", 0, 0),
        lambda fields: fields.fields("n"),
    ],
)
def test_a_field_that_does_not_fit_is_refused(read: Any) -> None:
    fields = Fields({"n": 7, "b": True, "o": b"ab", "t": "\u00fc", "a": (1,)}, "the test")
    with pytest.raises(MalformedEnvelope, match="the test"):
        read(fields)
