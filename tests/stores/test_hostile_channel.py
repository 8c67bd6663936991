"""What strangers, broken parts and old copies can do to a mailbox: cost a bounded amount, and be named."""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from milagro import cbor
from milagro.cid import CID
from milagro.errors import BrokenChain, ConfigError, CorruptBlock, NotFound, StoreError, Unavailable
from milagro.stores.content.memory import MemoryStore
from milagro.stores.messaging import frames
from milagro.stores.messaging.channel import InProcess
from milagro.stores.messaging.frames import MAX_FRAME_OCTETS, Question
from milagro.stores.messaging.herald import QUEUED_FRAMES
from milagro.stores.messaging.http import HttpBlocks, HttpPush
from milagro.stores.messaging.pubsub import Pubsub
from milagro.stores.retry import Backoff
from tests.stores.daemons import Daemon, new_swarm_key
from tests.stores.parties import FAST, Identity, Party
from tests.stores.test_log import Log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milagro.stores.messaging.channel import Receive, Subscription


class Counting(InProcess):
    """Counts what is published."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[bytes] = []

    def publish(self, topic: str, frame: bytes) -> None:
        self.published.append(frame)
        super().publish(topic, frame)


@pytest.fixture
def channel() -> Counting:
    return Counting()


@pytest.fixture
def pair(tmp_path: Path, channel: Counting) -> Iterator[tuple[Party, Party]]:
    store = MemoryStore()
    with (
        Party(Identity.of("alice"), store, channel, tmp_path / "alice.sqlite") as alice,
        Party(Identity.of("bob"), store, channel, tmp_path / "bob.sqlite") as bob,
    ):
        bob.mailbox.follow(alice.name)
        yield alice, bob


def test_a_flood_takes_bounded_memory_and_stops_nothing(pair: tuple[Party, Party], channel: Counting) -> None:
    alice, bob = pair
    mallory = Log(topic="topic", author=Identity.of("mallory")).grown(1).entries[0]
    real = Log(topic="topic", author=Identity.of("alice")).grown(3).entries[-1]
    fields = dict(cbor.decode(real.block, tags=(42,)))  # type: ignore[call-overload]
    forged_frame = b"\x01" + cbor.encode({**fields, "sig": bytes(64)})
    for number in range(3000):
        for frame in (os.urandom(50), os.urandom(MAX_FRAME_OCTETS + 1), frames.encode(mallory), forged_frame):
            channel.publish("topic", frame)
        channel.publish("topic", frames.encode(Question("topic", f"nobody {number}", 0)))
        assert len(bob.mailbox._herald._frames) <= QUEUED_FRAMES
    alice.mailbox.send(b"1")
    assert bob.take(1) == [(alice.name, 1, b"1")]
    assert list(bob.mailbox._herald.follows) == [alice.name]
    assert not bob.mailbox.forks()


def test_questions_are_answered_at_a_bounded_rate(tmp_path: Path, channel: Counting) -> None:
    timing = dataclasses.replace(FAST, announce_seconds=1e6, repeat_seconds=1e6)
    with Party(Identity.of("alice"), MemoryStore(), channel, tmp_path / "alice.sqlite", timing=timing) as alice:
        alice.mailbox.send(b"1")
        question = frames.encode(Question("topic", alice.name, 0))
        for _ in range(5000):
            channel.publish("topic", question)
        herald = alice.mailbox._herald
        deadline = time.monotonic() + 30
        while herald._frames or not herald.own.answer_due:  # all were read, and one more answer would be due
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert channel.published.count(frames.encode(alice.mailbox._outbox.head())) == 1  # type: ignore[arg-type]


def test_an_entry_of_another_topic_is_not_taken(pair: tuple[Party, Party], channel: Counting) -> None:
    alice, bob = pair
    elsewhere = Log(topic="elsewhere", author=Identity.of("alice")).grown(1)
    bob.store.put(b"payload")
    channel.publish("topic", frames.encode(elsewhere.entries[0]))
    assert bob.take(1, 0.5) == []
    assert bob.mailbox.status()[alice.name].known == 0


def test_an_old_copy_of_a_sender_is_stopped_before_it_forks(
    tmp_path: Path, pair: tuple[Party, Party], channel: Counting
) -> None:
    alice, bob = pair
    alice.mailbox.send(b"1")
    with alice.state.read() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(tmp_path / "alice.sqlite", tmp_path / "backup.sqlite")
    alice.mailbox.send(b"2")
    assert len(bob.take(2)) == 2
    alice._stack.close()
    with Party(alice.identity, alice.store, channel, tmp_path / "backup.sqlite") as restored:
        deadline = time.monotonic() + 30
        while (head := restored.mailbox._outbox.head()) is None or head.sequence < 2:  # bob answers
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with pytest.raises(BrokenChain, match="old copy"):
            restored.mailbox.send(b"another 2")
    assert bob.mailbox.forks() == []


def test_a_forked_sender_that_is_forgiven_goes_on_from_what_was_handed_over(tmp_path: Path, channel: Counting) -> None:
    log = Log(topic="topic").grown(5)
    other = log.branch(3).grown(5, b"another story")
    with Party(Identity.of("bob"), log.store, channel, tmp_path / "bob.sqlite") as bob:
        bob.mailbox.follow(log.author.name)
        channel.publish("topic", frames.encode(log.entries[-1]))
        assert [number for _, number, _ in bob.take(5)] == [1, 2, 3, 4, 5]
        channel.publish("topic", frames.encode(other.entries[-1]))
        assert bob.take(1, 1) == []
        [fork] = bob.mailbox.forks()
        assert fork.sequence == 5
        bob.restart()
        bob.mailbox.follow(log.author.name)
        log.append(b"after")
        channel.publish("topic", frames.encode(log.entries[-1]))
        assert bob.take(1, 0.5) == []
        assert bob.mailbox.status()[log.author.name].stopped
        bob.mailbox.forgive(log.author.name)
        channel.publish("topic", frames.encode(log.entries[-1]))
        assert bob.take(1) == [(log.author.name, 6, b"after")]


def test_a_database_that_is_busy_for_a_while_stops_nothing(
    pair: tuple[Party, Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = pair
    read, busy = bob.state.read, [True]

    def fail_or_read() -> object:
        if busy[0]:
            raise Unavailable("the database is busy")
        return read()

    monkeypatch.setattr(bob.state, "read", fail_or_read)
    alice.mailbox.send(b"1")
    deadline = time.monotonic() + 30
    while bob.mailbox.fault() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    busy[0] = False
    assert bob.take(1) == [(alice.name, 1, b"1")]
    while bob.mailbox.fault() is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_verifier_that_breaks_is_not_silent(tmp_path: Path, channel: Counting) -> None:
    def broken(_name: str, _message: bytes, _signature: bytes) -> None:
        raise RuntimeError("the key store is gone")

    log = Log(topic="topic").grown(1)
    with Party(Identity.of("bob"), log.store, channel, tmp_path / "bob.sqlite") as bob:
        bob.mailbox._herald._verify = broken
        bob.mailbox.follow(log.author.name)
        channel.publish("topic", frames.encode(log.entries[0]))
        with pytest.raises(RuntimeError, match="the key store is gone"):
            bob.take(1, 10)


class Down:
    """A channel whose daemon is gone."""

    def publish(self, topic: str, frame: bytes) -> None:
        raise Unavailable("no daemon")

    def subscribe(self, topic: str, receive: Receive) -> Subscription:
        return InProcess().subscribe(topic, receive)


def test_a_channel_that_is_down_stops_no_sender_and_is_told(tmp_path: Path) -> None:
    with Party(Identity.of("alice"), MemoryStore(), Down(), tmp_path / "alice.sqlite") as alice:
        assert alice.mailbox.send(b"1").sequence == 1
        deadline = time.monotonic() + 10
        while alice.mailbox.fault() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert isinstance(alice.mailbox.fault(), Unavailable)


# -- http -----------------------------------------------------------------------------------------------------
class NoNetwork(MemoryStore):
    """A store whose `get` asks the world for what it lacks."""

    def _read(self, cid: CID, timeout_seconds: float) -> bytes:
        assert self.has(cid), "the world was asked"
        return super()._read(cid, timeout_seconds)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/messages/frames/dG9waWM", b"frame", 202),
        ("POST", "/messages/frames/b3RoZXI", b"frame", 404),
        ("POST", "/messages/frames/dG9waWM=", b"frame", 400),
        ("POST", "/messages/frames/_w", b"frame", 400),
        ("POST", "/messages/frames/dG9waWM", bytes(MAX_FRAME_OCTETS), 202),
        ("POST", "/messages/frames/dG9waWM", bytes(MAX_FRAME_OCTETS + 1), 413),
        ("GET", "/messages/frames/dG9waWM", b"", 405),
        ("GET", f"/messages/blocks/{CID.of(b'here')}", b"", 200),
        ("GET", f"/messages/blocks/{CID.of(b'elsewhere')}", b"", 404),
        ("GET", f"/messages/blocks/{str(CID.of(b'here')).upper()}", b"", 400),
        ("GET", "/messages/blocks/..", b"", 404),
        ("POST", f"/messages/blocks/{CID.of(b'here')}", b"", 405),
        ("GET", "/messages", b"", 404),
        ("GET", "/other/frames/dG9waWM", b"", 404),
    ],
)
@pytest.mark.anyio
async def test_the_application_takes_frames_and_hands_out_blocks(
    method: str, path: str, body: bytes, status: int
) -> None:
    store, received = NoNetwork(), []
    store.put(b"here")
    push = HttpPush(store)
    push.subscribe("topic", received.append)
    transport = httpx.ASGITransport(push.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.request(method, path, content=body)
    assert answer.status_code == status
    assert received == ([body] if status == 202 else [])
    if status == 200:
        assert answer.content == b"here"


@pytest.mark.anyio
async def test_it_can_be_mounted_in_another_application() -> None:
    from fastapi import FastAPI

    store, received = MemoryStore(), []
    push = HttpPush(store)
    push.subscribe("topic", received.append)
    app = FastAPI()
    app.mount("/messages", push.app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        assert (await client.post("/messages/frames/dG9waWM", content=b"frame")).status_code == 202
        assert (await client.get(f"/messages/blocks/{store.put(b'here')}")).content == b"here"
    assert received == [b"frame"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def answering(answer: bytes) -> str:
    """A server that says the same to everyone."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother", CorruptBlock),
        (b"HTTP/1.1 200 OK\r\n\r\n" + bytes((1 << 20) + 1), CorruptBlock),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", Unavailable),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", NotFound),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", Unavailable),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", StoreError),
        (b"nothing known", Unavailable),
    ],
)
def test_a_peer_that_lies_or_fails_is_named(answer: bytes, error: type[Exception]) -> None:
    url = answering(answer)
    with pytest.raises(error):
        HttpBlocks(url).get(CID.of(b"here"), 5)


