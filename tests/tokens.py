"""Fixtures for tests in several folders: a token of SoftHSM for one test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stores.keys.softhsm import KEY, SoftHsm, module

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    """A token with a PIN and no key."""
    module()
    made = SoftHsm(tmp_path / "hsm").build()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    made.token().close()  # the module reads its configuration when it starts
    yield made
    made.token().close()


@pytest.fixture
def keyed(hsm: SoftHsm) -> SoftHsm:
    """A token with a key."""
    hsm.token().generate_key(KEY)
    return hsm
