"""Configuration: one TOML file a server, read into frozen values, with every fault reported at once.

`Reader` walks the file's tables. It never stops at a fault: it notes it, hands on a stand-in of the right type,
and `finish` raises one ConfigError that lists all of them. A key that nobody asked for is a fault, too.
"""

from __future__ import annotations

import difflib
import tomllib
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from milagro.errors import ConfigError
from milagro.roles.sealing import KeysConfig, read_keys
from milagro.roles.transport.config import (
    GrpcConfig,
    LimitsConfig,
    OperatorsConfig,
    TracesConfig,
    read_grpc,
    read_limits,
    read_operators,
    read_traces,
)
from milagro.stores.keys import PassphraseSource
from milagro.stores.state import Database
from milagro.stores.state import url_fault as database_fault
from milagro.stores.urls import is_loopback, url_fault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE_NAME = "milagro.toml"


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """[server], [grpc], [limits], [operators] and [traces]: where the role listens, and what it takes on from whom."""

    host: str
    port: int
    public_url: str
    tls_certificate: Path | None
    tls_key: Path | None
    body_limit: int
    request_timeout_seconds: float
    max_requests: int
    tls_client_ca: Path | None = None
    tls_client: str = "none"
    drain_seconds: int = 0
    shutdown_seconds: int = 10
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    grpc: GrpcConfig | None = None
    operators: OperatorsConfig | None = None
    traces: TracesConfig | None = None


@dataclass(frozen=True, slots=True)
class LogConfig:
    """[log]: what is written to standard error."""

    level: str
    format: str


@dataclass(frozen=True, slots=True)
class CommonConfig:
    """The tables that every role has."""

    server: ServerConfig
    store: Database
    log: LogConfig
    passphrase: PassphraseSource
    keys: KeysConfig


