"""Learns what others' identities have become, in a thread of its own, while messages go on.

ask --> queue, proven ones first, bounded --> Directory.find --> learned(identity, state before)
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from milagro.errors import MilagroError, NotFound

if TYPE_CHECKING:
    from milagro.cid import CID
    from milagro.protocols import pki
    from milagro.roles.correspondence.directory import Directory

MAX_WAITING: Final = 64
_PAUSE_SECONDS: Final = 0.5  # what could not be found is not looked for again within this time
_MAX_FAILED: Final = 256

Learned = Callable[["CID", "pki.Resolution | None"], None]
"""Takes an identity and what was known of it before."""


class Finder:
    """Looks up what `ask` names, one after the other, and tells `learned` when it found something."""

    def __init__(self, directory: Directory, learned: Learned, fetch_seconds: float) -> None:
        self._directory, self._learned, self._fetch_seconds = directory, learned, fetch_seconds
        self._changed = threading.Condition()
        self._proven: OrderedDict[tuple[CID, CID | None], None] = OrderedDict()
        self._others: OrderedDict[tuple[CID, CID | None], None] = OrderedDict()
        self._failed: OrderedDict[tuple[CID, CID | None], float] = OrderedDict()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="finder", daemon=True)
        self.problem: MilagroError | None = None

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self) -> None:
        """Ends it, after what is being fetched."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def ask(self, identity: CID, heads: CID | None, *, proven: bool) -> None:
        """Takes an identity and perhaps heads of it, to be looked up soon."""
        wanted = identity, heads
        with self._changed:
            queue = self._proven if proven else self._others
            if wanted in queue or time.monotonic() < self._failed.get(wanted, 0.0):
                return
            queue[wanted] = None
            if len(queue) > MAX_WAITING:
                queue.popitem(last=False)
            self._changed.notify_all()

    def _run(self) -> None:
        while (wanted := self._next()) is not None:
            try:
                self._look_up(*wanted)
                self.problem = None
            except MilagroError as error:  # it is heard of again, and then looked for again
                self.problem = error
                self._fail(wanted)

    def _next(self) -> tuple[CID, CID | None] | None:
        with self._changed:
            while not self._closing and not self._proven and not self._others:
                self._changed.wait()
            if self._closing:
                return None
            return (self._proven or self._others).popitem(last=False)[0]

    def _look_up(self, identity: CID, heads: CID | None) -> None:
        before = None
        with contextlib.suppress(NotFound):
            before = self._directory.resolution(identity)
        if before is None or (heads is not None and not self._directory.has_learned(identity, heads)):
            self._directory.find(identity, heads, self._fetch_seconds)
            self._learned(identity, before)

    def _fail(self, wanted: tuple[CID, CID | None]) -> None:
        with self._changed:
            self._failed[wanted] = time.monotonic() + _PAUSE_SECONDS
            if len(self._failed) > _MAX_FAILED:
                self._failed.popitem(last=False)
