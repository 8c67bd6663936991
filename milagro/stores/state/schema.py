"""A role's tables, their version, and the numbered migrations that lead there.

Two tables say what a database holds: `schema_version` (Alembic's: the number of the last migration) and `schema_state`
(one row: whose tables they are, the oldest release that works with them, and the numbers of `epoch`).

A migration is a module in the schema's folder, run by Alembic, with

    revision = "2"            one more than down_revision = "1"; "1" has down_revision = None
    compatible_from = 1       the oldest version whose release works on the database after this migration
    def upgrade(op: Operations) -> None: ...

Migrations only go forward, and all that are missing run in one transaction under the lock: killed at any point, the
database is what it was before. A migration that only adds (tables, columns that may be null or have a default, indexes
that are not unique) leaves `compatible_from` where it was, so that replicas of the older release go on working until
they are replaced. One that renames, removes or changes a meaning sets it to its own number.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Column, Integer, MetaData, String, Table, insert, inspect, select, update

from milagro.errors import ConfigError, StoreError
from milagro.stores.state.columns import Int64

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import Connection

_VERSION_TABLE: Final = "schema_version"
_metadata = MetaData()
VERSION: Final = Table(_VERSION_TABLE, _metadata, Column("version_num", String(32), primary_key=True))
STATE: Final = Table(
    "schema_state",
    _metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("application", Int64, nullable=False),
    Column("compatible_from", Integer, nullable=False),
    Column("epoch", Int64, nullable=False),
    Column("restored_at", Int64),
)


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables, their version, the number by which a database says whose they are, and the folder of the migrations.

    Without migrations a new database gets `tables` as they are, and one of another version is refused.
    """

    tables: MetaData
    version: int
    application: int
    migrations: Path | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a database holds: whose tables, of which version, and which versions' releases work with them."""

    application: int
    version: int
    compatible_from: int
    recorded: bool = True  # False: a SQLite file of release 0.1, which has only the numbers in its header

    def check(self, schema: Schema, shown: str) -> None:
        """Refuses a database that a release with `schema` cannot use, even after an upgrade.

        Raises: StoreError
        """
        if self.application != schema.application:
            raise StoreError(f"the database {shown} belongs to another role or another program")
        if self.version > schema.version >= self.compatible_from:
            return
        if self.version > schema.version or (self.version < schema.version and schema.migrations is None):
            newer = "; a newer release upgraded it, install that one" if self.version > schema.version else ""
            raise StoreError(
                f"the database {shown} has schema {self.version}; this release reads schema {schema.version}{newer}"
            )


def standing(connection: Connection) -> Standing | None:
    """What the database holds; None if it is new.

    Raises: StoreError if its own tables contradict each other
    """
    if inspect(connection).has_table(STATE.name):
        row = connection.execute(select(STATE.c.application, STATE.c.compatible_from)).one_or_none()
        version = connection.execute(select(VERSION.c.version_num)).scalar_one_or_none()
        if row is None or version is None or not version.isdecimal():
            raise StoreError("the database does not say which schema it has; restore it from a backup")
        return Standing(row.application, int(version), row.compatible_from)
    if connection.dialect.name == "sqlite":
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        if (version, application) != (0, 0):
            return Standing(application, version, version, recorded=False)
    return None


def is_ready(found: Standing | None, schema: Schema) -> bool:
    """Whether nothing is to be done before `schema` can be used."""
    return found is not None and found.recorded and found.version >= schema.version


def bring_up(connection: Connection, schema: Schema, shown: str) -> None:
    """Makes the tables, or runs the missing migrations; for the inside of a transaction under the schema's lock.

    Raises: StoreError
    """
    found = standing(connection)
    if found is not None:
        found.check(schema, shown)
    if is_ready(found, schema):
        return
    if found is None:
        _check_free(connection, schema, shown)
    if found is None or not found.recorded:
        _metadata.create_all(connection)
        at = found.version if found else 0
        connection.execute(insert(STATE).values(id=1, application=schema.application, compatible_from=at, epoch=0))
    if found is not None and not found.recorded:
        connection.execute(insert(VERSION).values(version_num=str(found.version)))
    if schema.migrations is None:
        _create(connection, schema, found)
    else:
        _run(connection, schema, schema.migrations)
    _sign_file(connection, schema)


def _check_free(connection: Connection, schema: Schema, shown: str) -> None:
    taken = sorted(set(inspect(connection).get_table_names()) & {*schema.tables.tables, *_metadata.tables})
    if taken:
        raise StoreError(f"the database {shown} belongs to another program: it has a table {taken[0]!r} already")


def _create(connection: Connection, schema: Schema, found: Standing | None) -> None:
    if found is None:
        schema.tables.create_all(connection)
        connection.execute(insert(VERSION).values(version_num=str(schema.version)))
    connection.execute(update(STATE).values(compatible_from=schema.version))


def _run(connection: Connection, schema: Schema, folder: Path) -> None:
    with _reported():
        scripts = _scripts(folder)
        context, operations = _context(connection, scripts, schema.version)
        context.run_migrations(op=operations)
    connection.execute(update(STATE).values(compatible_from=_compatible_from(scripts, schema.version)))


def _sign_file(connection: Connection, schema: Schema) -> None:
    if connection.dialect.name == "sqlite":  # for file(1), and for release 0.1, which reads nothing else
        connection.exec_driver_sql(f"PRAGMA application_id={schema.application}")
        connection.exec_driver_sql(f"PRAGMA user_version={schema.version}")


def _scripts(folder: Path) -> ScriptDirectory:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - only a database that is not up to date pays for it

    return ScriptDirectory(folder, version_locations=[folder])


def _context(connection: Connection, scripts: ScriptDirectory, version: int) -> tuple[MigrationContext, Any]:
    from alembic.operations import Operations  # noqa: PLC0415
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

    def steps(heads: Any, _context: MigrationContext) -> Any:
        return scripts._upgrade_revs(str(version), heads)  # what alembic.command.upgrade hands over

    # The transaction is State's: SQLAlchemy has begun one by now as it sees it, so Alembic begins and ends none.
    context = MigrationContext.configure(
        connection, opts={"script": scripts, "fn": steps, "version_table": _VERSION_TABLE}
    )
    return context, Operations(context)


def _compatible_from(scripts: ScriptDirectory, version: int) -> int:
    return max(
        int(script.module.compatible_from) for script in scripts.walk_revisions() if int(script.revision) <= version
    )


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    try:
        from alembic.util import CommandError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError("upgrading a database needs the library alembic; pip install 'milagro[server]'") from error
    try:
        yield
    except CommandError as error:
        raise StoreError(f"the migrations of this release cannot be run: {error}") from error
