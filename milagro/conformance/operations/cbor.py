"""Operations of deterministic CBOR.

JSON has fewer types, so a text is {"text": ..}, octets are {"octets": hex}, a map is {"map": [[key, value], ..]} and a
tagged value {"tag": [number, value]}; numbers, lists, true, false and null are themselves.
"""

from __future__ import annotations

from typing import Any

from milagro.cbor import Fields, Limits, Tag, Value, decode, encode
from milagro.conformance import literals
from milagro.conformance.literals import BadLiteral
from milagro.conformance.operations._registry import Inputs, Results, operation


def from_json(value: Any) -> Value:
    """The value that JSON stands for. Raises BadLiteral."""
    match value:
        case bool() | int() | None:
            return value
        case list():
            return [from_json(item) for item in value]
        case {"text": str() as text, **rest} if not rest:
            return text
        case {"octets": str() as octets, **rest} if not rest:
            return literals.octets(octets)
        case {"tag": [int() as number, inner], **rest} if not rest:
            return Tag(number, from_json(inner))
        case {"map": list() as entries, **rest} if not rest:
            return {_key(entry): from_json(entry[1]) for entry in entries}
    raise BadLiteral(f"{str(value)[:60]} is no value of CBOR in JSON")


def _key(entry: Any) -> Any:
    if not isinstance(entry, list) or len(entry) != 2 or isinstance(entry[0], list):
        raise BadLiteral("an entry of a map is a key and a value")
    key = from_json(entry[0])
    if not isinstance(key, (int, str, bytes)):
        raise BadLiteral("a key of a map is a number, a text or octets")
    return key


def to_json(value: Value) -> Any:
    """The JSON that stands for a value."""
    match value:
        case bool() | int() | None:
            return value
        case str():
            return {"text": value}
        case bytes():
            return {"octets": value.hex()}
        case Tag():
            return {"tag": [value.number, to_json(value.value)]}
        case dict():
            return {"map": [[to_json(key), to_json(item)] for key, item in value.items()]}
        case tuple():
            return [to_json(item) for item in value]
    raise BadLiteral(f"a {type(value).__name__} has no form in JSON")


def _limits(x: Inputs) -> Limits:
    usual = Limits()
    return Limits(
        x.integer("most_octets", usual.octets), x.integer("most_items", usual.items), x.integer("depth", usual.depth)
    )


@operation("cbor.encode")
def encode_(x: Inputs) -> Results:
    """The encoding of a value, which must decode to it again."""
    octets = encode(from_json(x.raw("value")), _limits(x))
    return {"octets": octets.hex()}


@operation("cbor.decode")
def decode_(x: Inputs) -> Results:
    """The value of an encoding, where `tags` are allowed."""
    tags = x.integers("tags") if "tags" in x else []
    return {"value": to_json(decode(x.octets("octets"), _limits(x), tags))}


@operation("cbor.field")
def field(x: Inputs) -> Results:
    """The one field of a map, read with a type and bounds; any other field is refused."""
    fields = Fields(decode(x.octets("octets")), "the map")
    key: Any = from_json(x.raw("key"))
    bounds = x.integers("bounds") if "bounds" in x else []
    match x.text("type"):
        case "integer":
            value: Value = fields.integer(key, *bounds)
        case "boolean":
            value = fields.boolean(key)
        case "octets":
            value = fields.octets(key, *bounds)
        case "text":
            value = fields.text(key, *bounds)
        case "array":
            value = fields.array(key, *bounds)
        case kind:
            raise BadLiteral(f"no type of a field is called {kind}")
    fields.finish()
    return {"value": to_json(value)}
