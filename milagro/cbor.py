"""Deterministic CBOR (RFC 8949, section 4.2.1), and nothing but that: what decodes has exactly one encoding.

    int -2^64..2^64-1    bytes    str    tuple    dict, keys int, str or bytes    bool    None    Tag, where allowed

Refused: a head longer than needed, indefinite lengths, keys out of order or twice, text that is not UTF-8, floats,
`undefined` and other simple values, tags that the caller does not name, trailing octets, and more octets, items or
depth than the limits allow. A document with text keys only, and no tag but 42, is DAG-CBOR as well: for such keys
the order of RFC 8949 is DAG-CBOR's, shorter keys first.

A library was not used: those we know decode leniently and build dates, sets or shared references out of tags.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, TypeAlias

from milagro.errors import MalformedEnvelope, NonCanonical, ParameterError

Key: TypeAlias = int | str | bytes
Value: TypeAlias = "int | bytes | str | bool | Tag | Sequence[Value] | Mapping[Any, Value] | None"

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_SIMPLE_VALUES: Final = {20: False, 21: True, 22: None}
_INDEFINITE = 31
_WIDTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}  # additional information -> octets of the argument
_NO_CONTAINERS = (str, bytes, bytearray, memoryview)  # sequences for Python; the last two have no encoding


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document may hold: octets, data items (keys count), and depth of nesting."""

    octets: int = 1 << 20
    items: int = 1 << 16
    depth: int = 16


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Tag:
    """A tagged value, major type 6; decoded only where the caller allows the number."""

    number: int
    value: Value


