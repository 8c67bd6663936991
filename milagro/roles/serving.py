"""Running an application until it is told to stop."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import ssl
from typing import TYPE_CHECKING

import uvicorn

from milagro.errors import ConfigError, Unavailable
from milagro.roles import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from milagro.roles.config import ServerConfig

_log = logs.logger(__name__)
_BACKLOG = 512
_GRACE_SECONDS = 10
_IDLE_SECONDS = 15


def listen(config: ServerConfig) -> socket.socket:
    """A socket on the configured host and port.

    Raises: Unavailable if the port is taken, ConfigError if the host is not this machine's
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        where = f"{config.host}:{config.port}"
        if error.errno == errno.EADDRINUSE:
            raise Unavailable(f"{where} is taken by another program; stop it, or change [server] port") from error
        raise ConfigError(f"this machine cannot listen on {where}: {error.strerror or error}") from error
    return listener


def run(app: FastAPI, config: ServerConfig, listener: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT, then lets the requests under way finish.

    Raises: ConfigError if the certificate and its key do not fit
    """
    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_certfile=str(config.tls_certificate) if config.tls_certificate else None,
        ssl_keyfile=str(config.tls_key) if config.tls_key else None,
        lifespan="off",
    )
    try:
        settings.load()
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"[server] tls_certificate and tls_key cannot be used together: {error}") from error
    _Server(settings).run(sockets=[listener])
    _log.info("stopped")


class _Server(uvicorn.Server):
    """A server for which being told to stop is no failure: the process goes on, and ends with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stops at SIGTERM and SIGINT for the time of the block."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
