"""Content identifiers: CIDv1 with sha2-256, as IPFS has them, and only the form that this project writes.

    octets   0x01 | codec | 0x12 0x20 | SHA-256 digest, 36 octets; codec 0x55 raw, 0x71 dag-cbor
    text     "b" | base32 of the octets, lower case, without padding, 59 characters
    link     CBOR tag 42 over 0x00 | octets

The packages on PyPI were looked at: they take every base, version and hash, which are second names for one content.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
from dataclasses import dataclass
from typing import Final, Self

from milagro.cbor import Tag, Value
from milagro.errors import CorruptBlock, MalformedEnvelope, NonCanonical, ParameterError, WrongLength

LINK_TAG: Final = 42
_VERSION = b"\x01"
_SHA2_256 = b"\x12\x20"
_DIGEST_OCTETS = 32
_OCTETS = 36
_BASE32_LOWER = "b"
_CHARACTERS = 59


class Codec(enum.IntEnum):
    """What the octets of a block are."""

    RAW = 0x55
    DAG_CBOR = 0x71


_CODECS: Final = {codec.value: codec for codec in Codec}


@dataclass(frozen=True, slots=True)
class CID:
    """The name of some content: a codec and the SHA-256 digest of the octets.

    Spec: spec/messaging.md#cid
    """

    codec: Codec
    digest: bytes

    def __post_init__(self) -> None:
        if len(self.digest) != _DIGEST_OCTETS:
            raise ParameterError("a SHA-256 digest has 32 octets")

    @classmethod
    def of(cls, content: bytes, codec: Codec = Codec.RAW) -> Self:
        """The CID of `content`."""
        return cls(codec, hashlib.sha256(content).digest())

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The CID in 36 octets.

        Raises: WrongLength, MalformedEnvelope for another version, codec or hash
        """
        if len(octets) != _OCTETS:
            raise WrongLength(f"a CID has {_OCTETS} octets, not {len(octets)}")
        if octets[:1] != _VERSION or octets[2:4] != _SHA2_256:
            raise MalformedEnvelope("the CID is not of version 1 with sha2-256")
        if octets[1] not in _CODECS:
            raise MalformedEnvelope("the CID is of a codec other than raw and dag-cbor")
        return cls(_CODECS[octets[1]], octets[4:])

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The CID in 59 characters of base32.

        Raises: WrongLength, MalformedEnvelope, NonCanonical if the last character has bits that no octet takes
        """
        if len(text) != _CHARACTERS:
            raise WrongLength(f"the text of a CID has {_CHARACTERS} characters, not {len(text)}")
        if text[0] != _BASE32_LOWER or not text.isascii() or not text.islower():
            raise MalformedEnvelope("the text of a CID is 'b' and base32 in lower case")
        try:
            octets = base64.b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8))
        except binascii.Error:
            raise MalformedEnvelope("the text of a CID has a character that base32 does not have") from None
        cid = cls.from_bytes(octets)
        if str(cid) != text:
            raise NonCanonical("the text of a CID is not the one that its octets have")
        return cid

    @classmethod
    def from_link(cls, value: Value) -> Self:
        """The CID in a link of DAG-CBOR, decoded with tag 42 allowed.

        Raises: WrongLength, MalformedEnvelope
        """
        if not isinstance(value, Tag) or value.number != LINK_TAG or not isinstance(value.value, bytes):
            raise MalformedEnvelope("a link is tag 42 over an octet string")
        if value.value[:1] != b"\0":
            raise MalformedEnvelope("a link begins with a zero octet")
        return cls.from_bytes(value.value[1:])

    def to_bytes(self) -> bytes:
        """The 36 octets."""
        return _VERSION + bytes([self.codec]) + _SHA2_256 + self.digest

    def link(self) -> Tag:
        """The link of DAG-CBOR to this content."""
        return Tag(LINK_TAG, b"\0" + self.to_bytes())

    def check(self, content: bytes) -> None:
        """Refuses content that has another CID.

        Raises: CorruptBlock
        """
        if hashlib.sha256(content).digest() != self.digest:
            raise CorruptBlock(f"the content that was read is not the one named {self}")

    def __str__(self) -> str:
        return _BASE32_LOWER + base64.b32encode(self.to_bytes()).decode().rstrip("=").lower()

    def __repr__(self) -> str:
        return f"CID({self})"
