"""What all HTTP servers of this package share: errors, limits, request ids, logs, metrics, health.

An error leaves as {"error": {"code", "message", "request_id"}} with the status of `milagro.errors.status_of`.
A request is bounded in octets, in time and in how many run at once, before any handler sees it.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

import milagro
from milagro.errors import MilagroError, Unavailable, status_of
from milagro.roles import logs
from milagro.roles.refusals import Busy, InvalidRequest, TimedOut, code_of
from milagro.roles.wire import ErrorBody, ErrorDetail

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from milagro.roles.config import ServerConfig

_log = logs.logger(__name__)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_INTERNAL = "the server failed; its log tells its operator why"
_CODES = {404: "not-found", 405: "method-not-allowed", 408: "timed-out", 413: "too-large"}

Check = Callable[[], None]
"""Raises a MilagroError while something that the role needs is missing."""


class Metrics:
    """The figures of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self.counter("milagro_http_requests", "HTTP requests", "method", "route", "status")
        self.seconds = Histogram(
            "milagro_http_request_seconds", "Time to answer", ("method", "route"), registry=self.registry
        )

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """A counter that /metrics shows."""
        return Counter(name, text, labels, registry=self.registry)


def application(title: str, description: str, config: ServerConfig, ready: Check, metrics: Metrics) -> FastAPI:
    """An application with the common routes, to which a role adds its own."""
    # The documentation page brings its scripts along: no request leaves for a third party.
    app = FastAPIOffline(
        title=title,
        description=description,
        version=milagro.__version__,
        redoc_url=None,
        responses={"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}},
    )
    app.add_exception_handler(MilagroError, _on_milagro_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    _add_health(app, ready)
    _add_metrics(app, metrics)
    # Added last, so outermost: whatever leaves, the crash of a handler included, leaves through it.
    app.add_middleware(Gate, config=config, metrics=metrics)
    return app


def error_answer(error: MilagroError) -> JSONResponse:
    """The JSON answer for `error`; what is wrong inside the server is logged and not told."""
    status = status_of(error).http
    hidden = status >= 500 and not isinstance(error, Unavailable)
    if hidden:
        _log.error("failed", error=type(error).__name__, reason=str(error))
    return _answer(status, "internal" if hidden else code_of(error), _INTERNAL if hidden else str(error))


def _answer(status: int, code: str, message: str) -> JSONResponse:
    request_id = structlog.contextvars.get_contextvars().get("request_id", "-")
    _log.info("refused", status=status, error=code)
    body = ErrorBody(error=ErrorDetail(code=code, message=message, request_id=request_id))
    return JSONResponse(body.model_dump(), status_code=status)


async def _on_milagro_error(_request: Request, error: Exception) -> Response:
    return error_answer(cast("MilagroError", error))


async def _on_invalid_request(_request: Request, error: Exception) -> Response:
    found = cast("RequestValidationError", error).errors()
    # Only where and what kind: the value itself may be a secret.
    faults = [f"{'.'.join(str(part) for part in fault['loc'][1:]) or 'body'}: {fault['msg']}" for fault in found]
    return error_answer(InvalidRequest("; ".join(faults[:10])))


async def _on_http_error(_request: Request, error: Exception) -> Response:
    refused = cast("HTTPException", error)
    return _answer(refused.status_code, _CODES.get(refused.status_code, "refused"), str(refused.detail))


def _add_health(app: FastAPI, ready: Check) -> None:
    @app.get("/healthz", tags=["operation"])
    def health() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["operation"])
    def readiness() -> dict[str, str]:
        """The process can do its work now: its keys are loaded and its database takes writes."""
        try:
            ready()
        except MilagroError as error:
            _log.warning("not ready", error=type(error).__name__, reason=str(error))
            raise Unavailable("not ready; the server's log says why") from error
        return {"status": "ready"}


def _add_metrics(app: FastAPI, metrics: Metrics) -> None:
    @app.get("/metrics", tags=["operation"], response_class=Response)
    def show() -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


class Gate:
    """Bounds each request, gives it an id, and records how it ended."""

    def __init__(self, app: ASGIApp, config: ServerConfig, metrics: Metrics) -> None:
        self._app = app
        self._config = config
        self._metrics = metrics
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs one connection event."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        reply = _Reply(send, request_id)
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            self._running += 1
            try:
                await self._run(scope, receive, reply)
            finally:
                self._running -= 1
                self._record(scope, reply, time.perf_counter() - started)

    async def _run(self, scope: Scope, receive: Receive, reply: _Reply) -> None:
        if self._running > self._config.max_requests:
            await reply.refuse(error_answer(Busy("the server is busy; try again")), scope)
            return
        limit = self._config.request_timeout_seconds
        try:
            body = await asyncio.wait_for(_body(receive, self._config.body_limit), limit)
        except TimeoutError:
            await reply.refuse(_answer(408, "timed-out", "the request did not arrive in time"), scope)
            return
        if body is None:
            await reply.refuse(_answer(413, "too-large", "the request's body is too large"), scope)
            return
        await self._call(scope, _replay(body, receive), reply, limit)

    async def _call(self, scope: Scope, receive: Receive, reply: _Reply, limit: float) -> None:
        task = asyncio.ensure_future(self._app(scope, receive, reply.send))
        done, _ = await asyncio.wait({task}, timeout=limit)
        if not done:
            # The handler's thread cannot be stopped: its work is finished and its answer is dropped.
            task.add_done_callback(lambda finished: finished.cancelled() or finished.exception())
            await reply.refuse(error_answer(TimedOut("the server took too long; try again")), scope)
        elif task.exception() is not None:
            _log.error("crashed", exc_info=task.exception())
            await reply.refuse(_answer(500, "internal", _INTERNAL), scope)

    def _record(self, scope: Scope, reply: _Reply, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "-")
        method = scope["method"] if scope["method"] in ("GET", "POST", "HEAD", "OPTIONS") else "other"
        self._metrics.requests.labels(method, route, str(reply.status)).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        _log.info(
            "request",
            method=method,
            route=route,
            status=reply.status,
            milliseconds=round(seconds * 1000, 1),
            request_id=reply.request_id,
        )


class _Reply:
    """The answer of one request: sent by the application or, if that has sent nothing, by the gate."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._closed = False
        self.request_id = request_id
        self.status = 0

    async def send(self, message: Message) -> None:
        if self._closed:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", []), (b"x-request-id", self.request_id.encode())]
            message = {**message, "headers": [*headers, (b"cache-control", b"no-store")]}
        await self._send(message)

    async def refuse(self, answer: Response, scope: Scope) -> None:
        if self.status == 0:
            await answer(scope, _nothing, self.send)
        self._closed = True


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _request_id(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


async def _body(receive: Receive, limit: int) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message
