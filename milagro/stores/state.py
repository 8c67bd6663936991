"""State in one SQLite file: durable when `write` returns, one writer at a time, many readers.

Write-ahead log, synchronous=FULL (a commit that was acknowledged survives kill -9 and power loss), foreign keys
on, and a bounded wait for the lock. Transactions are spelled out here rather than left to the driver, which would
begin them late and let two writers both read before either wrote.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from milagro.errors import ConfigError, StoreError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables, their version, and the number by which a file says whose they are (SQLite's application_id)."""

    tables: MetaData
    version: int
    application: int


class State:
    """A database with the tables of `schema`, made if it is new."""

    def __init__(self, path: Path, schema: Schema, busy_timeout_ms: int = 5000) -> None:
        self._path = path
        self._turn = threading.Lock()  # SQLite wakes its waiters in no order, so they queue here instead
        self._wait_seconds = busy_timeout_ms / 1000
        self._engine = _engine(path, busy_timeout_ms)
        with self.write() as connection:
            _migrate(connection, schema, path)

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that holds the write lock from its start; durable once the block is left.

        Raises: Unavailable if the lock is not free in time or the disk fails
        """
        if not self._turn.acquire(timeout=self._wait_seconds):
            raise Unavailable("the database is busy; try again")
        try:
            with self._connection() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.exec_driver_sql("ROLLBACK")
                    raise
                connection.exec_driver_sql("COMMIT")
        finally:
            self._turn.release()

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for single statements that change nothing.

        Raises: Unavailable
        """
        with self._connection() as connection:
            yield connection

    def check(self) -> None:
        """Refuses unless the database answers and could be written.

        Raises: Unavailable
        """
        with self.write() as connection:
            connection.execute(text("SELECT 1"))
        if not os.access(self._path, os.W_OK):
            raise Unavailable("the database is not writable")

    def close(self) -> None:
        """Gives all connections back."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except sqlite3.DatabaseError as error:  # raised while a connection is prepared
            raise StoreError(f"the file {self._path} is not a database that can be used") from error
        except DBAPIError as error:
            if isinstance(error.orig, sqlite3.IntegrityError):
                raise
            # The statement and its parameters stay out of the message.
            raise Unavailable(f"the database failed: {type(error.orig).__name__}") from error


def _engine(path: Path, busy_timeout_ms: int) -> Engine:
    _touch(path)
    engine = create_engine(
        f"sqlite:///{path}",
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        pool_size=16,
        max_overflow=32,
        pool_timeout=busy_timeout_ms / 1000,
        connect_args={"timeout": busy_timeout_ms / 1000},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={busy_timeout_ms}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _touch(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY))
    except OSError as error:
        raise ConfigError(f"the database {path} cannot be opened: {error.strerror}") from error


def _migrate(connection: Connection, schema: Schema, path: Path) -> None:
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    if (version, application) == (0, 0):
        schema.tables.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA application_id={schema.application}")
        connection.exec_driver_sql(f"PRAGMA user_version={schema.version}")
    elif application != schema.application:
        raise StoreError(f"the database {path} belongs to another role or another program")
    elif version != schema.version:
        raise StoreError(f"the database {path} has schema {version}; this release reads schema {schema.version}")
