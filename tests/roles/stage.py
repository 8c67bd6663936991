"""A server whose one operation does what a test wants, behind either transport, and one client for both."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from fastapi.testclient import TestClient
from pydantic import Field

from milagro.roles.config import ServerConfig
from milagro.roles.transport import proto
from milagro.roles.transport.codec import Codec
from milagro.roles.transport.config import GrpcConfig
from milagro.roles.transport.front import Front
from milagro.roles.transport.http import application
from milagro.roles.transport.metrics import Metrics
from milagro.roles.transport.operations import Call, Caller, NoRequest, Operation, Service
from milagro.roles.transport.readiness import Readiness
from milagro.roles.transport.rpc import RpcServer
from milagro.roles.wire import Message, Octets, UnixTime, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

TRANSPORTS = ("http", "grpc")
CONFIG = ServerConfig(
    host="127.0.0.1",
    port=8000,
    public_url="http://127.0.0.1:8000",
    tls_certificate=None,
    tls_key=None,
    body_limit=2000,
    request_timeout_seconds=5,
    max_requests=4,
    grpc=GrpcConfig(port=0),
)


class Item(Message):
    name: str
    weight: int = 1


class Body(Message):
    secret: Octets
    count: int = 0
    at: UnixTime | None = None
    items: list[Item] = Field(default_factory=list)
    best: Item | None = None


class Done(Message):
    done: bool
    secret: Octets
    count: int = 0
    at: UnixTime | None = None
    items: list[Item] = Field(default_factory=list)
    best: Item | None = None


class Who(Message):
    operator: str | None = None
    subject: str | None = None
    dns_names: list[str] = Field(default_factory=list)


@dataclass
class Role:
    action: Callable[[Call], None] = lambda _call: None
    ready: Callable[[], None] = lambda: None
    calls: list[Call] = field(default_factory=list)


def act(role: Role, request: Body, call: Call) -> Done:
    role.calls.append(call)
    role.action(call)
    return Done(done=True, **{name: getattr(request, name) for name in Body.model_fields})


def who(_role: Role, _request: NoRequest, call: Call) -> Who:
    certificate = call.certificate
    return Who(
        operator=call.operator.subject if call.operator else None,
        subject=certificate.subject if certificate else None,
        dns_names=list(certificate.dns_names) if certificate else [],
    )


def make_service(folder: Path) -> Service:
    operations = (
        Operation("Act", "Acts.", act, Body, Done, "/act"),
        Operation("Public", "Says who asks.", who, NoRequest, Who, "/public", "GET"),
        Operation("Operator", "Says which operator asks.", who, NoRequest, Who, "/operator", "GET", Caller.OPERATOR),
        Operation("Peer", "Says which peer asks.", who, NoRequest, Who, "/peer", "GET", Caller.PEER),
    )
    service = Service("Stage", "milagro.test.v1", "A stage.", folder / "stage.proto", operations)
    service.proto.write_text(proto.written(service))
    return service


def make_front(folder: Path, config: ServerConfig = CONFIG) -> tuple[Front, Role]:
    role = Role()
    metrics = Metrics()
    readiness = Readiness(lambda: role.ready())  # noqa: PLW0108 - set later
    return Front(make_service(folder), role, config, readiness, metrics), role


@dataclass
class Answer:
    """What came back, in words that both transports have."""

    status: int | str
    code: str
    message: str
    request_id: str
    headers: dict[str, str]
    body: dict[str, Any]
    text: str


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.start(work).result(30)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


class HttpStage:
    """The stage over HTTP, without a socket."""

    transport = "http"

    def __init__(
        self, folder: Path, config: ServerConfig = CONFIG, client: tuple[str, int] = ("testclient", 1)
    ) -> None:
        self.front, self.role = make_front(folder, config)
        self.app = application("Test", "A test.", self.front)
        self.client = TestClient(self.app, raise_server_exceptions=False, client=client)
        self.client.__enter__()  # one event loop for all threads

    def send(self, name: str, body: dict[str, Any] | None, headers: dict[str, str] | None = None) -> Answer:
        operation = self.front.service.operation(name)
        content = None if body is None else operation.request(**body).model_dump(mode="json")
        found = self.client.request(operation.method, operation.path, json=content, headers=headers)
        data = found.json()
        error = data.get("error", {})
        return Answer(
            found.status_code,
            error.get("code", "ok"),
            error.get("message", ""),
            found.headers["x-request-id"],
            dict(found.headers),
            data,
            found.text,
        )

    def is_ready(self) -> bool:
        return bool(self.client.get("/readyz").status_code == 200)

    def close(self) -> None:
        self.client.__exit__(None, None, None)


class RpcStage:
    """The stage over gRPC, on a port of its own."""

    transport = "grpc"

    def __init__(self, folder: Path, config: ServerConfig = CONFIG) -> None:
        self.front, self.role = make_front(folder, config)
        self.loop = Loop()
        self.server = RpcServer(self.front)
        self.port = self.loop.run(self.server.start())
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}", [("grpc.enable_http_proxy", 0)])
        self.codec = Codec(self.front.service)

    def raw(self, name: str, octets: bytes, metadata: dict[str, str] | None = None, timeout: float = 20) -> Answer:
        method = self.channel.unary_unary(f"/{self.front.service.full_name}/{name}")
        try:
            found, call = method.with_call(octets, metadata=tuple((metadata or {}).items()), timeout=timeout)
        except grpc.RpcError as error:
            trailing = dict(error.trailing_metadata() or ())  # type: ignore[attr-defined]
            details = error.details() or ""  # type: ignore[attr-defined]
            return Answer(
                error.code().name,  # type: ignore[attr-defined]
                trailing.get("milagro-code", ""),
                details,
                trailing.get("x-request-id", ""),
                trailing,
                {},
                f"{details} {trailing}",
            )
        trailing = dict(call.trailing_metadata())
        answer = self.codec.read(self.front.service.operation(name).answer, found).model_dump(mode="json")
        return Answer("OK", "ok", "", trailing.get("x-request-id", ""), trailing, answer, "")

    def send(self, name: str, body: dict[str, Any] | None, headers: dict[str, str] | None = None) -> Answer:
        operation = self.front.service.operation(name)
        return self.raw(name, self.codec.write(operation.request(**(body or {}))), headers)

    def is_ready(self) -> bool:
        from grpc_health.v1 import health_pb2, health_pb2_grpc

        found = health_pb2_grpc.HealthStub(self.channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        return bool(found.status == health_pb2.HealthCheckResponse.SERVING)

    def close(self) -> None:
        self.channel.close()
        self.loop.run(self.server.stop(1))
        self.loop.close()


Stage = HttpStage | RpcStage
SECRET = {"secret": b"\0\0\0"}


def make_stage(transport: str, folder: Path, config: ServerConfig = CONFIG) -> Stage:
    return HttpStage(folder, config) if transport == "http" else RpcStage(folder, config)


def json_secret() -> dict[str, str]:
    return {"secret": to_text(SECRET["secret"])}
