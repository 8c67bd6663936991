"""Fixtures for tests in several folders: a token of SoftHSM for one test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.stores.keys.softhsm import SoftHsm


@pytest.fixture
def hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    """A token with a PIN and no key."""
    # Not above: every test run loads this file, also where the library for tokens is not installed.
    from tests.stores.keys.softhsm import SoftHsm, module

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
    from tests.stores.keys.softhsm import KEY

    hsm.token().generate_key(KEY)
    return hsm
