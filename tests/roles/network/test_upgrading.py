"""From a release to the next: databases of the one before, and networks in which some members are of the one before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from sqlalchemy import MetaData

from milagro import cbor
from milagro.cli import main
from milagro.errors import MalformedEnvelope
from milagro.roles.correspondence.correspondent import Letter
from milagro.roles.dta.network.driver import Driver
from milagro.roles.dta.network.node import APPLICATION, VERSION, node_schema
from milagro.roles.dta.network.returning import come_back
from milagro.stores.state import Database, Schema, State
from tests.roles.network.members import Bus, Node
from tests.roles.network.test_driver import public_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from milagro.cid import CID

NEW_TABLES = {"dtanet_whereabouts", "issuing_standing"}  # in schemas 2 and 3


def first_schema() -> Schema:
    """What the release before said of a member's database: its tables as they are, and no migrations."""
    metadata = MetaData()
    for table in node_schema()[0].tables.sorted_tables:
        if table.name not in NEW_TABLES:
            table.to_metadata(metadata)
    return Schema(metadata, 1, APPLICATION)


# -- databases ---------------------------------------------------------------------------------------------------------
def test_a_database_of_the_release_before_is_upgraded_at_start_and_that_release_goes_on(database: Database) -> None:
    schema, _, network = node_schema()
    before = State(database, first_schema())
    with before.write() as connection:
        network.set_fact(connection, "charter", b"as it was")
    after = State(database, schema)
    assert (after.standing().version, after.standing().compatible_from) == (VERSION, 1)
    with after.write() as connection:
        assert network.fact(connection, "charter") == b"as it was"
        network.set_whereabouts(connection, "a", b"new")
    for state in (before, State(database, first_schema())):  # a replica that runs, and one that starts
        state.check()
        with state.write() as connection:
            network.set_fact(connection, "ring", b"said by the release before")
    with after.read() as connection:
        assert network.fact(connection, "ring") == b"said by the release before"
    after.close()
    before.close()


def test_the_commands_tell_of_a_member_s_database_and_upgrade_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PASSPHRASE", "correct horse")

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    folder = tmp_path / "a"
    sealed = ("--passphrase-env", "TEST_PASSPHRASE", "--argon2-memory-mib", "8")
    run("init", "dta", str(folder), "--name", "a", *sealed)
    config = ("--config", str(folder / "milagro.toml"))
    State(folder / "state.sqlite", first_schema()).close()
    found = json.loads(run("db", "status", "--json", *config))
    assert (found["schema"], found["release"], found["upgrade"]) == (1, VERSION, True)
    assert f"upgraded from schema 1 to schema {VERSION}" in run("db", "upgrade", *config)
    assert f"schema {VERSION}, which is this release's" in run("db", "status", *config)


# -- networks ----------------------------------------------------------------------------------------------------------
class DriverBefore(Driver):
    """As the release before: it reads no letters that came with this one, and never comes back from a backup."""

    def _take(self, connection: Connection, sender: CID, kind: str, fields: list[cbor.Value]) -> None:
        if kind in ("where", "here"):
            raise MalformedEnvelope("a message of a kind that this release does not read")
        super()._take(connection, sender, kind, fields)

    def _return(self, _connection: Connection) -> bool:
        return False


def runs_before(node: Node) -> None:
    """The member goes on with the release before, as after a restart."""
    before, now = DriverBefore.__new__(DriverBefore), node.driver
    before.__dict__.update(now.__dict__)
    before.forget()
    node.driver = before


def test_a_network_with_a_member_of_the_release_before_makes_renews_and_issues(folder: Path) -> None:
    bus = Bus(folder, ["a", "b", "c"])
    runs_before(bus.nodes["a"])
    bus.found(2)
    bus.settle(3)
    bus.propose("refresh", "a")
    bus.settle(3)
    assert {node.epoch for node in bus.nodes.values()} == {1}
    for some in ("ab", "ac"):
        assert public_of([bus.nodes[name] for name in some]) == bus.nodes["c"].holdings.current().share.key.public
    bus.close()


def test_one_that_comes_back_asks_members_of_the_release_before_in_vain_and_the_others_are_enough(folder: Path) -> None:
    """f = 2, so three of this release have to answer; the one of the release before notes the question, and goes on."""
    bus = Bus(folder, ["a", "b", "c", "d", "e"])
    bus.found(3)
    bus.settle(3)
    runs_before(bus.nodes["a"])
    node = bus.nodes["e"]
    with node.state.write() as connection:
        come_back(connection, node.tables)
        node.tables.set_fact(connection, "lost", None)
    bus.settle(10)
    assert node.epoch == 0
    assert "sent what was refused: a message of a kind that this release does not read" in bus.nodes["a"].notes()
    assert bus.nodes["a"].epoch == 0
    bus.close()


# As a later release may write them.
LATER = {
    "kind": cbor.encode([1, "gossip", b"what nobody here knows"]),
    "version": cbor.encode([2, "ready", bytes(32), 0, 1_800_000_000]),
    "fields": cbor.encode([1, "ready", bytes(32), 0, 1_800_000_000, "and more"]),
    "proposal": cbor.encode([1, "proposal", cbor.encode({"milagro": "dta proposal", "version": 2}), []]),
    "step": cbor.encode([1, "step", cbor.encode([b"merge", 0, b"", {}])]),
    "no message": b"\xff",
}


def test_letters_of_a_later_release_are_noted_and_nothing_else(folder: Path) -> None:
    bus = Bus(folder, ["a", "b", "c"])
    bus.found(2)
    bus.settle(3)
    node, sender = bus.nodes["a"], bus.nodes["b"].identity
    for number, octets in enumerate(LATER.values(), 1):
        letter = Letter(sender, 0, octets, None)
        node.do(lambda connection, letter=letter: node.driver.apply(connection, letter))
        assert node.notes().count("sent what was refused") == number
    bus.propose("refresh", "b")
    bus.settle(3)
    assert {one.epoch for one in bus.nodes.values()} == {1}
    bus.close()