class Reader:
    """One table of the file, and the list of faults that all tables share."""

    def __init__(self, table: dict[str, Any], folder: Path, name: str = "", problems: list[str] | None = None) -> None:
        self._table = table
        self._folder = folder
        self._name = name
        self._asked: set[str] = set()
        self._children: list[Reader] = []
        self.problems: list[str] = problems if problems is not None else []

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def table(self, key: str, required: bool = True) -> Reader:
        """The table under `key`; an empty one if it is missing or is something else."""
        value = self._take(key, dict, "a table", required, {})
        child = Reader(value, self._folder, self._where(key), self.problems)
        self._children.append(child)
        return child

    def tables(self, key: str) -> list[Reader]:
        """The tables of the array [[key]], of which there must be at least one."""
        value = self._take(key, list, "an array of tables", required=True, default=[])
        if key in self._table and (not value or not all(isinstance(entry, dict) for entry in value)):
            self._fault(key, f"must be at least one table [[{self._where(key)}]]")
            value = []
        readers = [
            Reader(entry, self._folder, f"{self._where(key)}[{at}]", self.problems) for at, entry in enumerate(value)
        ]
        self._children.extend(readers)
        return readers

    def text(self, key: str, default: str | None = None, *, limit: int = 200) -> str:
        """A string of 1 to `limit` characters, in the normal form NFC that names have in identities."""
        value = unicodedata.normalize("NFC", self._take(key, str, "a string", default is None, default or ""))
        if not value.isprintable():
            self._fault(key, "has a control character")
        if key in self._table and isinstance(self._table[key], str) and not 1 <= len(value) <= limit:
            self._fault(key, f"must have 1 to {limit} characters")
        return value

    def boolean(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value: bool = self._take(key, bool, "true or false", required=False, default=default)
        return value

    def optional(self, key: str) -> Reader | None:
        """The table under `key`, if there is one."""
        return self.table(key) if key in self._table else None

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of `choices`."""
        value = self.text(key, default)
        if value and value not in choices:
            self._fault(key, f"is {value!r}; it can be {', '.join(choices)}{_suggestion(value, choices)}")
        return value

    def texts(
        self, key: str, choices: Sequence[str] = (), default: Sequence[str] | None = None, *, least: int = 1
    ) -> list[str]:
        """An array of strings, at least so many, none twice; each of them one of `choices` if there are any."""
        values = self._take(key, list, "an array of strings", default is None, list(default or ()))
        if not all(isinstance(value, str) and 1 <= len(value) <= 253 for value in values):
            self._fault(key, "must be an array of strings of 1 to 253 characters")
            return []
        if key in self._table and (len(values) < least or len(set(values)) != len(values)):
            self._fault(key, "must have at least one entry, and none twice" if least else "has an entry twice")
        if wrong := [value for value in values if choices and value not in choices]:
            self._fault(key, f"has {wrong[0]!r}; it can have {', '.join(choices)}{_suggestion(wrong[0], choices)}")
            return []
        return [unicodedata.normalize("NFC", value) for value in values]

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from `low` to `high`."""
        value: int = self._take(key, int, "a whole number", default is None, default if default is not None else low)
        if not low <= value <= high:
            self._fault(key, f"is {value}; it must be from {low} to {high}")
            return low
        return value

    def path(self, key: str, default: str | None = None) -> Path:
        """A path, relative to the folder of the configuration file."""
        return self._folder / self.text(key, default, limit=4096)

    def file(self, key: str, *, required: bool = True) -> Path | None:
        """A file that can be read."""
        if key not in self._table and not required:
            self._asked.add(key)
            return None
        path = self.path(key)
        if not isinstance(self._table.get(key), str):
            return None
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            self._fault(key, f"names {path}, which cannot be read: {error.strerror}")
        except ValueError:
            self._fault(key, "is no path: it has a zero octet")
        return path

    def files(self, key: str) -> tuple[Path, ...]:
        """Files that can be read, none if there is no such key."""
        paths = tuple(self._folder / name for name in self.texts(key, default=()))
        for path in paths:
            if not path.is_file():
                self._fault(key, f"names {path}, which is not there")
        return paths

    def url(self, key: str) -> str:
        """An origin: https, or http on a loopback address, with nothing after host and port."""
        value = self.text(key, limit=2000)
        fault = url_fault(value) if value else None
        if fault:
            self._fault(key, fault)
        return value.rstrip("/")

    def fault(self, key: str, text: str) -> None:
        """Notes a fault that only the caller can see."""
        self._fault(key, text)

    def finish(self, path: Path) -> None:
        """Ends the reading.

        Raises: ConfigError with every fault
        """
        self._note_unknown()
        if self.problems:
            count = len(self.problems)
            raise ConfigError(f"{path} has {count} fault{'s' if count > 1 else ''}:", self.problems)

    def _take(self, key: str, kind: type, kind_name: str, required: bool, default: Any) -> Any:
        self._asked.add(key)
        if key not in self._table:
            if required:
                self._fault(key, "is missing")
            return default
        value = self._table[key]
        # TOML's true is a Python int as well.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self._fault(key, f"must be {kind_name}, not {_kind(value)}")
            return default
        return value

    def _where(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def _fault(self, key: str, text: str) -> None:
        self.problems.append(f"{self._where(key)} {text}")

    def _note_unknown(self) -> None:
        for key in self._table:
            if key not in self._asked:
                self._fault(key, f"is not a key that is known here{_suggestion(key, sorted(self._asked))}")
        for child in self._children:
            child._note_unknown()


def read(path: Path) -> Reader:
    """The top table of a configuration file.

    Raises: ConfigError if there is no such file or it is not TOML
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration file {path}; 'milagro init' writes one") from None
    except OSError as error:
        raise ConfigError(f"the configuration file {path} cannot be read: {error.strerror}") from error
    except RecursionError:
        raise ConfigError(
            f"the configuration file {path} is not TOML that can be read: it is nested too deeply"
        ) from None
    except ValueError as error:  # not TOML, not UTF-8, or a number with thousands of digits
        raise ConfigError(f"the configuration file {path} is not TOML: {error}") from error
    return Reader(table, path.resolve().parent)


def read_common(reader: Reader) -> CommonConfig:
    """[server], [store], [log], [passphrase] and [keys]."""
    passphrase = _read_passphrase(reader.table("passphrase", required=False))
    return CommonConfig(
        server=_read_server(reader.table("server"), reader),
        store=_read_store(reader.table("store", required=False)),
        log=_read_log(reader.table("log", required=False)),
        passphrase=passphrase,
        keys=read_keys(reader.table("keys", required=False), passphrase),
    )


def _read_passphrase(reader: Reader) -> PassphraseSource:
    return PassphraseSource(file=reader.path("file") if "file" in reader else None, env=reader.text("env", "") or None)


def _read_server(reader: Reader, top: Reader) -> ServerConfig:
    client_ca = reader.file("tls_client_ca", required=False)
    grpc, operators, traces = (top.optional(key) for key in ("grpc", "operators", "traces"))
    config = ServerConfig(
        host=reader.text("host", "127.0.0.1"),
        port=reader.integer("port", 1, 65535),
        public_url=reader.url("public_url"),
        tls_certificate=reader.file("tls_certificate", required=False),
        tls_key=reader.file("tls_key", required=False),
        body_limit=reader.integer("body_limit", 1024, 1 << 20, 65536),
        request_timeout_seconds=reader.integer("request_timeout_seconds", 1, 300, 10),
        max_requests=reader.integer("max_requests", 1, 10000, 256),
        tls_client_ca=client_ca,
        tls_client=reader.choice("tls_client", ("none", "optional", "required"), "required" if client_ca else "none"),
        drain_seconds=reader.integer("drain_seconds", 0, 300, 0),
        shutdown_seconds=reader.integer("shutdown_seconds", 1, 300, 10),
        limits=read_limits(top.table("limits", required=False)),
        grpc=read_grpc(grpc) if grpc else None,
        operators=read_operators(operators) if operators else None,
        traces=read_traces(traces) if traces else None,
    )
    proxied = reader.choice("tls", ("here", "proxy", "none"), "here" if config.tls_certificate else "none")
    _check_tls(reader, config, proxied)
    _check_client_tls(reader, config)
    if config.grpc and config.grpc.port == config.port:
        top.fault("grpc.port", f"is {config.port}, on which this server speaks HTTP")
    return config


def _check_tls(reader: Reader, config: ServerConfig, tls: str) -> None:
    if (config.tls_certificate is None) != (config.tls_key is None):
        reader.fault("tls_key", "and tls_certificate must be given together")
    if tls == "here" and config.tls_certificate is None:
        reader.fault("tls", "is 'here', so tls_certificate and tls_key must be given")
    if tls == "none" and config.host and not is_loopback(config.host):
        reader.fault(
            "host",
            f"is {config.host}, which others can reach, and there is no TLS: give tls_certificate and tls_key, "
            "or say tls = 'proxy' if a proxy in front of this server does TLS",
        )


def _read_store(reader: Reader) -> Database:
    url = reader.text("url", "", limit=2000)
    path = reader.path("path", "state.sqlite")
    password = _read_password(reader)
    fault = database_fault(url) if url else None
    if fault:
        reader.fault("url", fault)
    if url and "path" in reader._table:
        reader.fault("path", "and url are two databases; give one of them")
    if not url and password is not None:
        reader.fault("url", "is missing, and a SQLite file has no password")
    return Database(
        path=path if fault or not url else None,
        url="" if fault else url,
        password=password,
        busy_timeout_ms=reader.integer("busy_timeout_ms", 100, 60000, 5000),
        pool_size=reader.integer("pool_size", 1, 1000, 16),
        connect_timeout_seconds=reader.integer("connect_timeout_seconds", 2, 60, 5),
        statement_timeout_seconds=reader.integer("statement_timeout_seconds", 1, 600, 30),
        epoch_file=reader.path("epoch_file", "state.epoch"),
        upgrade=reader.choice("upgrade", ("start", "command"), "start") == "start",
    )


def _check_client_tls(reader: Reader, config: ServerConfig) -> None:
    if (config.tls_client == "none") != (config.tls_client_ca is None):
        reader.fault("tls_client_ca", "says whose client certificates tls_client asks for: give both or neither")
    if config.tls_client != "none" and config.tls_certificate is None:
        reader.fault("tls_client", "needs TLS here: give tls_certificate and tls_key")
    if config.tls_client == "optional" and config.grpc is not None:
        reader.fault("tls_client", "can be 'required' or 'none' beside [grpc], which cannot ask without insisting")


def _read_password(reader: Reader) -> PassphraseSource | None:
    file = reader.file("password_file", required=False)
    env = reader.text("password_env", "") or None
    if file is not None and env is not None:
        reader.fault("password_env", "and password_file are two passwords; give one of them")
    return PassphraseSource(file, env) if file is not None or env is not None else None


def _read_log(reader: Reader) -> LogConfig:
    return LogConfig(
        level=reader.choice("level", ("debug", "info", "warning", "error"), "info"),
        format=reader.choice("format", ("json", "text"), "json"),
    )


def _suggestion(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _kind(value: object) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a string", list: "an array"}
    return names.get(type(value), "a table" if isinstance(value, dict) else "a date or time")
