"""Receipts: witnesses co-sign the operations that they have seen, and never two that contradict each other.

    witness:  Memory --receipt(replica, cid)--> (Receipt, Memory)      store the new memory before sending the receipt

A witness gives one receipt for a change or a retirement at each sequence number under one control key, and one for
the rotation that ends that key's time. With more than half of them needed, two contradicting operations cannot both
have enough receipts unless witnesses break this rule, and then the two receipts prove it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from milagro import cbor
from milagro.cbor import Fields
from milagro.cid import CID, LINK_TAG, Codec
from milagro.errors import BrokenChain, MalformedEnvelope, NonCanonical, NotFound
from milagro.protocols.pki.operations import LABEL, Rotate
from milagro.protocols.signatures import PUBLIC_OCTETS, SIGNATURE_OCTETS, SigningKey, VerifyingKey

if TYPE_CHECKING:
    from milagro.protocols.pki.replica import Replica

TYPE: Final = "milagro-id-receipt-1"
_LIMITS = cbor.Limits(octets=8192, items=32, depth=4)

Slot = tuple[CID, int | None]
"""A control key, by the operation that brought it in, and a sequence number; None for the rotation that ends it."""
Memory = Mapping[Slot, CID]
"""What a witness has given its receipts for."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One witness's word that it has seen an operation, and none that contradicts it.

    Spec: spec/dpki.md#witnesses
    """

    identity: CID
    operation: CID
    witness: VerifyingKey
    signature: bytes = field(repr=False)

    def _value(self) -> dict[str, cbor.Value]:
        return {
            "type": TYPE,
            "identity": self.identity.link(),
            "operation": self.operation.link(),
            "witness": self.witness.to_bytes(),
        }

    def to_bytes(self) -> bytes:
        """The octets of it."""
        return cbor.encode({"receipt": self._value(), "signature": self.signature}, _LIMITS)

    @classmethod
    def sign(cls, identity: CID, operation: CID, key: SigningKey) -> Receipt:
        """The receipt of the witness with this key. `give_receipt` is what an honest witness calls."""
        unsigned = cls(identity, operation, key.public, b"")
        return cls(identity, operation, key.public, key.sign(LABEL, "receipt", cbor.encode(unsigned._value(), _LIMITS)))

    @classmethod
    def from_bytes(cls, octets: bytes) -> Receipt:
        """The receipt with these octets; its signature is checked.

        Spec: spec/dpki.md#witnesses
        Raises: EncodingError, InvalidSignature
        """
        outer = Fields(cbor.decode(octets, _LIMITS, tags=(LINK_TAG,)), "a receipt")
        inner = outer.fields("receipt")
        signature = outer.octets("signature", SIGNATURE_OCTETS, SIGNATURE_OCTETS)
        outer.finish()
        if inner.text("type") != TYPE:
            raise MalformedEnvelope(f"the receipt is not of type {TYPE}")
        identity, operation = (CID.from_link(inner.value(name)) for name in ("identity", "operation"))
        witness = VerifyingKey.from_bytes(inner.octets("witness", PUBLIC_OCTETS, PUBLIC_OCTETS))
        inner.finish()
        receipt = cls(identity, operation, witness, signature)
        if Codec.RAW in (identity.codec, operation.codec) or receipt.to_bytes() != octets:
            raise NonCanonical("the receipt is not the one that its fields are written as")
        witness.verify(signature, LABEL, "receipt", cbor.encode(receipt._value(), _LIMITS))
        return receipt


def give_receipt(replica: Replica, operation: CID, key: SigningKey, memory: Memory) -> tuple[Receipt, Memory]:
    """A receipt for an operation that the replica holds, and what the witness has to remember before sending it.

    Spec: spec/dpki.md#witnesses
    Raises: NotFound if the replica has no such valid operation, BrokenChain if the witness has given its receipt to
        another one in its place, or to a rotation that came without it
    """
    if operation not in replica:
        raise NotFound(f"there is no valid operation {operation} here")
    block = replica[operation]
    receipt = Receipt.sign(replica.identity, operation, key)
    if not block.previous:
        return receipt, memory  # the first document contradicts nothing
    root = replica.root_of(operation)
    slot = (root, None if isinstance(block.operation, Rotate) else block.sequence)
    ended = memory.get((root, None))
    if memory.get(slot, operation) != operation or _came_after(replica, operation, ended):
        raise BrokenChain(f"this witness has seen another operation in the place of {operation}")
    return receipt, {**memory, slot: operation}


def _came_after(replica: Replica, operation: CID, ended: CID | None) -> bool:
    """Whether the rotation that ended the control key did not have the operation before it."""
    return (
        ended is not None and ended != operation and (ended not in replica or not replica.is_before(operation, ended))
    )
