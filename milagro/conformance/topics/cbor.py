"""Vectors of deterministic CBOR: values with their one encoding, and octets that are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from milagro.conformance.topics._book import Book
from milagro.errors import MalformedEnvelope, NonCanonical, ParameterError

SPEC = "spec/cbor.md#"
_WORDS: dict[str, Any] = {
    "text-empty": {"text": ""},
    "text-umlaut": {"text": "\u00fc"},
    "text-of-four-octets": {"text": "\U00010151"},
    "octets-empty": {"octets": ""},
    "octets-24": {"octets": "00" * 24},
    "octets-256": {"octets": "ff" * 256},
    "array-empty": [],
    "array-24": list(range(24)),
    "map-empty": {"map": []},
    "map-mixed-keys": {
        "map": [[10, 1], [100, 2], [-1, 3], [{"octets": "00"}, 4], [{"text": "z"}, 5], [{"text": "aa"}, 6]]
    },
    "map-unsorted-input": {"map": [[{"text": "aa"}, True], [{"text": "b"}, False], [{"text": "a"}, None]]},
    "nested": [[[[{"map": [[1, [{"text": "x"}]]]}]]]],
    "tag-42": {"tag": [42, {"octets": "00017112"}]},
}
_EDGES = (0, 1, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63, 2**64 - 1)

_REFUSED: dict[str, tuple[str, Any]] = {
    "integer-long-1": ("1817", NonCanonical),
    "integer-long-2": ("1900ff", NonCanonical),
    "integer-long-4": ("1a0000ffff", NonCanonical),
    "integer-long-8": ("1b00000000ffffffff", NonCanonical),
    "length-long": ("5801ff", NonCanonical),
    "tag-long": ("d8172a", NonCanonical),
    "octets-indefinite": ("5f4101ff", NonCanonical),
    "text-indefinite": ("7f6161ff", NonCanonical),
    "array-indefinite": ("9f01ff", NonCanonical),
    "map-indefinite": ("bf0102ff", NonCanonical),
    "keys-out-of-order": ("a203000100", NonCanonical),
    "longer-text-key-first": ("a2626161006162f6", NonCanonical),
    "key-twice": ("a201000100", MalformedEnvelope),
    "key-is-an-array": ("a18000", MalformedEnvelope),
    "key-is-true": ("a1f500", MalformedEnvelope),
    "float-16": ("f93c00", MalformedEnvelope),
    "float-32": ("fa3f800000", MalformedEnvelope),
    "float-64": ("fb3ff0000000000000", MalformedEnvelope),
    "undefined": ("f7", MalformedEnvelope),
    "simple-16": ("f0", MalformedEnvelope),
    "false-in-two-octets": ("f814", MalformedEnvelope),
    "break-alone": ("ff", MalformedEnvelope),
    "reserved-head": ("1c", MalformedEnvelope),
    "tag-not-named": ("d82a4100", MalformedEnvelope),
    "text-not-utf8": ("61ff", MalformedEnvelope),
    "text-surrogate": ("63eda080", MalformedEnvelope),
    "text-overlong": ("62c080", MalformedEnvelope),
    "empty": ("", MalformedEnvelope),
    "head-cut": ("19ff", MalformedEnvelope),
    "octets-cut": ("42ff", MalformedEnvelope),
    "array-cut": ("8201", MalformedEnvelope),
    "map-cut": ("a101", MalformedEnvelope),
    "more-after-the-end": ("0000", MalformedEnvelope),
    "octets-2-64": ("5bffffffffffffffff", MalformedEnvelope),
    "items-2-64": ("9bffffffffffffffff", MalformedEnvelope),
    "entries-2-64": ("bbffffffffffffffff", MalformedEnvelope),
    "depth-17": ("81" * 17 + "00", MalformedEnvelope),
}


def deterministic(backend: str) -> Book:
    """Values and their encodings, in both directions."""
    book = Book("cbor/deterministic", SPEC + "deterministic", backend)
    values = {f"integer-{n}": n for n in _EDGES} | {f"integer-minus-{n + 1}": -1 - n for n in _EDGES}
    for name, value in {**values, "true": True, "false": False, "null": None, **_WORDS}.items():
        octets = book.good(f"encode-{name}", "cbor.encode", {"value": value})["octets"]
        book.good(f"decode-{name}", "cbor.decode", {"octets": octets, "tags": [42]})
    book.good("decode-depth-16", "cbor.decode", {"octets": "81" * 16 + "00"})
    too_much: dict[str, dict[str, Any]] = {
        "too-large": {"value": 2**64},
        "too-small": {"value": -(2**64) - 1},
        "too-deep": {"value": [[[0]]], "depth": 2},
        "too-many-items": {"value": [0, 0], "most_items": 2},
        "too-many-octets": {"value": [0, 0], "most_octets": 2},
    }
    for name, inputs in too_much.items():
        book.bad(f"encode-{name}", "cbor.encode", inputs, ParameterError, layer="cbor")
    return book


def refusals(backend: str) -> Book:
    """Octets that no value has, and fields that are not what was asked for."""
    book = Book("cbor/refusals", SPEC + "refusals", backend)
    for name, (octets, error) in _REFUSED.items():
        book.bad(name, "cbor.decode", {"octets": octets}, error, layer="cbor")
    for name, limits in {"octets": {"most_octets": 2}, "items": {"most_items": 2}, "depth": {"depth": 0}}.items():
        book.bad(f"limit-of-{name}", "cbor.decode", {"octets": "820000", **limits}, MalformedEnvelope, layer="cbor")
    _fields(book)
    return book


def _fields(book: Book) -> None:
    integer, text, octets = "a10107", "a1616162c3bc", "a1014101"
    good: dict[str, dict[str, Any]] = {
        "integer": {"octets": integer, "key": 1, "type": "integer", "bounds": [7, 7]},
        "text": {"octets": text, "key": {"text": "a"}, "type": "text", "bounds": [2, 2]},
        "octets": {"octets": octets, "key": 1, "type": "octets"},
        "array": {"octets": "a10180", "key": 1, "type": "array"},
        "boolean": {"octets": "a101f5", "key": 1, "type": "boolean"},
    }
    for name, inputs in good.items():
        book.good(f"field-{name}", "cbor.field", inputs, spec=SPEC + "fields")
    bad: dict[str, dict[str, Any]] = {
        "missing": {"octets": integer, "key": 2, "type": "integer"},
        "unknown": {"octets": "a201070200", "key": 1, "type": "integer"},
        "no-map": {"octets": "8107", "key": 1, "type": "integer"},
        "true-for-an-integer": {"octets": "a101f5", "key": 1, "type": "integer"},
        "integer-for-true": {"octets": integer, "key": 1, "type": "boolean"},
        "below": {"octets": integer, "key": 1, "type": "integer", "bounds": [8, 9]},
        "above": {"octets": integer, "key": 1, "type": "integer", "bounds": [0, 6]},
        "text-for-octets": {"octets": text, "key": {"text": "a"}, "type": "octets"},
        "octets-for-text": {"octets": octets, "key": 1, "type": "text"},
        "text-too-long": {"octets": text, "key": {"text": "a"}, "type": "text", "bounds": [0, 1]},
        "array-too-short": {"octets": "a10180", "key": 1, "type": "array", "bounds": [1, 2]},
    }
    for name, inputs in bad.items():
        book.bad(f"field-{name}", "cbor.field", inputs, MalformedEnvelope, layer="cbor", spec=SPEC + "fields")


TOPICS: tuple[Callable[[str], Book], ...] = (deterministic, refusals)
