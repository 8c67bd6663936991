"""The header: who sends what to whom, in which context, when and in which order; signed, then encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from milagro import cbor
from milagro.cbor import Fields, Limits
from milagro.errors import DecryptionFailed, MalformedEnvelope, ParameterError
from milagro.octets import frame, unframe
from milagro.protocols.envelope.labels import ID_OCTETS, digest
from milagro.protocols.envelope.outer import (
    MAX_SEALED_HEADER,
    MAX_SLOTS,
    TAG_OCTETS,
    is_ignorable,
    refuse_unknown_critical,
)
from milagro.protocols.envelope.padding import padme

if TYPE_CHECKING:
    from milagro.cbor import Value

MAX_CONTEXT: Final = 1024
MAX_CHANNEL: Final = 255
MAX_CONTENT_TYPE: Final = 255
_LIMITS = Limits(octets=MAX_SEALED_HEADER, items=MAX_SLOTS + 4096, depth=8)
_SENDER, _RECIPIENTS, _CONTEXT, _TIME, _BODY, _POSITION, _CONTENT_TYPE = range(7)
_NONCE = bytes(12)  # the header key encrypts one header
_NO_NOTES: Mapping[int, Value] = MappingProxyType({})


class Body(IntEnum):
    """What vouches for the body: the key, or a signature at its end."""

    KEYED = 0
    SIGNED = 1


@dataclass(frozen=True, slots=True)
class Position:
    """The place of an envelope in a channel: its number from 0, and the identifier of the one before it."""

    channel: str
    sequence: int
    previous: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.channel.encode()) <= MAX_CHANNEL or not 0 <= self.sequence < 1 << 63:
            raise ParameterError(f"a channel has 1 to {MAX_CHANNEL} octets, a sequence number is below 2^63")
        if len(self.previous) != ID_OCTETS or (self.sequence == 0) != (self.previous == bytes(ID_OCTETS)):
            raise ParameterError("only the first envelope of a channel has no previous one")


@dataclass(frozen=True, slots=True)
class Header:
    """The signed header. `notes` are fields with negative keys, which a reader may pass over.

    Spec: spec/envelope.md#header
    Raises: ParameterError for values that no header has
    """

    sender: bytes
    recipients: tuple[bytes, ...]
    context: str
    timestamp: int
    body: Body = Body.KEYED
    position: Position | None = None
    content_type: str | None = None
    notes: Mapping[int, Value] = field(default_factory=lambda: _NO_NOTES)

    def __post_init__(self) -> None:
        ids = self.recipients
        if len(self.sender) != ID_OCTETS or not ids or any(len(one) != ID_OCTETS for one in ids):
            raise ParameterError("sender and recipients are key ids of 32 octets, and there is a recipient")
        if any(left >= right for left, right in pairwise(ids)):
            raise ParameterError("the recipients are not in ascending order, or one stands twice")
        if not 1 <= len(self.context.encode()) <= MAX_CONTEXT or not 0 <= self.timestamp < 1 << 63:
            raise ParameterError(f"a context has 1 to {MAX_CONTEXT} octets, a time is a number of seconds below 2^63")
        if self.content_type is not None and not 1 <= len(self.content_type.encode()) <= MAX_CONTENT_TYPE:
            raise ParameterError(f"a content type has 1 to {MAX_CONTENT_TYPE} octets")
        if self.body is Body.KEYED and len(ids) > 1:
            raise ParameterError("with several recipients the body is signed: each of them has its key")
        if not all(is_ignorable(key) for key in self.notes):
            raise ParameterError("a note has a negative key; the others belong to the format")

    def to_bytes(self) -> bytes:
        """The header in CBOR."""
        fields: dict[int, Value] = {
            **self.notes,
            _SENDER: self.sender,
            _RECIPIENTS: self.recipients,
            _CONTEXT: self.context,
            _TIME: self.timestamp,
            _BODY: int(self.body),
        }
        if self.position is not None:
            fields[_POSITION] = (self.position.channel, self.position.sequence, self.position.previous)
        if self.content_type is not None:
            fields[_CONTENT_TYPE] = self.content_type
        return cbor.encode(fields, _LIMITS)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Header:
        """The header with these octets.

        Raises: MalformedEnvelope, NonCanonical
        """
        fields = Fields(cbor.decode(octets, _LIMITS), "the header")
        try:
            return cls(
                sender=fields.octets(_SENDER),
                recipients=_ids(fields.array(_RECIPIENTS)),
                context=fields.text(_CONTEXT),
                timestamp=fields.integer(_TIME),
                body=Body(fields.integer(_BODY, 0, 1)),
                position=_position(fields.array(_POSITION)) if _POSITION in fields else None,
                content_type=fields.text(_CONTENT_TYPE) if _CONTENT_TYPE in fields else None,
                notes=MappingProxyType(refuse_unknown_critical(fields, "the header")),
            )
        except ParameterError as error:
            raise MalformedEnvelope(f"the header is not one: {error}") from None


def _ids(entries: tuple[Value, ...]) -> tuple[bytes, ...]:
    if not all(isinstance(entry, bytes) for entry in entries):
        raise MalformedEnvelope("a recipient is not an octet string")
    return tuple(entry for entry in entries if isinstance(entry, bytes))


def _position(entry: tuple[Value, ...]) -> Position:
    match entry:
        case (str() as channel, int() as sequence, bytes() as previous) if not isinstance(sequence, bool):
            return Position(channel, sequence, previous)
    raise MalformedEnvelope("the position is not a channel, a number and an identifier")


# -- sealing and opening ---------------------------------------------------------------------------------------------
def header_plaintext(header: bytes, signature: bytes) -> bytes:
    """frame(header, signature, zeros), the zeros up to a Padme length.

    Spec: spec/envelope.md#header
    """
    bare = len(frame(header, signature, b""))
    return frame(header, signature, bytes(padme(bare) - bare))


def split_plaintext(plaintext: bytes) -> tuple[bytes, bytes]:
    """Header and signature.

    Spec: spec/envelope.md#header
    Raises: MalformedEnvelope
    """
    header, signature, _ = unframe(plaintext, 3)
    if plaintext != header_plaintext(header, signature):
        raise MalformedEnvelope("the header is padded in another way than the format says")
    return header, signature


def seal_header(key: bytes, outer: bytes, plaintext: bytes) -> bytes:
    """AES-256-GCM(header key, nonce 0, header plaintext, aad = H(outer)).

    Raises: ParameterError if it is too long
    """
    if len(plaintext) + TAG_OCTETS > MAX_SEALED_HEADER:
        raise ParameterError(f"the header takes {len(plaintext)} octets; the limit is {MAX_SEALED_HEADER}")
    return AESGCM(key).encrypt(_NONCE, plaintext, digest(outer))


def open_header(key: bytes, outer: bytes, sealed: bytes) -> bytes:
    """The header plaintext.

    Raises: DecryptionFailed
    """
    try:
        return AESGCM(key).decrypt(_NONCE, sealed, digest(outer))
    except InvalidTag:
        raise DecryptionFailed("the envelope was not sealed for this key, or was altered") from None
