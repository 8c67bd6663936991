"""A member whose database is put back from a backup: it issues nothing until it knows where the network is."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from milagro.roles.dta.holdings import NotReady
from milagro.roles.dta.network import messages
from milagro.roles.dta.network.returning import come_back
from milagro.stores.state import back_up
from tests.roles.network.members import Bus, Node

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bus(folder: Path, request: pytest.FixtureRequest) -> Iterator[Bus]:
    """2 of 3, so f = 1, or what the test asks for."""
    threshold, names = getattr(request, "param", (2, "abc"))
    made = Bus(folder, list(names))
    made.found(threshold)
    made.settle(3)
    yield made
    made.close()


def put_back(node: Node, copy: Path) -> None:
    """The member's database is the copy from now on, marked as a restore marks it; its own log was taken up."""
    node.kill()
    node.generation += 1
    shutil.copy(copy, node.folder / f"{node.name}-{node.generation}.sqlite")
    node.restart()
    with node.state.write() as connection:
        come_back(connection, node.tables)
        node.tables.set_fact(connection, "lost", None)


def copy_of(node: Node, name: str) -> Path:
    copy = node.folder / name
    back_up(node.state, copy)
    return copy


def is_silent(node: Node) -> bool:
    try:
        node.holdings.current()
    except NotReady:
        return True
    return False


@pytest.mark.parametrize("bus", [(3, "abcde")], indirect=True)
def test_a_member_at_the_newest_key_goes_on_once_more_than_f_say_so(bus: Bus) -> None:
    """f = 2: two others are not enough, as both may be wrong; the third is."""
    node = bus.nodes["e"]
    share = node.holdings.current().share
    put_back(node, copy_of(node, "copy"))
    for name in "cd":
        bus.nodes[name].kill()
    bus.settle(60)
    assert is_silent(node)
    bus.nodes["c"].restart()
    bus.settle(10)
    assert node.holdings.current().share.key == share.key
    assert "back from a backup" in node.notes()


def test_a_member_that_hears_nobody_issues_nothing(bus: Bus) -> None:
    node = bus.nodes["c"]
    put_back(node, copy_of(node, "copy"))
    for name in "ab":
        bus.nodes[name].kill()
    bus.settle(200)
    assert is_silent(node)


def test_a_share_of_an_old_epoch_is_never_used_again_and_a_repair_gives_a_new_one(bus: Bus) -> None:
    node = bus.nodes["c"]
    copy = copy_of(node, "copy")
    bus.propose("refresh", "a")
    bus.settle(3)
    newer = node.holdings.current().share
    node.settings = replace(node.settings, approve=frozenset({"repair"}))  # it does not ask for a refresh by itself
    put_back(node, copy)
    assert is_silent(node)
    seen: list[int] = []

    def watch(_sender: Node, _to: str, payload: bytes) -> list[bytes]:
        if not is_silent(node):
            seen.append(node.holdings.current().share.key.epoch)
        return [payload]

    bus.tamper = watch
    bus.settle(30)
    with node.state.read() as connection:
        assert node.tables.shares(connection, "current", "pending", "retiring") == []
    assert node.holdings.public(int(bus.now)).current.epoch == 1
    assert is_silent(node)
    node.intend("repair")
    bus.settle(10)
    assert node.holdings.current().share.key == newer.key
    assert set(seen) <= {1}


def test_answers_to_the_question_of_an_earlier_restore_are_none(bus: Bus) -> None:
    """Letters from between backup and restore come again: what they say is of then."""
    node, kept = bus.nodes["c"], []
    copy = copy_of(node, "copy")

    def keep(sender: Node, to: str, payload: bytes) -> list[bytes]:
        if to == "c" and messages.decode(payload)[0] == "here":
            kept.append((sender.identity, payload))
        return [payload]

    bus.tamper = keep
    put_back(node, copy)
    bus.settle(10)
    assert not is_silent(node)
    assert len(kept) >= 2
    for name in "ab":
        bus.nodes[name].kill()
    put_back(node, copy)
    node.inbox.extend(kept)
    bus.settle(5)
    assert is_silent(node)


def test_says_nothing_of_runs_and_takes_part_in_none_before_it_is_back(bus: Bus) -> None:
    node = bus.nodes["c"]
    copy, said = copy_of(node, "copy"), []

    def watch(sender: Node, _to: str, payload: bytes) -> list[bytes]:
        if sender.name == "c":
            said.append(messages.decode(payload)[0])
        return [payload]

    bus.nodes["a"].kill()
    put_back(node, copy)
    bus.tamper = watch
    bus.propose("refresh", "c")
    bus.settle(60)
    assert {"where", "here"} >= set(said) - {"proposal", "question"}
    assert "where" in said
    bus.nodes["a"].restart()
    bus.settle(90)
    assert "ready" in said
    assert {one.epoch for one in bus.nodes.values()} == {1}


def test_a_network_of_which_every_member_comes_from_a_backup_goes_on(bus: Bus) -> None:
    copies = {name: copy_of(node, f"copy-{name}") for name, node in bus.nodes.items()}
    for name, node in bus.nodes.items():
        put_back(node, copies[name])
    assert all(is_silent(node) for node in bus.nodes.values())
    bus.settle(10)
    assert {node.epoch for node in bus.nodes.values()} == {0}
