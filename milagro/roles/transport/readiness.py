"""Whether a server can do its work now. The answer is found out when it is asked for, so it is true."""

from __future__ import annotations

import threading
from collections.abc import Callable

from milagro.errors import MilagroError, Unavailable
from milagro.roles import logs

_log = logs.logger(__name__)
Check = Callable[[], None]
"""Raises a MilagroError while something that the role needs is missing."""


class Readiness:
    """A role's check, made by one thread at a time, and false from the moment at which the server is told to stop."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._lock = threading.Lock()
        self.draining = False

    def drain(self) -> None:
        """Says from now on that the server is not ready."""
        self.draining = True

    def require(self) -> None:
        """Returns if the server is ready. Many who ask at once are many who wait, not many checks.

        Raises: Unavailable, without the reason, which is for the log
        """
        if self.draining:
            raise Unavailable("not ready: the server is stopping")
        try:
            with self._lock:
                self._check()
        except MilagroError as error:
            _log.warning("not ready", error=type(error).__name__, reason=str(error))
            raise Unavailable("not ready; the server's log says why") from error

    def holds(self) -> bool:
        """Whether the server is ready."""
        try:
            self.require()
        except Unavailable:
            return False
        return True
