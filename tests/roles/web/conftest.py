from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.roles.web import pages_world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.roles.web.pages_world import PagesWorld


@pytest.fixture
def pages(folder: Path) -> Iterator[PagesWorld]:
    yield from pages_world.made(folder)
