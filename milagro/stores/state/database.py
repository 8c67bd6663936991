"""Where a database is, and how long to wait for it: the table [store] of a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from milagro.errors import ConfigError
from milagro.stores.urls import is_loopback

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.stores.keys import PassphraseSource

DRIVER: Final = "postgresql+psycopg"
_SECRET_WORDS: Final = ("password", "sslpassword")


@dataclass(frozen=True, slots=True)
class Database:
    """One SQLite file (`path`) or one PostgreSQL database (`url`, which never has the password in it).

    `password` is read anew for each connection, so that it can be changed while the server runs. `epoch_file` is
    described in `milagro.stores.state.epoch`; `upgrade` says whether opening runs missing migrations.

    Raises: ConfigError
    """

    path: Path | None = None
    url: str = ""
    password: PassphraseSource | None = None
    busy_timeout_ms: int = 5000
    pool_size: int = 16
    connect_timeout_seconds: int = 5
    statement_timeout_seconds: int = 30
    epoch_file: Path | None = None
    upgrade: bool = True

    def __post_init__(self) -> None:
        if (self.path is None) == (not self.url):
            raise ConfigError("a database is a path or a URL, one of them")
        if self.url and (fault := url_fault(self.url)):
            raise ConfigError(f"the URL of the database {fault}")

    @property
    def shown(self) -> str:
        """The database as messages name it: the file, or server and name without user, password and options."""
        if self.path is not None:
            return str(self.path)
        url = make_url(self.url)
        hosts = url.query.get("host", url.host or "local socket")
        host = hosts if isinstance(hosts, str) else ",".join(hosts)
        return f"{url.database} on {host}" + (f":{url.port}" if url.port else "")


def url_fault(text: str) -> str | None:
    """What is wrong with the URL of a PostgreSQL database, without repeating it: a password may be what is wrong."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        return f"is not one; it has the form {DRIVER}://user@host/database"
    if url.drivername not in {DRIVER, "postgresql"}:
        return f"must begin with {DRIVER}://"
    if url.password is not None or any(word in url.query for word in _SECRET_WORDS):
        return "must not have a password in it; name a file or an environment variable that has it"
    if not url.database:
        return "names no database"
    if "sslmode" not in url.query and not all(map(_is_near, _hosts(url))):
        return (
            "leads over a network, so it must say how: add ?sslmode=verify-full&sslrootcert=FILE, or sslmode=disable "
            "if nobody else is in that network"
        )
    return None


def _hosts(url: URL) -> list[str]:
    named = [*url.normalized_query.get("host", ()), *url.normalized_query.get("hostaddr", ())]
    listed = [host for entry in named for host in entry.split(",")]
    return [host.rsplit(":", 1)[0] if host.count(":") == 1 else host for host in listed] or [url.host or ""]


def _is_near(host: str) -> bool:
    return not host or host.startswith("/") or is_loopback(host)
