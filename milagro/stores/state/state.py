"""One transaction at a time, from its begin to its commit, on either kind of database."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import literal_column, select, text, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from milagro.errors import ParameterError, StoreError, Unavailable
from milagro.stores.state.columns import Int64, larger
from milagro.stores.state.database import Database
from milagro.stores.state.engines import connect
from milagro.stores.state.epoch import Epoch
from milagro.stores.state.schema import STATE, Schema, Standing, bring_up, is_ready, standing
from milagro.stores.state.writers import BUSY, NOT_KEPT, Writers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine, Select

_UNKNOWN = (
    "the connection broke during the commit, so it is not known whether the change was kept; look before repeating"
)
_RESTORED_AT = select(STATE.c.restored_at)
_ORIGIN = {
    name: select(STATE.c.restored_at, literal_column(number, Int64), STATE.c.epoch)
    for name, number in (("postgresql", "tableoid::bigint"), ("sqlite", "0"))
}


class Origin(NamedTuple):
    """When the database was last found to be an older copy, the number of its tables (0 in SQLite), and its epoch.

    PostgreSQL numbers each table that it makes, so a dump that was put back has other numbers.
    """

    restored_at: int | None
    tables: int
    epoch: int


class State:
    """A database with the tables of `schema`: made if it is new, upgraded if it is older.

    A database that a newer release upgraded is used as it is if that release says that this one can, else refused.

    Raises: ConfigError, StoreError, Unavailable
    """

    def __init__(
        self,
        database: Database | Path | str,
        schema: Schema,
        busy_timeout_ms: int = 5000,
        *,
        clock: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        self.database = _named(database, busy_timeout_ms)
        self._schema = schema
        self._server = connect(self.database, schema.application)
        self._clock = clock
        self._epoch = Epoch(self.database.epoch_file, clock)
        self._process = os.getpid()
        self._writers = Writers(
            self.database.busy_timeout_ms / 1000, self._begin_write, self._end, _undo, self._server.is_failed
        )
        with self._explained():
            self._open()

    @property
    def namespace(self) -> str:
        """The PostgreSQL schema that the tables are in; nothing for a file."""
        return self._server.namespace

    @property
    def restored(self) -> bool:
        """Whether this process found the database to be an older copy than the one before (see `epoch`)."""
        return self._epoch.restored

    def restored_at(self, connection: Connection) -> int | None:
        """When any replica last found the database to be an older copy, in unix seconds; None if none ever did."""
        at: int | None = connection.execute(_RESTORED_AT).scalar_one()
        return at

    def notice_restore(self, connection: Connection) -> Origin:
        """Where the database comes from, once the epoch's file was looked at: a restore since the last look is noted.

        For what must not be done on an older copy even once; elsewhere a look a minute does.
        Raises: StoreError if the file cannot be read
        """
        found = self.origin(connection)
        return self.origin(connection) if self._epoch.notice(connection, found.epoch) else found

    def origin(self, connection: Connection) -> Origin:
        """Where the database comes from. Its tables cannot be replaced until the transaction ends."""
        return Origin(*connection.execute(_ORIGIN[connection.dialect.name]).one())

    def note_restored(self, connection: Connection, epoch: int = 0) -> None:
        """Notes in this transaction that the database is an older copy, which whoever puts one back knows.

        `epoch` is a number that it once had, if one is known.
        """
        changed = {"epoch": larger(STATE.c.epoch, epoch) + 1, "restored_at": self._epoch.later()}
        connection.execute(update(STATE).values(changed))

    @contextlib.contextmanager
    def write(self, lock: str | None = None) -> Iterator[Connection]:
        """One transaction that excludes other writers from its start; durable once the block is left.

        With `lock`, only writers that name the same lock, or none, are excluded (on SQLite all are, all the same, and
        those of one process who wait for each other share a commit; see `writers`).
        A statement that failed, though the block went on, means that nothing of it is kept; use `begin_nested`.

        Raises: Unavailable if the lock is not free in time, or the database cannot be reached, or fails; its text says
            so if it is not known whether the change was kept. ParameterError if a value cannot be stored
        """
        with self._translated(), self._writing(lock) as connection:
            number = self._epoch.raise_if_due(connection)
            yield connection
        if number is not None:
            self._epoch.store(number)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database and cannot change it.

        Raises: Unavailable
        """
        with self._begun(self._server.reader, self._server.begin_read) as connection:
            yield connection

    def find(self, query: Select[Any], parameters: dict[str, Any]) -> Any:
        """The one row that a query finds, None if there is none; by itself it needs no transaction.

        Raises: Unavailable
        """
        self._leave_parent()
        with self._translated():
            try:
                return _found(self._server.reader, query, parameters)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                return _found(self._server.reader, query, parameters)

    def standing(self) -> Standing:
        """Which schema the database has now.

        Raises: Unavailable, StoreError
        """
        with self.read() as connection:
            found = standing(connection)
        if found is None:
            raise StoreError(f"the database {self.database.shown} was emptied")
        return found

    def check(self) -> None:
        """Refuses unless the database answers, could be written, and is still one that this release can use.

        Raises: Unavailable, StoreError
        """
        with self.write() as connection:
            connection.execute(text("SELECT 1"))
        self._server.check()
        self._epoch.check()
        self.standing().check(self._schema, self.database.shown)

    def raise_epoch(self) -> None:
        """Raises the number by which older copies are recognised, as a backup does.

        Raises: Unavailable
        """
        self._epoch.expire()
        with self.write():
            pass

    def close(self) -> None:
        """Gives all connections back."""
        self._server.engine.dispose()
        self._server.reader.dispose()

    # -- opening -----------------------------------------------------------------------------------------------
    def _open(self) -> None:
        with self.read() as connection:
            found = standing(connection)
            warnings = self._server.warnings(connection)
        for warning in warnings:
            logging.getLogger(__name__).warning("%s", warning)
        if found is not None:
            found.check(self._schema, self.database.shown)
        if not is_ready(found, self._schema):
            self._upgrade(found)
        self.raise_epoch()
        self._epoch.check()

    def _upgrade(self, found: Standing | None) -> None:
        if not self.database.upgrade and found is not None:
            raise StoreError(
                f"the database {self.database.shown} has schema {found.version}, and this release needs schema "
                f"{self._schema.version}: run 'milagro db upgrade', or set store.upgrade = 'start'"
            )
        with self._begun(self._server.engine, self._server.begin_upgrade) as connection:
            bring_up(connection, self._schema, self.database.shown)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Adds to a failure what only an operator should read: which database, and what its server said."""
        try:
            yield
        except Unavailable as error:
            self.close()
            said = f" ({_said(error.__cause__)})" if isinstance(error.__cause__, DBAPIError) else ""
            raise Unavailable(f"the database {self.database.shown}: {error}{said}") from error
        except BaseException:
            self.close()
            raise

    # -- transactions ------------------------------------------------------------------------------------------
    def _writing(self, lock: str | None) -> contextlib.AbstractContextManager[Connection]:
        if self._server.takes_turns:
            return self._writers.write()
        return self._begun(self._server.engine, lambda: self._server.begin_write(lock))

    def _begin_write(self) -> Connection:
        return self._begin(self._server.engine, lambda: self._server.begin_write(None))

    def _end(self, connection: Connection) -> None:
        with self._translated():
            self._commit(connection)

    @contextlib.contextmanager
    def _begun(self, engine: Engine, statements: Callable[[], str]) -> Iterator[Connection]:
        with self._translated(), contextlib.closing(self._begin(engine, statements)) as connection:
            try:
                yield connection
            except BaseException:
                _undo(connection)
                raise
            self._commit(connection)

    def _begin(self, engine: Engine, statements: Callable[[], str]) -> Connection:
        self._leave_parent()
        try:
            return _try_begin(engine, statements)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # Nothing was begun, so nothing is done twice; SQLAlchemy has thrown away all the older connections by now.
            return _try_begin(engine, statements)

    def _leave_parent(self) -> None:
        if self._process != os.getpid():  # a fork: the parent's connections are not ours to talk through
            self._server.engine.dispose(close=False)
            self._server.reader.dispose(close=False)
            self._process = os.getpid()

    def _commit(self, connection: Connection) -> None:
        if self._server.is_failed(connection):
            _undo(connection)
            raise StoreError(NOT_KEPT)
        try:
            connection.exec_driver_sql("COMMIT")
        except DBAPIError as error:
            _undo(connection)
            if isinstance(error, IntegrityError) or self._server.is_refused(error):
                raise
            raise Unavailable(_UNKNOWN) from error
        except BaseException:
            connection.invalidate()
            raise

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DataError as error:
            raise ParameterError("the database cannot hold a value of this change") from error
        except PoolTimeout as error:
            raise Unavailable(BUSY) from error
        except DBAPIError as error:
            # The statement and its parameters stay out of the message.
            raise Unavailable(self._server.fault(error)) from error
        except sqlite3.DatabaseError as error:  # raised while a connection is prepared
            raise StoreError(f"the file {self.database.shown} is not a database that can be used") from error


def look(database: Database, application: int) -> Standing | None:
    """Which schema a database has, without changing it; None if it is new.

    Raises: ConfigError, StoreError, Unavailable
    """
    if database.path is not None and not database.path.exists():
        return None
    server = connect(database, application)
    try:
        with server.reader.connect() as connection:
            return standing(connection)
    except (DBAPIError, sqlite3.DatabaseError) as error:
        raise Unavailable(f"the database {database.shown} cannot be read: {_said(error)}") from error
    finally:
        server.engine.dispose()
        server.reader.dispose()


def _said(error: BaseException | None) -> str:
    return str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]


def _named(database: Database | Path | str, busy_timeout_ms: int) -> Database:
    if isinstance(database, Database):
        return database
    if isinstance(database, str) and "://" in database:
        return Database(url=database, busy_timeout_ms=busy_timeout_ms)
    return Database(path=Path(database), busy_timeout_ms=busy_timeout_ms)


def _found(engine: Engine, query: Select[Any], parameters: dict[str, Any]) -> Any:
    with engine.connect() as connection:
        return connection.execute(query, parameters).one_or_none()


def _try_begin(engine: Engine, statements: Callable[[], str]) -> Connection:
    connection = engine.connect()
    try:
        connection.info.pop("failed", None)
        connection.exec_driver_sql(statements())
    except BaseException:
        _undo(connection)
        connection.close()
        raise
    return connection


def _undo(connection: Connection) -> None:
    """Rolls back; a connection on which that fails is not used again."""
    try:
        if not connection.invalidated:
            connection.exec_driver_sql("ROLLBACK")
    except DBAPIError:
        with contextlib.suppress(DBAPIError):
            connection.invalidate()
