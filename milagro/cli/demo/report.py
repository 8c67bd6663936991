"""What the demo says of its steps, as lines or as JSON."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milagro.errors import MilagroError


@dataclass
class Report:
    """What has been shown so far."""

    quiet: bool
    started: float = field(default_factory=time.monotonic)
    steps: list[dict[str, Any]] = field(default_factory=list)

    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self.started

    @contextlib.contextmanager
    def step(self, name: str, text: str) -> Iterator[None]:
        """One step: shown when it begins, and marked when it ends."""
        began = time.monotonic()
        if not self.quiet:
            click.echo(f"{len(self.steps) + 1}. {text} ... ", nl=False)
        done = False
        try:
            yield
            done = True
        finally:
            seconds = round(time.monotonic() - began, 2)
            self.steps.append({"step": name, "text": text, "ok": done, "seconds": seconds})
            if not self.quiet:
                click.echo(f"{'ok' if done else 'FAILED'} ({seconds:.1f} s)")

    def summary(self, failure: MilagroError | None) -> dict[str, Any]:
        """The report as JSON."""
        result = {"ok": failure is None, "seconds": round(self.seconds(), 2), "steps": self.steps}
        return result if failure is None else {**result, "error": str(failure)}
