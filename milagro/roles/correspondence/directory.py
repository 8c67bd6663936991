"""Identities as they are now: found from nothing but a name, kept, and only ever added to.

    name --> first block, from the content store --> state
    name, heads document --> last operations --> the operations before them, back to what is known --> state

Everything fetched is added to a `pki.Replica`, which checks it; the store is trusted with nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from milagro.cid import CID, Codec
from milagro.errors import BrokenChain, NotFound, ProtocolError, StoreError
from milagro.protocols import pki
from milagro.protocols.pki import Block, Heads, Replica
from milagro.protocols.pki.replica import MAX_OPERATIONS

if TYPE_CHECKING:
    from milagro.stores.content import BlockSource, ContentStore
    from milagro.stores.identities import KnownIdentities

DEFAULT_SECONDS: Final = 15.0
_MAX_REMEMBERED: Final = 1024


class Directory:
    """What is known here of identities. Threads may share it.

    What is learned is kept in `known`, which other processes may share; without it, as long as the directory lasts.


    Spec: spec/dpki.md#finding
    """

    def __init__(self, store: ContentStore, known: KnownIdentities | None = None) -> None:
        self._store, self._known = store, known
        self._lock = threading.RLock()
        self._replicas: dict[CID, Replica] = {}
        self._learned: dict[CID, CID] = {}  # heads document -> identity

    # -- giving out ---------------------------------------------------------------------------------------------------
    def publish(self, replica: Replica) -> CID:
        """The name of the heads document, after it and all it leads to are in the store, and are known here.

        Spec: spec/dpki.md#finding
        Raises: ParameterError if the identity has too many ends, StoreError
        """
        self.add(replica)
        with self._lock:
            whole = self._replica(replica.identity)
            heads, octets = Heads.of(whole), list(_blocks(whole))
        for block in octets:
            self._store.put(block, Codec.DAG_CBOR)
        cid = self._store.put(heads.to_bytes(), Codec.DAG_CBOR)
        self._remember(cid, heads.identity)
        return cid

    # -- what is known ------------------------------------------------------------------------------------------------
    def resolution(self, identity: CID) -> pki.Resolution:
        """What is known of an identity, nobody asked.

        Raises: NotFound if that is nothing
        """
        with self._lock:
            return pki.resolve(self._replica(identity))

    def keys(self, identity: CID) -> tuple[pki.Key, ...]:
        """All keys that a valid operation of the identity ever added, also those that were revoked or superseded."""
        with self._lock:
            operations = [block.operation for block in self._replica(identity)]
        edits = (edit for operation in operations if not isinstance(operation, pki.Retire) for edit in operation.edits)
        return tuple({edit.key.id: edit.key for edit in edits if isinstance(edit, pki.AddKey)}.values())

    def has_learned(self, identity: CID, heads: CID) -> bool:
        """Whether all that the heads document leads to is known."""
        with self._lock:
            return self._learned.get(heads) == identity

    # -- learning -----------------------------------------------------------------------------------------------------
    def add(self, replica: Replica) -> None:
        """Takes what a bundle holds.

        Raises: ProtocolError if it is too much, StoreError
        """
        with self._lock:
            known = self._replica(replica.identity)
            before = known.to_bytes() if replica.identity in known else b""
            known.merge(replica)
            if known.to_bytes() != before:
                self._save(known)

    def find(self, identity: CID, heads: CID | None = None, timeout_seconds: float = DEFAULT_SECONDS) -> pki.Resolution:
        """What an identity is, with all that `heads` leads to; without it, at least the first document.

        Spec: spec/dpki.md#finding
        Raises: NotFound, Unavailable, CorruptBlock if something cannot be fetched; EncodingError, BrokenChain,
            InvalidSignature if what was fetched is no part of the identity; ProtocolError if it is too much
        """
        deadline = time.monotonic() + timeout_seconds
        if heads is not None and not self.has_learned(identity, heads):
            self._learn(identity, heads, deadline)
        elif not self._is_here(identity):
            self._fetch(identity, [identity], deadline)
        return self.resolution(identity)

    def learn(self, heads: CID, timeout_seconds: float = DEFAULT_SECONDS) -> pki.Resolution:
        """The identity that the heads document is of, with all that it leads to.

        Spec: spec/dpki.md#finding
        Raises: as find
        """
        deadline = time.monotonic() + timeout_seconds
        identity = Heads.from_bytes(self._get(heads, deadline)).identity
        return self.find(identity, heads, deadline - time.monotonic())

    def _learn(self, identity: CID, heads: CID, deadline: float) -> None:
        document = Heads.from_bytes(self._get(heads, deadline))
        if document.identity != identity:
            raise BrokenChain(f"the heads {heads} are of another identity")
        self._fetch(identity, document.operations, deadline, document.receipts)
        self._store.put(document.to_bytes(), Codec.DAG_CBOR)  # so that others may have it from here
        self._remember(heads, identity)

    def _fetch(self, identity: CID, ends: Iterable[CID], deadline: float, receipts: Iterable[CID] = ()) -> None:
        """Fetches from the ends back to what is known, and adds it in the order in which it was made."""
        with self._lock:
            known = Replica(identity)
            known.merge(self._replica(identity))
        seen = {CID.of(octets, Codec.DAG_CBOR) for octets in _blocks(known)}
        fetched: dict[CID, Block] = {}
        waiting = list(ends)
        while waiting:
            cid = waiting.pop()
            if cid in known or cid in fetched:
                continue
            if len(known) + len(fetched) >= MAX_OPERATIONS:
                raise ProtocolError(f"an identity has at most {MAX_OPERATIONS} operations")
            fetched[cid] = block = Block.from_bytes(self._get(cid, deadline))
            if block.identity != identity:
                raise BrokenChain(f"{cid} is an operation of another identity than {identity}")
            waiting.extend(block.previous)
        ordered = sorted(fetched.values(), key=lambda block: (block.sequence, block.cid.to_bytes()))
        for block in ordered:
            known.add(block.octets)
        if known.missing:
            raise BrokenChain(f"operations of {identity} follow what is not there")
        for cid in (cid for cid in receipts if cid not in seen):
            known.add_receipt(self._get(cid, deadline))
        self.add(known)
        for block in ordered:
            self._store.put(block.octets, Codec.DAG_CBOR)

    def _get(self, cid: CID, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0:
            raise NotFound(f"there was no time left to fetch {cid}")
        return _from(self._store, cid, left)

    def _is_here(self, identity: CID) -> bool:
        with self._lock:
            return identity in self._replica(identity)

    def _replica(self, identity: CID) -> Replica:
        if identity not in self._replicas:
            self._replicas[identity] = self._known.read(identity) if self._known else Replica(identity)
        return self._replicas[identity]

    def _save(self, replica: Replica) -> None:
        if self._known is not None:
            self._known.save(replica)

    def _remember(self, heads: CID, identity: CID) -> None:
        with self._lock:
            self._learned[heads] = identity
            while len(self._learned) > _MAX_REMEMBERED:
                del self._learned[next(iter(self._learned))]


def _blocks(replica: Replica) -> Iterator[bytes]:
    for block in replica:
        yield block.octets
        for receipt in replica.receipts(block.cid):
            yield receipt.to_bytes()


def _from(store: BlockSource, cid: CID, seconds: float) -> bytes:
    try:
        return store.get(cid, seconds)
    except StoreError as error:
        raise type(error)(f"the block {cid} of an identity cannot be fetched: {error}") from error
