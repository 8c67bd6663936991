"""Logs of a server: one JSON object a line on standard error, with the request's id, and never with a secret.

Nothing in the roles hands a secret to a logger. The redaction here is the second lock on that door: a field whose
name says that it holds one is emptied whatever it holds.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from milagro.roles.config import LogConfig

_SECRET_WORDS = (
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
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
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


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def redact(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The fields, with those emptied whose name contains a word for something secret."""
    for name in fields:
        if any(word in name.lower().split("_") for word in _SECRET_WORDS):
            fields[name] = _REDACTED
    return fields


def _of(role: str) -> Callable[[object, str, MutableMapping[str, Any]], MutableMapping[str, Any]]:
    """Adds the role, whichever thread speaks."""

    def add(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        fields.setdefault("role", role)
        return fields

    return add


def _renderer(form: str) -> Any:
    if form == "json":
        return structlog.processors.JSONRenderer(sort_keys=True)
    return structlog.dev.ConsoleRenderer(colors=False)
