"""Where an identity's log ends: a small document that leads to every operation and receipt, from the ends back.

    heads document --links--> last operations --previous--> ... --previous--> first document (the identity)
                   --links--> receipts

The document is not signed, and whoever carries it need not be trusted: what it leads to is, and is checked by a
replica. It can only leave something out, as a bundle can.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from milagro import cbor
from milagro.cbor import Fields
from milagro.cid import CID, LINK_TAG, Codec
from milagro.errors import MalformedEnvelope, NonCanonical, ParameterError
from milagro.protocols.pki.replica import Replica

TYPE: Final = "milagro-id-heads-1"
MAX_HEADS: Final = 256
MAX_LINKED_RECEIPTS: Final = 4096
_LIMITS = cbor.Limits(octets=1 << 18, items=16384, depth=4)


@dataclass(frozen=True, slots=True)
class Heads:
    """The last operations of an identity, and receipts for its operations, by name.

    Spec: spec/dpki.md#finding
    Raises: ParameterError if they are too many, not of DAG-CBOR, or not in ascending order
    """

    identity: CID
    operations: tuple[CID, ...]
    receipts: tuple[CID, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.operations) <= MAX_HEADS or len(self.receipts) > MAX_LINKED_RECEIPTS:
            raise ParameterError(
                f"there are 1 to {MAX_HEADS} last operations and at most {MAX_LINKED_RECEIPTS} receipts for them"
            )
        for names in (self.operations, self.receipts):
            if list(names) != sorted(set(names), key=CID.to_bytes):
                raise ParameterError("the operations and the receipts are in ascending order, each once")
        if any(cid.codec is not Codec.DAG_CBOR for cid in (self.identity, *self.operations, *self.receipts)):
            raise ParameterError("operations and receipts are blocks of DAG-CBOR")

    @classmethod
    def of(cls, replica: Replica) -> Heads:
        """The ends of all that a replica holds, also of what was superseded, so that forks are seen.

        Spec: spec/dpki.md#finding
        Raises: ParameterError if there are too many
        """
        blocks = list(replica)
        followed = {cid for block in blocks for cid in block.previous}
        receipts = (receipt for block in blocks for receipt in replica.receipts(block.cid))
        return cls(
            replica.identity,
            _ascending(block.cid for block in blocks if block.cid not in followed),
            _ascending(CID.of(receipt.to_bytes(), Codec.DAG_CBOR) for receipt in receipts),
        )

    def to_bytes(self) -> bytes:
        """The document."""
        return cbor.encode(
            {
                "type": TYPE,
                "identity": self.identity.link(),
                "operations": [cid.link() for cid in self.operations],
                "receipts": [cid.link() for cid in self.receipts],
            },
            _LIMITS,
        )

    @property
    def cid(self) -> CID:
        """The name of the document."""
        return CID.of(self.to_bytes(), Codec.DAG_CBOR)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Heads:
        """The heads in a document.

        Spec: spec/dpki.md#finding
        Raises: EncodingError
        """
        fields = Fields(cbor.decode(octets, _LIMITS, tags=(LINK_TAG,)), "a document of heads")
        if fields.text("type") != TYPE:
            raise MalformedEnvelope(f"the document of heads is not of type {TYPE}")
        identity = CID.from_link(fields.value("identity"))
        operations = tuple(CID.from_link(link) for link in fields.array("operations", 1, MAX_HEADS))
        receipts = tuple(CID.from_link(link) for link in fields.array("receipts", 0, MAX_LINKED_RECEIPTS))
        fields.finish()
        try:
            return cls(identity, operations, receipts)
        except ParameterError as error:
            raise NonCanonical(str(error)) from None


def _ascending(names: Iterable[CID]) -> tuple[CID, ...]:
    return tuple(sorted(set(names), key=CID.to_bytes))
