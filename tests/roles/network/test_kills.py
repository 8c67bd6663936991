"""Whoever is killed at whatever moment of a run: the old set of shares serves or the new one, never both or neither.

A kill comes at the end of a transaction before its commit, or after it and before anything is sent, or when half of the
letters are on their way. Of those who are up two sets never serve, not for a moment, because the thresholds together
are more than there are of them. That none serves lasts no longer than their letters: at rest one set does.

Short form: some moments, by a seed; MILAGRO_NETWORK=long: every transaction of every member, each kind of kill.
"""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from milagro.protocols.sharing import MixedShares, Share, combine
from tests.roles.network.members import Bus, Node

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from milagro.protocols.sharing import KeyShare

LONG = os.environ.get("MILAGRO_NETWORK") == "long"
KILLS = int(os.environ.get("MILAGRO_NETWORK_KILLS", "3"))  # of the short form, of each kind
SEED = os.environ.get("MILAGRO_NETWORK_SEED", "")
HOW = ("uncommitted", "unsent", "half sent")
FOUND = [("a", "half sent", 9, True)]  # two confirm different transcripts, and the third neither
AWAY = 60.0  # seconds, some steps
LAST = 300


@dataclass(frozen=True)
class Scene:
    """A network, those who come into it, and the one who is gone before it begins."""

    old: str
    threshold: int
    new: str
    threshold_after: int
    gone: str = ""

    @property
    def names(self) -> str:
        return self.old + self.new

    @property
    def victims(self) -> str:
        return "".join(name for name in self.names if name not in self.gone)


SMALL = Scene("abc", 2, "d", 3)
FIVE = Scene("abcde", 3, "", 3)
SEVEN = Scene("abcde", 3, "fg", 4, gone="b")
SCENES = {"reshare small": SMALL, "refresh small": SMALL, "refresh five": FIVE, "reshare to seven": SEVEN}


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Scene, Bus]]:
    """Each scene with its key, all stopped."""
    made = {}
    for scene in (SMALL, FIVE, SEVEN):
        bus = Bus(tmp_path_factory.mktemp("founded"), [*scene.old])
        bus.found(scene.threshold)
        bus.settle(3)
        for name in scene.new:
            bus.add(name)
        bus.close()
        made[scene] = bus
    yield made
    for bus in made.values():
        bus.close()


@dataclass
class Serving:
    """Which set of shares is held by whom, looked at after every transaction."""

    bus: Bus
    thresholds: dict[bytes, int] = field(default_factory=dict)
    threshold_after: int = 0
    held: dict[str, bytes] = field(default_factory=dict)

    def look(self, node: Node) -> None:
        """Notes what a node holds; two sets that could both serve are a failure at once."""
        with node.state.read() as connection:
            rows = node.tables.shares(connection, "current")
        self.held.pop(node.name, None)
        if rows:
            self.held[node.name] = rows[0].set_id
        assert len(rows) <= 1
        assert len(self.of_those_up()) <= 1, "two sets serve"

    def of_those_up(self) -> set[bytes]:
        """The sets that the members who are up can serve with."""
        found = [self.held[node.name] for node in self.bus.nodes.values() if node.up and node.name in self.held]
        return {one for one in found if found.count(one) >= self.thresholds.get(one, self.threshold_after)}


def copied(bus: Bus, scene: Scene, folder: Path) -> Bus:
    """The same network, so that many tests can start from it."""
    shutil.copytree(bus.folder, folder)
    made = Bus(folder, [])
    made.now = bus.now
    for name in scene.names:
        made.add(name)
        made.nodes[name].restart()
    for name in scene.gone:
        made.nodes[name].kill()
    return made


def moments(kind: str, scene: Scene) -> list[tuple[str, str, int, bool]]:
    """Who is killed, how, at which transaction after the proposal, and whether it stays away until others are done."""
    known = FOUND if kind == "refresh small" else []
    generator = random.Random(f"kills of {kind} {SEED}")
    return known + [
        (generator.choice(scene.victims), generator.choice(HOW), generator.randint(1, 60), generator.random() < 0.5)
        for _ in range(KILLS)
    ]


@pytest.mark.skipif(LONG, reason="the long form has all of them")
@pytest.mark.parametrize("kind", SCENES)
def test_one_set_serves_whoever_is_killed_when(founded: dict[Scene, Bus], folder: Path, kind: str) -> None:
    scene = SCENES[kind]
    for number, moment in enumerate(moments(kind, scene)):
        kill_once(founded[scene], folder.with_name(f"{folder.name}-{number}"), kind, *moment)


