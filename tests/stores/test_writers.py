"""Writers of one process to one file: in turn, many to a commit, and none told of more than was kept."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import IntegrityError

from milagro.errors import StoreError, Unavailable
from milagro.stores.state import Database, Schema, State, writers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

TABLES = MetaData()
NOTE = Table("note", TABLES, Column("id", Integer, primary_key=True))
SCHEMA = Schema(TABLES, version=1, application=77)
PATIENCE = 60


class Stage:
    """A state whose commits are counted, and writers in threads that begin and end when they are told."""

    def __init__(self, folder: Path, pool: ThreadPoolExecutor) -> None:
        self.state = State(Database(path=folder / "state.sqlite", busy_timeout_ms=PATIENCE * 1000), SCHEMA)
        self.other = State(folder / "state.sqlite", SCHEMA)
        self.commits = 0
        self._pool = pool
        self._end = self.state._writers._commit
        self.state._writers._commit = self._count

    def _count(self, connection: Connection) -> None:
        self.commits += 1
        self._end(connection)

    def kept(self) -> set[int]:
        """What another process sees."""
        with self.other.read() as connection:
            return set(connection.execute(select(NOTE.c.id)).scalars())

    def write(self, number: int, then: Callable[[Connection], object] = lambda _: None) -> Future[None]:
        """Another writer that notes a number; it waits for its turn when this returns, or has it."""

        def work() -> None:
            with self.state.write() as connection:
                connection.execute(insert(NOTE).values(id=number))
                then(connection)

        before = len(self.state._writers._waiting)
        future = self._pool.submit(work)
        self.until(lambda: len(self.state._writers._waiting) > before or future.done())
        return future

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.001)

    @contextmanager
    def held(self, number: int = 0) -> Iterator[Future[None]]:
        """A writer that has the turn for as long as the block lasts; it is the first of a group."""
        there, go = threading.Event(), threading.Event()

        def work() -> None:
            with self.state.write() as connection:
                connection.execute(insert(NOTE).values(id=number))
                there.set()
                assert go.wait(PATIENCE)

        future = self._pool.submit(work)
        assert there.wait(PATIENCE)
        try:
            yield future
        finally:
            go.set()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(writers, "_LONGEST", float("inf"))
    with ThreadPoolExecutor(32) as pool:
        made = Stage(tmp_path, pool)
        yield made
    made.state.close()
    made.other.close()


def test_those_who_wait_share_a_commit(stage: Stage) -> None:
    with stage.held() as first:
        rest = [stage.write(number) for number in range(1, 6)]
    for one in (first, *rest):
        one.result(PATIENCE)
    assert stage.kept() == set(range(6))
    assert stage.commits == 1


def test_a_group_has_an_end(stage: Stage) -> None:
    with stage.held():
        rest = [stage.write(number) for number in range(1, writers.MOST + 2)]
    for one in rest:
        one.result(PATIENCE)
    assert stage.commits == 2


def test_a_group_that_lasts_takes_no_more(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "_LONGEST", 0)
    with stage.held():
        rest = [stage.write(number) for number in range(1, 4)]
    for one in rest:
        one.result(PATIENCE)
    assert stage.commits == 4


def test_nobody_is_told_before_the_commit(stage: Stage) -> None:
    reached, go = threading.Event(), threading.Event()

    def wait(_: Connection) -> None:
        reached.set()
        assert go.wait(PATIENCE)

    with stage.held() as first:
        second = stage.write(1, wait)
    assert reached.wait(PATIENCE)  # so the first has left its block
    assert not first.done()
    assert stage.kept() == set()
    go.set()
    second.result(PATIENCE)
    first.result(PATIENCE)
    assert stage.kept() == {0, 1}


def fail(_: Connection) -> None:
    raise ValueError


def pass_over(connection: Connection) -> None:
    with pytest.raises(IntegrityError):
        connection.execute(insert(NOTE).values(id=0))


@pytest.mark.parametrize(("fault", "error"), [(fail, ValueError), (pass_over, StoreError)])
def test_what_one_undoes_is_undone_alone(
    stage: Stage, fault: Callable[[Connection], object], error: type[Exception]
) -> None:
    with stage.held() as first:
        before, wrong, after = stage.write(1), stage.write(2, fault), stage.write(3)
    with pytest.raises(error):
        wrong.result(PATIENCE)
    for one in (first, before, after):
        one.result(PATIENCE)
    assert stage.kept() == {0, 1, 3}
    assert stage.commits == 1


def test_a_first_one_that_fails_takes_nobody_along(stage: Stage) -> None:
    def work() -> None:
        with stage.state.write() as connection:
            connection.execute(insert(NOTE).values(id=0))
            rest.append(stage.write(1))
            raise ValueError

    rest: list[Future[None]] = []
    with pytest.raises(ValueError):
        work()
    rest[0].result(PATIENCE)
    assert stage.kept() == {1}


def test_a_commit_that_fails_is_told_to_all(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Connection) -> None:
        raise Unavailable("the disk is gone")

    with stage.held() as first:
        second = stage.write(1)
        monkeypatch.setattr(stage.state._writers, "_commit", refuse)
    for one in (first, second):
        with pytest.raises(Unavailable, match="the disk is gone"):
            one.result(PATIENCE)
    monkeypatch.undo()
    assert stage.kept() == set()
    stage.write(2).result(PATIENCE)
    assert stage.kept() == {2}


def test_a_transaction_that_the_database_gave_up_is_lost_for_all(stage: Stage) -> None:
    def give_up(connection: Connection) -> None:  # as SQLite does where a disk is full or broken
        connection.exec_driver_sql("ROLLBACK")
        raise ValueError

    with stage.held() as first:
        wrong, after = stage.write(1, give_up), stage.write(2)
    with pytest.raises(Unavailable, match="gave up"):
        first.result(PATIENCE)
    with pytest.raises(ValueError):
        wrong.result(PATIENCE)
    after.result(PATIENCE)
    assert stage.kept() == {2}


def test_who_waits_too_long_leaves_the_queue(stage: Stage) -> None:
    with stage.held() as first:
        stage.state._writers._wait_seconds = 0.05
        late = stage.write(1)
        with pytest.raises(Unavailable, match="busy"):
            late.result(PATIENCE)
        stage.state._writers._wait_seconds = PATIENCE
        second = stage.write(2)
    first.result(PATIENCE)
    second.result(PATIENCE)
    assert stage.kept() == {0, 2}


def test_many_writers_are_told_the_truth(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # groups end when they do

    def work(number: int) -> int | None:
        try:
            with stage.state.write() as connection:
                connection.execute(insert(NOTE).values(id=number))
                if number % 7 == 0:
                    raise ValueError  # noqa: TRY301
        except ValueError:
            return None
        return number

    with ThreadPoolExecutor(20) as pool:
        told = {number for number in pool.map(work, range(300)) if number is not None}
    assert told == stage.kept() == {number for number in range(300) if number % 7}
    assert 0 < stage.commits < len(told)
