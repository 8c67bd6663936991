"""The one place where a role learns the time. Tests put another clock in its stead."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Seconds since 1970-01-01 UTC."""


def unix_now() -> int:
    """This machine's time."""
    return int(time.time())