@pytest.mark.skipif(not LONG, reason="takes an hour; MILAGRO_NETWORK=long asks for it")
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("away", [False, True], ids=["back at once", "away"])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("kind", "victim"), [(kind, name) for kind in SCENES for name in SCENES[kind].victims])
def test_one_set_serves_whoever_is_killed_at_every_transaction(
    founded: dict[Scene, Bus], folder: Path, kind: str, victim: str, how: str, away: bool
) -> None:
    if "refresh" in kind and victim in SCENES[kind].new:
        pytest.skip("takes no part")
    for at in range(1, LAST):
        if not kill_once(founded[SCENES[kind]], folder.with_name(f"{folder.name}-{at}"), kind, victim, how, at, away):
            return  # it was over before
    pytest.fail("the run has no end")


def kill_once(start: Bus, folder: Path, kind: str, name: str, how: str, at: int, away: bool) -> bool:
    """Whether the victim was killed before all was over."""
    scene = SCENES[kind]
    bus = copied(start, scene, folder)
    try:
        return _kill_once(bus, scene, kind, name, how, at, away)
    except AssertionError as error:
        raise AssertionError(f"{kind}: {name} killed at {at}, {how}, {'away' if away else 'back at once'}") from error
    finally:
        bus.close()
        shutil.rmtree(folder)


def _kill_once(bus: Bus, scene: Scene, kind: str, name: str, how: str, at: int, away: bool) -> bool:
    bus.settle(1)
    serving = Serving(bus, threshold_after=scene.threshold_after)
    for node in bus.nodes.values():
        serving.look(node)
    (before,) = set(serving.held.values())
    serving.thresholds[before] = scene.threshold
    for node in bus.nodes.values():
        node.watch = serving.look
    victim = bus.nodes[name]
    old = bus.nodes["a"].holdings.current().share
    victim.kill_at, victim.kill_how = victim.transactions + at, how
    if "refresh" in kind:
        serving.threshold_after = scene.threshold
        bus.propose("refresh", "a")
    else:
        bus.amend("reshare", "a", scene.threshold_after, [*scene.new], [])
    taking_part = [n for n in bus.nodes.values() if n.name in (scene.old if "refresh" in kind else scene.names)]
    died = list[float]()

    def at_rest() -> None:
        assert len(serving.of_those_up()) == 1, "no set serves"
        if not victim.up and not died:
            died.append(bus.now)
        if not victim.up and bus.now >= died[0] + (AWAY if away else 2):
            victim.restart()

    def done() -> bool:
        if not victim.up or bus.letters() or serving.of_those_up() in ({before}, set()):
            return False
        over = all(node.holdings.public(0).current.set_id != before for node in taking_part if node.up)
        return over and (bool(died) or victim.kill_at is not None)

    bus.settle(200, done, at_rest)
    (after,) = serving.of_those_up()
    assert after != before, "the run never came to its end"
    assert all(node.holdings.public(0).current.set_id == after for node in taking_part if node.up), "one is behind"
    check_shares(bus, serving, after, old)
    # One that is back within a step says what it said before, so nobody leaves it out.
    assert away or all(serving.held.get(node.name) == after for node in taking_part if node.up), "one has no share"
    return bool(died)


def check_shares(bus: Bus, serving: Serving, after: bytes, old: KeyShare) -> None:
    """As many as the threshold give the key; with an old share in place of one of them they give nothing."""
    holders = [bus.nodes[name] for name, one in serving.held.items() if one == after and bus.nodes[name].up]
    shares = [node.holdings.current().share for node in holders if node.name != "a"]
    key = shares[0].key
    suite, t = key.suite, key.threshold
    assert all(one.key == key for one in shares)
    made = [Share(suite, one.header, one.value) for one in shares]
    if len(made) >= t:
        assert combine(made[:t]) * suite.curve.g1 == key.public == combine(made[-t:]) * suite.curve.g1
    with pytest.raises(MixedShares):
        combine([Share(suite, old.header, old.value), *made[: t - 1]])
    forged = replace(made[0].header, index=old.index)
    assert combine([Share(suite, forged, old.value), *made[: t - 1]]) * suite.curve.g1 != key.public
