"""The two kinds of database: how each is reached, begins a transaction, and tells of a failure.

Transactions are spelled out here rather than left to the drivers, which would begin them late and let two writers
both read before either wrote. SQLite: write-ahead log, synchronous=FULL (a commit that was acknowledged survives
kill -9 and power loss), foreign keys on, BEGIN IMMEDIATE. PostgreSQL: READ COMMITTED, and as the first statement an
advisory lock of the transaction, so that every later statement sees what its predecessor under the lock committed.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from milagro.errors import ConfigError, Unavailable
from milagro.stores.state.database import DRIVER, Database
from milagro.stores.state.writers import BUSY

_OWNER_ONLY: Final = 0o600
_IDLE_SECONDS: Final = 60  # a replica that hangs inside a transaction gives its lock back after so long
_UPGRADE_WAIT_MS: Final = 120_000  # a replica that starts waits so long for another that upgrades the database


class Server(Protocol):
    """What `State` asks of a kind of database. The statements of `begin_*` are made once a connection is there."""

    engine: Engine
    reader: Engine
    namespace: str

    takes_turns: bool
    """Whether writers of one process go one after the other by themselves, before the database makes them."""

    def begin_write(self, lock: str | None) -> str:
        """The statements that begin a transaction that may write."""

    def begin_upgrade(self) -> str:
        """The statements that begin a transaction that may take long and wait long."""

    def begin_read(self) -> str:
        """The statements that begin a transaction that cannot write."""

    def is_failed(self, connection: Connection) -> bool:
        """Whether a statement of the transaction failed, so that it must not be committed."""

    def is_refused(self, error: DBAPIError) -> bool:
        """Whether a failed COMMIT certainly changed nothing."""

    def fault(self, error: DBAPIError) -> str:
        """What to tell of a failure: no statement, no parameter, no address."""

    def warnings(self, connection: Connection) -> list[str]:
        """What makes commits of this database less durable than they should be."""

    def check(self) -> None:
        """Refuses what a transaction does not notice. Raises: Unavailable"""


def connect(database: Database, application: int) -> Server:
    """The server of `database`; nothing is read or written yet, but a new SQLite file is made.

    Raises: ConfigError
    """
    return SQLite(database) if database.path is not None else PostgreSQL(database, application)


class SQLite:
    """A file. Writers of one process take turns, because SQLite wakes its waiters in no order."""

    takes_turns = True

    def __init__(self, database: Database) -> None:
        assert database.path is not None  # noqa: S101 - for the type checker
        self._path = database.path
        self.namespace = ""
        self._wait_seconds = database.busy_timeout_ms / 1000
        _touch(self._path)
        wait = f"busy_timeout={database.busy_timeout_ms}"
        pragmas = (wait, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
        self.engine = self._make_engine(database, pragmas)
        self.reader = self._make_engine(database, (*pragmas, "query_only=ON"))
        # PostgreSQL gives a transaction up when a statement fails; what SQLite would let pass is noted, to be alike.
        event.listen(self.engine, "handle_error", _note_failure)
        event.listen(self.engine, "rollback_savepoint", lambda connection, *_: connection.info.pop("failed", None))

    def _make_engine(self, database: Database, pragmas: tuple[str, ...]) -> Engine:
        engine = create_engine(
            f"sqlite:///{self._path}",
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            pool_size=database.pool_size,
            max_overflow=2 * database.pool_size,
            pool_timeout=self._wait_seconds,
            connect_args={"timeout": self._wait_seconds},
        )
        event.listen(engine, "connect", lambda raw, _record: _set(raw, [f"PRAGMA {pragma}" for pragma in pragmas]))
        return engine

    def begin_write(self, lock: str | None) -> str:
        """A file has one lock, whatever it is called."""
        del lock
        return "BEGIN IMMEDIATE"

    def begin_upgrade(self) -> str:
        """The same; the wait is that of the connection."""
        return "BEGIN IMMEDIATE"

    def begin_read(self) -> str:
        """Readers see the file as it is at their first statement."""
        return "BEGIN"

    def is_failed(self, connection: Connection) -> bool:
        """Whether a failure was noted."""
        return bool(connection.info.pop("failed", False))

    def is_refused(self, error: DBAPIError) -> bool:
        """A full disk is found out before anything counts; other failures can come after the log was written."""
        return getattr(error.orig, "sqlite_errorname", "") == "SQLITE_FULL"

    def fault(self, error: DBAPIError) -> str:
        """By the name that SQLite gives the failure."""
        name = getattr(error.orig, "sqlite_errorname", None) or type(error.orig).__name__
        return BUSY if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) else f"the database failed: {name}"

    def warnings(self, connection: Connection) -> list[str]:
        """None: the settings are made here."""
        del connection
        return []

    def check(self) -> None:
        """Refuses a file that may not be written."""
        if not os.access(self._path, os.W_OK):
            raise Unavailable("the database is not writable")


class PostgreSQL:
    """A database of a server, through psycopg; the locks are the server's, so they hold among all replicas."""

    takes_turns = False

    def __init__(self, database: Database, application: int) -> None:
        self._database = database
        self._application = application
        self.namespace = ""
        try:
            self.engine = create_engine(
                make_url(database.url).set(drivername=DRIVER),
                isolation_level="AUTOCOMMIT",
                hide_parameters=True,
                pool_size=database.pool_size,
                max_overflow=0,
                pool_timeout=database.busy_timeout_ms / 1000,
                connect_args=_connect_arguments(database),
            )
        except ImportError as error:
            raise ConfigError("PostgreSQL needs the library psycopg; pip install 'milagro[postgres]'") from error
        self.reader = self.engine
        event.listen(self.engine, "do_connect", self._give_password)
        event.listen(self.engine, "connect", self._prepare)

    def begin_write(self, lock: str | None) -> str:
        """The schema's lock alone, or the schema's with others and the named one alone."""
        if lock is None:
            return f"BEGIN READ WRITE; SELECT pg_advisory_xact_lock({self._key('')})"
        return (
            f"BEGIN READ WRITE; SELECT pg_advisory_xact_lock_shared({self._key('')}); "
            f"SELECT pg_advisory_xact_lock({self._key('lock ' + lock)})"
        )

    def begin_upgrade(self) -> str:
        """The schema's lock alone, with patience."""
        return (
            f"BEGIN READ WRITE; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {_UPGRADE_WAIT_MS}; "
            f"SELECT pg_advisory_xact_lock({self._key('')})"
        )

    def begin_read(self) -> str:
        """Readers see the database as it is at their first statement."""
        return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    def is_failed(self, connection: Connection) -> bool:
        """What the server says; COMMIT would answer a failed transaction with ROLLBACK and no error."""
        status: str = connection.connection.driver_connection.info.transaction_status.name  # type: ignore[union-attr]
        return status == "INERROR"

    def is_refused(self, error: DBAPIError) -> bool:
        """The server answered, and not that it is going down or does not know."""
        state = _sqlstate(error)
        return state is not None and state[:2] not in {"08", "57", "58", "XX"}

    def fault(self, error: DBAPIError) -> str:
        """By SQLSTATE."""
        state = _sqlstate(error)
        if state == "55P03":
            return BUSY
        if state == "57014":
            return "the database took too long; try again"
        if state is None or state[:2] in {"08", "57"}:
            return "the database cannot be reached; try again"
        return f"the database failed: {type(error.orig).__name__}"

    def warnings(self, connection: Connection) -> list[str]:
        """Settings of the server that let acknowledged commits be lost in a crash."""
        query = (
            "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' "
            "UNION SELECT name FROM pg_settings WHERE name = 'synchronous_commit' AND reset_val = 'off' ORDER BY 1"
        )
        found = connection.exec_driver_sql(query).scalars().all()
        saved = {"synchronous_commit": "this server turns it on for its own connections"}
        lost = "a crash of its machine can lose spent tickets and counted attempts"
        return [f"the PostgreSQL server has {name} = off: {saved.get(name, lost)}" for name in found]

    def check(self) -> None:
        """Nothing more: beginning to write is refused by a standby."""

    def _give_password(self, _dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
        if self._database.password is not None:
            options["password"] = self._database.password.read().reveal().decode()

    def _prepare(self, raw: Any, _record: object) -> None:
        waits = {
            "lock_timeout": self._database.busy_timeout_ms,
            "statement_timeout": self._database.statement_timeout_seconds * 1000,
            "idle_in_transaction_session_timeout": _IDLE_SECONDS * 1000,
        }
        with raw.cursor() as cursor:
            for name, value in waits.items():
                cursor.execute(f"SET {name} = {value}")
            cursor.execute(
                "SELECT current_schema(), current_setting('server_encoding'), current_setting('synchronous_commit')"
            )
            namespace, encoding, synchronous = cursor.fetchone()
            if synchronous == "off":
                cursor.execute("SET synchronous_commit = on")
        if not raw.autocommit:
            raw.commit()
        if encoding != "UTF8":
            raise ConfigError(f"the database has the encoding {encoding}; make it with ENCODING 'UTF8'")
        if namespace is None:
            raise ConfigError("the database has no schema that this user may use; look at its search_path")
        self.namespace = namespace

    def _key(self, name: str) -> int:
        """A number of 64 bits for a lock: another one for other applications and PostgreSQL schemas."""
        text = f"milagro state {self._application} {self.namespace} {name}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], signed=True)


def _connect_arguments(database: Database) -> dict[str, Any]:
    return {
        "connect_timeout": database.connect_timeout_seconds,
        "application_name": "milagro",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 1000 * max(10, database.connect_timeout_seconds),
    }


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _set(raw: Any, statements: list[str]) -> None:
    cursor = raw.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()


def _note_failure(context: Any) -> None:
    if context.connection is not None and isinstance(context.original_exception, sqlite3.Error):
        context.connection.info["failed"] = True


def _touch(path: Any) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY))
    except OSError as error:
        raise ConfigError(f"the database {path} cannot be opened: {error.strerror}") from error
