"""One provider for each module of tests; each test has browsers of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.roles.oidc.world import PROFILE, OidcWorld
from tests.roles.world import SetClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.roles.oidc.world import Browser, Party


@pytest.fixture(scope="module")
def op(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcWorld]:
    world = OidcWorld(tmp_path_factory.mktemp("op"), SetClock()).build()
    world.enrol("alice", "laptop")
    world.enrol("bob", "desktop")
    world.provider.records.keep_profile("alice", PROFILE)
    yield world
    world.close()


@pytest.fixture
def browser(op: OidcWorld) -> Browser:
    return op.browser()


@pytest.fixture
def mode() -> str | None:
    """The response mode of all requests; the plans of the certification have one of their own."""
    return None


@pytest.fixture
def rp(op: OidcWorld, mode: str | None) -> Party:
    return op.rp(mode=mode)
