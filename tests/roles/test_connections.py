"""Real sockets: TLS with client certificates, and clients that are slow, many or strange."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from milagro.errors import MilagroError, Unavailable
from milagro.roles import serving
from milagro.roles.config import ServerConfig
from milagro.roles.peer import Peer
from milagro.roles.refusals import code_of
from milagro.roles.transport.config import GrpcConfig, LimitsConfig
from milagro.roles.transport.http import application
from milagro.roles.transport.rpc_peer import RpcPeer
from tests.roles.stage import CONFIG, SECRET, Body, Done, Loop, Who, make_front
from tests.roles.tls import TestAuthority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Running:
    """The stage on two ports of this machine."""

    def __init__(self, folder: Path, config: ServerConfig) -> None:
        self.config = replace(config, port=0)
        self.front, self.role = make_front(folder, self.config)
        self.listener = serving.listen(self.config)
        self.port = self.listener.getsockname()[1]
        self.server = serving.server(application("Test", "A test.", self.front), self.config)
        self.loop = Loop()
        self.task = self.loop.start(self.server._serve([self.listener]))
        for _ in range(200):
            if self.server.started or self.task.done():
                break
            time.sleep(0.02)
        self.rpc_port = self.server.rpc.port if self.server.rpc else 0

    def peer(self, transport: str, ca: Path | None = None, client: tuple[Path, Path] | None = None) -> Any:
        if transport == "http":
            return Peer(f"{'https' if ca else 'http'}://127.0.0.1:{self.port}", ca, client_certificate=client)
        return RpcPeer(f"127.0.0.1:{self.rpc_port}", self.front.service, ca, client, seconds=10)

    def who(self, transport: str, name: str, *trust: Any) -> Who:
        with self.peer(transport, *trust) as peer:
            if transport == "http":
                return peer.get(f"/{name.lower()}", Who)
            return peer.call(name, None, Who)

    def close(self) -> None:
        self.server.should_exit = True
        self.task.result(20)
        self.loop.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def start(**changes: Any) -> Running:
        made.append(Running(tmp_path, replace(CONFIG, **changes)))
        return made[-1]

    yield start
    for each in made:
        each.close()


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(MilagroError) as caught:
        call()
    return code_of(caught.value)


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path)


@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_tls_without_client_certificates(run: Any, authority: TestAuthority, transport: str, tmp_path: Path) -> None:
    chain, key = authority.issue("server.test")
    running = run(tls_certificate=chain, tls_key=key)
    assert running.who(transport, "Public", authority.path).subject is None
    stranger = TestAuthority(tmp_path, "stranger")
    assert refused(lambda: running.who(transport, "Public", stranger.path)) == "unavailable"


@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_client_certificates_required(run: Any, authority: TestAuthority, transport: str, tmp_path: Path) -> None:
    chain, key = authority.issue("server.test")
    running = run(tls_certificate=chain, tls_key=key, tls_client_ca=authority.path, tls_client="required")
    mine = authority.issue("dta-2.test")
    found = running.who(transport, "Peer", authority.path, mine)
    assert (found.subject, found.dns_names) == ("CN=dta-2.test", ["dta-2.test"])
    assert running.who(transport, "Public", authority.path, mine).subject == "CN=dta-2.test"
    assert refused(lambda: running.who(transport, "Peer", authority.path)) == "unavailable"
    forged = TestAuthority(tmp_path, "stranger").issue("dta-2.test")
    assert refused(lambda: running.who(transport, "Peer", authority.path, forged)) == "unavailable"


def test_client_certificates_optional(run: Any, authority: TestAuthority) -> None:
    chain, key = authority.issue("server.test")
    running = run(tls_certificate=chain, tls_key=key, tls_client_ca=authority.path, tls_client="optional", grpc=None)
    assert running.who("http", "Public", authority.path).subject is None
    assert refused(lambda: running.who("http", "Peer", authority.path)) == "certificate-missing"
    assert running.who("http", "Peer", authority.path, authority.issue("dta-2.test")).subject == "CN=dta-2.test"


def test_a_head_that_never_ends_is_cut_off(run: Any) -> None:
    running = run(request_timeout_seconds=1)
    silent = socket.create_connection(("127.0.0.1", running.port))
    slow = socket.create_connection(("127.0.0.1", running.port))
    slow.sendall(b"POST /act HTTP/1.1\r\nx-a: ")
    again = http.client.HTTPConnection("127.0.0.1", running.port)
    again.request("GET", "/healthz")
    again.getresponse().read()
    again.sock.sendall(b"GET /healthz HT")  # the head of the second request of a connection
    for connection in (silent, slow, again.sock):
        connection.settimeout(10)
        assert ended(connection)
        connection.close()


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1000) == b""
    except ConnectionResetError:
        return True


def test_answers_do_not_wait_for_acknowledgements(run: Any) -> None:
    running = run()
    with socket.create_connection(("127.0.0.1", running.port)) as kept:
        kept.sendall(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        assert kept.recv(100)
        (connection,) = running.server.server_state.connections
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_body_that_never_ends_is_refused(run: Any) -> None:
    running = run(request_timeout_seconds=0.5)
    slow = socket.create_connection(("127.0.0.1", running.port))
    slow.settimeout(10)
    slow.sendall(b"POST /act HTTP/1.1\r\nhost: a\r\ncontent-length: 500\r\n\r\n{")
    said = b""
    while b"request_id" not in said:
        said += slow.recv(5000)
    slow.close()
    assert b"408" in said.splitlines()[0]
    assert b"timed-out" in said


def test_a_client_that_leaves_in_the_middle_of_its_body_has_asked_nothing(run: Any) -> None:
    running = run()
    leaving = socket.create_connection(("127.0.0.1", running.port))
    body = b'{"secret":"AAAA"}'
    head = b"POST /act HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n"
    leaving.sendall(head + body)
    leaving.close()
    for _ in range(200):
        if running.front.admission.under_way == 0 and running.front.metrics.registry.get_sample_value(
            "milagro_http_requests_total", {"method": "POST", "route": "-", "status": "0"}
        ):
            break
        time.sleep(0.02)
    assert running.front.admission.under_way == 0
    assert running.role.calls == []


def test_one_connection_too_many_is_closed(run: Any) -> None:
    running = run(limits=LimitsConfig(connections=2))
    kept = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(2)]
    time.sleep(0.2)
    third = socket.create_connection(("127.0.0.1", running.port))
    third.settimeout(10)
    assert ended(third)
    for connection in (*kept, third):
        connection.close()


def test_a_message_that_never_comes_is_refused(run: Any) -> None:
    running = run(request_timeout_seconds=0.5)
    over = threading.Event()

    def nothing() -> Iterator[bytes]:
        over.wait(15)
        yield from ()

    with grpc.insecure_channel(f"127.0.0.1:{running.rpc_port}") as channel:
        method = channel.stream_unary(f"/{running.front.service.full_name}/Act")
        with pytest.raises(grpc.RpcError) as caught:
            method(nothing(), timeout=15)
        over.set()
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert dict(caught.value.trailing_metadata())["milagro-code"] == "timed-out"
    assert running.front.admission.under_way == 0


@pytest.mark.parametrize("count", [0, 2])
def test_a_call_has_exactly_one_message(run: Any, count: int) -> None:
    running = run()
    with grpc.insecure_channel(f"127.0.0.1:{running.rpc_port}") as channel:
        method = channel.stream_unary(f"/{running.front.service.full_name}/Act")
        with pytest.raises(grpc.RpcError) as caught:
            method(iter([b"\n\1a"] * count), timeout=15)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert running.role.calls == []


def test_a_packed_message_is_refused(run: Any) -> None:
    running = run()
    channel = grpc.insecure_channel(f"127.0.0.1:{running.rpc_port}", compression=grpc.Compression.Gzip)
    with channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(f"/{running.front.service.full_name}/Act")(b"\n\1a" + bytes(1000), timeout=15)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert running.role.calls == []


def test_the_deadline_of_a_client_bounds_its_call(run: Any) -> None:
    running = run()
    running.role.action = lambda call: time.sleep(min(call.remaining() + 0.3, 5))
    with RpcPeer(f"127.0.0.1:{running.rpc_port}", running.front.service, seconds=1.5) as peer:
        assert refused(lambda: peer.call("Act", Body(**SECRET), Done)) in ("unavailable", "timed-out")
    assert running.role.calls[0].remaining() < 1  # the server alone would have given it more


def test_a_port_that_is_taken_is_an_error(run: Any, tmp_path: Path) -> None:
    first = run()
    with pytest.raises(Unavailable, match="gRPC"):
        Running(tmp_path, replace(CONFIG, grpc=GrpcConfig(port=first.rpc_port))).task.result(10)


def test_garbage_leaves_the_server_at_work(run: Any) -> None:
    running = run()
    for port in (running.port, running.rpc_port):
        for octets in (
            bytes(5000),
            b"\xff" * 5000,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 3000,
            b"GET / HTTP/9\r\n\r\n",
        ):
            with socket.create_connection(("127.0.0.1", port)) as strange:
                strange.sendall(octets)
                strange.shutdown(socket.SHUT_WR)
                strange.settimeout(5)
                try:
                    while strange.recv(4096):
                        pass
                except OSError:
                    pass
    for transport in ("http", "grpc"):
        assert running.who(transport, "Public").subject is None
