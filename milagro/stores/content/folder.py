"""Content in a folder: one file a block, in subfolders by the last two characters but one of its name.

A block is written to a file of its own, synced, renamed and its folder synced, so that after a crash it is there
whole or not at all, and so that any number of processes can use one folder: of two writers of one block each
writes the same octets. What a crash leaves behind is a file with a leading dot, swept away when it is a day old.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Final

from milagro.errors import MilagroError, NotFound, StoreError, Unavailable
from milagro.stores import files
from milagro.stores.content.store import MAX_BLOCK_OCTETS, ContentStore

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.cid import CID

_LEFTOVER_SECONDS: Final = 86400


class FolderStore(ContentStore):
    """Blocks in files below `folder`, which is made if it is not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._make(folder)
        self._sweep()

    def has(self, cid: CID) -> bool:
        """Whether there is a file for the block."""
        return self._path(cid).is_file()

    def remove(self, cid: CID) -> None:
        """Removes the block's file, durably."""
        path = self._path(cid)
        try:
            path.unlink()
            files.sync_folder(path.parent)
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable(f"the block {path} cannot be removed: {error.strerror}") from error

    def check(self) -> None:
        """Refuses unless the folder takes files and has room.

        Raises: Unavailable
        """
        probe = self._folder / ".check"
        files.replace(probe, os.urandom(16))
        probe.unlink(missing_ok=True)

    def _write(self, cid: CID, block: bytes) -> None:
        path = self._path(cid)
        self._make(path.parent)
        if self._holds(path, cid):
            files.sync_folder(path.parent)  # another process may have renamed it a moment ago
        else:
            files.replace(path, block)

    def _read(self, cid: CID, timeout_seconds: float) -> bytes:
        del timeout_seconds
        try:
            return files.read(self._path(cid), MAX_BLOCK_OCTETS)
        except NotFound:
            raise NotFound(f"there is no block {cid} in {self._folder}") from None

    def _holds(self, path: Path, cid: CID) -> bool:
        # A damaged file is written again rather than believed.
        with contextlib.suppress(MilagroError):
            cid.check(files.read(path, MAX_BLOCK_OCTETS))
            return True
        return False

    def _path(self, cid: CID) -> Path:
        name = str(cid)
        return self._folder / name[-3:-1] / name

    def _make(self, folder: Path) -> None:
        if folder.is_dir():
            return
        files.make_folder(folder)
        try:
            files.sync_folder(folder.parent)
        except OSError as error:
            raise StoreError(f"the folder {folder.parent} cannot be synced: {error.strerror}") from error

    def _sweep(self) -> None:
        oldest = time.time() - _LEFTOVER_SECONDS
        for path in self._folder.glob("??/.*"):
            with contextlib.suppress(OSError):  # another process may sweep as well
                if path.stat().st_mtime < oldest:
                    path.unlink()
