"""Running a server until it is told to stop.

started --signal--> draining: not ready, still serving, for `drain_seconds`
        ----------> closing: nothing new is taken, what is under way ends, for at most `shutdown_seconds`
        ----------> the process goes on, and ends with 0
        --a second signal--> ended at once, by that signal
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import signal
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import uvicorn
from anyio import to_thread

from milagro.errors import ConfigError, Unavailable
from milagro.roles import logs
from milagro.roles.transport.connections import bounded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from milagro.roles.config import ServerConfig
    from milagro.roles.transport.front import Front
    from milagro.roles.transport.rpc import RpcServer

_log = logs.logger(__name__)
_BACKLOG = 512
_IDLE_SECONDS = 15
_CLOSING_SECONDS = 1.0  # for the caller of `run` to let its databases go
_SPARE_THREADS = 24  # for health, metrics and tokens, beside those of handlers
_CLIENT_CERTIFICATES = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def listen(config: ServerConfig) -> socket.socket:
    """A socket on the configured host and port.

    Raises: Unavailable if the port is taken, ConfigError if the host is not this machine's
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where TCP is named; with it, a second request waits 40 ms for its answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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
    """Serves over HTTP, and over gRPC if [grpc] says so, until SIGTERM or SIGINT; then ends as drawn above.

    Raises: ConfigError if the certificate and its key do not fit, or gRPC is asked for and not installed;
        Unavailable if the port for gRPC is taken
    """
    made = server(app, config)
    try:
        made.run(sockets=[listener])
    finally:
        made.front.tracer.close()
    if made.left_at_work:
        _log.warning("handlers are still at work and are left", handlers=made.left_at_work)
        _end_without_them()
    _log.info("stopped")


def _end_without_them() -> None:
    # Python waits for threads at its end, and nothing stops a thread. What they do was never answered.
    timer = threading.Timer(_CLOSING_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()


def server(app: FastAPI, config: ServerConfig) -> Server:
    """What `run` runs: the server of both transports, not started.

    Raises: ConfigError
    """
    front: Front = app.state.front
    settings = uvicorn.Config(
        app,
        http=bounded(front),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=config.shutdown_seconds,
        ssl_certfile=str(config.tls_certificate) if config.tls_certificate else None,
        ssl_keyfile=str(config.tls_key) if config.tls_key else None,
        ssl_ca_certs=str(config.tls_client_ca) if config.tls_client_ca else None,
        ssl_cert_reqs=_CLIENT_CERTIFICATES[config.tls_client],
        proxy_headers=False,
        lifespan="off",
    )
    try:
        settings.load()
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"[server] tls_certificate and tls_key cannot be used together: {error}") from error
    return Server(settings, front, _rpc_server(front))


def _rpc_server(front: Front) -> RpcServer | None:
    if front.config.grpc is None:
        return None
    # Its core writes lines of its own, which are no JSON, whenever a stranger's handshake fails.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        from milagro.roles.transport.rpc import RpcServer  # noqa: PLC0415 - only with the extra
    except ImportError as error:
        raise ConfigError("[grpc] needs gRPC: pip install 'milagro[grpc]'") from error
    return RpcServer(front)


class Server(uvicorn.Server):
    """A server of both transports, for which being told to stop is no failure."""

    def __init__(self, settings: uvicorn.Config, front: Front, rpc: RpcServer | None) -> None:
        super().__init__(settings)
        self.front = front
        self.rpc = rpc
        self.left_at_work = 0
        self._stop_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves from now on."""
        to_thread.current_default_thread_limiter().total_tokens = self.front.config.limits.running + _SPARE_THREADS
        if self.rpc is not None:
            await self.rpc.start()
        await super().startup(sockets)
        # What is here now stays: it is not looked through again for garbage.
        gc.collect()
        gc.freeze()

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop now."""
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes nothing new, and waits for what is under way."""
        self.front.readiness.drain()
        rpc = self.rpc.stop(self.front.config.shutdown_seconds) if self.rpc is not None else _nothing()
        await asyncio.gather(super().shutdown(sockets), rpc)
        self.left_at_work = self.front.admission.running

    def handle_exit(self, sig: int, frame: Any) -> None:
        """The first signal begins the end, the second is the end."""
        if self._stop_at is not None:
            signal.signal(sig, signal.SIG_DFL)
            os.kill(os.getpid(), sig)
            return
        self.front.readiness.drain()
        self._stop_at = time.monotonic() + self.front.config.drain_seconds

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stops at SIGTERM and SIGINT for the time of the block."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


async def _nothing() -> None:
    """What there is to stop where there is no gRPC."""
