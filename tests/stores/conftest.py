"""Fixtures of the stores: real Kubo daemons, started once for a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stores.daemons import Daemon, binary, make_swarm
from tests.stores.databases import database, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = ["database", "postgres"]  # fixtures


@pytest.fixture(scope="session")
def swarm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Daemon]]:
    """Three connected daemons."""
    binary()
    daemons = make_swarm(tmp_path_factory.mktemp("swarm"), 3)
    try:
        yield daemons
    finally:
        for daemon in daemons:
            daemon.kill()
