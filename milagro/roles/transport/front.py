"""The front of a server: what both transports do with a request before and after its operation."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import structlog
from anyio import to_thread

from milagro.errors import MilagroError
from milagro.roles.refusals import CertificateMissing, NotArrived, TimedOut
from milagro.roles.transport.faults import TURNED_AWAY, Fault, fault_of
from milagro.roles.transport.limits import Admission, RateLimiter, caller_of
from milagro.roles.transport.operations import Call, Caller, Operation, Service
from milagro.roles.transport.operators import Authorizer
from milagro.roles.transport.tracing import tracer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from milagro.roles.config import ServerConfig
    from milagro.roles.transport.certificates import PeerCertificate
    from milagro.roles.transport.metrics import Metrics
    from milagro.roles.transport.readiness import Readiness
    from milagro.roles.wire import Message

T = TypeVar("T")
INNER_PLACES = 8
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


@dataclass(slots=True)
class Arrival:
    """A request as it comes in: what its transport knows of it before its body."""

    transport: Literal["http", "grpc"]
    name: str
    address: str | None
    headers: dict[str, str]
    certificate: PeerCertificate | None = None
    remaining: float = float("inf")
    request_id: str = field(init=False)

    def __post_init__(self) -> None:
        given = self.headers.get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


class Front:
    """One server's limits, callers, figures and traces, shared by its transports.

    Secret: none of it; tokens and requests pass through and are not kept
    """

    def __init__(
        self, service: Service, role: Any, config: ServerConfig, readiness: Readiness, metrics: Metrics
    ) -> None:
        self.service = service
        self.role = role
        self.config = config
        self.readiness = readiness
        self.metrics = metrics
        self.admission = Admission(config.max_requests, min(config.limits.running, config.max_requests))
        self.limiter = RateLimiter(config.limits)
        self.authorizer = Authorizer(config.operators) if config.operators else None
        self.tracer = tracer(config.traces)
        self._threads = ThreadPoolExecutor(config.limits.running, "operation")
        self._inner = Admission(config.max_requests, INNER_PLACES)
        self._inner_threads = ThreadPoolExecutor(INNER_PLACES, "inner")  # starts none before there is work
        metrics.watch("milagro_requests_under_way", "Requests between first octet and answer", self._under_way)
        metrics.watch("milagro_requests_running", "Handlers at work", lambda: self.admission.running)
        metrics.watch(
            "milagro_requests_waiting", "Requests that wait for a place to run", lambda: self.admission.waiting
        )
        metrics.watch("milagro_callers", "Addresses in the table of the rate limiter", lambda: self.limiter.callers)
        metrics.watch("milagro_ready", "1 while the server can do its work, found out when asked", readiness.holds)
        metrics.watch("milagro_draining", "1 from the signal to stop until the end", lambda: self.readiness.draining)

    def operations(self) -> tuple[Operation, ...]:
        """The operations that this server's configuration lets anyone call."""
        return tuple(operation for operation in self.service.operations if self._served(operation))

    @contextlib.asynccontextmanager
    async def visit(self, arrival: Arrival) -> AsyncIterator[None]:
        """Around one request: its id in every log line, its span."""
        with (
            structlog.contextvars.bound_contextvars(request_id=arrival.request_id),
            self.tracer.serve(arrival.transport, arrival.name, arrival.headers, arrival.request_id),
        ):
            yield

    @contextlib.contextmanager
    def under_way(self, arrival: Arrival, operation: Operation | None = None) -> Any:
        """Around what a request costs: refuses a caller that asks too often, and everyone while there is too much.

        Raises: RateLimited, Busy
        """
        self.limiter.check(self._caller(arrival))
        self.admission.enter(begins=operation is not None and operation.begins)
        try:
            yield
        finally:
            self.admission.leave()

    def _caller(self, arrival: Arrival) -> str | None:
        limits = self.config.limits
        forwarded = arrival.headers.get(limits.address_header) if limits.address_header else None
        return caller_of(arrival.address, forwarded, limits.proxies)

    async def call(self, arrival: Arrival, operation: Operation | None) -> Call:
        """What the handler may know of its caller, once that may call the operation.

        Raises: CertificateMissing and the refusals of a bearer token
        """
        operator = None
        if operation is not None and operation.caller is Caller.PEER and arrival.certificate is None:
            raise CertificateMissing("this operation needs a client certificate")
        if operation is not None and operation.caller is Caller.OPERATOR and self.authorizer is not None:
            operator = await self._authorize(arrival, self.authorizer)
        deadline = time.monotonic() + min(self.config.request_timeout_seconds, arrival.remaining)
        return Call(
            arrival.request_id,
            arrival.transport,
            arrival.address,
            arrival.certificate,
            operator,
            deadline,
            self._caller(arrival),
        )

    async def arrive(self, call: Call, reading: Awaitable[T]) -> T:
        """What is read, if it is here before the deadline.

        Raises: NotArrived
        """
        try:
            async with asyncio.timeout(call.remaining()):
                return await reading
        except TimeoutError:
            raise NotArrived("the request did not arrive in time") from None

    async def run(self, call: Call, operation: Operation, request: Message) -> Message:
        """What the operation gives.

        Raises: Busy, TimedOut, and what the operation does
        """
        places = self._inner if operation.inner else self.admission
        found: Message = await self.work(call, lambda: self._in_thread(operation, request, call), places)
        return found

    def _in_thread(self, operation: Operation, request: Message, call: Call) -> asyncio.Future[Any]:
        context = contextvars.copy_context()
        run = functools.partial(context.run, operation.run, self.role, request, call)
        return asyncio.get_running_loop().run_in_executor(
            self._inner_threads if operation.inner else self._threads, run
        )

    async def work(self, call: Call, start: Callable[[], Awaitable[T]], places: Admission | None = None) -> T:
        """What `start` gives, once there is a place for it and if it is done before the deadline.

        Raises: Busy, TimedOut
        """
        places = places or self.admission
        await places.place(call.deadline)
        started = time.monotonic()
        task = asyncio.ensure_future(start())
        task.add_done_callback(lambda done: _done(done, places, time.monotonic() - started))
        # A handler's thread cannot be stopped: after the deadline it finishes in its place, and its answer is dropped.
        done, _ = await asyncio.wait({task}, timeout=call.remaining())
        if not done:
            raise TimedOut("the server took too long; try again")
        return task.result()

    def fault(self, arrival: Arrival, error: BaseException) -> Fault:
        """The refusal that answers this request, logged and counted."""
        fault = fault_of(error)
        self.count(arrival.transport, fault)
        return fault

    def count(self, transport: str, fault: Fault) -> None:
        """Logs and counts a refusal."""
        structlog.stdlib.get_logger(__name__).info("refused", status=fault.status.http, error=fault.code)
        if fault.code in TURNED_AWAY:
            self.metrics.turned_away.labels(transport, fault.code).inc()

    def _under_way(self) -> float:
        return self.admission.under_way

    def _served(self, operation: Operation) -> bool:
        if operation.caller is Caller.OPERATOR:
            return self.authorizer is not None
        return operation.caller is not Caller.PEER or self.config.tls_client != "none"

    async def _authorize(self, arrival: Arrival, authorizer: Authorizer) -> Any:
        header = arrival.headers.get("authorization")
        try:
            operator = await to_thread.run_sync(authorizer.check, header)
        except MilagroError as error:
            self.metrics.tokens.labels(getattr(error, "code", "unavailable")).inc()
            raise
        self.metrics.tokens.labels("accepted").inc()
        structlog.contextvars.bind_contextvars(operator=operator.subject)
        return operator


def _done(task: asyncio.Future[Any], places: Admission, seconds: float) -> None:
    places.release(seconds)
    if not task.cancelled():
        task.exception()  # seen, so that an answer nobody waits for is no warning
