"""A PostgreSQL server that restarts, goes away, or is set up so that it forgets."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select, update

from milagro.errors import ConfigError, Unavailable
from milagro.stores.keys import PassphraseSource
from milagro.stores.state import Database, State, back_up
from tests.stores.databases import Postgres, programs, running
from tests.stores.test_state import COUNT, NOTE, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def own() -> Iterator[Postgres]:
    """A server that may be stopped."""
    with running() as server:
        yield server


@pytest.fixture
def state(own: Postgres) -> Iterator[State]:
    state = State(Database(url=own.new_schema(), connect_timeout_seconds=2), SCHEMA)
    with state.write() as connection:
        connection.execute(insert(COUNT).values(id=1, value=0))
    yield state
    state.close()


def values(state: State) -> list[int]:
    with state.read() as connection:
        return list(connection.execute(select(COUNT.c.value)).scalars())


def end_sessions(own: Postgres) -> None:
    own.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()"
    )


def test_a_restart_between_transactions_is_not_noticed(own: Postgres, state: State) -> None:
    with ThreadPoolExecutor(8) as pool:  # several connections that will all be dead
        list(pool.map(lambda _: values(state), range(8)))
    own.stop("immediate")
    own.start()
    with state.write() as connection:
        connection.execute(update(COUNT).values(value=1))
    assert values(state) == [1]


def test_while_it_is_down_it_is_unavailable_and_nothing_else(own: Postgres, state: State) -> None:
    own.stop()
    try:
        for use in (state.check, lambda: values(state), lambda: State(state.database, SCHEMA)):
            with pytest.raises(Unavailable, match="cannot be reached"):
                use()
    finally:
        own.start()
    state.check()


def test_a_session_that_ends_inside_a_transaction_keeps_nothing(own: Postgres, state: State) -> None:
    def use() -> None:
        with state.write() as connection:
            connection.execute(update(COUNT).values(value=9))
            end_sessions(own)
            connection.execute(update(COUNT).values(value=10))

    with pytest.raises(Unavailable, match="cannot be reached"):
        use()
    assert values(state) == [0]
    state.check()


def test_a_session_that_ends_before_the_commit_leaves_the_outcome_open(own: Postgres, state: State) -> None:
    def use() -> None:
        with state.write() as connection:
            connection.execute(update(COUNT).values(value=9))
            end_sessions(own)

    with pytest.raises(Unavailable, match="not known whether the change was kept"):
        use()
    assert values(state) == [0]


def test_a_connection_that_dies_as_the_transaction_begins_is_replaced(own: Postgres, state: State) -> None:
    begin = state._server.begin_write
    ended = []

    def dying(lock: str | None) -> str:  # after the ping, before the first statement
        if not ended:
            ended.append(lock)
            end_sessions(own)
        return begin(lock)

    state._server.begin_write = dying  # type: ignore[method-assign]
    with state.write() as connection:
        connection.execute(update(COUNT).values(value=2))
    assert ended == [None]
    assert values(state) == [2]


def test_what_was_acknowledged_survives_a_crash_of_the_server(own: Postgres, state: State) -> None:
    with state.write() as connection:
        connection.execute(update(COUNT).values(value=7))
    own.stop("immediate")
    own.start()
    assert values(state) == [7]


def test_a_statement_that_takes_too_long_is_ended(state: State) -> None:
    hasty = State(replace(state.database, statement_timeout_seconds=1), SCHEMA)
    with pytest.raises(Unavailable, match="too long"), hasty.write() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(20)")
    hasty.close()


def test_settings_that_lose_commits_are_warned_of(own: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    url = own.new()
    own.execute(f"ALTER DATABASE {url.split('/')[3].split('?')[0]} SET synchronous_commit = off")
    with caplog.at_level(logging.WARNING):
        state = State(Database(url=url), SCHEMA)
    assert [record.message for record in caplog.records] == [
        "the PostgreSQL server has synchronous_commit = off: this server turns it on for its own connections"
    ]
    with state.write() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
    state.close()
    caplog.clear()
    own.execute("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    try:
        with caplog.at_level(logging.WARNING):
            State(Database(url=own.new_schema()), SCHEMA).close()
    finally:
        own.execute("ALTER SYSTEM RESET fsync", "SELECT pg_reload_conf()")
    assert "fsync = off" in caplog.text


def test_a_database_in_another_encoding_is_refused(own: Postgres) -> None:
    own.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(ConfigError, match="LATIN1"):
        State(Database(url=own.url("latin")), SCHEMA)


def test_the_password_is_read_from_its_file_and_never_shown(
    own: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hba = own.folder / "data" / "pg_hba.conf"
    before = hba.read_text()
    own.execute("CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'CANARY-1'")
    hba.write_text("local all guarded scram-sha-256\n" + before)
    own.execute("SELECT pg_reload_conf()")
    file = tmp_path / "password"
    file.write_text("CANARY-1\n")
    url = own.new_schema().replace("milagro@", "guarded@")
    database = Database(url=url, password=PassphraseSource(file=file))
    state = State(database, SCHEMA)
    assert "CANARY" not in repr(state._server.engine) + repr(database) + database.shown + str(state._server.engine.url)
    own.execute("ALTER ROLE guarded PASSWORD 'CANARY:2\\'")
    state.close()
    for use, text in ((state.check, "reached; try again$"), (lambda: State(database, SCHEMA), "authentication failed")):
        with pytest.raises(Unavailable, match=text) as caught:  # who starts it hears why; who asks it does not
            use()
        assert "CANARY" not in f"{caught.value!r} {caught.value.__cause__!r}"
    file.write_text("CANARY:2\\\n")
    state.check()  # changed while the server runs
    monkeypatch.setenv("PATH", f"{programs()}{os.pathsep}{os.environ['PATH']}")
    back_up(state, tmp_path / "copy")
    state.close()
    hba.write_text(before)
    own.execute("SELECT pg_reload_conf()")


def test_a_fork_makes_its_own_connections(state: State) -> None:
    values(state)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with state.write() as connection:
                connection.execute(insert(NOTE).values(text="child"))
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    with state.read() as connection:
        assert connection.execute(select(NOTE.c.text)).scalars().all() == ["child"]


def test_a_replica_that_was_killed_holds_no_lock(state: State) -> None:
    script = (
        "import sys, time; from milagro.stores.state import State; from tests.stores.test_state import SCHEMA\n"
        "with State(sys.argv[1], SCHEMA).write(): print('held', flush=True); time.sleep(60)"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", script, state.database.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=ROOT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGKILL)
    state.check()
