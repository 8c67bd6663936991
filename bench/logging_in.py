"""Logging in at an MFA server that runs: what a login costs, latency, memory, and twice as much as it can do.

    python -m bench.logging_in [--out docs/benchmarks] [--logins 3000] [--overload 1200] [--sessions 10000]

writes logging-in.json, from it logging-in.md, and its sentence in README.md. `--overload` is in seconds. With `--tried`
nothing is written, and the page is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import os
import secrets
import textwrap
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.login_site import PIN, Device, LoginSite, login_site
from bench.serving import FOLDER, memory_of, processor_of
from milagro.protocols.mpin import v2

README = FOLDER.parents[1] / "README.md"
AT_ONCE = (1, 16)
DEVICES = 2000
TURNS = 4
MOST_LOG = 64 << 20
PATIENCE = 30.0
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
    without_device: int = 0
    memory: int = 0
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
    """The users of the devices; a device that logs in is not asked to once more until it is done."""

    def __init__(self, of: LoginSite) -> None:
        self.of = of
        self.connections = Connections(of.port)
        self._free = deque(of.devices)
        self._retry = 1.0

    async def log_in(self, into: Sample, patience: float = 0.0) -> None:
        """One login. Who is turned away gives up; at the second pass it asks again, for `patience` seconds."""
        if not self._free:
            into.without_device += 1
            return
        device = self._free.popleft()
        try:
            await self._log_in(device, into, patience)
        finally:
            self._free.append(device)

    async def _log_in(self, device: Device, into: Sample, patience: float) -> None:
        started = self.of.start(device)
        seconds, found = await self._pass("/v1/login/pass1", self._first(started), into)
        if found is None:
            return
        answer = started.answer(_octets(json.loads(found)["message"]), PIN, int(time.time()))
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
        self._free.rotate(-1)
        await self._pass("/v1/login/pass1", self._first(self.of.start(self._free[0])), into)

    def _first(self, started: v2.LoginStarted) -> bytes:
        return json.dumps({"message": _text(started.message.to_bytes()), "key_id": _text(self.of.key_id)}).encode()

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
        watch = asyncio.ensure_future(self._watch(into))
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
        watch.cancel()
        return into

    def _clocked(self, into: Sample) -> contextlib.AbstractContextManager[object]:
        return _Clocked(self.of.process, into)

    async def _watch(self, into: Sample) -> None:
        """Notes the most memory that the server has, and keeps its log from filling the disk."""
        while True:
            into.memory = max(into.memory, memory_of(self.of.process)["resident"])
            if self.of.log.stat().st_size > MOST_LOG:
                os.truncate(self.of.log, 0)
            await asyncio.sleep(0.5)

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


@dataclass(frozen=True)
class Plan:
    """How much is measured: logins in each row, seconds of steady load and of overload, open sessions."""

    logins: int = 3000
    steady: float = 20.0
    overload: float = 1200.0
    sessions: int = 10_000
    devices: int = DEVICES
    max_requests: int = 256
    curve: str = "BLS12-381"
    store: str = ""


def measure(plan: Plan) -> dict[str, Any]:
    """The figures of one server."""
    with login_site(plan.curve, plan.devices, plan.store, plan.max_requests) as of:
        return asyncio.run(_measure(of, plan))


async def _measure(of: LoginSite, plan: Plan) -> dict[str, Any]:
    load = Load(of)
    await load.closed(max(2, plan.logins // 20), 4, Sample())  # the first requests of all are not some of many
    idle = memory_of(of.process)
    bare: list[float] = []
    samples = {at_once: Sample() for at_once in AT_ONCE}
    for _ in range(TURNS):
        for at_once, sample in samples.items():
            bare += [load.bare() for _ in range(max(1, plan.logins // TURNS // 10))]
            await load.closed(max(1, plan.logins // TURNS), at_once, sample)
    capacity = samples[AT_ONCE[-1]].result()["a_second"]
    steady = {name: Sample() for name in ("before", "after")}
    await load.offered(capacity / 2, plan.steady, steady["before"], PATIENCE)
    over = await load.offered(2 * capacity, plan.overload, Sample(), PATIENCE)
    await load.offered(capacity / 2, plan.steady, steady["after"], PATIENCE)
    opened = await load.closed(plan.sessions, AT_ONCE[-1], Sample(), begin=True)
    full = memory_of(of.process)
    full_login = await load.closed(max(1, plan.logins // 10), AT_ONCE[-1], Sample())
    load.users.connections.close()
    return {
        "curve": plan.curve,
        "database": "PostgreSQL" if plan.store else "SQLite",
        "devices": len(of.devices),
        "logins": plan.logins,
        "bare": 1000 * quantile(bare, 50),
        "found": {f"{at_once} at once": sample.result() for at_once, sample in samples.items()},
        "steady": {name: sample.result() | {"rate": capacity / 2} for name, sample in steady.items()},
        "overload": _overload(over, 2 * capacity, plan.overload),
        "memory": {"idle": idle, "full": full, "overload": over.memory, "sessions": opened.statuses[200]},
        "full": full_login.result(),
    }


def _overload(over: Sample, rate: float, seconds: float) -> dict[str, Any]:
    refused = {str(status): count for status, count in sorted(over.statuses.items()) if status != 200}
    return over.result() | {
        "seconds": seconds,
        "offered": rate,
        "refused": refused,
        "refusal_p50": 1000 * quantile(over.refusals, 50),
        "refusal_p99": 1000 * quantile(over.refusals, 99),
        "without_retry_after": over.without_retry_after,
        "given_up": over.given_up,
        "not_offered": over.without_device,
    }


# -- the page ----------------------------------------------------------------------------------------------------------
SENTENCE = "A login with several at once took the MFA server"
WHAT = """Recorded by `python -m bench.logging_in` on {curve}: one MFA server, a process of `milagro serve mfa` with
{database}, and {devices} devices with P-256 keys and time permits, HTTP on kept connections; {logins} logins in each of
the first rows. A login is two requests: the first pass, checked and its session stored; the second, checked, counted
durably, paired, and the success stored. Processor time is that of the server's process, kernel included; the devices
computed in another one."""
BARE = """The bare pairing check, two Miller loops and a final exponentiation, took {bare:.2f} ms in the same run. The
last row is half of what the server did before, evenly spread."""
OVERLOAD = """For {seconds:.0f} seconds {offered:.0f} logins a second were begun, and {a_second:.0f} a second succeeded,
half of them in {p50:.0f} ms, all but one in a hundred in {p99:.0f} ms. Of the answers {refusals}, beside those that
were 200. A refusal took {refusal_p50:.0f} ms (p50) and {refusal_p99:.0f} ms (p99); {without_retry_after} of them named
no time to come again. Who was refused at the first pass gave up, at the second came again at that time: {given_up} were
still refused {patience:.0f} s later. {not_offered} logins were not begun because every device had one under way. At
half of the capacity the p99 was {before:.1f} ms before this, and {after:.1f} ms after it."""
MEMORY = """{idle} at the start, {overload} at most in the overload, and {full} with {sessions} logins between their
passes, {own} of it the process's own. A login then took {processor:.2f} ms of processor time."""


