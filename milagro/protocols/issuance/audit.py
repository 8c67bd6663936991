"""The audit log: what a D-TA issued, each entry linked to the one before, its head signed by the node and by witnesses.

    origin --previous-- entry 1 --previous-- entry 2 .. entry n <--digest-- head <-- node's signature, cosignatures

Spec: spec/issuing.md#audit-log, spec/issuing.md#heads
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from milagro import cbor
from milagro.cbor import Fields
from milagro.cid import CID
from milagro.errors import MalformedEnvelope
from milagro.octets import frame
from milagro.protocols.issuance.tickets import Purpose

if TYPE_CHECKING:
    from milagro.cbor import Value

VERSION: Final = 1
DIGEST: Final = 32
MAX_NUMBER: Final = (1 << 62) - 1
_ENTRY: Final = b"milagro audit entry v1"
_ORIGIN: Final = b"milagro audit origin v1"
_ISSUE, _RESTORED = 0, 1
_KIND, _NUMBER, _PREVIOUS, _TIME, _AUTHORITY, _PURPOSE, _SUBJECT, _KEY, _EPOCH, _REQUEST, _JTI, _SLOT, _LOST = range(13)


def origin(node: CID, network: CID) -> bytes:
    """What stands before the first entry: no log of another node or network continues from it.

    Spec: spec/issuing.md#audit-log
    """
    return hashlib.sha256(frame(_ORIGIN, node.to_bytes(), network.to_bytes())).digest()


def entry_digest(octets: bytes) -> bytes:
    """SHA-256(frame(label, entry)).

    Spec: spec/issuing.md#audit-log
    """
    return hashlib.sha256(frame(_ENTRY, octets)).digest()


@dataclass(frozen=True, slots=True)
class Issue:
    """That a share was issued: for whom, for what, of which epoch of which key, on whose word."""

    authority: CID
    purpose: Purpose
    subject: bytes
    key_id: bytes
    epoch: int
    request: bytes
    jti: bytes
    slot: int | None = None

    def fields(self) -> dict[int, Value]:
        """Its part of an entry."""
        fields: dict[int, Value] = {
            _AUTHORITY: self.authority.to_bytes(),
            _PURPOSE: self.purpose.value,
            _SUBJECT: self.subject,
            _KEY: self.key_id,
            _EPOCH: self.epoch,
            _REQUEST: self.request,
            _JTI: self.jti,
        }
        return fields if self.slot is None else {**fields, _SLOT: self.slot}

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """What an entry says. Raises: EncodingError."""
        purpose = fields.text(_PURPOSE, 1, 32)
        if purpose not in set(Purpose):
            raise MalformedEnvelope("the entry is of an unknown purpose")
        return cls(
            CID.from_bytes(fields.octets(_AUTHORITY)),
            Purpose(purpose),
            fields.octets(_SUBJECT, DIGEST, DIGEST),
            fields.octets(_KEY, DIGEST, DIGEST),
            fields.integer(_EPOCH, 0, (1 << 32) - 1),
            fields.octets(_REQUEST, DIGEST, DIGEST),
            fields.octets(_JTI, 16, 16),
            fields.integer(_SLOT, 0, (1 << 40) - 1) if _SLOT in fields else None,
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """That the database was restored: the entries from `lost_from` up to this one are not in it any more."""

    lost_from: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log.

    Spec: spec/issuing.md#audit-log
    """

    number: int
    previous: bytes
    time: int
    event: Issue | Restored

    def to_bytes(self) -> bytes:
        """The entry in CBOR."""
        kind = _ISSUE if isinstance(self.event, Issue) else _RESTORED
        more = self.event.fields() if isinstance(self.event, Issue) else {_LOST: self.event.lost_from}
        common: dict[int, Value] = {
            _KIND: kind,
            _NUMBER: self.number,
            _PREVIOUS: self.previous,
            _TIME: self.time,
        }
        return cbor.encode({**common, **more})

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The entry with these octets. Raises: EncodingError."""
        fields = Fields(cbor.decode(octets), "the entry")
        kind, number = fields.integer(_KIND, 0, 1), fields.integer(_NUMBER, 1, MAX_NUMBER)
        previous, time = fields.octets(_PREVIOUS, DIGEST, DIGEST), fields.integer(_TIME)
        event = Issue.read(fields) if kind == _ISSUE else Restored(fields.integer(_LOST, 1, number))
        fields.finish()
        return cls(number, previous, time, event)


# -- heads -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Head:
    """How far a log has come.

    Spec: spec/issuing.md#heads
    """

    node: CID
    network: CID
    number: int
    digest: bytes
    time: int

    def to_bytes(self) -> bytes:
        """The head in CBOR."""
        parties = {1: self.node.to_bytes(), 2: self.network.to_bytes()}
        return cbor.encode({0: VERSION, **parties, 3: self.number, 4: self.digest, 5: self.time})

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The head with these octets. Raises: EncodingError."""
        fields = Fields(cbor.decode(octets), "the head")
        fields.integer(0, VERSION, VERSION)
        node, network = (CID.from_bytes(fields.octets(at)) for at in (1, 2))
        head = cls(node, network, fields.integer(3, 0, MAX_NUMBER), fields.octets(4, DIGEST, DIGEST), fields.integer(5))
        fields.finish()
        return head
