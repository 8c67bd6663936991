"""How an identity signs an entry of a message log: with a key that it lists, and with word of where its own log ends.

    signature = {"heads": link, "key": id, "signature": Sign("log entry", heads, message)}

Whoever hears an entry thereby hears of the sender's latest operations, and checks the entry against them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from milagro import cbor
from milagro.cbor import Fields
from milagro.cid import CID, LINK_TAG, Codec
from milagro.errors import EncodingError, InvalidSignature, MalformedEnvelope
from milagro.protocols.pki.edits import KEY_ID_OCTETS, Key, Purpose
from milagro.protocols.signatures import SIGNATURE_OCTETS, SUITE, SigningKey, VerifyingKey

LABEL: Final = "milagro correspondence v1"
_PURPOSE: Final = "log entry"
_LIMITS = cbor.Limits(octets=8192, items=16, depth=3)


@dataclass(frozen=True, slots=True)
class EntrySignature:
    """A signature on a log entry, the id of its key, and the heads document of the signer at that time.

    Spec: spec/dpki.md#entries
    """

    heads: CID
    key: bytes
    signature: bytes = field(repr=False)

    @classmethod
    def sign(cls, message: bytes, heads: CID, key: SigningKey) -> EntrySignature:
        """The signature over the heads and the message.

        Spec: spec/dpki.md#entries
        """
        listed = Key(Purpose.SIGN, SUITE, key.public.to_bytes())
        return cls(heads, listed.id, key.sign(LABEL, _PURPOSE, heads.to_bytes(), message))

    def verify(self, message: bytes, key: Key) -> None:
        """Nothing, if the key made it.

        Spec: spec/dpki.md#entries
        Raises: InvalidSignature
        """
        if (key.id, key.purpose, key.suite) != (self.key, Purpose.SIGN, SUITE):
            raise InvalidSignature("the entry is signed with another key")
        try:
            public = VerifyingKey.from_bytes(key.public)
        except EncodingError:
            raise InvalidSignature("the identity lists octets that are no signing key") from None
        public.verify(self.signature, LABEL, _PURPOSE, self.heads.to_bytes(), message)

    def to_bytes(self) -> bytes:
        """The octets that stand in the entry."""
        return cbor.encode({"heads": self.heads.link(), "key": self.key, "signature": self.signature}, _LIMITS)

    @classmethod
    def from_bytes(cls, octets: bytes) -> EntrySignature:
        """The signature in these octets.

        Spec: spec/dpki.md#entries
        Raises: EncodingError
        """
        fields = Fields(cbor.decode(octets, _LIMITS, tags=(LINK_TAG,)), "the signature of a log entry")
        heads, key = CID.from_link(fields.value("heads")), fields.octets("key", KEY_ID_OCTETS, KEY_ID_OCTETS)
        signature = fields.octets("signature", SIGNATURE_OCTETS, SIGNATURE_OCTETS)
        fields.finish()
        if heads.codec is not Codec.DAG_CBOR:
            raise MalformedEnvelope("the signature of a log entry names heads that are no document")
        return cls(heads, key, signature)