def test_a_peer_that_hangs_keeps_nobody_waiting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:
        push = HttpPush(MemoryStore(), [f"http://127.0.0.1:{hung.getsockname()[1]}"])
        for _ in range(1000):
            push.publish("topic", b"frame")
        assert len(push._peers[0]._waiting) <= 256
        push.close()


def test_a_peer_that_is_gone_is_told_of() -> None:
    push = HttpPush(MemoryStore(), ["http://127.0.0.1:9"], backoff=Backoff(attempts=2, first_seconds=0.01))
    push.publish("topic", b"frame")
    deadline = time.monotonic() + 10
    while push.faults()["http://127.0.0.1:9"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    push.close()


@pytest.mark.parametrize("url", ["http://203.0.113.5", "https://user:secret@peer.example", "peer.example"])
def test_a_url_that_should_not_be_used(url: str) -> None:
    for use in (lambda: HttpPush(MemoryStore(), [url]), lambda: HttpBlocks(url)):
        with pytest.raises(ConfigError):
            use()


# -- pubsub ---------------------------------------------------------------------------------------------------
def test_a_subscription_comes_back_with_its_daemon(tmp_path: Path, swarm: list[Daemon]) -> None:
    daemon = Daemon(tmp_path / "daemon", new_swarm_key())
    daemon.initialise()
    daemon.start()
    daemon.pin_address()
    channel, received = Pubsub(daemon.url), []
    subscription = channel.subscribe("ein Thema/ü", received.append)
    try:
        publish_until(channel, b"before", received)
        daemon.kill()
        deadline = time.monotonic() + 30
        while subscription.fault() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert isinstance(subscription.fault(), Unavailable)
        with pytest.raises(Unavailable, match="ipfs daemon"):
            channel.check()
        daemon.start()
        publish_until(channel, b"after", received)
        assert subscription.fault() is None
        channel.check()
    finally:
        subscription.close()
        channel.close()
        daemon.kill()


def publish_until(channel: Pubsub, frame: bytes, received: list[bytes]) -> None:
    """A subscription stands some time after it was asked for."""
    deadline = time.monotonic() + 30
    while frame not in received:
        assert time.monotonic() < deadline
        channel.publish("ein Thema/ü", frame)
        time.sleep(0.05)