def encode(value: Value, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The one deterministic encoding of a value; lists and tuples are arrays, mappings are maps.

    Spec: spec/cbor.md#deterministic (RFC 8949, section 4.2.1)
    Raises: ParameterError for a value outside the data model, or one that `decode` would refuse under these limits
    """
    writer = _Writer(limits.items)
    writer.write(value, limits.depth)
    octets = b"".join(writer.parts)
    if len(octets) > limits.octets:
        raise ParameterError(f"the value takes {len(octets)} octets; the limit is {limits.octets}")
    return octets


def decode(octets: bytes, limits: Limits = DEFAULT_LIMITS, tags: Collection[int] = ()) -> Value:
    """The value whose deterministic encoding is `octets`: arrays as tuples, maps as dicts, `tags` as `Tag`.

    Spec: spec/cbor.md#refusals
    Raises: NonCanonical for another encoding of a value, MalformedEnvelope for anything else
    """
    if len(octets) > limits.octets:
        raise MalformedEnvelope(f"the document has {len(octets)} octets; the limit is {limits.octets}")
    reader = _Reader(bytes(octets), limits.items, frozenset(tags))
    value = reader.read(limits.depth)
    if reader.at != len(octets):
        raise MalformedEnvelope("octets follow the end of the document")
    return value


def _head(major: int, argument: int) -> bytes:
    """Major type and argument in the shortest form."""
    if argument < 24:
        return bytes([major << 5 | argument])
    for information, width in _WIDTHS.items():
        if argument < 1 << 8 * width:
            return bytes([major << 5 | information]) + argument.to_bytes(width, "big")
    raise ParameterError("an integer of CBOR lies between -2^64 and 2^64 - 1")


class _Writer:
    def __init__(self, items: int) -> None:
        self.parts: list[bytes] = []
        self._items = items

    def write(self, value: Value, depth: int) -> None:
        self._items -= 1
        if self._items < 0:
            raise ParameterError("the value has more items than the limit")
        if not isinstance(value, (Mapping, Sequence, Tag)) or isinstance(value, _NO_CONTAINERS):
            self.parts.append(_atom(value))
        elif depth < 1:
            raise ParameterError("the value is nested deeper than the limit")
        else:
            self._container(value, depth - 1)

    def _container(self, value: Mapping[Key, Value] | Sequence[Value] | Tag, depth: int) -> None:
        if isinstance(value, Tag):
            self.parts.append(_head(_TAG, _natural(value.number)))
            self.write(value.value, depth)
        elif isinstance(value, Mapping):
            self._map(value, depth)
        else:
            self.parts.append(_head(_ARRAY, len(value)))
            for item in value:
                self.write(item, depth)

    def _map(self, value: Mapping[Key, Value], depth: int) -> None:
        self._items -= len(value)
        self.parts.append(_head(_MAP, len(value)))
        # The encodings of two keys differ, so the order is never left to the values.
        for key, item in sorted(((_key(key), item) for key, item in value.items()), key=itemgetter(0)):
            self.parts.append(key)
            self.write(item, depth)


def _natural(number: int) -> int:
    if number < 0:
        raise ParameterError("a tag's number is not negative")
    return number


def _key(key: object) -> bytes:
    if isinstance(key, bool) or not isinstance(key, (int, str, bytes)):
        raise ParameterError(f"a map's key is an int, a str or bytes, not {type(key).__name__}")
    return _atom(key)


def _atom(value: object) -> bytes:
    match value:
        case bool() | None:
            return _head(_SIMPLE, {False: 20, True: 21, None: 22}[value])
        case int():
            return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
        case bytes():
            return _head(_BYTES, len(value)) + value
        case str():
            return _text(value)
    raise ParameterError(f"a value of type {type(value).__name__} has no encoding here")


def _text(value: str) -> bytes:
    try:
        octets = value.encode()
    except UnicodeEncodeError:
        raise ParameterError("a text with lone surrogates has no encoding") from None
    return _head(_TEXT, len(octets)) + octets


class _Reader:
    def __init__(self, octets: bytes, items: int, tags: frozenset[int]) -> None:
        self.at = 0
        self._octets = octets
        self._items = items
        self._tags = tags

    def read(self, depth: int) -> Value:
        self._count(1)
        major, argument = self._head()
        match major:
            case 0:
                return argument
            case 1:
                return -1 - argument
            case 2:
                return self._take(argument)
            case 3:
                return self._text(argument)
            case 7:
                return _SIMPLE_VALUES[argument]
        if depth < 1:
            raise MalformedEnvelope("the document is nested too deeply")
        if major == _ARRAY:
            self._fits(argument)
            return tuple([self.read(depth - 1) for _ in range(argument)])
        return self._map(argument, depth - 1) if major == _MAP else self._tag(argument, depth - 1)

    def _count(self, items: int) -> None:
        self._items -= items
        if self._items < 0:
            raise MalformedEnvelope("the document has too many items")

    def _fits(self, items: int) -> None:
        # An item has at least one octet, so a false count is refused before anything is made for it.
        if items > len(self._octets) - self.at:
            raise MalformedEnvelope("the document is cut short")

    def _take(self, length: int) -> bytes:
        start, end = self.at, self.at + length
        if end > len(self._octets):
            raise MalformedEnvelope("the document is cut short")
        self.at = end
        return self._octets[start:end]

    def _head(self) -> tuple[int, int]:
        """Major type and argument of the next item."""
        if self.at >= len(self._octets):
            raise MalformedEnvelope("the document is cut short")
        initial = self._octets[self.at]
        self.at += 1
        major, information = initial >> 5, initial & 31
        if information < 24 and major != _SIMPLE:
            return major, information
        if major == _SIMPLE:
            if information not in _SIMPLE_VALUES:
                raise MalformedEnvelope("floats, and simple values but false, true and null, are not used")
            return major, information
        if information == _INDEFINITE and major in (_BYTES, _TEXT, _ARRAY, _MAP):
            raise NonCanonical("an item has an indefinite length")
        if information not in _WIDTHS:
            raise MalformedEnvelope("an item begins with a reserved octet")
        return major, self._argument(_WIDTHS[information])

    def _argument(self, width: int) -> int:
        argument = int.from_bytes(self._take(width), "big")
        if argument < (24 if width == 1 else 1 << 4 * width):
            raise NonCanonical("a number or a length is not in its shortest form")
        return argument

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            raise MalformedEnvelope("a text is not UTF-8") from None

    def _map(self, count: int, depth: int) -> dict[Key, Value]:
        self._fits(2 * count)
        result: dict[Key, Value] = {}
        last = b""
        for _ in range(count):
            start = self.at
            key = self._key()
            encoded = self._octets[start : self.at]
            if encoded == last:
                raise MalformedEnvelope("a map has a key twice")
            if encoded < last:
                raise NonCanonical("the keys of a map are out of order")
            result[key], last = self.read(depth), encoded
        return result

    def _key(self) -> Key:
        key = self.read(0)
        if isinstance(key, bool) or not isinstance(key, (int, str, bytes)):
            raise MalformedEnvelope("a map's key is an integer, a text or an octet string")
        return key

    def _tag(self, number: int, depth: int) -> Tag:
        if number not in self._tags:
            raise MalformedEnvelope(f"tag {number} is not used here")
        return Tag(number, self.read(depth))


class Fields:
    """A decoded map, read key by key and type by type; `finish` refuses the keys that nothing asked for.

    Spec: spec/cbor.md#fields
    Raises: MalformedEnvelope, with the name of the document, for a key that is missing or holds something else
    """

    def __init__(self, value: Value, document: str) -> None:
        self._document = document
        if not isinstance(value, Mapping):
            raise self._fault("is not a map")
        self._map: Mapping[Key, Value] = value
        self._asked: set[Key] = set()

    def __contains__(self, key: Key) -> bool:
        return key in self._map

    def value(self, key: Key) -> Value:
        """What stands under the key, of any type."""
        if key not in self._map:
            raise self._fault(f"has no field {key!r}")
        self._asked.add(key)
        return self._map[key]

    def integer(self, key: Key, lowest: int = 0, highest: int = (1 << 64) - 1) -> int:
        """An integer within the bounds, both included."""
        value = self.value(key)
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise self._fault(f"has no integer from {lowest} to {highest} in field {key!r}")
        return value

    def boolean(self, key: Key) -> bool:
        """True or false."""
        value = self.value(key)
        if not isinstance(value, bool):
            raise self._fault(f"has no truth value in field {key!r}")
        return value

    def octets(self, key: Key, shortest: int = 0, longest: int = (1 << 64) - 1) -> bytes:
        """An octet string with a length within the bounds."""
        value = self.value(key)
        if not isinstance(value, bytes) or not shortest <= len(value) <= longest:
            raise self._fault(f"has no fitting octet string in field {key!r}")
        return value

    def text(self, key: Key, shortest: int = 0, longest: int = (1 << 64) - 1) -> str:
        """A text with a length in octets within the bounds."""
        value = self.value(key)
        if not isinstance(value, str) or not shortest <= len(value.encode()) <= longest:
            raise self._fault(f"has no fitting text in field {key!r}")
        return value

    def array(self, key: Key, shortest: int = 0, longest: int = (1 << 64) - 1) -> tuple[Value, ...]:
        """An array with a number of items within the bounds."""
        value = self.value(key)
        if not isinstance(value, tuple) or not shortest <= len(value) <= longest:
            raise self._fault(f"has no fitting array in field {key!r}")
        return value

    def fields(self, key: Key) -> Fields:
        """A map within the map."""
        return Fields(self.value(key), f"{self._document}, field {key!r},")

    def unread(self) -> frozenset[Key]:
        """The keys that nothing has asked for."""
        return frozenset(self._map) - self._asked

    def finish(self) -> None:
        """Refuses a map with keys that nothing has asked for."""
        if unread := self.unread():
            raise self._fault(f"has unknown fields: {', '.join(sorted(map(repr, unread)))[:80]}")

    def _fault(self, text: str) -> MalformedEnvelope:
        return MalformedEnvelope(f"{self._document} {text}")
