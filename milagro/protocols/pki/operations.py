"""The operations on an identity, and the signed blocks that carry them.

    create --> edit* --> rotate --> edit* --> rotate --> ...  [--> retire]

    block = {"operation": {..}, "signature": octets}, in deterministic CBOR; its CID names it, and the CID of the
    block with the create operation is the identity. Every later operation links to the ones before it.

An edit or a retirement is signed by the control key in force, a rotation by the key that it brings in, whose
digest the operation that made the last control key committed to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeAlias

from milagro import cbor
from milagro.cbor import Fields, Value
from milagro.cid import CID, LINK_TAG, Codec
from milagro.errors import MalformedEnvelope, NonCanonical, ParameterError
from milagro.octets import frame
from milagro.protocols.pki.edits import Edit, read_edit, read_link
from milagro.protocols.signatures import PUBLIC_OCTETS, SIGNATURE_OCTETS, SigningKey, VerifyingKey

TYPE: Final = "milagro-id-1"
LABEL: Final = "milagro id v1"
_NEXT: Final = b"next control key"
DIGEST_OCTETS: Final = 32
MAX_BLOCK: Final = 65536
MAX_EDITS: Final = 32
MAX_PREVIOUS: Final = 8
MAX_WITNESSES: Final = 16
_MAX_TIME = (1 << 53) - 1
_LIMITS = cbor.Limits(octets=MAX_BLOCK, items=2048, depth=6)


def next_digest(control: VerifyingKey) -> bytes:
    """SHA-256(frame("milagro id v1", "next control key", public key)): what is told of a control key before its time.

    Spec: spec/dpki.md#rotation
    """
    return hashlib.sha256(frame(LABEL.encode(), _NEXT, control.to_bytes())).digest()


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who co-signs, and how many of them are enough; more than half, so that no two answers both have enough.

    Spec: spec/dpki.md#witnesses
    Raises: ParameterError
    """

    threshold: int
    keys: tuple[VerifyingKey, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.keys) <= MAX_WITNESSES or len(set(self.keys)) != len(self.keys):
            raise ParameterError(f"an identity has between 1 and {MAX_WITNESSES} witnesses, each once")
        if not len(self.keys) < 2 * self.threshold <= 2 * len(self.keys):
            raise ParameterError("the threshold of witnesses is more than half of them, and not more than there are")

    def value(self) -> dict[str, Value]:
        """The map that stands for them in an operation."""
        return {"threshold": self.threshold, "keys": [key.to_bytes() for key in self.keys]}

    @classmethod
    def read(cls, fields: Fields) -> Witnesses:
        """The witnesses in such a map.

        Raises: EncodingError
        """
        threshold, keys = fields.integer("threshold", 1, MAX_WITNESSES), fields.array("keys", 1, MAX_WITNESSES)
        fields.finish()
        return cls(threshold, tuple(_control(key) for key in keys))


# -- operations ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Place:
    """Where an operation stands: the identity, the operations before it, and 1 + the largest of their sequences.

    Spec: spec/dpki.md#log
    Raises: ParameterError
    """

    identity: CID
    previous: tuple[CID, ...]
    sequence: int

    def __post_init__(self) -> None:
        if not 1 <= len(self.previous) <= MAX_PREVIOUS:
            raise ParameterError(f"an operation follows between 1 and {MAX_PREVIOUS} others")
        if list(self.previous) != sorted(set(self.previous), key=CID.to_bytes):
            raise ParameterError("the operations before are in the order of their names, each once")

    def value(self) -> dict[str, Value]:
        """Its fields in an operation."""
        links: list[Value] = [cid.link() for cid in self.previous]
        return {"identity": self.identity.link(), "previous": links, "sequence": self.sequence}

    @classmethod
    def read(cls, fields: Fields) -> Place:
        """The place in the fields of an operation."""
        identity, previous = read_link(fields.value("identity")), fields.array("previous", 1, MAX_PREVIOUS)
        return cls(identity, tuple(read_link(one) for one in previous), fields.integer("sequence", 1, _MAX_TIME))


