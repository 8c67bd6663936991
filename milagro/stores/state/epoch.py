"""The database epoch: a number in the database and in a small file outside it, by which an older copy is recognised.

    raised, in a transaction:    database: number = max(number, file) + 1     file, after the commit: number
    the database is older than the file:     file > number     ->  restored_at = now, for all replicas to see

The number is raised whenever a `State` is opened and then once a minute while something is written, and a backup
raises it too, so a copy that is put back is behind the file unless nothing was written after it but within one minute.
The file goes ahead of the database never, so a crash between the two is not taken for a restore. What follows is the
role's: a server says so in its log when it starts. (For tickets a D-TA has a sharper test, the watermark of its log.)

A file that is missing is made; it knows nothing yet. Keep it out of the backups of the database.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, select, update

from milagro.errors import NotFound, StoreError, Unavailable
from milagro.stores import files
from milagro.stores.state.schema import STATE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

RAISE_SECONDS: Final = 60
_MAX_OCTETS: Final = 32
_KNOWN: Final = bindparam("known", type_=STATE.c.epoch.type)
_OLDER: Final = (
    update(STATE)
    .where(STATE.c.epoch < _KNOWN)
    .values(epoch=_KNOWN + 1, restored_at=bindparam("now", type_=STATE.c.restored_at.type))
)


class Epoch:
    """The file at `path`; without one nothing is ever compared.

    `restored` says whether this process found the database older than the file.
    """

    def __init__(self, path: Path | None, clock: Callable[[], int]) -> None:
        self._path, self._clock = path, clock
        self._due: float | None = None  # None: now
        self._is_kept = False
        self._fault: str | None = None
        self._noted = 0
        self.restored = False

    def later(self) -> int:
        """Now, and later than what this process said before, so that two restores in one second are two."""
        self._noted = max(self._clock(), self._noted + 1)
        return self._noted

    def check(self) -> None:
        """Refuses while the file cannot be kept. Raises: Unavailable"""
        if self._fault is not None:
            raise Unavailable(self._fault)

    def raise_if_due(self, connection: Connection) -> int | None:
        """The number that was raised in this transaction, to be stored after its commit; None if it is not time.

        Raises: StoreError if the file cannot be read, the first time; later `check` tells, and writing goes on
        """
        if self._path is None or (self._due is not None and time.monotonic() < self._due):
            return None
        try:
            known = self._read(self._path)
        except StoreError as error:
            if not self._is_kept:
                raise
            self._fault = f"the database's epoch cannot be kept: {error}"
            return None
        found = connection.execute(select(STATE.c.epoch).with_for_update()).scalar_one()
        changed: dict[str, int] = {"epoch": max(found, known) + 1}
        if known > found:
            changed["restored_at"] = self.later()
            self.restored = True
        connection.execute(update(STATE).values(changed))
        return changed["epoch"]

    def notice(self, connection: Connection, found: int) -> bool:
        """Notes in this transaction that the database, whose number was `found`, is older than the file, if it is.

        The number was read before the file is, which is written after a commit; so it is asked for again.
        Raises: StoreError if the file cannot be read
        """
        if self._path is None or (known := self._read(self._path)) <= found:
            return False
        if connection.execute(_OLDER, {"known": known, "now": self.later()}).rowcount == 0:
            return False
        self.restored = True
        return True

    def store(self, number: int) -> None:
        """Writes the number that was committed, unless another process wrote a larger one."""
        assert self._path is not None  # noqa: S101 - for the type checker
        self._due = time.monotonic() + RAISE_SECONDS
        try:
            with files.locked(self._path.parent):
                if self._read(self._path) < number:
                    files.replace(self._path, b"%d\n" % number)
            self._fault, self._is_kept = None, True
        except StoreError as error:
            # What was committed stays committed; `check` tells, and the next write tries again.
            self._due, self._fault = None, f"the database's epoch cannot be kept: {error}"

    def expire(self) -> None:
        """Lets the next write raise the number."""
        self._due = None

    def _read(self, path: Path) -> int:
        try:
            octets = files.read(path, _MAX_OCTETS)
        except NotFound:
            return 0
        if not octets.strip().isdigit():
            raise StoreError(f"the file {path} does not hold the number of a database epoch")
        return int(octets)
