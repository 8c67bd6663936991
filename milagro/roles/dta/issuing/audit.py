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
from milagro.errors import InvalidSignature, MalformedEnvelope
from milagro.octets import frame, i2osp
from milagro.protocols.envelope.signatures import signed_octets
from milagro.roles.issuance.tickets import Purpose
from milagro.roles.refusals import HeadForged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milagro.cbor import Value
    from milagro.protocols.envelope import SigningKey, VerifyingKey

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


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head with its node's signature.

    Spec: spec/issuing.md#heads
    """

    head: Head
    key_id: bytes
    signature: bytes

    @classmethod
    def sign(cls, head: Head, key: SigningKey) -> Self:
        """The head, signed."""
        return cls(head, key.public.id, key.sign(head_octets(key.public.suite, head)))

    def verify(self, keys: Mapping[bytes, VerifyingKey]) -> None:
        """Nothing, if one of the node's keys signed it.

        Spec: spec/issuing.md#heads
        Raises: HeadForged
        """
        key = keys.get(self.key_id)
        try:
            if key is not None:
                key.verify(self.signature, head_octets(key.suite, self.head))
                return
        except InvalidSignature:
            pass
        raise HeadForged("the head of the log is not signed by a key of its node")

    def to_bytes(self) -> bytes:
        """CBOR of head, key id and signature."""
        return cbor.encode({0: self.head.to_bytes(), 1: self.key_id, 2: self.signature})

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The signed head with these octets. Raises: EncodingError."""
        fields = Fields(cbor.decode(octets), "the signed head")
        signed = cls(Head.from_bytes(fields.octets(0)), fields.octets(1, DIGEST, DIGEST), fields.octets(2, 1, 8192))
        fields.finish()
        return signed


def head_octets(suite: str, head: Head) -> bytes:
    """frame(envelope label, suite, "audit head", head): what a node signs.

    Spec: spec/issuing.md#heads
    """
    return signed_octets(suite, "audit head", head.to_bytes())


@dataclass(frozen=True, slots=True)
class Cosignature:
    """That a witness has checked the log up to a head, and found that it continues what it saw before.

    Spec: spec/issuing.md#witnesses
    """

    witness: CID
    key_id: bytes
    time: int
    signature: bytes

    @classmethod
    def sign(cls, head: Head, witness: CID, key: SigningKey, time: int) -> Self:
        """The cosignature. Only for those who have called `verify_log` with what they saw before."""
        return cls(witness, key.public.id, time, key.sign(cosigned_octets(key.public.suite, head, witness, time)))

    def verify(self, head: Head, keys: Mapping[bytes, VerifyingKey]) -> None:
        """Nothing, if one of the witness's keys signed it.

        Raises: InvalidSignature
        """
        key = keys.get(self.key_id)
        if key is None:
            raise InvalidSignature("the cosignature is of a key that its witness does not have")
        key.verify(self.signature, cosigned_octets(key.suite, head, self.witness, self.time))

    def to_bytes(self) -> bytes:
        """The cosignature in CBOR."""
        return cbor.encode({0: self.witness.to_bytes(), 1: self.key_id, 2: self.time, 3: self.signature})

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The cosignature with these octets. Raises: EncodingError."""
        fields = Fields(cbor.decode(octets), "the cosignature")
        witness, key_id = CID.from_bytes(fields.octets(0)), fields.octets(1, DIGEST, DIGEST)
        made = cls(witness, key_id, fields.integer(2), fields.octets(3, 1, 8192))
        fields.finish()
        return made


def cosigned_octets(suite: str, head: Head, witness: CID, time: int) -> bytes:
    """frame(envelope label, suite, "audit cosignature", head, witness, be(time, 8)): what a witness signs.

    Spec: spec/issuing.md#witnesses
    """
    return signed_octets(suite, "audit cosignature", head.to_bytes(), witness.to_bytes(), i2osp(time, 8))
