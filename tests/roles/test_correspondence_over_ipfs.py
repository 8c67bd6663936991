"""Two processes that share a Kubo swarm and the CIDs of their identities: all letters arrive, once, in order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from milagro.protocols import pki
from milagro.roles.correspondence.keys import EnvelopeKeys, listed
from milagro.stores.identities import IdentityFolder
from milagro.stores.keys import Argon2Cost
from tests.roles.correspondent_process import PASSPHRASE
from tests.stores.daemons import Daemon, make_swarm
from tests.stores.processes import Party, expected
from tests.stores.test_content import ipfs_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from milagro.cid import CID

COUNT = 1000
SECONDS = 400
CHEAP = Argon2Cost(memory_kib=8192, iterations=1, lanes=1)


class Process(Party):
    """One correspondent and its folder."""

    def __init__(self, folder: Path, name: str, url: str) -> None:
        super().__init__("tests.roles.correspondent_process", name, folder / name / "letters.sqlite", COUNT)
        self.folder, self.url = folder / name, url
        keys = EnvelopeKeys.create(self.folder, PASSPHRASE, CHEAP)
        owned = IdentityFolder.at(self.folder)
        self.identity = owned.create(PASSPHRASE, 1, [*map(pki.AddKey, listed(keys.public))], cost=CHEAP).identity
        # A second operation, so that the first document does not say all.
        replica = owned.read()
        edit = pki.SetService("name", "Name", f"urn:{name}")
        replica.add(pki.change(replica, owned.control(replica, PASSPHRASE), 2, [edit]).octets)
        owned.save(replica)

    def start(self, other: CID, seed: int) -> None:
        self.launch(folder=self.folder, other=other, url=self.url, topic="letters", seed=seed)

    def said(self) -> str:
        assert self.process is not None
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            if line.startswith("done"):
                return line
        return ""


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
