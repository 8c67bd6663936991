"""Users with their devices, who enrol and log in by the client's library while D-TAs come and go.

Everything that a D-TA acknowledged is noted, by the digest of the request, to be compared with its log afterwards.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

from milagro.cid import CID
from milagro.errors import MilagroError
from milagro.protocols.issuance import Asked, Entry, Issue
from milagro.roles.client.device import DeviceFolder
from milagro.roles.client.service import Application, Client
from milagro.roles.issuance.calls import HttpDial
from milagro.roles.mfa.config import read_config
from milagro.roles.mfa.records import MfaRecords
from milagro.roles.mfa.service import invite
from milagro.roles.peer import Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from milagro.roles.issuance.calls import Caller
    from milagro.roles.issuance.messages import IssueAnswer, IssueRequest, KeyView
    from milagro.roles.issuance.views import Node

T = TypeVar("T")
RETRY_SECONDS = 90.0
SPENT_SECONDS = 120  # well within the life of a ticket


class NotingDial:
    """Connections over HTTP, and by D-TA the requests, by their digests, that it answered with a share, and when."""

    def __init__(self) -> None:
        self._dial = HttpDial()
        self.network: CID | None = None
        self.acknowledged: dict[str, list[tuple[bytes, float]]] = {}

    @contextlib.asynccontextmanager
    async def __call__(self, node: Node) -> AsyncIterator[Caller]:
        async with self._dial(node) as caller:
            yield _NotingCaller(self, node, caller)


@dataclass(frozen=True)
class _NotingCaller:
    dial: NotingDial
    node: Node
    caller: Caller

    async def issue(self, request: IssueRequest, seconds: float) -> IssueAnswer:
        answer = await self.caller.issue(request, seconds)
        assert self.dial.network is not None
        parties = self.dial.network, self.node.identity
        asked = Asked(*parties, request.ticket, request.reply_to or b"", request.identity or b"")
        self.dial.acknowledged.setdefault(self.node.name, []).append((asked.digest, time.time()))
        return answer

    async def keys(self, seconds: float) -> KeyView:
        return await self.caller.keys(seconds)


@dataclass
class Crowd:
    """So many users, one after the other in a few threads, spread over so many seconds."""

    folder: Path
    url: str
    config: Path
    network: CID
    dial: NotingDial = field(default_factory=NotingDial)
    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    retries: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.dial.network = self.network
        self._records = MfaRecords(read_config(self.config).common.store)
        self._workers = ThreadPoolExecutor(6)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._workers.shutdown(cancel_futures=True)
        self._records.state.close()

    def come(self, prefix: str, count: int, seconds: float) -> None:
        """Lets `count` users come in so many seconds, without waiting for them."""
        began = time.monotonic()
        for number in range(count):
            self._workers.submit(self._one, f"{prefix}-{number}", began + seconds * number / count)

    def finish(self, count: int, seconds: float) -> None:
        """Waits until so many users are through."""
        deadline = time.monotonic() + seconds
        while len(self.done) + len(self.failed) < count:
            assert time.monotonic() < deadline, (len(self.done), self.failed)
            time.sleep(0.1)

    def _one(self, user: str, at: float) -> None:
        self.over.wait(max(0.0, at - time.monotonic()))
        if self.over.is_set():
            return
        client = Client(DeviceFolder(self.folder / user), Peer, network_dial=lambda: self.dial)
        code = invite(self._records, user, int(time.time()), timedelta(hours=1))
        began, pin = time.monotonic(), f"pin of {user}"
        try:
            self._insist(user, lambda: client.enrol(Application(self.url, user, "phone", code), lambda: pin))
            answer = self._insist(user, lambda: client.login(lambda: pin))
            assert answer.user == user
        except Exception as error:  # noqa: BLE001 - whatever it is, the test is told of it
            self.failed.append(f"{user}: {type(error).__name__}: {error}")
            return
        self.seconds.append(time.monotonic() - began)
        self.done.append(user)

    def _insist(self, user: str, act: Callable[[], T]) -> T:
        """Does it again as a user would, for a while."""
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                return act()
            except MilagroError as error:
                if time.monotonic() >= deadline or self.over.is_set():
                    raise
                self.retries.append(f"{user}: {error}")
                time.sleep(0.5)

    def logged_in(self) -> set[str]:
        """Whose login the MFA server has on record."""
        with self._records.state.read() as connection:
            rows = connection.exec_driver_sql("SELECT user FROM device WHERE state = 'active' AND last_login > 0")
            return {str(row[0]) for row in rows}


def records_of(database: Path) -> tuple[list[Issue], set[bytes]]:
    """What a D-TA's log says was issued, the chain of its entries being whole; the requests whose tickets are spent."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        entries = connection.execute("SELECT octets, digest FROM issuing_entry ORDER BY number").fetchall()
        spent = {row[0] for row in connection.execute("SELECT request FROM issuing_spent")}
    finally:
        connection.close()
    read: list[Any] = [Entry.from_bytes(octets) for octets, _ in entries]
    assert [one.number for one in read] == list(range(1, len(read) + 1))
    assert all(after.previous == digest for after, (_, digest) in zip(read[1:], entries, strict=False))
    return [one.event for one in read if isinstance(one.event, Issue)], spent


@dataclass(frozen=True)
class Lost:
    """How many acknowledged requests are not in a D-TA's log, how many of late are not spent, how many logged twice.

    One that is repeated when the D-TA has gone over to another epoch is logged for each of the two.
    """

    unlogged: int
    unspent: int
    twice: int


def compare(acknowledged: list[tuple[bytes, float]], database: Path) -> Lost:
    """What a D-TA's database lacks of what it acknowledged. A ticket that is over need not be on record as spent."""
    issued, spent = records_of(database)
    logged = [(one.request, one.epoch) for one in issued]
    said = {digest for digest, _ in acknowledged}
    late = {digest for digest, at in acknowledged if at > time.time() - SPENT_SECONDS}
    return Lost(len(said - {request for request, _ in logged}), len(late - spent), len(logged) - len(set(logged)))
