"""One's own store in front of others': what it lacks is fetched from them, checked, and kept."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from milagro.errors import CorruptBlock, NotFound, StoreError
from milagro.stores.content.store import ContentStore

if TYPE_CHECKING:
    from milagro.cid import CID
    from milagro.stores.content.store import BlockSource


class CachedStore(ContentStore):
    """`own`, and behind it `sources` in their order; only `own` is written to."""

    def __init__(self, own: ContentStore, *sources: BlockSource) -> None:
        self._own = own
        self._sources = sources

    def has(self, cid: CID) -> bool:
        """Whether the block is in one's own store."""
        return self._own.has(cid)

    def remove(self, cid: CID) -> None:
        """Removes the block from one's own store."""
        self._own.remove(cid)

    def check(self) -> None:
        """Refuses unless one's own store can be used; the others may come and go."""
        self._own.check()

    def close(self) -> None:
        """Closes one's own store; the sources belong to who made them."""
        self._own.close()

    def _write(self, cid: CID, block: bytes) -> None:
        self._own.put(block, cid.codec)

    def _read(self, cid: CID, timeout_seconds: float) -> bytes:
        deadline = time.monotonic() + timeout_seconds
        with contextlib.suppress(NotFound, CorruptBlock):  # a damaged block is fetched again
            return self._own.get(cid, timeout_seconds)
        failure: StoreError = NotFound(f"there is no block {cid} here, and nobody to ask for it")
        for position, source in enumerate(self._sources):
            # Those that are still to be asked share the time that is left.
            left = max(0.1, (deadline - time.monotonic()) / (len(self._sources) - position))
            try:
                block = source.get(cid, left)
            except StoreError as error:
                failure = error
                continue
            self._own.put(block, cid.codec)
            return block
        raise failure
