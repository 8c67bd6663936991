"""The gRPC server of a front: the same operations, limits and refusals as over HTTP, with health and reflection.

    over HTTP  status  error.code    error.message  error.request_id  Retry-After  WWW-Authenticate
    over gRPC  code    milagro-code  details        x-request-id      retry-after  www-authenticate

What has a hyphen stands in the trailing metadata. Every method takes one message and gives one, but is read as a stream
of one: so the server sees a call when its headers come, counts it from then on, and bounds how long its message takes.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import grpc
from anyio import to_thread
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

from milagro.errors import ConfigError, MalformedEnvelope, TooLarge, Unavailable
from milagro.roles import logs
from milagro.roles.transport.certificates import PeerCertificate
from milagro.roles.transport.codec import Codec
from milagro.roles.transport.front import Arrival, Front

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.descriptor_pool import DescriptorPool

    from milagro.roles.config import ServerConfig
    from milagro.roles.transport.faults import Fault
    from milagro.roles.transport.operations import Operation

_log = logs.logger(__name__)
_MARGIN = 4096  # octets by which a message may be too long before the connection itself refuses it
_HEALTH_SECONDS = 2.0
_SIDE_STREAMS = 64  # of health and reflection, which may last
_STATUS = health_pb2.HealthCheckResponse


def options(config: ServerConfig) -> list[tuple[str, int]]:
    """The bounds that gRPC itself keeps, beyond those that a front keeps."""
    return [
        ("grpc.max_receive_message_length", config.body_limit + _MARGIN),
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.absolute_max_metadata_size", 24 * 1024),
        ("grpc.max_concurrent_streams", 128),
        ("grpc.max_connection_idle_ms", 300_000),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
        ("grpc.compression_enabled_algorithms_bitset", 1),  # no message that unfolds
        ("grpc.so_reuseport", 0),  # a port that is taken is an error
    ]


class RpcServer:
    """gRPC on a port of its own, in the event loop that also serves HTTP."""

    def __init__(self, front: Front) -> None:
        if front.config.grpc is None:
            raise ConfigError("there is no [grpc] in the configuration")
        self._front = front
        self._config = front.config.grpc
        self._codec = Codec(front.service)
        self._health = Health(front)
        self._watch: asyncio.Task[None] | None = None
        self._server: grpc.aio.Server | None = None
        self.port = 0

    async def start(self) -> int:
        """Serves from now on; the port.

        Raises: Unavailable if the port is taken, ConfigError if certificates cannot be used
        """
        front = self._front
        self._server = grpc.aio.server(
            options=options(front.config), maximum_concurrent_rpcs=front.config.max_requests + _SIDE_STREAMS
        )
        handlers = {operation.name: self._handler(operation) for operation in front.operations()}
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(front.service.full_name, handlers), _Unknown(front))
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if self._config.reflection:
            add_reflection(self._server, self._codec.pool, front.service.full_name)
        self.port = self._bind(self._server)
        await self._server.start()
        self._watch = asyncio.create_task(self._health.watch())
        return self.port

    async def stop(self, grace: float) -> None:
        """Takes no new call, and ends when those under way have, or after `grace` seconds."""
        if self._server is None:
            return
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)
        if self._watch is not None:
            self._watch.cancel()

    def _bind(self, server: grpc.aio.Server) -> int:
        config = self._front.config
        host = f"[{config.host}]" if ":" in config.host else config.host
        where = f"{host}:{self._config.port}"
        try:
            credentials = _credentials(config)
            bound = server.add_secure_port(where, credentials) if credentials else server.add_insecure_port(where)
        except RuntimeError as error:
            raise Unavailable(f"{where} cannot be had for gRPC; stop who has it, or change [grpc] port") from error
        if not bound:
            raise Unavailable(f"{where} cannot be had for gRPC; stop who has it, or change [grpc] port")
        return int(bound)

    def _handler(self, operation: Operation) -> grpc.RpcMethodHandler:
        async def handle(_requests: Any, context: Any) -> bytes:
            return await answer(
                self._front, context, operation.name, lambda arrival: self._run(operation, arrival, context)
            )

        return grpc.stream_unary_rpc_method_handler(handle)

    async def _run(self, operation: Operation, arrival: Arrival, context: Any) -> bytes:
        front = self._front
        with front.under_way(arrival, operation):
            call = await front.call(arrival, operation)
            octets = await front.arrive(call, _one_message(context))
            if len(octets) > front.config.body_limit:
                raise TooLarge("the request's body is too large")
            request = self._codec.read(operation.request, octets)
            return self._codec.write(await front.run(call, operation, request))


async def answer(front: Front, context: Any, name: str, run: Callable[[Arrival], Awaitable[bytes]]) -> bytes:
    """What `run` gives for this call; a refusal becomes a status with trailing metadata."""
    arrival = _arrival(context, name)
    started = time.perf_counter()
    octets, fault, code = b"", None, "OK"
    async with front.visit(arrival):
        try:
            octets = await run(arrival)
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        except Exception as error:  # noqa: BLE001 - whatever leaves, leaves through here
            fault = front.fault(arrival, error)
            code = fault.status.grpc
        finally:
            _record(front, name, code, time.perf_counter() - started)
    if fault is not None:
        await context.abort(grpc.StatusCode[code], fault.message, _trailing(fault, arrival.request_id))
    context.set_trailing_metadata((("x-request-id", arrival.request_id),))
    return octets


def _record(front: Front, name: str, code: str, seconds: float) -> None:
    front.metrics.calls.labels(name, code).inc()
    front.metrics.call_seconds.labels(name).observe(seconds)
    front.tracer.end(code, failed=code in ("INTERNAL", "UNAVAILABLE", "UNKNOWN"))
    _log.info("request", transport="grpc", method=name, status=code, milliseconds=round(seconds * 1000, 1))


def _trailing(fault: Fault, request_id: str) -> tuple[tuple[str, str], ...]:
    return (("milagro-code", fault.code), ("x-request-id", request_id), *fault.headers().items())


async def _one_message(context: Any) -> bytes:
    octets = await context.read()
    if octets is grpc.aio.EOF:
        raise MalformedEnvelope("the call has no message")
    if await context.read() is not grpc.aio.EOF:
        raise MalformedEnvelope("the call has more than one message")
    return bytes(octets)


def _arrival(context: Any, name: str) -> Arrival:
    headers: dict[str, str] = {}
    for key, value in context.invocation_metadata() or ():
        if isinstance(value, str):
            headers[key] = f"{headers[key]},{value}" if key in headers else value
    remaining = context.time_remaining()
    return Arrival(
        "grpc",
        name,
        _address(context.peer()),
        headers,
        _certificate(context.auth_context()),
        float("inf") if remaining is None else remaining,
    )


def _address(peer: str) -> str | None:
    kind, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else None


def _certificate(context: dict[str, list[bytes]]) -> PeerCertificate | None:
    found = context.get("x509_pem_cert")
    return PeerCertificate.from_pem(found[0]) if found else None


def _credentials(config: ServerConfig) -> grpc.ServerCredentials | None:
    if config.tls_certificate is None or config.tls_key is None:
        return None
    pair = (config.tls_key.read_bytes(), config.tls_certificate.read_bytes())
    roots = config.tls_client_ca.read_bytes() if config.tls_client_ca else None
    return grpc.ssl_server_credentials([pair], roots, require_client_auth=config.tls_client == "required")


class Health(health.HealthServicer):
    """grpc.health.v1: serving exactly while the server is ready."""

    def __init__(self, front: Front) -> None:
        super().__init__()
        self._front = front
        self._names = ("", front.service.full_name)
        self._streams = 0

    async def refresh(self) -> None:
        """Finds out whether the server is ready, and tells those who watch."""
        ready = await to_thread.run_sync(self._front.readiness.holds)
        for name in self._names:
            await self.set(name, _STATUS.SERVING if ready else _STATUS.NOT_SERVING)

    async def watch(self) -> None:
        """Keeps finding out."""
        while True:
            await self.refresh()
            await asyncio.sleep(_HEALTH_SECONDS)

    async def Check(self, request: Any, context: Any) -> Any:
        """The status now."""
        await self.refresh()
        return await super().Check(request, context)

    async def Watch(self, request: Any, context: Any) -> None:
        """The status now and whenever it changes."""
        if self._streams >= _SIDE_STREAMS // 2:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watch already")
        self._streams += 1
        try:
            await super().Watch(request, context)
        finally:
            self._streams -= 1


def add_reflection(server: grpc.aio.Server, pool: DescriptorPool, name: str) -> None:
    """Reflection over the service's own pool of descriptors, to which those of health and reflection are added."""
    for file in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
        pool.AddSerializedFile(file.serialized_pb)
    names = (name, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
    servicer = _Reflection(names, pool=pool)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)


class _Reflection(reflection.aio.ReflectionServicer):
    """Reflection to so many at once, and to none for ever."""

    _streams = 0

    async def ServerReflectionInfo(self, request_iterator: Any, context: Any) -> Any:
        if self._streams >= _SIDE_STREAMS // 2:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many ask for reflection already")
        self._streams += 1
        try:
            async with asyncio.timeout(60):
                async for found in super().ServerReflectionInfo(request_iterator, context):
                    yield found
        except TimeoutError:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "reflection ends after a minute")
        finally:
            self._streams -= 1


class _Unknown(grpc.GenericRpcHandler):
    """What is no method here, in the one shape of an error."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def service(self, details: Any) -> grpc.RpcMethodHandler | None:
        """A handler that refuses, unless health or reflection is asked for, whose handlers come later."""
        if details.method.startswith(("/grpc.health.", "/grpc.reflection.")):
            return None

        async def refuse(_requests: Any, context: Any) -> bytes:
            metadata = (("milagro-code", "not-found"), ("x-request-id", _arrival(context, "-").request_id))
            _record(self._front, "-", "UNIMPLEMENTED", 0.0)
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "there is no such method here", metadata)
            raise AssertionError("abort raises")

        return grpc.stream_unary_rpc_method_handler(refuse)