@dataclass(frozen=True, slots=True)
class Create:
    """The first document: the control key, the digest of the next one, and how the identity begins.

    Spec: spec/dpki.md#identity
    """

    KIND: ClassVar = "create"
    time: int
    control: VerifyingKey
    next: bytes
    edits: tuple[Edit, ...] = ()
    witnesses: Witnesses | None = None

    def value(self) -> dict[str, Value]:
        """The map that is signed."""
        return _operation(self.KIND, self.time) | _control_fields(self) | {"edits": _values(self.edits)}

    @classmethod
    def read(cls, fields: Fields) -> Create:
        """The operation in such a map."""
        control, following = _control(fields.octets("control")), fields.octets("next", DIGEST_OCTETS, DIGEST_OCTETS)
        return cls(_time(fields), control, following, _read_edits(fields, 0), _read_witnesses(fields))


@dataclass(frozen=True, slots=True)
class Rotate:
    """A new control key, the one committed to before, and the digest of the one after it.

    Edits of the same control key that are not among the operations before it have no effect any more. Witnesses are
    those from now on; none if it names none.
    Spec: spec/dpki.md#rotation
    """

    KIND: ClassVar = "rotate"
    place: Place
    time: int
    control: VerifyingKey
    next: bytes
    edits: tuple[Edit, ...] = ()
    witnesses: Witnesses | None = None

    def value(self) -> dict[str, Value]:
        """The map that is signed."""
        start = _operation(self.KIND, self.time) | self.place.value()
        return start | _control_fields(self) | {"edits": _values(self.edits)}

    @classmethod
    def read(cls, fields: Fields) -> Rotate:
        """The operation in such a map."""
        control, following = _control(fields.octets("control")), fields.octets("next", DIGEST_OCTETS, DIGEST_OCTETS)
        edits, witnesses = _read_edits(fields, 0), _read_witnesses(fields)
        return cls(Place.read(fields), _time(fields), control, following, edits, witnesses)


@dataclass(frozen=True, slots=True)
class Change:
    """Edits under the control key in force.

    Spec: spec/dpki.md#edits
    """

    KIND: ClassVar = "change"
    place: Place
    time: int
    edits: tuple[Edit, ...]

    def value(self) -> dict[str, Value]:
        """The map that is signed."""
        return _operation(self.KIND, self.time) | self.place.value() | {"edits": _values(self.edits)}

    @classmethod
    def read(cls, fields: Fields) -> Change:
        """The operation in such a map."""
        return cls(Place.read(fields), _time(fields), _read_edits(fields, 1))


@dataclass(frozen=True, slots=True)
class Retire:
    """The identity is over; nothing follows.

    Spec: spec/dpki.md#retirement
    """

    KIND: ClassVar = "retire"
    place: Place
    time: int

    def value(self) -> dict[str, Value]:
        """The map that is signed."""
        return _operation(self.KIND, self.time) | self.place.value()

    @classmethod
    def read(cls, fields: Fields) -> Retire:
        """The operation in such a map."""
        return cls(Place.read(fields), _time(fields))


Operation: TypeAlias = Create | Rotate | Change | Retire
_OPERATIONS: Final[Mapping[str, Any]] = {kind.KIND: kind for kind in (Create, Rotate, Change, Retire)}


def _operation(kind: str, time: int) -> dict[str, Value]:
    if not 0 <= time <= _MAX_TIME:
        raise ParameterError("a time is in seconds since 1970-01-01, not negative")
    return {"type": TYPE, "kind": kind, "time": time}


def _control_fields(operation: Create | Rotate) -> dict[str, Value]:
    if len(operation.next) != DIGEST_OCTETS:
        raise ParameterError("an operation with a control key commits to the next one, by a digest of 32 octets")
    if operation.next == next_digest(operation.control):
        raise ParameterError("the next control key is another one than this")
    value: dict[str, Value] = {"control": operation.control.to_bytes(), "next": operation.next}
    return value if operation.witnesses is None else value | {"witnesses": operation.witnesses.value()}


