"""Trying again what may work later, at intervals that grow and that chance spreads."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from milagro.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between 0 and `first_seconds` doubled each time, at most `longest_seconds`; at most `attempts` tries.

    The wait is uniform over the whole range, so that peers that lost a daemon at one moment do not come back at one.
    """

    attempts: int = 4
    first_seconds: float = 0.1
    longest_seconds: float = 5.0

    def wait_seconds(self, failures: int) -> float:
        """How long to wait after so many failures."""
        highest = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures - 1, 30))
        return random.uniform(0, highest)  # noqa: S311 - no secret hangs on when a request is repeated

    def call(self, function: Callable[[], Result], sleep: Callable[[float], object] = time.sleep) -> Result:
        """The result of `function`, which is called again after each Unavailable.

        Raises: Unavailable, the last one, and at once whatever else `function` raises
        """
        for failures in range(1, self.attempts):
            try:
                return function()
            except Unavailable:
                sleep(self.wait_seconds(failures))
        return function()
