"""Both kinds of database for a test: a SQLite file, and a new database of the session's own PostgreSQL server."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from milagro.stores.state import Database
from tests.canaries import collect
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("sqlite", "postgresql")
_SETTINGS = {
    "listen_addresses": "''",
    "max_connections": 80,
    "shared_buffers": "16MB",
    "log_min_messages": "fatal",
    "recovery_init_sync_method": "syncfs",  # after a crash; file by file takes seconds
}


def programs() -> Path:
    """The folder of the newest server's programs: Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    named = shutil.which("initdb")
    if not found and named is None:
        missing("there is no PostgreSQL server here: no initdb on PATH or in /usr/lib/postgresql (Debian: postgresql)")
    return Path(named).parent if named else found[-1].parent


class Postgres:
    """A server in a folder of its own, on a socket there. It refuses to run as root, so then it is nobody's."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._programs, self._numbers = folder, programs(), itertools.count(1)
        self._as: dict[str, Any] = {}
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        options = ["--auth=trust", "--username=milagro", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        self.run("initdb", "-D", str(folder / "data"), *options)
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in _SETTINGS.items())
            file.write(f"unix_socket_directories = '{folder}'\n")
        self.start()

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, timeout=60, **self._as)

    def start(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", mode, "stop")

    def url(self, name: str = "postgres", user: str = "milagro") -> str:
        return f"postgresql+psycopg://{user}@/{name}?host={self.folder}"

    def execute(self, *statements: str, name: str = "postgres") -> list[Any]:
        """Runs statements outside of any transaction; the rows of the last one."""
        import psycopg

        rows: list[Any] = []
        with psycopg.connect(f"host={self.folder} user=milagro dbname={name}", autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def new(self) -> str:
        """The URL of a new database."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def new_schema(self) -> str:
        """The URL of a new schema in a database that others use as well: as good, and made in no time."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE SCHEMA {name}")
        return f"{self.url()}&options=-csearch_path%3D{name}"


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """A server that is gone at the end. Not in pytest's folder, which only its owner enters."""
    folder = Path(tempfile.mkdtemp(prefix="milagro-pg-"))
    server = None
    try:
        server = Postgres(folder)
        yield server
    finally:
        if server is not None:
            with contextlib.suppress(subprocess.CalledProcessError):
                server.stop("immediate")
        collect(folder / "log")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's server."""
    with running() as server:
        yield server


def store_table(kind: str, request: pytest.FixtureRequest) -> str:
    """The table [store] for a server of its own of this kind; nothing for the default, a file."""
    return "" if kind == "sqlite" else f'[store]\nurl = "{request.getfixturevalue("postgres").new_schema()}"\n'


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A new database of each kind in turn."""
    if request.param == "sqlite":
        return Database(path=tmp_path / "state.sqlite")
    return Database(url=request.getfixturevalue("postgres").new_schema())
