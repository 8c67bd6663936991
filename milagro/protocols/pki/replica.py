"""What one place has seen of one identity: a set of signed operations and receipts that only grows.

    block --add--> valid          all operations before it are here, and the right key signed it
              \\--> waiting        some are missing; `missing` names them
              \\--> an error       it can never be valid

Whether an operation is valid depends on the operations before it alone, and those are named in it by their digests.
So two replicas that have been given the same blocks hold the same valid ones, in whatever order they came and
however often: the set is an operation-based CRDT (Shapiro, Preguica, Baquero, Zawirski 2011), and `resolve` is a
function of the set.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Final, Self

from milagro import cbor
from milagro.cbor import Fields
from milagro.cid import CID, LINK_TAG
from milagro.errors import BrokenChain, InvalidSignature, MalformedEnvelope, NonCanonical, ProtocolError
from milagro.protocols.pki.operations import Block, Create, Retire, Rotate, next_digest
from milagro.protocols.pki.receipts import Receipt

BUNDLE: Final = "milagro-id-bundle-1"
MAX_OPERATIONS: Final = 4096
MAX_WAITING: Final = 256
MAX_RECEIPTS: Final = 16384
_BUNDLE_LIMITS = cbor.Limits(octets=64 << 20, items=1 << 16, depth=4)


class Replica:
    """The operations and receipts of one identity that have been seen here.

    Spec: spec/dpki.md#replicas, spec/dpki.md#log, spec/dpki.md#bundles
    """

    def __init__(self, identity: CID) -> None:
        self.identity = identity
        self._valid: dict[CID, Block] = {}
        self._roots: dict[CID, CID] = {}  # operation -> the create or rotation that its control key comes from
        self._controls: dict[CID, Create | Rotate] = {}
        self._place: dict[CID, int] = {}  # the bit that stands for an operation in a set of them
        self._before: dict[CID, int] = {}  # operation -> the set of those before it
        self._waiting: dict[CID, Block] = {}
        self._receipts: dict[tuple[CID, bytes], Receipt] = {}

    # -- what is here ----------------------------------------------------------------------------------------------
    def __contains__(self, operation: CID) -> bool:
        return operation in self._valid

    def __getitem__(self, operation: CID) -> Block:
        return self._valid[operation]

    def __iter__(self) -> Iterator[Block]:
        """The valid blocks, those before others first; ties by their names."""
        return iter(sorted(self._valid.values(), key=lambda block: (block.sequence, block.cid.to_bytes())))

    def __len__(self) -> int:
        return len(self._valid)

    @property
    def waiting(self) -> tuple[CID, ...]:
        """The operations that wait for others, in the order of their names."""
        return tuple(sorted(self._waiting, key=CID.to_bytes))

    @property
    def missing(self) -> tuple[CID, ...]:
        """The operations to ask others for."""
        named = {cid for block in self._waiting.values() for cid in block.previous}
        absent = named - self._valid.keys() - self._waiting.keys()
        if self.identity not in self._valid:
            absent.add(self.identity)
        return tuple(sorted(absent, key=CID.to_bytes))

    def receipts(self, operation: CID) -> tuple[Receipt, ...]:
        """The receipts for an operation, in the order of their witnesses' keys."""
        found = (receipt for (cid, _), receipt in self._receipts.items() if cid == operation)
        return tuple(sorted(found, key=lambda receipt: receipt.witness.to_bytes()))

    def root_of(self, operation: CID) -> CID:
        """The create or rotation that brought in the control key under which the operation stands.

        A rotation stands under the key that it ends.
        """
        return self._roots[operation]

    def root_under(self, operation: CID) -> CID:
        """The root of what follows the operation."""
        return operation if operation in self._controls else self._roots[operation]

    def control_of(self, root: CID) -> Create | Rotate:
        """The create or rotation with this name."""
        return self._controls[root]

    def is_before(self, earlier: CID, later: CID) -> bool:
        """Whether an operation came before another, however far."""
        return bool(self._before[later] >> self._place[earlier] & 1)

    # -- what comes ------------------------------------------------------------------------------------------------
    def add(self, octets: bytes) -> CID:
        """The name of a block that is now here, valid or waiting for others; giving it again changes nothing.

        Spec: spec/dpki.md#replicas
        Raises: EncodingError; BrokenChain, InvalidSignature if it cannot be valid; ProtocolError if too much is here
        """
        block = Block.from_bytes(octets)
        if block.identity != self.identity:
            raise BrokenChain("the operation is another identity's")
        if block.cid in self._valid or block.cid in self._waiting:
            return block.cid
        if all(cid in self._valid for cid in block.previous):
            self._accept(block)
            self._release()
        elif len(self._waiting) >= MAX_WAITING:
            raise ProtocolError("too many operations wait for earlier ones; give those first")
        else:
            self._waiting[block.cid] = block
        return block.cid

    def _accept(self, block: Block) -> None:
        if len(self._valid) >= MAX_OPERATIONS:
            raise ProtocolError(f"an identity has at most {MAX_OPERATIONS} operations")
        root = self._check(block)
        self._place[block.cid] = len(self._valid)
        self._before[block.cid] = 0
        for cid in block.previous:
            self._before[block.cid] |= self._before[cid] | 1 << self._place[cid]
        self._valid[block.cid] = block
        self._roots[block.cid] = root
        if isinstance(block.operation, (Create, Rotate)):
            self._controls[block.cid] = block.operation

    def _release(self) -> None:
        """Accepts what waited and need not any more; what turns out to be invalid is forgotten."""
        while ready := [b for b in self._waiting.values() if all(cid in self._valid for cid in b.previous)]:
            for block in ready:
                del self._waiting[block.cid]
                with contextlib.suppress(BrokenChain, InvalidSignature):
                    self._accept(block)

    def _check(self, block: Block) -> CID:
        """The root of a valid block, all of whose predecessors are valid.

        Spec: spec/dpki.md#log
        Raises: BrokenChain, InvalidSignature
        """
        operation = block.operation
        if isinstance(operation, Create):
            block.verify(operation.control)
            return block.cid
        self._check_place(block)
        roots = {self.root_under(cid) for cid in block.previous}
        if len(roots) != 1:
            raise BrokenChain("the operation follows operations under different control keys")
        root = roots.pop()
        control = self._controls[root]
        if isinstance(operation, Rotate):
            if next_digest(operation.control) != control.next:
                raise BrokenChain("the new control key is not the one that was committed to")
            control = operation
        block.verify(control.control)
        return root

    def _check_place(self, block: Block) -> None:
        before = [self._valid[cid] for cid in block.previous]
        if block.sequence != 1 + max(one.sequence for one in before):
            raise BrokenChain("the sequence number does not continue the operations before it")
        if any(isinstance(one.operation, Retire) for one in before):
            raise BrokenChain("nothing follows the retirement of an identity")
        if any(self.is_before(one.cid, other.cid) for one in before for other in before):
            raise BrokenChain("one of the operations before it comes before another of them")

    def add_receipt(self, octets: bytes) -> Receipt:
        """A receipt that is now here. It counts once its operation is here and its witness is one of the identity's.

        Spec: spec/dpki.md#witnesses
        Raises: EncodingError, InvalidSignature, BrokenChain if it is another identity's, ProtocolError if too many
        """
        receipt = Receipt.from_bytes(octets)
        if receipt.identity != self.identity:
            raise BrokenChain("the receipt is for another identity")
        key = (receipt.operation, receipt.witness.to_bytes())
        if key not in self._receipts and len(self._receipts) >= MAX_RECEIPTS:
            raise ProtocolError("there are too many receipts")
        # Of two signatures of one witness the smaller is kept, so that replicas agree to the octet.
        if key not in self._receipts or octets < self._receipts[key].to_bytes():
            self._receipts[key] = receipt
        return receipt

    def merge(self, other: Replica) -> None:
        """All that the other replica has seen is seen here too.

        Raises: BrokenChain if it is another identity's, ProtocolError if that is too much
        """
        if other.identity != self.identity:
            raise BrokenChain("the replicas are of different identities")
        for block in [*other, *sorted(other._waiting.values(), key=lambda block: block.sequence)]:
            self.add(block.octets)
        for receipt in other._receipts.values():
            self.add_receipt(receipt.to_bytes())

    # -- bundles -----------------------------------------------------------------------------------------------------
    def to_bytes(self) -> bytes:
        """An offline proof: every valid operation in order and every receipt for one, in deterministic CBOR.

        Spec: spec/dpki.md#bundles
        """
        operations = [block.octets for block in self]
        receipts = [receipt.to_bytes() for block in self for receipt in self.receipts(block.cid)]
        return cbor.encode(
            {"type": BUNDLE, "identity": self.identity.link(), "operations": operations, "receipts": receipts},
            _BUNDLE_LIMITS,
        )

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The replica in a bundle, every signature checked. It proves what was said, not that nothing else was.

        Spec: spec/dpki.md#bundles
        Raises: EncodingError, BrokenChain, InvalidSignature
        """
        fields = Fields(cbor.decode(octets, _BUNDLE_LIMITS, tags=(LINK_TAG,)), "a bundle")
        if fields.text("type") != BUNDLE:
            raise MalformedEnvelope(f"the bundle is not of type {BUNDLE}")
        replica = cls(CID.from_link(fields.value("identity")))
        operations, receipts = fields.array("operations", 1, MAX_OPERATIONS), fields.array("receipts", 0, MAX_RECEIPTS)
        fields.finish()
        for block in _octet_strings(operations):
            replica.add(block)
        for receipt in _octet_strings(receipts):
            replica.add_receipt(receipt)
        if replica.missing or replica.to_bytes() != octets:
            raise NonCanonical("the bundle is not complete and in order")
        return replica


def _octet_strings(values: Iterable[cbor.Value]) -> Iterator[bytes]:
    for value in values:
        if not isinstance(value, bytes):
            raise MalformedEnvelope("a bundle holds octet strings")
        yield value
