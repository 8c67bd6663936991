"""Both kinds of database for a test: a SQLite file, and a fresh database of a PostgreSQL server of the session's own."""

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
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("sqlite", "postgresql")
_SETTINGS = {"listen_addresses": "''", "max_connections": 80, "shared_buffers": "16MB", "log_min_messages": "fatal"}


def programs() -> Path:
    """The folder of the newest server's programs: Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    named = shutil.which("initdb")
    if not found and named is None:
        missing("there is no PostgreSQL server here: no initdb on PATH or in /usr/lib/postgresql (Debian: postgresql)")
    return Path(named).parent if named else found[-1].parent


class Postgres:
    """A server in a folder of its own, on a socket in that folder. It refuses to run as root, so it is nobody's then."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._programs, self._numbers = folder, programs(), itertools.count(1)
        self._as: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
        if self._as:
            nobody = pwd.getpwnam("nobody")
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
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's server."""
    with running() as server:
        yield server


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A new database of each kind in turn."""
    return new_database(request, tmp_path)


def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A new database of the kind that the fixture's parameter names."""
    if request.param == "sqlite":
        return Database(path=tmp_path / "state.sqlite")
    return Database(url=request.getfixturevalue("postgres").new())
