"""What an operation of our vectors is: a function from named inputs to named results, found by its name.

The same function makes the expected values and checks them, on either backend. Inputs are JSON: hexadecimal
strings for octets, whole numbers, texts, lists. A refused input is an error from `milagro.errors`; the layer
that raised it is read off the traceback.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from milagro import groups
from milagro.conformance import literals
from milagro.conformance.literals import BadLiteral
from milagro.errors import MilagroError
from milagro.groups import Curve, Encoding, G1Point, G2Point, GTElement, Random, Scalar

Results = dict[str, Any]
Operation = Callable[["Inputs"], Results]

OPERATIONS: dict[str, Operation] = {}
_LAYERS = {
    "_reference": "backend",
    "_native": "backend",
    "groups": "groups",
    "protocols": "protocols",
    "cbor": "cbor",
    "cid": "cid",
    "stores": "stores",
}
# The steps of an envelope count as layers of their own; each is named after its section in spec/envelope.md.
_STEPS = {
    "armor": "envelope#armor",
    "header": "envelope#header",
    "keys": "envelope#key-files",
    "opening": "envelope#header",
    "order": "envelope#order",
    "outer": "envelope#outer",
    "schedule": "envelope#key-schedule",
    "signatures": "envelope#signatures",
    "stream": "envelope#body",
    "suites": "envelope#suites",
}
MOST_OCTETS = 1 << 20
MOST_SHARES = 1024
V1_HASHES = ("sha256", "sha384", "sha512")


def operation(name: str) -> Callable[[Operation], Operation]:
    """Enter a function under a name."""

    def enter(function: Operation) -> Operation:
        OPERATIONS[name] = function
        return function

    return enter


def stream(seed: str) -> Random:
    """A source of octets that is the same every time: the k-th call gives SHAKE256(seed || ":" || k)."""
    calls = 0

    def draw(length: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.shake_256(f"{seed}:{calls}".encode()).digest(length)

    return draw


class Inputs:
    """The inputs of one case, read with a type; which were read is noted, so that an idle one is noticed."""

    def __init__(self, values: dict[str, Any], curve_name: str | None, backend: str) -> None:
        self._values, self._curve_name, self.backend = values, curve_name, backend
        self.seen: set[str] = set()

    @property
    def E(self) -> Curve:
        """The curve of the case."""
        if self._curve_name is None:
            raise BadLiteral("the case names no curve")
        return groups.curve(self._curve_name, self.backend)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def raw(self, name: str) -> Any:
        """The JSON value of an input."""
        if name not in self._values:
            raise BadLiteral(f"the input {name} is missing")
        self.seen.add(name)
        return self._values[name]

    def octets(self, name: str) -> bytes:
        """Octets in hexadecimal."""
        return literals.octets(self.raw(name))

    def octet_list(self, name: str) -> list[bytes]:
        """A list of octet strings."""
        return [literals.octets(entry) for entry in self.items(name)]

    def items(self, name: str) -> list[Any]:
        """A list of anything."""
        value = self.raw(name)
        if not isinstance(value, list):
            raise BadLiteral(f"the input {name} is no list")
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        if default is not None and name not in self:
            return default
        return literals.integer(self.raw(name))

    def size(self, name: str, default: int | None = None, most: int = MOST_OCTETS) -> int:
        """How many of something the case makes: from 0 to `most`, so that a file of others takes no more."""
        value = self.integer(name, default)
        if not 0 <= value <= most:
            raise BadLiteral(f"the input {name} is not from 0 to {most}")
        return value

    def integers(self, name: str) -> list[int]:
        """A list of whole numbers."""
        return [literals.integer(entry) for entry in self.items(name)]

    def text(self, name: str, default: str | None = None) -> str:
        """A text."""
        if default is not None and name not in self:
            return default
        return literals.text(self.raw(name))

    def flag(self, name: str) -> bool:
        """True or false, false where it is not given."""
        return name in self and self.raw(name) is True

    def hash_name(self) -> Any:
        """The hash of a v1 protocol."""
        name = self.text("hash", "sha256")
        if name not in V1_HASHES:
            raise BadLiteral(f"no hash is called {name}")
        return name

    def scalar(self, name: str) -> Scalar:
        """A scalar."""
        return self.E.scalar_from_bytes(self.octets(name))

    def g1(self, name: str, encoding: Encoding | None = Encoding.MILAGRO) -> G1Point:
        """A point of G1."""
        return self.E.g1_from_bytes(self.octets(name), encoding)

    def g2(self, name: str, encoding: Encoding | None = Encoding.MILAGRO) -> G2Point:
        """A point of G2."""
        return self.E.g2_from_bytes(self.octets(name), encoding)

    def gt(self, name: str) -> GTElement:
        """An element of GT."""
        return self.E.gt_from_bytes(self.octets(name))

    def random(self, name: str = "random") -> Random:
        """The source of octets that grows from the seed in an input."""
        return stream(self.text(name))


def original(point: G1Point | G2Point) -> str:
    """A point in the octets of the original library, in hexadecimal."""
    return point.to_bytes(Encoding.MILAGRO).hex()


def layer_of(error: BaseException) -> str:
    """The layer that raised an error: the innermost frame in a package that stands for a layer."""
    found = ""
    traceback = error.__traceback__
    while traceback is not None:
        parts = str(traceback.tb_frame.f_globals.get("__name__", "")).split(".")
        if len(parts) > 1 and parts[0] == "milagro" and parts[1] in _LAYERS:
            in_step = parts[1:3] == ["protocols", "envelope"] and len(parts) > 3 and parts[3] in _STEPS
            found = _STEPS[parts[3]] if in_step else _LAYERS[parts[1]]
        traceback = traceback.tb_next
    return found


def run(name: str, inputs: Inputs) -> tuple[Results | None, dict[str, str] | None]:
    """The results of an operation, or else which error refused its inputs, in which layer.

    Raises: BadLiteral if there is no such operation, or an input is missing or malformed
    """
    if name not in OPERATIONS:
        raise BadLiteral(f"no operation is called {name[:60]!r}")
    try:
        return OPERATIONS[name](inputs), None
    except MilagroError as error:
        return None, {"error": type(error).__name__, "layer": layer_of(error)}
