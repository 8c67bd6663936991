"""Two processes that share a Kubo swarm and each other's names: all arrives, once, in order, despite kill -9."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.stores.daemons import Daemon, make_swarm
from tests.stores.exchange import envelope, received
from tests.stores.parties import Identity
from tests.stores.test_content import ipfs_library

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
COUNT = 1000 if os.environ.get("MILAGRO_EXHAUSTIVE") else 500
SECONDS = 400


class Process:
    """One party."""

    def __init__(self, folder: Path, name: str, other: str, url: str, count: int) -> None:
        self.count, self.name, self.database = count, name, folder / f"{name}.sqlite"
        self.arguments = {"name": name, "other": other, "url": url, "database": str(self.database)}
        self.process: subprocess.Popen[str] | None = None

    def start(self, seed: int) -> None:
        options = [f"--{key}={value}" for key, value in {**self.arguments, "count": self.count, "seed": seed}.items()]
        options += ["--topic=exchange", "--loss=0.8"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.stores.exchange", *options],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def arrived(self) -> list[tuple[int, str]]:
        try:
            return received(self.database)
        except Exception:  # noqa: BLE001 - the database is not there yet
            return []

    def wait_for(self, count: int, deadline: float) -> None:
        while len(self.arrived()) < count:
            assert time.monotonic() < deadline, f"{self.name} has {len(self.arrived())} of {self.count}"
            assert self.process is not None
            assert self.process.poll() is None
            time.sleep(0.1)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[Daemon]]:
    ipfs_library()
    daemons = make_swarm(tmp_path, 2)
    yield daemons
    for daemon in daemons:
        daemon.kill()


@pytest.mark.timeout(SECONDS + 60)
def test_two_processes_exchange_envelopes_though_pubsub_loses_most_and_one_is_killed(
    pair: list[Daemon], tmp_path: Path
) -> None:
    alice = Process(tmp_path, "alice", "bob", pair[0].url, COUNT)
    bob = Process(tmp_path, "bob", "alice", pair[1].url, COUNT)
    try:
        deadline = time.monotonic() + SECONDS
        alice.start(1)
        bob.start(2)
        # Bob dies twice, while he sends and while he receives, wherever he is at that moment.
        for restart, share in enumerate((5, 2)):
            bob.wait_for(COUNT // share, deadline)
            bob.kill()
            bob.start(3 + restart)
        for one in (alice, bob):
            one.wait_for(COUNT, deadline)
        time.sleep(2)  # nothing comes after the last
        for one, other in ((alice, "bob"), (bob, "alice")):
            assert one.arrived() == expected(other, COUNT)
        assert Identity.of("alice").name != Identity.of("bob").name
    finally:
        alice.kill()
        bob.kill()


@pytest.mark.timeout(SECONDS + 60)
def test_a_daemon_that_is_killed_in_the_middle_delays_and_changes_nothing(pair: list[Daemon], tmp_path: Path) -> None:
    count = 120
    pair[1].pin_address()
    pair[1].peer_with(pair[0])
    alice = Process(tmp_path, "alice", "bob", pair[0].url, count)
    bob = Process(tmp_path, "bob", "alice", pair[1].url, count)
    try:
        deadline = time.monotonic() + SECONDS
        alice.start(1)
        bob.start(2)
        bob.wait_for(count // 4, deadline)
        pair[1].kill()
        time.sleep(1)
        pair[1].start()
        pair[1].connect(pair[0])
        for one, other in ((alice, "bob"), (bob, "alice")):
            one.wait_for(count, deadline)
            assert one.arrived() == expected(other, count)
    finally:
        alice.kill()
        bob.kill()


def expected(sender: str, count: int) -> list[tuple[int, str]]:
    return [(number, hashlib.sha256(envelope(sender, number)).hexdigest()) for number in range(1, count + 1)]
