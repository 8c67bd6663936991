"""Content in a dictionary, for tests and for processes that need nothing after their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.errors import NotFound
from milagro.stores.content.store import ContentStore

if TYPE_CHECKING:
    from milagro.cid import CID


class MemoryStore(ContentStore):
    """Blocks that last as long as the object."""

    def __init__(self) -> None:
        self._blocks: dict[CID, bytes] = {}

    def has(self, cid: CID) -> bool:
        """Whether the block is here."""
        return cid in self._blocks

    def remove(self, cid: CID) -> None:
        """Forgets the block."""
        self._blocks.pop(cid, None)

    def check(self) -> None:
        """Has nothing to refuse."""

    def _write(self, cid: CID, block: bytes) -> None:
        self._blocks[cid] = bytes(block)

    def _read(self, cid: CID, timeout_seconds: float) -> bytes:
        del timeout_seconds
        try:
            return self._blocks[cid]
        except KeyError:
            raise NotFound(f"there is no block {cid}") from None
