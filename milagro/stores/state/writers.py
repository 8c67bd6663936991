"""Writers of one process to one file take turns, in order of arrival, and those who wait share a commit.

    arrive --(nobody writes)--> BEGIN --work--> leave --(nobody waits)--> COMMIT: durable for all who were in it
           --(somebody does)--> wait              |                          ^
                                  ^               +--(somebody waits)--------|-+
                                  |                                          | |  the transaction stays open,
                                  +--- SAVEPOINT --work-- leave -------------+ |  the one before waits for its end
                                  +--------------------------------------------+

SQLite has one writer at a time, and each commit waits for the disk. A group of writers waits once. Nothing of it is
durable before its one COMMIT, and nobody is told otherwise: whoever has left waits for the end, and if that fails it
fails for all. What one of them undoes is undone alone, back to its savepoint.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from milagro.errors import MilagroError, StoreError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

MOST: Final = 16  # in a group
_LONGEST: Final = 0.02  # seconds after which nobody more is taken in
BUSY: Final = "the database is busy; try again"
NOT_KEPT: Final = "a statement of the transaction failed, so nothing of it was kept"
_LOST: Final = "the database gave up a transaction, so nothing of it was kept; try again"
_SAVEPOINT: Final = "turn"


@dataclass(eq=False, slots=True)
class _Group:
    """Writers in one transaction. `fault` is why it failed, once it is over."""

    connection: Connection
    begun: float = field(default_factory=time.monotonic)
    taken: int = 1
    kept: int = 0
    is_lost: bool = False
    fault: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def takes_more(self) -> bool:
        return not self.is_lost and self.taken < MOST and time.monotonic() < self.begun + _LONGEST


class Writers:
    """The turns. `begin` gives a connection in a transaction, `commit` ends one and `undo` another.

    `failed` says whether a statement failed on the connection since it was asked last.
    """

    def __init__(
        self,
        wait_seconds: float,
        begin: Callable[[], Connection],
        commit: Callable[[Connection], None],
        undo: Callable[[Connection], None],
        failed: Callable[[Connection], bool],
    ) -> None:
        self._wait_seconds = wait_seconds
        self._begin, self._commit, self._undo, self._failed = begin, commit, undo, failed
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._is_taken = False
        self._open: _Group | None = None  # for whoever has the turn

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction, alone or in a group; durable once the block is left.

        Raises: Unavailable if the turn does not come in time; what `begin` and `commit` raise; StoreError if a
            statement failed though the block went on
        """
        self._await_turn()
        group, is_first = self._enter()
        try:
            yield group.connection
            self._keep(group, is_first)
        except BaseException:
            self._drop(group, is_first)
            self._leave(group)
            raise
        if not self._leave(group):
            group.over.wait()
        _explain(group)

    # -- turns -------------------------------------------------------------------------------------------------
    def _await_turn(self) -> None:
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(self._wait_seconds):
            return
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                raise Unavailable(BUSY)
        # It came at the last moment: whoever gave it counts on it to be taken.

    def _give_turn(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False

    # -- a group -----------------------------------------------------------------------------------------------
    def _enter(self) -> tuple[_Group, bool]:
        """The group whose turn it is, and whether the caller is the first in it."""
        group = self._open
        if group is None:
            try:
                group = self._open = _Group(self._begin())
            except BaseException:
                self._give_turn()
                raise
            return group, True
        group.taken += 1
        try:
            group.connection.exec_driver_sql(f"SAVEPOINT {_SAVEPOINT}")
        except BaseException:
            group.is_lost = True
            self._leave(group)
            raise
        return group, False

    def _keep(self, group: _Group, is_first: bool) -> None:
        if self._failed(group.connection):
            raise StoreError(NOT_KEPT)
        if not is_first:
            group.connection.exec_driver_sql(f"RELEASE {_SAVEPOINT}")
        group.kept += 1

    def _drop(self, group: _Group, is_first: bool) -> None:
        """Undoes what one did. SQLite itself undoes everything where a disk is full or broken: then all is lost."""
        if is_first:
            group.is_lost = True  # it is alone yet; those who wait begin anew
            return
        try:
            group.connection.exec_driver_sql(f"ROLLBACK TO {_SAVEPOINT}")
            group.connection.exec_driver_sql(f"RELEASE {_SAVEPOINT}")
        except DBAPIError:
            group.is_lost = True
        except BaseException:
            group.is_lost = True
            raise
        finally:
            self._failed(group.connection)  # what failed was undone

    def _leave(self, group: _Group) -> bool:
        """Ends the group, or leaves that to the next whose turn it is; whether it is over."""
        with self._lock:
            if self._waiting and group.takes_more():
                self._waiting.popleft().set()
                return False
        self._open = None
        try:
            self._end(group)
        except BaseException as error:
            group.fault = error
            if not isinstance(error, Exception):
                raise
        finally:
            group.over.set()
            self._give_turn()
        return True

    def _end(self, group: _Group) -> None:
        with contextlib.closing(group.connection):
            if group.is_lost or not group.kept:
                self._undo(group.connection)
            else:
                self._commit(group.connection)
        if group.is_lost and group.kept:
            raise Unavailable(_LOST)


def _explain(group: _Group) -> None:
    """Raises what the end of the group failed with, for each of its writers."""
    fault = group.fault
    if fault is None:
        return
    if isinstance(fault, MilagroError):
        raise type(fault)(str(fault)) from fault
    if isinstance(fault, Exception):
        raise fault
    raise Unavailable(_LOST) from fault
