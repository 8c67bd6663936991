"""Two processes that share a Kubo swarm and each other's names: all arrives, once, in order, despite kill -9."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.stores.daemons import Daemon, make_swarm
from tests.stores.parties import Identity
from tests.stores.processes import Party, expected
from tests.stores.test_content import ipfs_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COUNT = 1000 if os.environ.get("MILAGRO_EXHAUSTIVE") else 500
SECONDS = 400


class Process(Party):
    """One party."""

    def __init__(self, folder: Path, name: str, other: str, url: str, count: int) -> None:
        super().__init__("tests.stores.exchange", name, folder / f"{name}.sqlite", count)
        self.other, self.url = other, url

    def start(self, seed: int) -> None:
        self.launch(other=self.other, url=self.url, database=self.database, seed=seed, topic="exchange")


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
