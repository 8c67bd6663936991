"""Copies of a database in use, the way back, and how an older one that was put back is recognised."""

from __future__ import annotations

import os
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, insert, select

from milagro.errors import AlreadyExists, NotFound, StoreError, Unavailable
from milagro.stores.state import Database, Schema, State, back_up, restore
from milagro.stores.state import epoch as epoch_module
from tests.stores.test_state import COUNT, SCHEMA, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump and pg_restore of the server's version, which Debian may keep out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    monkeypatch.setenv("PATH", os.pathsep.join([*map(str, found[-1:]), os.environ["PATH"]]))


@pytest.fixture
def guarded(database: Database, tmp_path: Path) -> Database:
    (tmp_path / "beside").mkdir()
    return replace(database, epoch_file=tmp_path / "beside" / "state.epoch")


@pytest.fixture
def state(guarded: Database) -> Iterator[State]:
    opened = open_at(guarded, 1000)
    yield opened
    opened.close()


def open_at(database: Database, now: int) -> State:
    return State(database, SCHEMA, clock=lambda: now)


def number(state: State) -> int:
    assert state.database.epoch_file is not None
    return int(state.database.epoch_file.read_text())


def restored_at(state: State) -> int | None:
    with state.read() as connection:
        return state.restored_at(connection)


def fill(state: State, count: int, start: int = 0) -> None:
    for value in range(start, start + count):
        with state.write() as connection:
            connection.execute(insert(COUNT).values(id=value, value=1))


def rows(state: State) -> int:
    with state.read() as connection:
        return connection.execute(select(func.count()).select_from(COUNT)).scalar_one()


def test_starts_are_no_restores(state: State, guarded: Database) -> None:
    seen = [number(state)]
    for _ in range(3):
        again = open_at(guarded, 2000)
        assert not again.restored
        seen.append(number(again))
        again.close()
    assert seen == [1, 2, 3, 4]
    assert restored_at(state) is None


def test_an_older_copy_is_recognised_once_and_by_all(state: State, guarded: Database, tmp_path: Path) -> None:
    other = replace(guarded, epoch_file=tmp_path / "state.epoch")  # another replica's
    open_at(other, 1000).close()
    fill(state, 5)
    back_up(state, tmp_path / "copy")
    fill(state, 5, 5)
    state.close()
    restore(guarded, SCHEMA, tmp_path / "copy")
    returned = open_at(guarded, 3000)
    assert rows(returned) == 5
    assert returned.restored
    assert restored_at(returned) == 3000
    replica, later = open_at(other, 4000), open_at(guarded, 5000)
    for opened in (replica, later):
        assert not opened.restored
        assert restored_at(opened) == 3000
    for opened in (returned, replica, later):
        opened.close()


def test_a_replica_that_runs_meanwhile_recognises_it_when_it_writes(state: State, guarded: Database) -> None:
    with state.write() as connection:
        connection.exec_driver_sql("UPDATE schema_state SET epoch = 0")  # what a restore under it comes to
    state._epoch.expire()  # a minute later
    with state.write() as connection:
        assert state.restored_at(connection) == 1000
    assert state.restored


def test_an_emptied_database_is_recognised(state: State, guarded: Database) -> None:
    with state.write() as connection:
        for table in ("child", "count", "note", "schema_version", "schema_state"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        if guarded.path is not None:
            connection.exec_driver_sql("PRAGMA application_id=0")
            connection.exec_driver_sql("PRAGMA user_version=0")
    again = open_at(guarded, 3000)
    assert again.restored
    again.close()


def test_it_is_raised_while_something_is_written(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    first = number(state)
    fill(state, 1)
    assert number(state) == first  # once a minute
    monkeypatch.setattr(epoch_module, "RAISE_SECONDS", 0)
    state._epoch.expire()
    fill(state, 1, 1)
    fill(state, 1, 2)
    assert number(state) == first + 2


def test_the_file_never_goes_ahead_of_the_database(state: State) -> None:
    before = number(state)
    state._epoch.expire()

    def fail() -> None:
        with state.write():
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert number(state) == before
    fill(state, 1)
    assert number(state) == before + 1


def test_a_file_that_cannot_be_kept_is_told(state: State, guarded: Database, tmp_path: Path) -> None:
    (tmp_path / "beside").rename(tmp_path / "away")
    state._epoch.expire()
    fill(state, 1)  # committed all the same
    with pytest.raises(Unavailable, match="epoch cannot be kept"):
        state.check()
    (tmp_path / "away").rename(tmp_path / "beside")
    state.check()
    (tmp_path / "beside" / "state.epoch").write_text("many")
    state._epoch.expire()
    fill(state, 1, 1)
    with pytest.raises(Unavailable, match="epoch cannot be kept"):
        state.check()
    with pytest.raises(StoreError, match="does not hold the number"):
        open_at(guarded, 1)


def test_a_place_where_no_file_can_be_is_a_fault_at_the_start(database: Database, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="epoch cannot be kept"):
        open_at(replace(database, epoch_file=tmp_path / "none" / "state.epoch"), 1)


def test_a_copy_made_under_writers_is_one_state(state: State, tmp_path: Path, guarded: Database) -> None:
    done, pairs = threading.Event(), range(0, 10_000, 2)

    def write_pairs() -> None:
        for first in pairs:
            with state.write() as connection:
                connection.execute(insert(COUNT).values([{"id": first, "value": 1}, {"id": first + 1, "value": 1}]))
            if done.is_set():
                return

    writer = threading.Thread(target=write_pairs)
    writer.start()
    while rows(state) < 20:
        pass
    back_up(state, tmp_path / "copy")
    done.set()
    writer.join()
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    total = rows(state)
    state.close()
    restore(guarded, SCHEMA, tmp_path / "copy")
    returned = open_at(guarded, 1)
    assert 20 <= rows(returned) < total
    assert rows(returned) % 2 == 0
    returned.close()


def test_copies_that_are_not_right_are_refused(state: State, guarded: Database, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    back_up(state, copy)
    with pytest.raises(AlreadyExists):
        back_up(state, copy)
    with pytest.raises(NotFound):
        restore(guarded, SCHEMA, tmp_path / "none")
    fill(state, 3)
    (tmp_path / "cut").write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    with pytest.raises((StoreError, Unavailable)):
        restore(guarded, SCHEMA, tmp_path / "cut")
    assert rows(state) == 3
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_a_file_of_another_role_or_a_newer_release_is_not_put_back(tmp_path: Path) -> None:
    database = Database(path=tmp_path / "state.sqlite")
    other = State(tmp_path / "other.sqlite", Schema(TABLES, version=2, application=78))
    back_up(other, tmp_path / "copy")
    for schema, text in ((SCHEMA, "another role"), (Schema(TABLES, 1, 78), "a newer release")):
        with pytest.raises(StoreError, match=text):
            restore(database, schema, tmp_path / "copy")
    restore(database, Schema(TABLES, 2, 78), tmp_path / "copy")
    with sqlite3.connect(tmp_path / "state.sqlite") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