def page(found: dict[str, Any]) -> str:
    """The figures as a page."""
    bare, before = found["bare"], found["steady"]["before"]
    rows = [
        f"| {name} | {one['processor']:.2f} ms | {one['processor'] / bare:.1f} | {1000 / one['processor']:.0f} "
        f"| {one['a_second']:.0f} | {one['p50']:.1f} ms | {one['p99']:.1f} ms |"
        for name, one in {**found["found"], f"{before['rate']:.0f} a second": before}.items()
    ]
    lines = [
        "# Logging in",
        "",
        _filled(WHAT, **found),
        "",
        "| logins | processor time | against the pairing check | a second and core | a second | p50 | p99 |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        _filled(BARE, bare=bare),
        "",
        "## Twice as much as it can do",
        "",
        _overload_text(found["overload"], found["steady"]),
        "",
        "## Memory",
        "",
        _memory_text(found["memory"], found["full"]),
        "",
    ]
    return "\n".join(lines)


def sentence(found: dict[str, Any]) -> str:
    """The figures in a line for README.md."""
    one, before, memory = found["found"][f"{AT_ONCE[-1]} at once"], found["steady"]["before"], found["memory"]
    ratio, a_core, mib = one["processor"] / found["bare"], 1000 / one["processor"], memory["full"]["resident"] / 1024
    parts = (
        f"{SENTENCE} {one['processor']:.1f} ms of processor time, {ratio:.0f} times the bare pairing check:",
        f"{a_core:.0f} logins a second and core. At {before['rate']:.0f} a second the p99 was {before['p99']:.0f} ms;",
        f"with {memory['sessions']} under way it had {mib:.0f} MiB in memory ([more](docs/benchmarks/logging-in.md)).",
    )
    return " ".join(parts)


def write_sentence(found: dict[str, Any], into: Path) -> None:
    """Replaces the line of README.md that begins as the sentence does."""
    lines = into.read_text(encoding="utf-8").split("\n")
    put = [sentence(found) if line.startswith(SENTENCE) else line for line in lines]
    into.write_text("\n".join(put), encoding="utf-8")


def _filled(text: str, **values: Any) -> str:
    return textwrap.fill(" ".join(text.split()).format(**values), 119, break_on_hyphens=False)


def _overload_text(over: dict[str, Any], steady: dict[str, Any]) -> str:
    said = {"410": "410 (of a permit's last hour)"}
    counts = [f"{count} were {said.get(status, status)}" for status, count in over["refused"].items()]
    refusals = " and ".join(counts) or "none was refused"
    after, before = (steady[name]["p99"] for name in ("after", "before"))
    return _filled(OVERLOAD, **over, refusals=refusals, patience=PATIENCE, after=after, before=before)


def _memory_text(memory: dict[str, Any], full: dict[str, Any]) -> str:
    kib = {"idle": memory["idle"]["resident"], "overload": memory["overload"], "full": memory["full"]["resident"]}
    shown = {name: f"{value / 1024:.0f} MiB" for name, value in (kib | {"own": memory["full"]["anonymous"]}).items()}
    return _filled(MEMORY, **shown, sessions=memory["sessions"], processor=full["processor"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--logins", type=int, default=Plan.logins)
    parser.add_argument("--steady", type=float, default=Plan.steady, help="seconds at half of the capacity")
    parser.add_argument("--overload", type=float, default=Plan.overload, help="seconds at twice the capacity")
    parser.add_argument("--sessions", type=int, default=Plan.sessions)
    parser.add_argument("--store", default="", help="the URL of a PostgreSQL database")
    parser.add_argument("--tried", action="store_true", help="print the page and write nothing")
    chosen = parser.parse_args()
    plan = Plan(chosen.logins, chosen.steady, chosen.overload, chosen.sessions, store=chosen.store)
    found = measure(plan)
    if chosen.tried:
        print(page(found))
        return
    (chosen.out / "logging-in.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (chosen.out / "logging-in.md").write_text(page(found), encoding="utf-8")
    if chosen.out == FOLDER:
        write_sentence(found, README)


if __name__ == "__main__":
    main()
