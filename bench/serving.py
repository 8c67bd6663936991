"""Issuing by a D-TA that runs: throughput, latency and processor time over HTTP and gRPC, and memory when idle.

    python -m bench.serving [--out docs/benchmarks] [--count 300]

writes serving.json, and from it serving.md.

Three D-TAs of this machine make a key, 2 of 3, by the commands that an operator uses; one of them is then asked for
shares, each with a ticket of its own, first one at a time and then by several at once, HTTP and gRPC in turn. Its
processor time is read from the kernel. In the same turns this process takes the time of the bare group operations.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import milagro
from milagro.protocols import pki, sharing
from milagro.protocols.envelope import EncryptionKey, PrivateKeys
from milagro.protocols.issuance import Asked, Purpose, Ticket
from milagro.protocols.mpin.v2 import Ed25519Key, Identity
from milagro.protocols.pki import Replica, resolve
from milagro.protocols.sharing import KeyRing
from milagro.protocols.signatures import SigningKey
from milagro.roles.charter import CharterFile
from milagro.roles.correspondence.keys import listed, recipients_of
from milagro.roles.dta.member.operations import SERVICE
from milagro.roles.issuance import seal_ticket
from milagro.roles.issuance.messages import IssueAnswer, IssueRequest
from milagro.roles.suites import open_suite
from milagro.roles.transport.codec import Codec
from milagro.stores.identities import read_bundle

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "benchmarks"
NAMES, THRESHOLD = ("a", "b", "c"), 2
AT_ONCE = (1, 8)
REALM = "login.example"
TICK = os.sysconf("SC_CLK_TCK")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(milagro.__file__).parents[1]), "BENCH_PASSPHRASE": "bench"}
ENVIRONMENT.pop("MILAGRO_BACKEND", None)
TABLES = """
[limits]
per_second = 0

