"""Two processes that share a Kubo swarm and the CIDs of their identities: all letters arrive, once, in order."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from milagro.protocols import pki
from milagro.roles.correspondence.keys import EnvelopeKeys, listed
from milagro.stores.identities import IdentityFolder
from milagro.stores.keys import Argon2Cost
from tests.roles.correspondent_process import PASSPHRASE
from tests.stores.daemons import Daemon, make_swarm
from tests.stores.exchange import received
from tests.stores.test_content import ipfs_library
from tests.stores.test_exchange import ROOT, expected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milagro.cid import CID

MODULE = "tests.roles.correspondent_process"
COUNT = 1000
SECONDS = 400
CHEAP = Argon2Cost(memory_kib=8192, iterations=1, lanes=1)


class Process:
    """One correspondent and its folder."""

    def __init__(self, folder: Path, name: str, url: str) -> None:
        self.name, self.folder, self.url = name, folder / name, url
        keys = EnvelopeKeys.create(self.folder, PASSPHRASE, CHEAP)
        owned = IdentityFolder.at(self.folder)
        self.identity = owned.create(PASSPHRASE, 1, [*map(pki.AddKey, listed(keys.public))], cost=CHEAP).identity
        # A second operation, so that the first document does not say all.
        replica = owned.read()
        edit = pki.SetService("name", "Name", f"urn:{name}")
        replica.add(pki.change(replica, owned.control(replica, PASSPHRASE), 2, [edit]).octets)
        owned.save(replica)
        self.process: subprocess.Popen[str] | None = None

    def start(self, other: CID, seed: int) -> None:
        options = {"name": self.name, "folder": self.folder, "other": other, "url": self.url, "topic": "letters"}
        options |= {"count": COUNT, "seed": seed, "loss": 0.8}
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.roles.correspondent_process",
                *(f"--{key}={value}" for key, value in options.items()),
            ],
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

    def said(self) -> str:
        assert self.process is not None
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            if line.startswith("done"):
                return line
        return ""

    def arrived(self) -> list[tuple[int, str]]:
        try:
            return received(self.folder / "letters.sqlite")
        except Exception:  # noqa: BLE001 - the database is not there yet
            return []

    def wait_for(self, count: int, deadline: float) -> None:
        while len(self.arrived()) < count:
            assert time.monotonic() < deadline, f"{self.name} has {len(self.arrived())} of {COUNT}"
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
def test_identities_that_know_each_others_cids_exchange_letters_though_one_is_killed(
    pair: list[Daemon], tmp_path: Path
) -> None:
    alice, bob = Process(tmp_path, "alice", pair[0].url), Process(tmp_path, "bob", pair[1].url)
    try:
        deadline = time.monotonic() + SECONDS
        alice.start(bob.identity, 1)
        bob.start(alice.identity, 2)
        bob.wait_for(COUNT // 2, deadline)
        bob.kill()
        bob.start(alice.identity, 3)
        for one in (alice, bob):
            one.wait_for(COUNT, deadline)
        time.sleep(2)  # nothing comes after the last
        for one, other in ((alice, "bob"), (bob, "alice")):
            assert one.arrived() == expected(other, COUNT)
            assert one.said().endswith("[]\n"), "no entry was refused"
            known = IdentityFolder.at(one.folder / "known")
            assert len(list(known.folder.glob("*.bundle"))) == 2  # one's own and the other's, found in the swarm
    finally:
        alice.kill()
        bob.kill()
