"""SIGTERM to real processes: not ready, then nothing new, then the end with 0; and no answer without its record."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import milagro
from milagro.errors import MilagroError, Unavailable
from milagro.roles.peer import Peer
from milagro.roles.transport.rpc_peer import RpcPeer
from tests.roles.stage import Body, Done, make_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCRIPT = Path(__file__).with_name("stage_server.py")


class Process:
    """The stage as a process."""

    def __init__(self, folder: Path, drain: int = 0, shutdown: int = 10) -> None:
        self.folder = folder
        with socket.socket() as a, socket.socket() as b:
            for listener in (a, b):
                listener.bind(("127.0.0.1", 0))
            self.port, self.rpc_port = a.getsockname()[1], b.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.service = make_service(folder)
        root = str(Path(milagro.__file__).parent.parent)
        arguments = [sys.executable, str(SCRIPT), *map(str, (folder, self.port, self.rpc_port, drain, shutdown))]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                arguments, stderr=log, env={**os.environ, "PYTHONPATH": root, "PYTHONWARNINGS": "ignore"}
            )
        for _ in range(600):
            if self.ready():
                return
            assert self.process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        pytest.fail("the server did not start")

    def ready(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/readyz", timeout=5).close()
        except OSError:
            return False
        return True

    def act(self, transport: str, secret: bytes, milliseconds: int = 0) -> str:
        body = Body(secret=secret, count=milliseconds)
        try:
            if transport == "http":
                with Peer(self.url) as peer:
                    assert peer.post("/act", body, Done).secret == secret
            else:
                with RpcPeer(f"127.0.0.1:{self.rpc_port}", self.service) as rpc:
                    assert rpc.call("Act", body, Done).secret == secret
        except MilagroError as error:
            return type(error).__name__
        return "done"

    def await_running(self, count: int) -> None:
        """Returns once so many handlers are at work."""
        for _ in range(600):
            with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as found:
                if f"\nmilagro_requests_running {count}.0\n" in found.read().decode():
                    return
            time.sleep(0.05)
        pytest.fail("the requests did not begin")

    def recorded(self) -> set[bytes]:
        return set((self.folder / "done").read_bytes().split())

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    made: list[Process] = []

    def begin(**settings: int) -> Process:
        made.append(Process(tmp_path, **settings))
        return made[-1]

    yield begin
    for each in made:
        each.process.kill()
        each.process.wait()


def test_what_is_under_way_ends_and_what_was_answered_is_recorded(start: Callable[..., Process]) -> None:
    server = start()
    results: dict[bytes, str] = {}

    def ask(transport: str, who: int) -> None:
        for turn in range(4000):
            secret = f"{transport}-{who}-{turn}".encode()
            results[secret] = server.act(transport, secret, 5)
            if results[secret] != "done":
                return

    slow = {f"{transport}-slow".encode(): transport for transport in ("http", "grpc")}
    kept: dict[bytes, str] = {}

    def ask_slowly(secret: bytes, transport: str) -> None:
        kept[secret] = server.act(transport, secret, 4000)

    threads = [threading.Thread(target=ask_slowly, args=each) for each in slow.items()]
    for thread in threads:
        thread.start()
    server.await_running(2)
    crowd = [threading.Thread(target=ask, args=(transport, who)) for transport in ("http", "grpc") for who in range(3)]
    for thread in crowd:
        thread.start()
    while len(server.recorded()) < 30:
        time.sleep(0.05)
    server.process.send_signal(signal.SIGTERM)
    for thread in (*threads, *crowd):
        thread.join(30)
    assert server.process.wait(20) == 0
    assert set(kept.values()) == {"done"}  # it was under way when the signal came
    answered = {secret for secret, result in results.items() if result == "done"}
    assert len(answered) >= 20
    assert set(results.values()) == {"done", "Unavailable"}  # each was answered, or was told that it was not
    assert answered | set(kept) <= server.recorded()
    assert server.log()[-1]["event"] == "stopped"


def test_readiness_is_lost_first_and_requests_are_still_served(start: Callable[..., Process]) -> None:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    server = start(drain=6)
    with grpc.insecure_channel(f"127.0.0.1:{server.rpc_port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
        server.process.send_signal(signal.SIGTERM)
        for _ in range(50):
            if not server.ready():
                break
            time.sleep(0.02)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{server.url}/readyz", timeout=5)
        assert caught.value.code == 503
        assert health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert server.act("http", b"late") == "done"
    assert server.act("grpc", b"later") == "done"
    assert server.process.wait(20) == 0
    assert server.act("http", b"too-late") == Unavailable.__name__


def test_the_end_is_bounded(start: Callable[..., Process]) -> None:
    server = start(shutdown=1)
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(server.act("http", b"long", 25_000)))
    thread.start()
    server.await_running(1)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
    assert b"long" not in server.recorded()  # the end did not wait for the handler
    thread.join(20)
    assert results == ["Unavailable"]
    assert "Traceback" not in (server.folder / "log").read_text()


def test_a_second_signal_ends_at_once(start: Callable[..., Process]) -> None:
    server = start(drain=60)
    server.process.send_signal(signal.SIGTERM)
    for _ in range(100):
        if not server.ready():
            break
        time.sleep(0.02)
    assert server.process.poll() is None
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == -signal.SIGTERM
