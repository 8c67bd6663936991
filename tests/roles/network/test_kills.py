"""Whoever is killed at whatever moment of a run: the old set of shares serves or the new one, never both or neither.

A kill comes after everything that a transaction does and before its commit, the last moment at which all of it can be
lost. Short form: some moments, by a seed; MILAGRO_NETWORK=long: every transaction of every member.
"""

from __future__ import annotations

import os
import random
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.roles.network.members import Bus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONG = os.environ.get("MILAGRO_NETWORK") == "long"
OLD, NEW = ["a", "b", "c"], ["d"]


@pytest.fixture
def founded(folder: Path) -> Iterator[Bus]:
    """A 2-of-3 network with its key, and one who is not in it yet; all are stopped."""
    bus = Bus(folder, OLD)
    bus.found(2)
    bus.settle(3)
    for name in NEW:
        bus.add(name)
    bus.close()
    yield bus
    bus.close()


def copied(bus: Bus, folder: Path) -> Bus:
    """The same network, so that many tests can start from it."""
    shutil.copytree(bus.folder, folder)
    made = Bus(folder, [])
    made.now = bus.now
    for name in (*OLD, *NEW):
        made.add(name)
        made.nodes[name].data_key = bus.nodes[name].data_key
        made.nodes[name].restart()
    return made


def serving(bus: Bus) -> set[bytes]:
    """The sets of which as many members as the threshold have the current share."""
    held: dict[bytes, int] = {}
    thresholds: dict[bytes, int] = {}
    for node in bus.nodes.values():
        with node.state.read() as connection:
            for row in node.tables.shares(connection, "current"):
                held[row.set_id] = held.get(row.set_id, 0) + 1
                thresholds[row.set_id] = 2 if row.epoch == 0 else bus.threshold_after
    return {one for one, count in held.items() if count >= thresholds[one]}


def moments(kind: str) -> list[tuple[str, int, bool]]:
    """Who is killed, at which transaction after the proposal, and whether it stays away until the others are done."""
    every = [(name, at, away) for name in (*OLD, *NEW) for at in range(1, 40) for away in (False, True)]
    return every if LONG else random.Random(f"kills of {kind}").sample(every, 4)


@pytest.mark.parametrize("kind", ["reshare", "refresh"])
def test_one_set_serves_whoever_is_killed_when(founded: Bus, tmp_path: Path, folder: Path, kind: str) -> None:
    for number, (name, at, away) in enumerate(moments(kind)):
        bus = copied(founded, folder.with_name(f"{folder.name}-{number}"))
        try:
            kill_once(bus, kind, name, at, away)
        finally:
            bus.close()
            shutil.rmtree(bus.folder)


def kill_once(bus: Bus, kind: str, name: str, at: int, away: bool) -> None:
    what = f"{name} killed at transaction {at}, {'away' if away else 'back at once'}"
    bus.settle(1)
    (before,) = serving(bus)
    victim = bus.nodes[name]
    victim.kill_at = victim.transactions + at
    bus.threshold_after = 2 if kind == "refresh" else 3
    if kind == "refresh":
        bus.propose("refresh", "a")
    else:
        bus.amend("reshare", "a", 3, NEW, [])
    taking_part = [node for node in bus.nodes.values() if kind == "reshare" or node.name in OLD]
    came_back = bus.now + (60 if away else 2)

    def look() -> bool:
        if not victim.up and bus.now >= came_back:
            victim.restart()
        sets = serving(bus)
        assert len(sets) == 1, what
        done = victim.up and victim.kill_at is None and sets != {before} and not bus.letters()
        return done and all(node.holdings.public(0).current.set_id in sets for node in taking_part)

    bus.settle(150, look)
    (after,) = serving(bus)
    assert after != before, f"{what}: the run never came to its end"
    for node in taking_part:
        assert node.holdings.public(0).current.set_id == after, f"{what}: {node.name} is behind"
        # One that is back within a step says what it said before, so nobody leaves it out.
        assert away or node.epoch == 1, f"{what}: {node.name} has no share"
