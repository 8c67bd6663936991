"""The gate of HTTP: every request passes it before the application sees it, and every answer after."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import structlog
from pydantic import ValidationError
from starlette.responses import JSONResponse

from milagro.errors import TooLarge, Unavailable
from milagro.roles import logs
from milagro.roles.refusals import InvalidRequest
from milagro.roles.transport.certificates import PeerCertificate
from milagro.roles.transport.faults import Fault
from milagro.roles.transport.front import Arrival
from milagro.roles.wire import ErrorBody, ErrorDetail, Message, faults_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send
    from starlette.types import Message as Event

    from milagro.roles.transport.front import Front
    from milagro.roles.transport.operations import Call, Operation

Model = TypeVar("Model", bound=Message)
Headers: TypeAlias = "Iterable[tuple[bytes, bytes]]"
_log = logs.logger(__name__)
CALL = "milagro.call"
"""Where a route that is no operation finds its `Call` in the scope of the request."""
_ALWAYS = frozenset({"/healthz", "/readyz", "/metrics"})
_ALWAYS_LIMIT = 16
# For any page, and so without cookies: a browser shows no answer under "*" to a request that had one.
_SHARED = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"retry-after, x-request-id")]
_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS"})


def answer(fault: Fault) -> JSONResponse:
    """The JSON answer for a refusal."""
    request_id = structlog.contextvars.get_contextvars().get("request_id", "-")
    body = ErrorBody(error=ErrorDetail(code=fault.code, message=fault.message, request_id=request_id))
    return JSONResponse(body.model_dump(), status_code=fault.status.http, headers=fault.headers())


class Gate:
    """Bounds each request, gives it an id, finds out who calls, and records how it ended."""

    def __init__(self, app: ASGIApp, front: Front) -> None:
        self._app = app
        self._front = front
        self._operations = {(operation.method, operation.path): operation for operation in front.operations()}
        self._cross_origin = {operation.path for operation in front.operations() if operation.cross_origin}
        self._always_running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs one connection event."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        known = scope["path"] in _ALWAYS or (scope["method"], scope["path"]) in self._operations
        arrival = _arrival(scope, scope["path"] if known else "")
        reply = _Reply(send, arrival.request_id, _SHARED if scope["path"] in self._cross_origin else [])
        started = time.perf_counter()
        async with self._front.visit(arrival):
            try:
                await self._run(scope, receive, reply, arrival)
            except ClientGone:
                reply.close()
            except asyncio.CancelledError:  # the time to end has come before this request's end
                stopping = Unavailable("the server is stopping; try again")
                await reply.refuse(answer(self._front.fault(arrival, stopping)), scope)
            except Exception as error:  # noqa: BLE001 - whatever leaves, leaves through here
                await reply.refuse(answer(self._front.fault(arrival, error)), scope)
            finally:
                self._record(scope, reply, time.perf_counter() - started)

    async def _run(self, scope: Scope, receive: Receive, reply: _Reply, arrival: Arrival) -> None:
        if scope["path"] in _ALWAYS and self._always_running < _ALWAYS_LIMIT:
            # Whether a server lives must be known most when it has too much to do.
            self._always_running += 1
            try:
                await self._app(scope, receive, reply.send)
            finally:
                self._always_running -= 1
            return
        operation = self._operations.get((scope["method"], scope["path"]))
        with self._front.under_way(arrival, operation):
            call = await self._front.call(arrival, operation)
            body = await self._front.arrive(call, _body(receive, self._front.config.body_limit))
            if operation is None:
                scope[CALL] = call
                await self._front.work(call, lambda: self._app(scope, _replay(body, receive), reply.send))
            else:
                await self._operate(operation, call, scope, body, reply)

    async def _operate(self, operation: Operation, call: Call, scope: Scope, body: bytes, reply: _Reply) -> None:
        # The application describes its operations; they run here, without its layers, which cost more than they do.
        request = read_request(operation.request, scope["headers"], body)
        found = await self._front.run(call, operation, request)
        octets = found.model_dump_json().encode()
        headers = [(b"content-length", b"%d" % len(octets)), (b"content-type", b"application/json")]
        await reply.send({"type": "http.response.start", "status": 200, "headers": headers})
        await reply.send({"type": "http.response.body", "body": octets})

    def _record(self, scope: Scope, reply: _Reply, seconds: float) -> None:
        known = (scope["method"], scope["path"]) in self._operations
        route = scope["path"] if known else getattr(scope.get("route"), "path", "-")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        metrics = self._front.metrics
        metrics.requests.labels(method, route, str(reply.status)).inc()
        metrics.seconds.labels(method, route).observe(seconds)
        self._front.tracer.end(str(reply.status), failed=reply.status >= 500)
        _log.info(
            "request",
            transport="http",
            method=method,
            route=route,
            status=reply.status,
            milliseconds=round(seconds * 1000, 1),
            request_id=reply.request_id,
        )


def read_request(model: type[Model], headers: Headers, body: bytes) -> Model:
    """The request in a body of JSON; an operation that takes nothing reads none.

    Raises: InvalidRequest, without what the body held
    """
    if not model.model_fields:
        return model()
    if not body:
        raise InvalidRequest("body: Field required")
    if not _is_json(headers):
        raise InvalidRequest("body: it must be JSON, and the content type must say so")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        if faults[0]["type"] == "json_invalid":
            raise InvalidRequest("body: JSON decode error") from None
        raise InvalidRequest(faults_text(faults)) from None


def _is_json(headers: Headers) -> bool:
    for name, value in headers:
        if name == b"content-type":
            kind = value.partition(b";")[0].strip().lower()
            return kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json"))
    return False


class ClientGone(Exception):
    """The client left before its request was whole: there is nothing to do, and nobody to tell."""


class _Reply:
    """The answer of one request: sent by the application or, if that has sent nothing, by the gate."""

    def __init__(self, send: Send, request_id: str, more: list[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._more = more
        self._closed = False
        self.request_id = request_id
        self.status = 0

    async def send(self, message: Event) -> None:
        if self._closed:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", []), *self._more, (b"x-request-id", self.request_id.encode())]
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append((b"cache-control", b"no-store"))
            message = {**message, "headers": headers}
        await self._send(message)

    async def refuse(self, refusal: JSONResponse, scope: Scope) -> None:
        if self.status == 0:
            await refusal(scope, _nothing, self.send)
        self.close()

    def close(self) -> None:
        self._closed = True


async def _nothing() -> Event:
    return {"type": "http.disconnect"}


def _arrival(scope: Scope, path: str) -> Arrival:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    client = scope.get("client")
    method = scope["method"] if scope["method"] in _METHODS else "other"
    address = client[0] if client else None
    return Arrival("http", f"{method} {path}".strip(), address, headers, _certificate(scope))


def _certificate(scope: Scope) -> PeerCertificate | None:
    chain: list[str] = scope.get("extensions", {}).get("tls", {}).get("client_cert_chain", [])
    return PeerCertificate.from_pem(chain[0].encode()) if chain else None


async def _body(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > limit:
            raise TooLarge("the request's body is too large")
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Event:
        return messages.pop() if messages else await receive()

    return next_message
