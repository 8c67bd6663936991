"""Migrations: forward, whole or not at all, once, and with a rule for releases that are one apart."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, inspect, text

from milagro.errors import StoreError
from milagro.roles.dta.network.node import node_schema
from milagro.roles.mfa import tables as mfa
from milagro.stores.messaging import tables as messaging
from milagro.stores.state import Database, Schema, State, look
from tests.stores.upgrading import APPLICATION, schema, write_migrations

if TYPE_CHECKING:
    from sqlalchemy import Connection

ROOT = Path(__file__).resolve().parents[2]


def logs() -> Schema:
    metadata = MetaData()
    messaging.Tables(metadata)
    return Schema(metadata, messaging._VERSION, messaging._APPLICATION, messaging._MIGRATIONS)


SCHEMAS = {"member": node_schema()[0], "mfa": mfa.SCHEMA, "messaging": logs()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_migrations(tmp_path / "migrations")


def start(folder: Path, version: int, database: Database, *more: str) -> subprocess.Popen[bytes]:
    where = database.url or str(database.path)
    command = [sys.executable, "-m", "tests.stores.upgrading", str(folder), str(version), where, *more]
    return subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"})


def add_user(state: State, name: str) -> None:
    with state.write() as connection:
        connection.execute(text('INSERT INTO "user" (name) VALUES (:name)'), {"name": name})


def users(state: State) -> list[Any]:
    with state.read() as connection:
        return [tuple(row) for row in connection.execute(text('SELECT * FROM "user" ORDER BY id'))]


def runs(folder: Path) -> int:
    path = folder / "runs.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.parametrize("role", SCHEMAS)
def test_the_migrations_lead_to_the_tables_that_the_role_uses(database: Database, role: str) -> None:
    state = State(database, SCHEMAS[role])
    with state.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "schema_version", "compare_type": True})
        found = [change for change in compare_metadata(context, SCHEMAS[role].tables) if not _is_own(change)]
        assert found == []
        indexes = {index["name"] for table in SCHEMAS[role].tables.tables for index in _indexes(connection, table)}
    assert indexes >= {index.name for table in SCHEMAS[role].tables.tables.values() for index in table.indexes}
    assert state.standing().version == SCHEMAS[role].version
    state.close()


def _is_own(change: Any) -> bool:
    return change[0] == "remove_table" and change[1].name == "schema_state"


def _indexes(connection: Connection, table: str) -> Any:
    return inspect(connection).get_indexes(table)


@pytest.mark.parametrize("role", SCHEMAS)
def test_the_migrations_are_numbered_to_the_version_and_say_who_can_stay(role: str) -> None:
    folder = SCHEMAS[role].migrations
    assert folder is not None
    found = {
        int(script.revision): script.module
        for script in ScriptDirectory(folder, version_locations=[folder]).walk_revisions()
    }
    assert sorted(found) == list(range(1, SCHEMAS[role].version + 1))
    for number, module in found.items():
        assert module.down_revision == (str(number - 1) if number > 1 else None)
        assert 1 <= module.compatible_from <= number
        assert not hasattr(module, "downgrade")


def test_one_is_upgraded_to_two_with_what_it_holds(database: Database, folder: Path) -> None:
    old = State(database, schema(folder, 1))
    add_user(old, "alice")
    new = State(database, schema(folder, 2))
    assert users(new) == [(1, "alice", "alice@example.org")]
    assert (new.standing().version, new.standing().compatible_from) == (2, 1)
    # The older release goes on with the database that is one newer, also after a restart.
    again = State(database, schema(folder, 1))
    for state, name in ((old, "bob"), (again, "carol")):
        add_user(state, name)
        state.check()
    assert [row[1] for row in users(new)] == ["alice", "bob", "carol"]
    assert runs(folder) == 1
    for state in (old, new, again):
        state.close()


def test_a_release_that_the_newer_one_rules_out_stops(database: Database, tmp_path: Path) -> None:
    folder = write_migrations(tmp_path / "strict", compatible_from=2)
    old = State(database, schema(folder, 1))
    State(database, schema(folder, 2)).close()
    for use in (old.check, lambda: State(database, schema(folder, 1))):
        with pytest.raises(StoreError, match=r"has schema 2; this release reads schema 1; a newer release upgraded it"):
            use()
    old.close()


def test_killed_in_the_middle_and_resumed(database: Database, folder: Path) -> None:
    first = State(database, schema(folder, 1))
    add_user(first, "alice")
    for attempt in (1, 2):
        assert start(folder, 2, database, "die").wait(60) == -signal.SIGKILL
        assert runs(folder) == attempt  # it was in the middle
        found = look(database, APPLICATION)
        assert found is not None
        assert found.version == 1
        assert users(first) == [(1, "alice")]  # not even the column
    assert start(folder, 2, database).wait(60) == 0
    second = State(database, schema(folder, 2))
    assert users(second) == [(1, "alice", "alice@example.org")]
    first.close()
    second.close()


@pytest.mark.parametrize("made", [False, True])
def test_replicas_that_start_at_once_run_each_migration_once(database: Database, folder: Path, made: bool) -> None:
    if made:
        State(database, schema(folder, 1)).close()
    replicas = [start(folder, 2, database) for _ in range(4)]
    assert [replica.wait(60) for replica in replicas] == [0] * 4
    assert runs(folder) == 1


def test_an_upgrade_can_be_left_to_the_operator(database: Database, folder: Path) -> None:
    State(database, schema(folder, 1)).close()
    with pytest.raises(StoreError, match="milagro db upgrade"):
        State(replace(database, upgrade=False), schema(folder, 2))
    State(database, schema(folder, 2)).close()
    State(replace(database, upgrade=False), schema(folder, 2)).close()


@pytest.mark.parametrize("role", [role for role in SCHEMAS if role != "member"])  # there were no members in it
def test_a_file_of_release_0_1_is_adopted(tmp_path: Path, role: str) -> None:
    path, named = tmp_path / "state.sqlite", SCHEMAS[role]
    with sqlite3.connect(path) as connection:
        for statement in (ROOT / "tests" / "stores" / "release_0_1" / f"{role}.sql").read_text().split(";"):
            connection.execute(statement)
    state = State(path, named)
    assert (state.standing().version, state.standing().recorded) == (named.version, True)
    with state.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "schema_version", "compare_type": True})
        assert [change for change in compare_metadata(context, named.tables) if not _is_own(change)] == []
    state.close()


def test_a_file_of_release_0_1_is_adopted_and_upgraded(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "state.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute('CREATE TABLE "user" (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL)')
        connection.execute("INSERT INTO user VALUES (1, 'alice')")
        connection.execute(f"PRAGMA application_id={APPLICATION}")
        connection.execute("PRAGMA user_version=1")
    state = State(path, schema(folder, 2))
    assert users(state) == [(1, "alice", "alice@example.org")]
    state.close()
