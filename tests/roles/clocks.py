"""A clock for tests."""

from __future__ import annotations

START = 1_800_000_000


class SetClock:
    """A clock that goes only when it is told to."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now
