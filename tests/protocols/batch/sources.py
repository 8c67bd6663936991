"""Sources of randomness for tests of batches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable


def random_from(seed: str) -> Callable[[int], bytes]:
    """A source that returns the same octets in every run, and never the same twice."""
    count = 0

    def draw(length: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_256(f"{seed} {count}".encode()).digest(length)

    return draw


def all_equal(length: int) -> bytes:
    """The broken source whose weights are all one and the same."""
    return b"\x01" * length
