"""Logging in at an MFA server that runs: what a login costs, latency, memory, and twice as much as it can do.

    python -m bench.logging_in [--out docs/benchmarks] [--logins 3000] [--overload 1200] [--sessions 10000]

writes logging-in.json, and from it logging-in.md. `--overload` is in seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.login_site import PIN, Device, LoginSite, login_site
from bench.serving import FOLDER, memory_of, processor_of

AT_ONCE = (1, 16)
DEVICES = 200
TURNED_AWAY = (429, 503)


# -- a client ----------------------------------------------------------------------------------------------------------
class Connections:
    """Connections to the server that are kept, as those of a proxy in front of it are."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.opened = 0

    async def post(self, path: str, body: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
        """Status, headers and body of the answer."""
        head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{self._port}\r\ncontent-type: application/json\r\n"
        octets = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
        while True:
            kept = bool(self._free)
            reader, writer = self._free.pop() if kept else await self._open()
            try:
                writer.write(octets)
                status, headers, found = await _answer(reader)
            except (OSError, asyncio.IncompleteReadError):
                writer.close()
                if kept:  # the server may close one that was idle, at any time
                    continue
                raise
            self._free.append((reader, writer))
            return status, headers, found

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.opened += 1
        return await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[bytes, bytes], bytes]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines if line)}
    return int(first.split()[1]), headers, await reader.readexactly(int(headers[b"content-length"]))


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Sample:
    """What became of logins, in seconds: those that succeeded, each pass, and how long a refusal took."""

    logins: list[float] = field(default_factory=list)
    passes: list[float] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0
    given_up: int = 0
    processor: float = 0.0
    passed: float = 0.0

    def result(self) -> dict[str, float]:
        count = len(self.logins)
        return {
            "logins": count,
            "p50": 1000 * quantile(self.logins, 50),
            "p99": 1000 * quantile(self.logins, 99),
            "pass_p99": 1000 * quantile(self.passes, 99),
            "a_second": count / self.passed,
            "processor": 1000 * self.processor / max(1, count),
            "core": self.processor / self.passed,
        }


def quantile(seconds: list[float], percent: int) -> float:
    """What so many of a hundred are not above."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0.0


class Users:
    """The users of the devices, one after the other again and again."""

    def __init__(self, of: LoginSite) -> None:
        self.of = of
        self.connections = Connections(of.port)
        self._next: Iterator[Device] = itertools.cycle(of.devices)

    async def log_in(self, into: Sample, patience: float = 0.0) -> None:
        """One login. Who is turned away gives up; at the second pass it asks again, for `patience` seconds."""
        of, key_id = self.of, self.of.key_id
        started = of.start(next(self._next))
        body = json.dumps({"message": _text(started.message.to_bytes()), "key_id": _text(key_id)}).encode()
        seconds, found = await self._pass("/v1/login/pass1", body, into)
        if found is None:
            return
        challenge = _octets(json.loads(found)["message"])
        answer = started.answer(challenge, PIN, int(time.time()))
        body = json.dumps({"message": _text(answer.to_bytes())}).encode()
        until = time.monotonic() + patience
        while True:
            more, found = await self._pass("/v1/login/pass2", body, into)
            seconds += more
            if found is not None:
                into.logins.append(seconds)
                return
            if time.monotonic() >= until:
                into.given_up += 1
                return
            await asyncio.sleep(self._retry)

    async def begin(self, into: Sample) -> None:
        """The first pass of a login that nobody goes on with."""
        started = self.of.start(next(self._next))
        key_id = self.of.key_id
        body = json.dumps({"message": _text(started.message.to_bytes()), "key_id": _text(key_id)}).encode()
        await self._pass("/v1/login/pass1", body, into)

    async def _pass(self, path: str, body: bytes, into: Sample) -> tuple[float, bytes | None]:
        before = time.perf_counter()
        try:
            status, headers, found = await self.connections.post(path, body)
        except (OSError, asyncio.IncompleteReadError):
            status, headers, found = 0, {}, b""
        seconds = time.perf_counter() - before
        into.statuses[status] += 1
        if status == 200:
            into.passes.append(seconds)
            return seconds, found
        into.refusals.append(seconds)
        self._retry = float(headers.get(b"retry-after", b"1"))
        into.without_retry_after += status in TURNED_AWAY and b"retry-after" not in headers
        return seconds, None


# -- measuring ---------------------------------------------------------------------------------------------------------
class Load:
    """What is measured at one server."""

    def __init__(self, of: LoginSite) -> None:
        self.of = of
        self.users = Users(of)

    async def closed(self, count: int, at_once: int, into: Sample, *, begin: bool = False) -> Sample:
        """`count` logins, so many at once, each as soon as one before it is over."""
        turns = iter(range(count))

        async def work() -> None:
            for _ in turns:
                await (self.users.begin(into) if begin else self.users.log_in(into))

        with self._clocked(into):
            await asyncio.gather(*(work() for _ in range(at_once)))
        return into

    async def offered(self, rate: float, seconds: float, into: Sample, patience: float = 0.0) -> Sample:
        """Logins that come so many a second, whatever became of those before."""
        tasks: set[asyncio.Task[None]] = set()
        with self._clocked(into):
            begun = time.perf_counter()
            for number in itertools.count():
                at = begun + number / rate
                if at > begun + seconds:
                    break
                await asyncio.sleep(max(0.0, at - time.perf_counter()))
                task = asyncio.ensure_future(self.users.log_in(into, patience))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        if tasks:
            await asyncio.wait(tasks)
        return into

    def _clocked(self, into: Sample) -> Any:
        return _Clocked(self.of.process, into)

    def bare(self) -> float:
        """The processor seconds of the pairing check of one login: two Miller loops and a final exponentiation."""
        E, Q, sQ = self.of.suite.curve, self.of.suite.curve.g2_prepared, self.of.secret.prepared
        V = E.random_scalar(secrets.token_bytes) * E.g1
        before = time.process_time()
        E.pairing_check([(V, Q), (V, sQ)])
        return time.process_time() - before


class _Clocked:
    def __init__(self, process: int, into: Sample) -> None:
        self._process, self._into = process, into

    def __enter__(self) -> None:
        self._before = processor_of(self._process), time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._into.processor += processor_of(self._process) - self._before[0]
        self._into.passed += time.perf_counter() - self._before[1]
