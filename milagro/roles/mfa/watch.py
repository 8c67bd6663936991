"""Doing something again and again in the background, less often while it fails, and never two at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from milagro.errors import MilagroError
from milagro.roles import logs

_LONGEST: Final = 3600.0
_log = logs.logger(__name__)


class KeyWatch:
    """One thread that calls `refresh` at intervals; a failure is logged and doubles the pause, up to an hour."""

    def __init__(self, refresh: Callable[[], None], seconds: float) -> None:
        self._refresh, self._seconds = refresh, seconds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins; the first call comes after the first pause."""
        self._thread = threading.Thread(target=self._run, name="key watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends, without waiting for a call under way: what it does is whole or not done."""
        self._stop.set()

    def _run(self) -> None:
        pause = self._seconds
        while not self._stop.wait(pause):
            pause = self._seconds if self._once() else min(2 * pause, max(_LONGEST, self._seconds))

    def _once(self) -> bool:
        try:
            self._refresh()
        except MilagroError as error:
            _log.warning("the keys of the D-TAs were not learned", reason=str(error))
            return False
        except Exception:  # noqa: BLE001 - a thread that ends silently would be found out at the end of an overlap
            _log.error("the watch for keys failed", exc_info=True)
            return False
        return True
