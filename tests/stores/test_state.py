"""State: durable, one writer at a time, and never taken for another role's."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from milagro.errors import ConfigError, StoreError, Unavailable
from milagro.stores.state import Schema, State

if TYPE_CHECKING:
    from pathlib import Path

TABLES = MetaData()
COUNT = Table("count", TABLES, Column("id", Integer, primary_key=True), Column("value", Integer, nullable=False))
CHILD = Table("child", TABLES, Column("id", ForeignKey("count.id"), primary_key=True))
SCHEMA = Schema(TABLES, version=1, application=77)


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state.sqlite", SCHEMA)
    with state.write() as connection:
        connection.execute(insert(COUNT).values(id=1, value=0))
    return state


def value(state: State) -> int:
    with state.read() as connection:
        return connection.execute(select(COUNT.c.value)).scalar_one()


def test_the_settings_are_the_durable_ones(state: State) -> None:
    with state.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_a_block_that_fails_changes_nothing(state: State) -> None:
    def fail() -> None:
        with state.write() as connection:
            connection.execute(update(COUNT).values(value=9))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert value(state) == 0


def test_read_then_write_is_atomic_between_threads_and_processes(tmp_path: Path, state: State) -> None:
    # A second State on the file stands for a second process: it shares no lock with the first but SQLite's.
    other = State(tmp_path / "state.sqlite", SCHEMA)

    def add(number: int) -> None:
        with (state if number % 2 else other).write() as connection:
            seen = connection.execute(select(COUNT.c.value)).scalar_one()
            connection.execute(update(COUNT).values(value=seen + 1))

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(add, range(100)))
    assert value(state) == 100


def test_a_lock_that_is_not_given_up_is_reported(tmp_path: Path, state: State) -> None:
    impatient = State(tmp_path / "state.sqlite", SCHEMA, busy_timeout_ms=100)
    with state.write(), pytest.raises(Unavailable):
        impatient.check()
    impatient.check()


def test_constraints_are_the_callers_to_read(state: State) -> None:
    for statement in (insert(COUNT).values(id=1, value=0), insert(CHILD).values(id=5)):
        with pytest.raises(IntegrityError), state.write() as connection:
            connection.execute(statement)


def test_the_file_is_private(tmp_path: Path, state: State) -> None:
    state.check()
    assert (tmp_path / "state.sqlite").stat().st_mode & 0o777 == 0o600


def test_other_files_are_refused(tmp_path: Path, state: State) -> None:
    path = tmp_path / "state.sqlite"
    with pytest.raises(StoreError, match="another role"):
        State(path, Schema(TABLES, version=1, application=78))
    with pytest.raises(StoreError, match="schema 1; this release reads schema 2"):
        State(path, Schema(TABLES, version=2, application=77))
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as connection:
        connection.execute("PRAGMA user_version=5")
    with pytest.raises(StoreError):
        State(foreign, SCHEMA)
    (tmp_path / "text").write_text("not a database " * 100)
    with pytest.raises(StoreError):
        State(tmp_path / "text", SCHEMA)
    with pytest.raises(ConfigError):
        State(tmp_path / "no" / "folder", SCHEMA)


def test_parameters_stay_out_of_errors(state: State) -> None:
    with pytest.raises(Unavailable) as caught, state.write() as connection:
        connection.exec_driver_sql("SELECT * FROM nowhere WHERE a = ?", ("CANARY",))
    shown = f"{caught.value} {caught.value.__cause__}"
    assert "CANARY" not in shown
