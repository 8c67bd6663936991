"""Logs of a server: one JSON object a line on standard error, with the request's id, and never with a secret.

Nothing in the roles hands a secret to a logger. The redaction here is the second lock on that door: a field whose
name says that it holds one is emptied whatever it holds.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from milagro.roles.config import LogConfig

_SECRET_WORDS = frozenset(
    {
        "secret",
        "share",
        "token",
        "ticket",
        "passphrase",
        "password",
        "pin",
        "code",
        "private",
        "permit",
        "authorization",
        "cookie",
    }
)
_REDACTED = "[redacted]"


def configure(config: LogConfig, role: str) -> None:
    """Sends this process's logs, and those of its libraries, to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _of(role),
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
    ]
    handler = logging.StreamHandler(sys.stderr)
    lines = _Lines(handler)
    structlog.configure(
        processors=[*shared, _renderer(config.format)],
        logger_factory=lambda *_: lines,
        wrapper_class=structlog.make_filtering_bound_logger(config.level),
        cache_logger_on_first_use=False,
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(config.format)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(config.level.upper())
    # These speak of every request that they make, address and all.
    for name in ("httpx", "httpcore", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.WARNING)


class _Lines:
    """Writes whole lines where the handler of the libraries writes its own, and no failure to do so fails a request."""

    def __init__(self, handler: logging.StreamHandler[Any]) -> None:
        self._handler = handler

    def msg(self, line: str) -> None:
        with self._handler.lock or contextlib.nullcontext(), contextlib.suppress(OSError, ValueError):
            self._handler.stream.write(line + "\n")
            self._handler.stream.flush()

    debug = info = warning = error = critical = exception = msg


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def redact(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The fields, with those emptied whose name contains a word for something secret."""
    for name in fields:
        if _is_secret(name):
            fields[name] = _REDACTED
    return fields


@lru_cache(4096)
def _is_secret(name: str) -> bool:
    return any(word in _SECRET_WORDS for word in name.lower().split("_"))


def _of(role: str) -> Callable[[object, str, MutableMapping[str, Any]], MutableMapping[str, Any]]:
    """Adds the role, whichever thread speaks."""

    def add(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        fields.setdefault("role", role)
        return fields

    return add


def _renderer(form: str) -> Any:
    if form == "json":
        encode = json.JSONEncoder(sort_keys=True, default=repr).encode
        return lambda _logger, _method, fields: encode(fields)
    # A traceback without the values of its variables, which may be secrets.
    return structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