[grpc]
port = {port}
"""
TERMS = """
[[dta.authorities]]
identity = "{did}"
realms = ["{realm}"]
bundle = "authority.bundle"
per_hour = 1000000
per_day = 1000000
"""


# -- D-TAs -------------------------------------------------------------------------------------------------------------
@dataclass
class Site:
    """Three D-TAs in one folder, and an authority that the first one knows."""

    folder: Path
    curve: str
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports = _free_ports(len(NAMES) + 1)
        self.authority = PrivateKeys.generate(secrets.token_bytes)

    def milagro(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "milagro", *arguments]
        options: dict[str, Any] = {"capture_output": True, "text": True, "env": ENVIRONMENT, "timeout": 120}
        done = subprocess.run(command, cwd=self.folder, check=False, **options)
        if done.returncode:
            raise SystemExit(f"milagro {' '.join(arguments)}: {done.stderr}")
        return str(done.stdout)

    def config(self, name: str) -> Path:
        return self.folder / name / "milagro.toml"

    def make(self) -> None:
        """Folders of all, and the charter that all have joined."""
        sealed = ("--passphrase-env", "BENCH_PASSPHRASE", "--argon2-memory-mib", "8", "--step-seconds", "8")
        for name, port in zip(NAMES, self.ports, strict=False):
            place = (str(self.folder / name), "--name", name, "--port", str(port))
            self.milagro("init", "dta", *place, *sealed)
        cards = [str(self.folder / name / "dta.card") for name in NAMES[1:]]
        founded = ("--name", "bench", "--threshold", str(THRESHOLD), "--curve", self.curve, "--out", "first.charter")
        self.milagro("dta", "network", "create", *founded, "--config", str(self.config("a")), *cards)
        for name in NAMES[1:]:
            self.milagro("dta", "network", "join", "first.charter", "--yes", "--config", str(self.config(name)))
        self._trust()

    def _trust(self) -> None:
        control, following = (SigningKey.generate(secrets.token_bytes) for _ in range(2))
        keys = [pki.AddKey(key) for key in listed(self.authority.public)]
        block = pki.create(control, following.public, 1, keys)
        replica = Replica(block.cid)
        replica.add(block.octets)
        (self.folder / "a" / "authority.bundle").write_bytes(replica.to_bytes())
        terms = TERMS.format(did=pki.did_of(block.cid), realm=REALM)
        with self.config("a").open("a", encoding="utf-8") as file:
            file.write(TABLES.format(port=self.ports[-1]) + terms)

    def serve(self) -> None:
        for name in NAMES:
            command = [sys.executable, "-m", "milagro", "serve", "dta", "--config", str(self.config(name))]
            with (self.folder / f"{name}.log").open("wb") as log:
                self.running[name] = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT)
        deadline = time.monotonic() + 120
        while not all(self.holds(port) for port in self.ports[: len(NAMES)]):
            if time.monotonic() > deadline:
                raise SystemExit("the D-TAs made no key; their logs are in " + str(self.folder))
            time.sleep(0.2)

    def holds(self, port: int) -> bool:
        try:
            return bool(get(port, "/v1/status")["holds_share"])
        except (OSError, KeyError):
            return False

    def stop(self) -> None:
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for process in self.running.values():
            process.wait(30)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def site(curve: str) -> Iterator[Site]:
    """D-TAs that have a key and serve."""
    with tempfile.TemporaryDirectory() as folder:
        made = Site(Path(folder), curve)
        made.make()
        try:
            made.serve()
            yield made
        finally:
            made.stop()


def get(port: int, path: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        found: dict[str, Any] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return found


# -- requests ----------------------------------------------------------------------------------------------------------
class Asking:
    """What an authority and its users need to ask the first D-TA."""

    def __init__(self, of: Site) -> None:
        charter = CharterFile.from_bytes((of.folder / "first.charter").read_bytes()).charter
        self.suite = open_suite(charter.curve, charter.hash, charter.slot_seconds)
        self.authority, self.network = of.authority, charter.network
        seat = next(seat for seat in charter.seats if seat.name == "a")
        self.node = seat.identity
        states = [resolve(read_bundle(of.folder / name / "identity" / "identity.bundle")).require() for name in NAMES]
        self.recipients = [key for state in states for key in recipients_of(state)]
        ring = _octets(get(of.ports[0], "/v1/keys")["keys"])
        self.key_id = KeyRing.from_bytes(sharing.Suite(self.suite.curve), ring).current.key_id
        self.reply = EncryptionKey.generate(secrets.token_bytes)

    def request(self) -> IssueRequest:
        """One that was never asked before: its own holder and ticket."""
        now, key = int(time.time()), Ed25519Key.generate(secrets.token_bytes)
        holder = Identity.create(self.suite, REALM, "alice", "laptop", key, now, secrets.token_bytes)
        named = holder.digest(), self.key_id
        ticket = Ticket.fresh(self.network, Purpose.CLIENT_SHARE, *named, now, secrets.token_bytes, lifetime=300)
        sealed = seal_ticket(ticket, self.authority.signing, self.recipients, secrets.token_bytes)
        asked = Asked(self.network, self.node, sealed, self.reply.public.octets, holder.to_bytes())
        return IssueRequest(
            ticket=sealed, identity=asked.identity, reply_to=asked.reply, signature=key.sign(asked.statement)
        )

    def bare(self) -> float:
        """The processor seconds of the group operations of one share: a hash to the curve and four products."""
        E, random = self.suite.curve, secrets.token_bytes
        share, k = E.random_scalar(random), E.random_scalar(random)
        key = Ed25519Key.generate(random)
        holder = Identity.create(self.suite, REALM, "alice", "laptop", key, 1, random)
        before = time.process_time()
        A = self.suite.hash_identity(holder)
        _ = share * A, share * E.g1, k * A, k * E.g1
        return time.process_time() - before


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class OverHttp:
    """A connection that is kept, for one thread."""

    def __init__(self, of: Site) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", of.ports[0], timeout=30)

    @staticmethod
    def octets(request: IssueRequest) -> bytes:
        return request.model_dump_json(exclude_none=True).encode()

    def ask(self, body: bytes) -> None:
        self._connection.request("POST", "/v1/issue", body, {"content-type": "application/json"})
        answer = self._connection.getresponse()
        found = answer.read()
        if answer.status != 200:
            raise SystemExit(f"refused: {found.decode()}")

    def close(self) -> None:
        self._connection.close()


class OverGrpc:
    """A channel of its own, for one thread."""

    _codec = Codec(SERVICE)

    def __init__(self, of: Site) -> None:
        import grpc  # noqa: PLC0415 - as the server: only where it is asked for

        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{of.ports[-1]}", options)
        self._issue = self._channel.unary_unary(f"/{SERVICE.full_name}/Issue")

    @classmethod
    def octets(cls, request: IssueRequest) -> bytes:
        return cls._codec.write(request)

    def ask(self, body: bytes) -> None:
        self._codec.read(IssueAnswer, self._issue(body, timeout=30))

    def close(self) -> None:
        self._channel.close()


TRANSPORTS: dict[str, type[OverHttp] | type[OverGrpc]] = {"HTTP": OverHttp, "gRPC": OverGrpc}


# -- measuring ---------------------------------------------------------------------------------------------------------
@dataclass
class Sample:
    """What was measured of one transport, so many asking at once."""

    seconds: list[float] = field(default_factory=list)
    processor: float = 0.0
    passed: float = 0.0

    def result(self) -> dict[str, float]:
        ordered, count = sorted(self.seconds), len(self.seconds)
        return {
            "requests": count,
            "p50": 1000 * ordered[count // 2],
            "p99": 1000 * ordered[min(count - 1, count * 99 // 100)],
            "a_second": count / self.passed,
            "processor": 1000 * self.processor / count,
        }


def processor_of(process: int) -> float:
    """The seconds that a process has had of processors, in itself and in the kernel."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_of(process: int) -> dict[str, int]:
    """What a process has in memory, in KiB: all of it, and what no file backs."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return {"resident": int(lines["VmRSS"].split()[0]), "anonymous": int(lines["RssAnon"].split()[0])}


def ask_all(of: Site, kind: type[OverHttp] | type[OverGrpc], bodies: list[bytes], at_once: int, into: Sample) -> None:
    """Asks with each body once, `at_once` threads together."""
    clients = [kind(of) for _ in range(at_once)]
    waiting = iter(bodies)

    def work(client: OverHttp | OverGrpc) -> None:
        for body in waiting:
            before = time.perf_counter()
            client.ask(body)
            into.seconds.append(time.perf_counter() - before)

    process = of.running["a"].pid
    with ThreadPoolExecutor(at_once) as pool:
        before = processor_of(process), time.perf_counter()
        list(pool.map(work, clients))
        into.passed += time.perf_counter() - before[1]
        into.processor += processor_of(process) - before[0]
    for client in clients:
        client.close()


def measure(count: int, curve: str = "BLS12-381", turns: int = 4) -> dict[str, Any]:
    """The figures of `count` requests for each transport and each number that asks at once."""
    samples = {(name, at_once): Sample() for name in TRANSPORTS for at_once in AT_ONCE}
    bare: list[float] = []
    with site(curve) as of:
        asking = Asking(of)
        idle = memory_of(of.running["b"].pid)
        for kind in TRANSPORTS.values():  # the first request of all is not one of many
            ask_all(of, kind, [kind.octets(asking.request())], 1, Sample())
        for _ in range(turns):
            for (name, at_once), sample in samples.items():
                kind = TRANSPORTS[name]
                bodies = [kind.octets(asking.request()) for _ in range(max(1, count // turns))]
                bare += [asking.bare() for _ in range(max(1, count // turns // 4))]
                ask_all(of, kind, bodies, at_once, sample)
        after = memory_of(of.running["a"].pid)
    return {
        "curve": curve,
        "requests": count,
        "bare": 1000 * sorted(bare)[len(bare) // 2],
        "memory": {"idle": idle, "after": after, "python": _python_alone()},
        "found": {f"{name}, {at_once} at once": sample.result() for (name, at_once), sample in samples.items()},
    }


def _python_alone() -> dict[str, int]:
    """The memory of an interpreter that does nothing."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as idle:
        time.sleep(0.5)
        found = memory_of(idle.pid)
        idle.kill()
    return found


