"""A network of members in one process: keys made, renewed, moved, repaired and replaced, whoever is killed when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from milagro.protocols.sharing import combine
from milagro.protocols.sharing.shamir import interpolate  # noqa: F401
from tests.roles.network.members import Bus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ["a", "b", "c", "d", "e"]


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    made = Bus(tmp_path, NAMES)
    yield made
    made.close()


def test_makes_a_key(bus: Bus) -> None:
    bus.found(3)
    bus.settle(5)
    assert {node.epoch for node in bus.nodes.values()} == {0}
    keys = {node.holdings.current().share.key.key_id for node in bus.nodes.values()}
    assert len(keys) == 1
