"""How far a long command is, on standard error and only where a person looks."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from types import TracebackType

_WIDTH = 30
_MIB = 1 << 20
_INTERVAL = 0.1  # seconds between two drawings


class Progress:
    """A bar, or where the end is not known a counter, that is gone when the block is left."""

    def __init__(self, total: int | None, shown: bool | None) -> None:
        self._shown = sys.stderr.isatty() if shown is None else shown
        self._total, self._done, self._drawn = total, 0, 0.0
        self._start = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            click.echo("\r\033[K", nl=False, err=True)

    def add(self, octets: int) -> None:
        """So many octets more are done."""
        self._done += octets
        now = time.monotonic()
        if self._shown and now - self._drawn >= _INTERVAL:
            self._drawn = now
            click.echo(f"\r\033[K{self.text(now - self._start)}", nl=False, err=True)

    def text(self, seconds: float) -> str:
        """The line as it stands after so many seconds."""
        speed = self._done / _MIB / max(seconds, _INTERVAL)
        end = f"{self._done / _MIB:.1f} MiB, {speed:.0f} MiB/s"
        if not self._total:
            return end
        share = min(1.0, self._done / self._total)
        return f"[{'#' * round(_WIDTH * share):<{_WIDTH}}] {share:4.0%}  {end}"
