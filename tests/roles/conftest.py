"""Fixtures for the roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import require_backend
from tests.roles.world import SetClock, World
from tests.stores.databases import database, postgres, store_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


__all__ = ["database", "postgres"]  # fixtures


@pytest.fixture(scope="session", autouse=True)
def native_backend() -> Iterator[None]:
    """Roles hold secrets, so they run on the native backend only, whatever the environment of the run says."""
    require_backend("native")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MILAGRO_BACKEND", raising=False)
        yield


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def world(tmp_path: Path, clock: SetClock, request: pytest.FixtureRequest) -> Iterator[World]:
    """A world on SQLite files; `indirect` parameters (see test_login) ask for others."""
    kind = getattr(request, "param", "sqlite")
    built = World(tmp_path, clock, store=lambda: store_table(kind, request)).build()
    yield built
    built.mfa.close()
    for dta in built.dtas.values():
        dta.close()
