"""Traces: the W3C trace context of a request is taken in, and sent on to other servers; with [traces], spans too.

Without [traces] nothing of OpenTelemetry is imported: a server then hands the trace context on as it came, which the
standard lets an intermediary do.
"""

from __future__ import annotations

import contextlib
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from milagro.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from milagro.roles.transport.config import TracesConfig

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_STATE_LIMIT = 512
_carried: ContextVar[dict[str, str]] = ContextVar("trace context", default={})  # noqa: B039 - it is never changed


class Tracer(Protocol):
    """What a server does about traces."""

    def serve(
        self, transport: str, name: str, headers: Mapping[str, str], request_id: str
    ) -> contextlib.AbstractContextManager[None]:
        """Around one request."""
        ...

    def end(self, status: str, failed: bool) -> None:
        """Notes on the current span how its request ended."""
        ...

    def close(self) -> None:
        """Sends what is left."""
        ...


def outgoing() -> dict[str, str]:
    """The headers that carry the current trace to another server."""
    return dict(_carried.get())


def incoming(headers: Mapping[str, str]) -> dict[str, str]:
    """The trace context in a request's headers; empty if there is none or it is malformed."""
    parent = headers.get("traceparent", "")
    if not _TRACEPARENT.fullmatch(parent) or parent.startswith("ff"):
        return {}
    state = headers.get("tracestate", "")
    good = state and len(state) <= _STATE_LIMIT and state.isascii() and state.isprintable()
    return {"traceparent": parent, "tracestate": state} if good else {"traceparent": parent}


@contextlib.contextmanager
def carried(context: dict[str, str]) -> Iterator[None]:
    """Within the block this trace context is the one that `outgoing` gives, and its id is in the logs."""
    token = _carried.set(context)
    found = _TRACEPARENT.fullmatch(context.get("traceparent", ""))
    fields = {"trace_id": found[1]} if found else {}
    try:
        with structlog.contextvars.bound_contextvars(**fields):
            yield
    finally:
        _carried.reset(token)


class Through:
    """No spans: the context goes on as it came."""

    def serve(
        self, _transport: str, _name: str, headers: Mapping[str, str], _request_id: str
    ) -> contextlib.AbstractContextManager[None]:
        """Carries the context of the request."""
        return carried(incoming(headers))

    def end(self, status: str, failed: bool) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


def tracer(config: TracesConfig | None, exporter: Any = None) -> Tracer:
    """What the configuration asks for; `exporter` is where spans go instead of its endpoint.

    Raises: ConfigError if it asks for spans and OpenTelemetry is not installed
    """
    if config is None:
        return Through()
    try:
        from milagro.roles.transport.spans import Spans  # noqa: PLC0415 - only with the extra
    except ImportError as error:
        raise ConfigError("[traces] needs OpenTelemetry: pip install 'milagro[otel]'") from error
    return Spans(config, exporter)
