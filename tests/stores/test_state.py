"""State on either database: durable, one writer at a time, and never taken for another role's."""

from __future__ import annotations

import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, MetaData, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from milagro.errors import ConfigError, ParameterError, StoreError, Unavailable
from milagro.stores.state import Database, Int64, Schema, State, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLES = MetaData()
COUNT = Table("count", TABLES, Column("id", Integer, primary_key=True), Column("value", Int64, nullable=False))
CHILD = Table("child", TABLES, Column("id", ForeignKey("count.id"), primary_key=True))
NOTE = Table(
    "note", TABLES, Column("id", Int64, primary_key=True), Column("text", String), Column("octets", LargeBinary)
)
SCHEMA = Schema(TABLES, version=1, application=77)


@pytest.fixture
def state(database: Database) -> Iterator[State]:
    state = State(database, SCHEMA)
    with state.write() as connection:
        connection.execute(insert(COUNT).values(id=1, value=0))
    yield state
    state.close()


def value(state: State) -> int:
    with state.read() as connection:
        return connection.execute(select(COUNT.c.value)).scalar_one()


def test_the_settings_are_the_durable_ones(tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite", SCHEMA)
    for opened in (state.read, state.write):
        with opened() as connection:
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


def test_reading_changes_nothing_and_sees_one_state(state: State) -> None:
    with pytest.raises(Unavailable), state.read() as connection:
        connection.execute(update(COUNT).values(value=9))
    with state.read() as connection:
        before = connection.execute(select(COUNT.c.value)).scalar_one()
        with state.write() as other:
            other.execute(update(COUNT).values(value=5))
        assert connection.execute(select(COUNT.c.value)).scalar_one() == before == 0
    assert value(state) == 5


@pytest.mark.parametrize("lock", [None, "counter"])
def test_read_then_write_is_atomic_between_threads_and_processes(state: State, lock: str | None) -> None:
    # A second State on the database stands for a second process: it shares no lock with the first but the database's.
    other = State(state.database, SCHEMA)

    def add(number: int) -> None:
        with (state if number % 2 else other).write(lock) as connection:
            seen = connection.execute(select(COUNT.c.value)).scalar_one()
            connection.execute(update(COUNT).values(value=seen + 1))

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(add, range(100)))
    assert value(state) == 100
    other.close()


def test_a_lock_that_is_not_given_up_is_reported(state: State) -> None:
    impatient = State(replace(state.database, busy_timeout_ms=100), SCHEMA)
    for held, wanted in ((None, None), (None, "a"), ("a", None), ("a", "a")):
        with state.write(held), pytest.raises(Unavailable, match="busy"), impatient.write(wanted):
            pytest.fail("two held a lock")
    impatient.check()
    impatient.close()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_locks_of_other_names_and_other_applications_are_free(state: State) -> None:
    impatient = State(replace(state.database, busy_timeout_ms=100), SCHEMA)
    with state.write("a"), impatient.write("b"):
        pass
    impatient.close()
    state._server._application += 1  # type: ignore[attr-defined]
    other = State(replace(state.database, busy_timeout_ms=100), SCHEMA)
    with state.write(), other.write():
        pass
    other.close()


def test_constraints_are_the_callers_to_read(state: State) -> None:
    for statement in (insert(COUNT).values(id=1, value=0), insert(CHILD).values(id=5)):
        with pytest.raises(IntegrityError), state.write() as connection:
            connection.execute(statement)


def test_a_failure_that_is_passed_over_keeps_nothing(state: State) -> None:
    def pass_over() -> None:
        with state.write() as connection:
            connection.execute(update(COUNT).values(value=9))
            with pytest.raises(IntegrityError):
                connection.execute(insert(COUNT).values(id=1, value=0))

    with pytest.raises(StoreError, match="nothing of it was kept"):
        pass_over()
    assert value(state) == 0


def test_a_failure_inside_a_savepoint_can_be_passed_over(state: State) -> None:
    with state.write() as connection:
        connection.execute(update(COUNT).values(value=9))
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.execute(insert(COUNT).values(id=1, value=0))
    assert value(state) == 9


def test_rows_count_by_themselves_and_hold_what_they_were_given(state: State) -> None:
    with state.write() as connection:
        for text in ("é", "日本"):
            connection.execute(insert(NOTE).values(text=text, octets=b"\0\xff"))
        put(connection, COUNT, {"id": 1, "value": 2**40})
        put(connection, COUNT, {"id": 1, "value": 3}, keep=True)
    with state.read() as connection:
        rows = connection.execute(select(NOTE).order_by(NOTE.c.id)).all()
    assert [tuple(row) for row in rows] == [(1, "é", b"\0\xff"), (2, "日本", b"\0\xff")]
    assert value(state) == 2**40


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_value_that_cannot_be_held_is_the_callers_mistake(state: State) -> None:
    with pytest.raises(ParameterError), state.write() as connection:
        connection.execute(insert(NOTE).values(text="a\0b"))


def test_the_file_is_private(tmp_path: Path) -> None:
    State(tmp_path / "state.sqlite", SCHEMA).check()
    assert (tmp_path / "state.sqlite").stat().st_mode & 0o777 == 0o600


def test_other_databases_are_refused(state: State) -> None:
    with pytest.raises(StoreError, match="another role"):
        State(state.database, Schema(TABLES, version=1, application=78))
    with pytest.raises(StoreError, match="schema 1; this release reads schema 2"):
        State(state.database, Schema(TABLES, version=2, application=77))
    with pytest.raises(StoreError, match="schema 1; this release reads schema 0; a newer release upgraded it"):
        State(state.database, Schema(TABLES, version=0, application=77))


def test_a_database_with_such_a_table_is_another_programs(state: State) -> None:
    with state.write() as connection:
        connection.exec_driver_sql("DROP TABLE schema_state")
        if state.database.path is not None:
            connection.exec_driver_sql("PRAGMA application_id=0")
            connection.exec_driver_sql("PRAGMA user_version=0")
    with pytest.raises(StoreError, match="another program: it has a table 'child'"):
        State(state.database, SCHEMA)


def test_other_files_are_refused(tmp_path: Path) -> None:
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


def test_without_its_library_postgresql_is_a_fault_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"milagro\[postgres\]"):
        State("postgresql+psycopg://milagro@/state", SCHEMA)


def test_parameters_stay_out_of_errors(state: State) -> None:
    mark = "?" if state.database.path else "%s"
    with pytest.raises(Unavailable) as caught, state.write() as connection:
        connection.exec_driver_sql(f"SELECT * FROM nowhere WHERE a = {mark}", ("CANARY",))
    shown = f"{caught.value} {caught.value.__cause__}"
    assert "CANARY" not in shown
    assert "nowhere" not in str(caught.value)
