"""A network of members in one process: keys made, renewed, moved, repaired and replaced, whoever is killed when."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from milagro.errors import Expired
from milagro.octets import unframe
from milagro.protocols.sharing import Certificate, Share, combine
from milagro.roles.correspondence.correspondent import Letter
from milagro.roles.dta.holdings import NotReady
from milagro.roles.dta.network import messages
from milagro.roles.dta.network.memory import Settings
from milagro.roles.switches import Step
from tests.roles.network.members import Bus, Node, file_of, suite_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from milagro.groups import G1Point

NAMES = ["a", "b", "c", "d", "e"]


@pytest.fixture
def bus(folder: Path) -> Iterator[Bus]:
    made = Bus(folder, NAMES)
    yield made
    made.close()


def public_of(nodes: list[Node]) -> G1Point:
    """s P1 from the shares of these members: the key that they really hold."""
    shares = [node.holdings.current().share for node in nodes]
    suite = shares[0].key.suite
    return combine([Share(suite, one.header, one.value) for one in shares]) * suite.curve.g1


def epochs(bus: Bus) -> dict[str, int | None]:
    return {name: node.epoch for name, node in bus.nodes.items() if node.up}


def test_makes_a_key_that_nobody_holds(bus: Bus) -> None:
    bus.found(3)
    bus.settle(3)
    assert set(epochs(bus).values()) == {0}
    key = bus.nodes["a"].holdings.current().share.key
    assert key.holders == (1, 2, 3, 4, 5)
    for some in ("abc", "cde", "bde"):
        assert public_of([bus.nodes[name] for name in some]) == key.public


def test_waits_for_a_slow_starter_and_begins_without_one_that_never_comes(bus: Bus) -> None:
    charter = bus.charter(3)
    for name in "abcd":
        bus.nodes[name].intend("join", file_of(charter).to_bytes())
    bus.settle(5)
    assert set(epochs(bus).values()) == {None}
    bus.nodes["e"].intend("join", file_of(charter).to_bytes())
    bus.settle(3)
    assert bus.nodes["a"].holdings.current().share.key.holders == (1, 2, 3, 4, 5)


def test_begins_without_one_that_never_comes(bus: Bus) -> None:
    bus.nodes["e"].kill()
    bus.found(3)
    bus.settle(60)
    assert [bus.nodes[name].epoch for name in "abcd"] == [0] * 4
    assert bus.nodes["a"].holdings.current().share.key.holders == (1, 2, 3, 4)
    bus.nodes["e"].restart()
    bus.settle(5)
    ring = bus.nodes["e"].holdings.public(int(bus.now))
    assert ring.current.key_id == bus.nodes["a"].holdings.public(int(bus.now)).current.key_id
    with pytest.raises(NotReady):
        bus.nodes["e"].holdings.current()
    bus.settle(30)  # it asks for a refresh
    assert set(epochs(bus).values()) == {1}


def test_one_that_has_no_share_waits_longer_before_it_asks_while_another_is_away(bus: Bus) -> None:
    bus.nodes["e"].kill()
    bus.found(3)
    bus.settle(60)
    bus.nodes["a"].kill()
    bus.nodes["e"].restart()
    away = str(bus.nodes["a"].identity)
    bus.nodes["e"].do(lambda connection: bus.nodes["e"].tables.note_member(connection, away, fault="no answer"))
    bus.settle(190)
    assert epochs(bus) == {"b": 0, "c": 0, "d": 0, "e": None}
    bus.settle(60)
    assert epochs(bus) == dict.fromkeys("bcde", 1)
    assert bus.nodes["e"].notes().count("it proposes a refresh") == 1
    bus.nodes["a"].restart()
    bus.settle(60)
    assert epochs(bus) == dict.fromkeys(NAMES, 2)


def test_one_whose_operator_consents_to_no_refresh_asks_for_none(folder: Path) -> None:
    quiet = Bus(folder, NAMES, Settings(step_seconds=10, start_seconds=10, ask_seconds=20, approve=frozenset()))
    quiet.nodes["e"].kill()
    quiet.found(3)
    quiet.settle(60)
    quiet.nodes["e"].restart()
    quiet.settle(230)
    assert set(epochs(quiet).values()) == {None, 0}
    quiet.close()


def test_does_nothing_with_fewer_than_a_quorum(bus: Bus) -> None:
    for name in "cde":
        bus.nodes[name].kill()
    bus.found(3)
    bus.settle(60)
    assert [bus.nodes[name].epoch for name in "ab"] == [None] * 2


def test_refresh_keeps_the_key_and_forgets_the_old_shares(bus: Bus) -> None:
    bus.found(3)
    bus.settle(3)
    old = {name: node.holdings.current().share for name, node in bus.nodes.items()}
    bus.propose("refresh", "b")
    bus.settle(3)
    assert set(epochs(bus).values()) == {1}
    assert public_of([bus.nodes[name] for name in "ade"]) == old["a"].key.public
    for node in bus.nodes.values():
        with node.state.read() as connection:
            assert [row.epoch for row in node.tables.shares(connection, "current", "pending", "retiring")] == [1]


def test_reshares_3_of_5_to_4_of_7_with_one_gone(bus: Bus) -> None:
    bus.found(3)
    bus.settle(3)
    key = bus.nodes["a"].holdings.current().share.key
    bus.nodes["b"].kill()
    for name in "fg":
        bus.add(name)
    bus.amend("reshare", "a", 4, ["f", "g"], [])
    bus.settle(60)
    assert epochs(bus) == dict.fromkeys("acdefg", 1)
    now = bus.nodes["f"].holdings.current().share.key
    assert (now.key_id, now.threshold, now.holders) == (key.key_id, 4, (1, 3, 4, 5, 6, 7))
    assert public_of([bus.nodes[name] for name in "adfg"]) == key.public
    bus.nodes["b"].restart()
    bus.settle(10)
    assert bus.nodes["b"].epoch is None
    assert bus.nodes["b"].holdings.public(0).current == now


def test_retire_takes_the_share_from_the_one_who_goes(bus: Bus) -> None:
    bus.found(3)
    bus.settle(3)
    bus.amend("retire", "a", 3, [], ["e"])
    bus.settle(3)
    assert epochs(bus) == {"a": 1, "b": 1, "c": 1, "d": 1, "e": None}
    with bus.nodes["e"].state.read() as connection:
        assert bus.nodes["e"].tables.shares(connection, "current", "pending", "retiring") == []


def test_one_that_was_retired_while_it_was_away_hears_of_it(bus: Bus) -> None:
    bus.found(3)
    bus.settle(3)
    bus.nodes["e"].kill()
    bus.amend("retire", "a", 3, [], ["e"])
    bus.settle(60)
    bus.nodes["e"].restart()
    bus.settle(5)
    assert epochs(bus) == {"a": 1, "b": 1, "c": 1, "d": 1, "e": None}


def test_rotation_has_an_overlap_in_which_both_keys_count(bus: Bus) -> None:
    bus.found(3)
    bus.settle(3)
    old = bus.nodes["a"].holdings.current().share.key
    ends = int(bus.now) + 1000
    bus.propose("rotate", "c", overlap_ends=ends)
    bus.settle(5)
    for node in bus.nodes.values():
        new = node.holdings.current()
        assert new.share.key.key_id != old.key_id
        both = node.holdings.find(old.key_id, ends - 1)
        assert (both.share.key, both.accepted_until) == (old, ends)
        with pytest.raises(Expired):
            node.holdings.find(old.key_id, ends)
    bus.now = ends + 1.0
    bus.settle(1)
    with bus.nodes["a"].state.read() as connection:
        assert len(bus.nodes["a"].tables.shares(connection, "current", "retiring")) == 1
    bus.propose("refresh", "a")
    bus.settle(5)
    assert set(epochs(bus).values()) == {1}


def test_repairs_the_share_of_one_whose_database_is_lost(bus: Bus) -> None:
    charter = bus.found(3)
    bus.settle(3)
    bus.propose("refresh", "a")
    bus.settle(3)
    before = bus.nodes["d"].holdings.current().share
    bus.nodes["d"].lose_database()
    bus.nodes["d"].intend("join", file_of(charter).to_bytes())
    bus.settle(5)
    with pytest.raises(NotReady):
        bus.nodes["d"].holdings.current()
    bus.nodes["d"].intend("repair")
    bus.settle(5)
    share = bus.nodes["d"].holdings.current().share
    assert (share.key, share.index) == (before.key, before.index)
    assert set(epochs(bus).values()) == {1}


def test_a_repair_whose_helper_is_wrong_names_it_and_the_next_one_works(bus: Bus) -> None:
    bus.found(3)
    bus.settle(3)
    node = bus.nodes["d"]
    with node.state.write() as connection:
        node.tables.forget_shares(connection, "current")

    def spoil(sender: Node, to: str, payload: bytes) -> list[bytes]:
        kind, fields = messages.decode(payload)
        if sender.name == "a" and kind == "run" and to == "d" and unframe(messages.octets_in(fields[1]))[0] == b"S":
            return []
        return [payload]

    bus.tamper = spoil
    node.intend("repair")
    bus.settle(15)
    assert node.epoch is None
    assert "1 (absent)" in node.notes()
    bus.tamper = None
    node.intend("repair")
    bus.settle(5)
    assert node.epoch == 0


def test_a_member_that_says_two_things_is_named_and_left_out(bus: Bus) -> None:
    twin = Node("e", bus.folder, lambda: bus.now, bus.settings, generation=77)
    charter = bus.found(3)
    twin.intend("join", file_of(charter).to_bytes())

    def two_faced(sender: Node, to: str, payload: bytes) -> list[bytes]:
        """Half of the members hear e, the others its twin, which has another seed."""
        return [payload] if sender.name != "e" or (to in "ab") == (sender is not twin) else []

    bus.tamper = two_faced
    bus.nodes["e2"] = twin
    bus.settle(60)
    del bus.nodes["e2"]
    twin.kill()
    assert [bus.nodes[name].epoch for name in "abcd"] == [0] * 4
    assert "left out of a run (generate): said two things" in bus.nodes["a"].notes()
    assert str(twin.identity) in bus.nodes["a"].notes()


def test_consent_is_asked_for_where_the_operator_did_not_give_it(folder: Path) -> None:
    bus = Bus(folder, NAMES, Settings(10, 10, 20, frozenset()))
    bus.found(4)
    bus.settle(3)
    bus.propose("refresh", "a")
    bus.settle(30)
    assert set(epochs(bus).values()) == {0}
    with bus.nodes["b"].state.read() as connection:
        (row,) = bus.nodes["b"].tables.proposals(connection, "seen")
    for name in "bcde":
        bus.nodes[name].intend("approve", row.id)
    bus.settle(3)
    assert set(epochs(bus).values()) == {1}
    bus.close()


def test_a_switch_is_believed_only_with_a_quorum_and_from_its_own_run(bus: Bus) -> None:
    bus.found(3)
    bus.settle(3)
    bus.nodes["e"].kill()
    bus.propose("refresh", "a")
    bus.settle(40)
    with bus.nodes["a"].state.read() as connection:
        step = Step.from_bytes(bus.nodes["a"].tables.steps_after(connection, b"", 9)[1])
    suite = suite_of("BN254")
    certificate = Certificate.from_bytes(suite, step.certificate)
    few = Certificate(certificate.transcript, certificate.confirmations[:2]).to_bytes()
    twice = Certificate(certificate.transcript, (certificate.confirmations[0],) * 3).to_bytes()
    other = dataclasses.replace(certificate.transcript, epoch=2)
    unsigned = Certificate(other, certificate.confirmations).to_bytes()
    victim = bus.nodes["e"]
    victim.restart()
    for wrong in (
        dataclasses.replace(step, certificate=few),
        dataclasses.replace(step, certificate=twice),
        dataclasses.replace(step, certificate=unsigned),
        dataclasses.replace(step, attempt=step.attempt + 1),
        dataclasses.replace(step, proposal=dataclasses.replace(step.proposal, session=bytes(32))),
    ):
        letter = Letter(bus.nodes["a"].identity, 0, messages.encode("step", wrong.to_bytes()), None)
        victim.do(lambda connection, letter=letter: victim.driver.apply(connection, letter))
        assert victim.epoch == 0
    letter = Letter(bus.nodes["a"].identity, 0, messages.encode("step", step.to_bytes()), None)
    victim.do(lambda connection: victim.driver.apply(connection, letter))
    assert victim.holdings.public(0).current.epoch == 1
    assert victim.notes().count("sent what was refused") == 5