# -- the page ----------------------------------------------------------------------------------------------------------
def page(found: dict[str, Any]) -> str:
    """The figures as a page."""
    bare, memory = found["bare"], found["memory"]
    rows = [
        f"| {name} | {one['processor']:.2f} ms | {one['processor'] / bare:.1f} | {1000 / one['processor']:.0f} "
        f"| {one['a_second']:.0f} | {one['p50']:.1f} ms | {one['p99']:.1f} ms |"
        for name, one in found["found"].items()
    ]
    mib: Callable[[int], str] = lambda kib: f"{kib / 1024:.0f} MiB"  # noqa: E731
    lines = [
        "# Issuing over HTTP and gRPC",
        "",
        f"Recorded by `python -m bench.serving` on {found['curve']}: three D-TAs as processes of one machine, 2 of 3,",
        f"one of them asked for {found['requests']} client shares in each row, every one with a ticket of its own;",
        "HTTP and gRPC in turn. Processor time is that of the D-TA's process, kernel included; those who asked had",
        "the other core. A share is what [Cost of issuing](issuing.md) describes: ticket opened and verified, spent",
        "and logged in a durable transaction, share proved, answer signed and sealed.",
        "",
        "| who asks | processor time | against the group operations | a second and core | a second | p50 | p99 |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"The group operations, one hash to the curve and four products, took {bare:.2f} ms in the same run. One who",
        "asks at a time waits for the disk twice with each share; those who ask together share the wait.",
        "",
        f"A D-TA that serves HTTP and is idle has {mib(memory['idle']['resident'])} in memory,",
        f"{mib(memory['idle']['anonymous'])} of it its own; one that serves gRPC too, after the run,",
        f"{mib(memory['after']['resident'])}. A Python that does nothing has {mib(memory['python']['resident'])}.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--count", type=int, default=300)
    chosen = parser.parse_args()
    found = measure(chosen.count)
    (chosen.out / "serving.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (chosen.out / "serving.md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
