"""A consistent copy of a database that is in use, and the way back.

SQLite: its own backup interface, page by page, while writers go on; a restore is the same in the other direction, so
it is one transaction that waits for the file's lock. PostgreSQL: `pg_dump` and `pg_restore` of the server's version,
which must be on PATH; each works in one transaction.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url

from milagro.errors import AlreadyExists, ConfigError, NotFound, StoreError, Unavailable
from milagro.stores import files
from milagro.stores.state.schema import Schema, Standing

if TYPE_CHECKING:
    from milagro.stores.state.database import Database
    from milagro.stores.state.state import State

_OWNER_ONLY = 0o600


def back_up(state: State, copy: Path) -> None:
    """Writes what the database holds now to a new file of mode 0600, and raises the database's epoch.

    A copy is whole or not there. To put an older one back is recognised, see `milagro.stores.state.epoch`.

    Raises: AlreadyExists, ConfigError, Unavailable, StoreError
    """
    if copy.exists():
        raise AlreadyExists(f"the file {copy} exists already and is not overwritten")
    pending = copy.with_name(f".{copy.name}.{os.getpid()}")
    try:
        os.close(os.open(pending, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY))
        if state.database.path is not None:
            _copy_pages(state.database.path, pending, alone=True)
            _check_pages(pending)
        else:
            options = ("--format=custom", "--no-owner", f'--schema="{state.namespace}"', f"--file={pending}")
            _run_tool(state.database, "pg_dump", *options)
        _keep(pending, copy)
    except OSError as error:
        raise Unavailable(f"the file {copy} cannot be written: {error.strerror}") from error
    finally:
        pending.unlink(missing_ok=True)
    state.raise_epoch()


def restore(database: Database, schema: Schema, copy: Path) -> None:
    """Puts a copy in the place of what the database holds. Servers that use it should be stopped first.

    Whose tables a dump of PostgreSQL has is found out only when it is opened.

    Raises: NotFound, StoreError if the copy is damaged or another role's, ConfigError, Unavailable
    """
    if not copy.is_file():
        raise NotFound(f"the file {copy} does not exist")
    if database.path is None:
        options = ("--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error")
        _run_tool(database, "pg_restore", *options, str(copy))
        return
    _check_pages(copy).check(schema, str(copy))
    if not database.path.exists():
        files.write_new(database.path, b"")
    _copy_pages(copy, database.path)


def _copy_pages(source: Path, target: Path, *, alone: bool = False) -> None:
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as reader,
            contextlib.closing(sqlite3.connect(target, timeout=30)) as writer,
        ):
            reader.backup(writer)
            if alone:  # one file, with no log beside it; the next State that opens it begins one
                writer.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        raise Unavailable(f"{source} could not be copied to {target}: {name}") from error


def _check_pages(copy: Path) -> Standing:
    try:
        with contextlib.closing(sqlite3.connect(f"{copy.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
            row = (
                connection.execute("SELECT compatible_from FROM schema_state").fetchone()
                if "schema_state" in tables
                else None
            )
    except sqlite3.Error as error:
        raise StoreError(f"the file {copy} is not a whole copy of a database") from error
    if verdict != "ok":
        raise StoreError(f"the file {copy} is a damaged copy of a database")
    return Standing(application, version, row[0] if row else version)


def _keep(pending: Path, copy: Path) -> None:
    descriptor = os.open(pending, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(pending, copy)
    except FileExistsError:
        raise AlreadyExists(f"the file {copy} exists already and is not overwritten") from None
    files.sync_folder(copy.parent)


def _run_tool(database: Database, tool: str, *arguments: str) -> None:
    """Runs a tool of PostgreSQL; the password goes by a file that only its owner reads."""
    path = shutil.which(tool)
    if path is None:
        raise ConfigError(f"{tool} is not on PATH; install PostgreSQL's client tools of the server's version")
    url = make_url(database.url).set(drivername="postgresql")
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ)
        if database.password is not None:
            secret = database.password.read().reveal().decode()
            environment["PGPASSFILE"] = str(_password_file(Path(folder), secret))
        command = [path, f"--dbname={url.render_as_string()}", "--no-password", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)  # noqa: S603
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise Unavailable(f"{tool} failed on {database.shown}: {said}")


def _password_file(folder: Path, secret: str) -> Path:
    escaped = secret.replace("\\", "\\\\").replace(":", "\\:")
    path = folder / "pgpass"
    files.write_new(path, f"*:*:*:*:{escaped}\n".encode())
    return path
