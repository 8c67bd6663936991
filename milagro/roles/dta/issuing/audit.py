"""The head of an audit log, signed by its node and by witnesses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from milagro import cbor
from milagro.cbor import Fields
from milagro.cid import CID
from milagro.errors import InvalidSignature
from milagro.octets import i2osp
from milagro.protocols.envelope.signatures import signed_octets
from milagro.protocols.issuance import Head
from milagro.protocols.issuance.audit import DIGEST
from milagro.roles.refusals import HeadForged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milagro.protocols.envelope import SigningKey, VerifyingKey


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

    Spec: spec/issuing.md
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

    Spec: spec/issuing.md
    """
    return signed_octets(suite, "audit cosignature", head.to_bytes(), witness.to_bytes(), i2osp(time, 8))
