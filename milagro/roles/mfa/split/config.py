"""[mfa.split]: that this replica holds a share of the server secret, and how it reaches the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.roles.config import Reader


@dataclass(frozen=True, slots=True)
class SplitConfig:
    """The folder that `milagro mfa split` wrote for this replica, and the file with its own counts."""

    folder: Path
    counters: Path
    ca_certificate: Path | None
    answer_seconds: int


def read_split(reader: Reader) -> SplitConfig:
    """The table [mfa.split]."""
    return SplitConfig(
        folder=reader.path("folder", "split"),
        counters=reader.path("counters", "split-attempts.sqlite"),
        ca_certificate=reader.file("ca_certificate", required=False),
        answer_seconds=reader.integer("answer_seconds", 1, 60, 5),
    )