def _values(edits: Sequence[Edit]) -> list[Value]:
    if len(edits) > MAX_EDITS:
        raise ParameterError(f"an operation has at most {MAX_EDITS} edits")
    return [edit.value() for edit in edits]


def _time(fields: Fields) -> int:
    return fields.integer("time", 0, _MAX_TIME)


def _control(value: Value) -> VerifyingKey:
    if not isinstance(value, bytes) or len(value) != PUBLIC_OCTETS:
        raise MalformedEnvelope(f"a control key or a witness's key has {PUBLIC_OCTETS} octets")
    return VerifyingKey.from_bytes(value)


def _read_edits(fields: Fields, least: int) -> tuple[Edit, ...]:
    return tuple(read_edit(value) for value in fields.array("edits", least, MAX_EDITS))


def _read_witnesses(fields: Fields) -> Witnesses | None:
    return Witnesses.read(fields.fields("witnesses")) if "witnesses" in fields else None


# -- blocks ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Block:
    """A signed operation, as it is stored and named.

    Spec: spec/dpki.md#blocks
    """

    operation: Operation
    signature: bytes = field(repr=False)
    octets: bytes = field(repr=False, compare=False)
    cid: CID

    @classmethod
    def sign(cls, operation: Operation, key: SigningKey) -> Block:
        """The block with this operation.

        Spec: spec/dpki.md#blocks
        Raises: ParameterError if the operation is outside the limits
        """
        value = operation.value()
        signature = key.sign(LABEL, "operation", cbor.encode(value, _LIMITS))
        octets = cbor.encode({"operation": value, "signature": signature}, _LIMITS)
        return cls(operation, signature, octets, CID.of(octets, Codec.DAG_CBOR))

    @classmethod
    def from_bytes(cls, octets: bytes) -> Block:
        """The block with these octets; its signature is not checked yet.

        Spec: spec/dpki.md#blocks
        Raises: EncodingError
        """
        fields = Fields(cbor.decode(octets, _LIMITS, tags=(LINK_TAG,)), "an identity's block")
        signature = fields.octets("signature", SIGNATURE_OCTETS, SIGNATURE_OCTETS)
        operation = _read_operation(fields.fields("operation"))
        fields.finish()
        block = cls(operation, signature, bytes(octets), CID.of(octets, Codec.DAG_CBOR))
        if cbor.encode({"operation": operation.value(), "signature": signature}, _LIMITS) != octets:
            raise NonCanonical("the block is not the one that its operation is written as")
        return block

    @property
    def identity(self) -> CID:
        """The identity that it belongs to."""
        return self.cid if isinstance(self.operation, Create) else self.operation.place.identity

    @property
    def previous(self) -> tuple[CID, ...]:
        """The operations before it."""
        return () if isinstance(self.operation, Create) else self.operation.place.previous

    @property
    def sequence(self) -> int:
        """Its distance from the first document, 0 for that one."""
        return 0 if isinstance(self.operation, Create) else self.operation.place.sequence

    def verify(self, key: VerifyingKey) -> None:
        """Nothing, if `key` signed the operation.

        Raises: InvalidSignature
        """
        key.verify(self.signature, LABEL, "operation", cbor.encode(self.operation.value(), _LIMITS))


def _read_operation(fields: Fields) -> Operation:
    if fields.text("type") != TYPE:
        raise MalformedEnvelope(f"the block is not of type {TYPE}")
    kind = fields.text("kind")
    if kind not in _OPERATIONS:
        raise MalformedEnvelope(f"no operation is called {kind[:40]!r}")
    try:
        operation: Operation = _OPERATIONS[kind].read(fields)
        operation.value()
    except ParameterError as error:
        raise MalformedEnvelope(str(error)) from None
    fields.finish()
    return operation
