"""How far the audit log has come, in a file beside the database: what shows that the database was restored.

    be(number, 8) || digest (32) || SHA-256 of both (32)

The file is raised after a transaction is durable and before the share leaves. So whatever left is in every database
that is as far as the file; a database that is not lacks something that has left.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from milagro.errors import Unavailable
from milagro.octets import i2osp, os2ip
from milagro.stores import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OCTETS: Final = 8 + 32 + 32
_OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """An entry of the audit log: its number and digest."""

    number: int
    digest: bytes


class Watermark:
    """The file. Threads and processes may share it.

    Spec: spec/issuing.md
    Raises: Unavailable
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._errors():
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
            files.sync_folder(path.parent)

    def read(self) -> Mark | None:
        """The highest mark; None if the file is new, cut short or spoilt."""
        with self._exclusive():
            return self._read()

    def raise_to(self, mark: Mark) -> None:
        """Writes a mark that is higher than the one that is there; durable on return.

        Raises: Unavailable
        """
        with self._exclusive():
            known = self._read()
            if known is not None and known.number >= mark.number:
                return
            octets = i2osp(mark.number, 8) + mark.digest
            # In one sector, so a crash leaves the old octets or the new ones; if not, the checksum tells.
            os.pwrite(self._descriptor, octets + hashlib.sha256(octets).digest(), 0)
            os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Lets the file go."""
        os.close(self._descriptor)

    def _read(self) -> Mark | None:
        octets = os.pread(self._descriptor, _OCTETS, 0)
        if len(octets) != _OCTETS or hashlib.sha256(octets[:40]).digest() != octets[40:]:
            return None
        return Mark(os2ip(octets[:8]), octets[8:40])

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        with self._lock, self._errors():
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(f"the watermark {self._path} cannot be used: {error.strerror}") from error
