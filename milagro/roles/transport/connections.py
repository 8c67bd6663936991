"""One connection of HTTP, bounded in number and in the time of a request's head; and whose certificate it shows."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from milagro.roles.transport.front import Front


def bounded(front: Front) -> type[asyncio.Protocol]:
    """uvicorn's protocol with the bounds of this front."""

    class Bounded(BoundedProtocol):
        """The protocol of one server."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(front, *args, **kwargs)

    return Bounded


class BoundedProtocol(H11Protocol):
    """A connection that is closed if it is one too many, or if the head of its next request takes too long.

    uvicorn itself bounds only the silence between requests. A body's time is the gate's to bound.
    """

    def __init__(
        self,
        front: Front,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._front = front
        self._head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes the connection on, or closes it."""
        super().connection_made(transport)
        if len(self.connections) > self._front.config.limits.connections:
            self._refuse("too many")
            return
        chain = client_chain(transport.get_extra_info("ssl_object"))
        if chain:
            self.app = _with_chain(self.app, chain)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Reads on; a request whose head is here has all the time of a request from now on."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._await_head()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Lets the connection go."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._head is None:
            seconds = self._front.config.request_timeout_seconds
            self._head = self.loop.call_later(seconds, self._refuse, "too slow")

    def _stop_waiting(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _refuse(self, reason: str) -> None:
        self._front.metrics.connections.labels(reason).inc()
        self.transport.abort()


def client_chain(found: Any) -> list[str]:
    """The client's verified certificate in PEM, as the ASGI extension for TLS has it; nothing if it showed none."""
    if not isinstance(found, ssl.SSLObject):
        return []
    der = found.getpeercert(binary_form=True)
    return [ssl.DER_cert_to_PEM_cert(der)] if der else []


def _with_chain(app: Any, chain: list[str]) -> Callable[..., Any]:
    async def called(scope: dict[str, Any], receive: Any, send: Any) -> None:
        extensions = {**scope.get("extensions", {}), "tls": {"client_cert_chain": chain}}
        await app({**scope, "extensions": extensions}, receive, send)

    return called
