"""Runs that end for some and not for others: who confirmed finds out, and nobody goes on before it is certain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from milagro.roles.dta.network import messages
from milagro.roles.dta.network.parties import place_of
from tests.roles.network.members import Bus, Node, suite_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMPLAIN, CONFIRM = 2, 4


@pytest.fixture
def bus(folder: Path) -> Iterator[Bus]:
    made = Bus(folder, ["a", "b", "c", "d", "e"])
    made.found(3)
    made.settle(3)
    assert {node.epoch for node in made.nodes.values()} == {0}
    yield made
    made.close()


def pending(node: Node) -> int:
    with node.state.read() as connection:
        return len(node.tables.shares(connection, "pending"))


def epochs(bus: Bus) -> list[int | None]:
    return [bus.nodes[name].epoch for name in sorted(bus.nodes)]


@pytest.mark.parametrize("cut_off", ["de"])
def test_one_cut_off_while_it_confirms_goes_over_when_it_is_back(bus: Bus, cut_off: str) -> None:
    def lost(sender: str, to: str, place: tuple[int, int]) -> bool:
        return place[0] == CONFIRM and (to in cut_off) != (sender in cut_off)

    def tamper(sender: Node, to: str, payload: bytes) -> list[bytes]:
        kind, fields = messages.decode(payload)
        across = (to in cut_off) != (sender.name in cut_off)
        if kind in ("question", "verdict", "step") and across:
            return []
        place = place_of(suite_of("BN254"), messages.octets_in(fields[1])) if kind == "run" else None
        return [] if place is not None and lost(sender.name, to, place[1]) else [payload]

    bus.tamper = tamper
    bus.propose("refresh", "a")
    bus.settle(80)
    stayed = [name for name in bus.nodes if name not in cut_off]
    assert [bus.nodes[name].epoch for name in stayed] == [1] * len(stayed)
    for name in cut_off:
        assert (bus.nodes[name].epoch, pending(bus.nodes[name])) == (0, 1)
    bus.tamper = None
    bus.settle(20)
    assert epochs(bus) == [1] * 5


def test_all_confirm_but_no_confirmation_arrives_until_they_are_asked_for(bus: Bus) -> None:
    silent = [True]

    def tamper(_sender: Node, _to: str, payload: bytes) -> list[bytes]:
        kind, fields = messages.decode(payload)
        place = place_of(suite_of("BN254"), messages.octets_in(fields[1])) if kind == "run" else None
        if kind == "verdict" and silent[0]:
            return []
        return [] if place is not None and place[1][0] == CONFIRM else [payload]

    bus.tamper = tamper
    bus.propose("refresh", "a")
    bus.settle(80)
    assert epochs(bus) == [0] * 5
    assert [pending(node) for node in bus.nodes.values()] == [1] * 5
    silent[0] = False
    bus.settle(20)
    assert epochs(bus) == [1] * 5


def test_a_minority_that_confirmed_lets_go_once_the_others_promise_never_to(bus: Bus) -> None:
    talk, all_of_it = [False], [False]

    def tamper(_sender: Node, to: str, payload: bytes) -> list[bytes]:
        kind, fields = messages.decode(payload)
        place = place_of(suite_of("BN254"), messages.octets_in(fields[1])) if kind == "run" else None
        lost = place is not None and place[1][0] >= COMPLAIN and to in "abc" and not all_of_it[0]
        return [] if lost or (kind == "verdict" and not talk[0]) else [payload]

    bus.tamper = tamper
    bus.propose("refresh", "a")
    bus.settle(60)
    assert epochs(bus) == [0] * 5
    assert [pending(bus.nodes[name]) for name in "abcde"] == [0, 0, 0, 1, 1]
    talk[0] = True
    bus.settle(30, lambda: "came to nothing" in bus.nodes["d"].notes() and "came to nothing" in bus.nodes["e"].notes())
    assert "came to nothing" in bus.nodes["e"].notes()
    assert epochs(bus) == [0] * 5
    all_of_it[0] = True
    bus.settle(90)
    (reached,) = {node.holdings.public(0).current.epoch for node in bus.nodes.values()}
    assert reached >= 1  # more, if one was left out and asked for a refresh
    bus.propose("refresh", "b")
    bus.settle(30)
    assert epochs(bus) == [reached + 1] * 5


def test_a_minority_that_confirmed_waits_as_long_as_it_cannot_know(bus: Bus) -> None:
    def tamper(_sender: Node, to: str, payload: bytes) -> list[bytes]:
        kind, fields = messages.decode(payload)
        place = place_of(suite_of("BN254"), messages.octets_in(fields[1])) if kind == "run" else None
        lost = place is not None and place[1][0] >= COMPLAIN and to in "abc"
        return [] if lost or kind == "verdict" else [payload]

    bus.tamper = tamper
    bus.propose("refresh", "a")
    bus.settle(60)
    for name in "abc":
        bus.nodes[name].kill()
    bus.tamper = None
    bus.settle(60)
    assert [pending(bus.nodes[name]) for name in "de"] == [1, 1]
    assert [bus.nodes[name].epoch for name in "de"] == [0, 0]
