"""Fixtures for the roles."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import require_backend
from tests.roles.world import SetClock, World
from tests.stores.databases import database, postgres, store_table

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = ["database", "postgres"]  # fixtures
MEMORY = Path("/dev/shm")


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
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: the databases of these tests need no disk."""
    made = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else tmp_path))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def world(folder: Path, clock: SetClock, request: pytest.FixtureRequest) -> Iterator[World]:
    """A world on SQLite files; `indirect` parameters (see test_login) ask for others for the MFA server."""
    kind = getattr(request, "param", "sqlite")
    built = World(folder, clock, store=lambda: store_table(kind, request)).build()
    yield built
    built.close()
