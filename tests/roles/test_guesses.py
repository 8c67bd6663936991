"""Guesses at one device's PIN through three replicas at once, which are killed, on a database that is put back.

The replicas are processes with files of their own. MILAGRO_GUESSES is the number of guesses; 1,000 in `nox -s guesses`,
which also has the restore while the replicas are down.

Spec: spec/mpin.md#restores
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import milagro
from milagro.errors import MilagroError, Unavailable
from milagro.protocols.mpin.v2 import Context, Ed25519Key, PassTwo, start_login
from milagro.roles.client.service import Client
from milagro.roles.clock import unix_now
from milagro.roles.messages import FirstPass, LoginAnswer, PassMessage
from milagro.roles.mfa.records import MAX_ATTEMPTS
from milagro.roles.mfa.tables import SCHEMA
from milagro.roles.peer import Peer
from milagro.roles.refusals import code_of
from milagro.stores.state import Database, State, back_up, restore
from tests.roles.test_crash import free_port
from tests.roles.test_login import credential_of, key_id_of
from tests.roles.world import WRONG, World, login
from tests.stores.databases import store_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GUESSES = int(os.environ.get("MILAGRO_GUESSES", "60"))
LONG = GUESSES >= 1000
REPLICAS, THREADS, PREPARED = 3, 9, 20
SCRIPT = Path(__file__).with_name("replica_server.py")
YEAR = 366 * 86400  # a slot, so that none ends during a test


class Replicas:
    """Three MFA servers behind one origin, each a process that may be killed at any time."""

    def __init__(self, world: World) -> None:
        self.world, self.origin = world, world.config.common.server.public_url
        self.evaluated_file = world.folder / "evaluated"
        self.evaluated_file.touch()
        self.peers = [self._place(number) for number in range(REPLICAS)]
        self._running: list[subprocess.Popen[bytes] | None] = [None] * REPLICAS
        self._turn = threading.Lock()
        self._kills = 0

    def _place(self, number: int) -> Peer:
        """A folder and a port of its own, with the same keys."""
        folder = self._folder(number)
        if number:
            left = shutil.ignore_patterns("state.*")
            shutil.copytree(self._folder(0), folder, ignore=left)
        port = free_port()
        config = (self._folder(0) / "first.toml").read_text().replace("port = 8000", f"port = {port}", 1)
        (folder / "milagro.toml").write_text(config)
        return Peer(f"http://127.0.0.1:{port}")

    def _folder(self, number: int) -> Path:
        return self.world.folder / ("mfa" if number == 0 else f"mfa-{number}")

    def start(self, *numbers: int) -> None:
        for number in numbers:
            environment = {**os.environ, "PYTHONPATH": str(Path(milagro.__file__).parent.parent)}
            config = self._folder(number) / "milagro.toml"
            command = [sys.executable, str(SCRIPT), str(config), str(self.evaluated_file)]
            with (self._folder(number) / "log").open("ab") as log:
                self._running[number] = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        for number in numbers:
            self._await(number)

    def _await(self, number: int) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.peers[number].url}/readyz", timeout=5).close()
                return  # noqa: TRY300
            except OSError:
                process = self._running[number]
                assert process is not None
                assert process.poll() is None, (self._folder(number) / "log").read_text()[-2000:]
                time.sleep(0.05)
        pytest.fail("a replica did not start")

    def kill(self, *numbers: int) -> None:
        for number in numbers:
            process, self._running[number] = self._running[number], None
            if process is not None:
                process.kill()
                process.wait(60)

    def kill_one(self) -> None:
        """kill -9 of the next one, which is started again."""
        with self._turn:
            number = self._kills % REPLICAS
            self._kills += 1
            self.kill(number)
            self.start(number)

    def evaluated(self) -> int:
        return self.evaluated_file.stat().st_size

    def close(self) -> None:
        self.kill(*range(REPLICAS))
        for peer in self.peers:
            peer.close()


@pytest.fixture
def world(folder: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    table = store_table("postgresql", request) + "[limits]\nper_second = 0\n"
    built = World(folder, unix_now, slot=YEAR, store=lambda: table, sockets=True).build()
    yield built
    built.close()


@pytest.fixture
def replicas(world: World) -> Iterator[Replicas]:
    login(world.enrol())
    login(world.enrol("bob", "phone"))
    world.mfa.close()
    config = world.folder / "mfa" / "milagro.toml"
    shutil.copy(config, config.with_name("first.toml"))
    made = Replicas(world)
    try:
        made.start(*range(REPLICAS))
        yield made
    finally:
        made.close()


class Early(Exception):
    """A guess that came to no second pass."""


def outcomes(count: int, attempt: Callable[[int], object], threads: int = THREADS) -> Counter[str]:
    def outcome(number: int) -> str:
        try:
            attempt(number)
        except Early as error:
            return f"pass 1: {error}"
        except MilagroError as error:
            return code_of(error)
        return "done"

    with ThreadPoolExecutor(threads) as pool:
        return Counter(pool.map(outcome, range(count)))


class Attackers:
    """One who has the device and guesses, and strangers who have its token and not its key."""

    def __init__(self, servers: Replicas) -> None:
        self._servers, world = servers, servers.world
        self._own, self._permit = credential_of(world)
        self._key_id, self._context = key_id_of(world), Context("login.test", servers.origin, "login.test")
        self._stolen = Ed25519Key.generate(secrets.token_bytes)
        self.after: dict[int, Callable[[], object]] = {}

    def prepare(self) -> None:
        self._open = [self._answer(number) for number in range(PREPARED)]

    def _begin(self) -> Any:
        return start_login(self._own, self._context, unix_now(), secrets.token_bytes, self._permit)

    def _peer(self, number: int) -> Peer:
        return self._servers.peers[number % REPLICAS]

    def _first(self, number: int, octets: bytes) -> bytes:
        request = FirstPass(message=octets, key_id=self._key_id)
        return self._peer(number).post("/v1/login/pass1", request, PassMessage).message

    def _answer(self, number: int) -> bytes:
        """An answer with a wrong PIN to a session that is opened at this server."""
        started = self._begin()
        try:
            asked = self._first(number, started.message.to_bytes())
        except MilagroError as error:
            raise Early(code_of(error)) from error
        octets: bytes = started.answer(asked, WRONG, unix_now()).to_bytes()
        return octets

    def guess(self, number: int) -> None:
        """The first ones are ready and arrive together; the others begin while they do."""
        if number in self.after:
            self.after[number]()
        answer = self._open[number] if number < PREPARED else self._answer(number)
        self._peer(number + 1).post("/v1/login/pass2", PassMessage(message=answer), LoginAnswer)

    def meddle(self, number: int) -> None:
        """A first pass that another key signed, or an answer of no valid signature to a session of the owner's."""
        if number % 2:
            started = self._begin()
            forged = replace(started.message, signature=self._stolen.sign(started.message.signed(self._context)))
            self._first(number, forged.to_bytes())
        else:
            answer = PassTwo.from_bytes(self._open[number % PREPARED])
            forged_answer = replace(answer, signature=self._stolen.sign(b"anything")).to_bytes()
            self._peer(number).post("/v1/login/pass2", PassMessage(message=forged_answer), LoginAnswer)


def dump(servers: Replicas) -> Path:
    """By somebody who does not know the servers' files."""
    store = servers.world.config.common.store
    copy = servers.world.folder / "copy"
    state = State(Database(url=store.url), SCHEMA)
    back_up(state, copy)
    state.close()
    return copy


def put_back(servers: Replicas, copy: Path) -> None:
    for _ in range(50):  # statements of running servers may be in its way
        try:
            return restore(servers.world.config.common.store, SCHEMA, copy)
        except Unavailable:
            time.sleep(0.1)
    pytest.fail("the copy could not be put back")


def legitimate(servers: Replicas) -> str:
    """Who logs in with the right PIN; tries again for as long as replicas compare their journals."""
    client = Client(servers.world.device("phone"), lambda _url: Peer(servers.peers[1].url), unix_now)
    deadline = time.monotonic() + 60
    while True:
        try:
            return login(client).user
        except MilagroError as error:
            if code_of(error) not in {"too-soon", "replay", "unavailable"} or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def used(servers: Replicas) -> int:
    return servers.world.attempts()


down = pytest.mark.skipif(not LONG, reason="nox -s guesses")
CASES = [pytest.param(True, id="running"), pytest.param(False, id="down", marks=down)]


@pytest.mark.parametrize("running", CASES)
def test_never_more_than_three_guesses(replicas: Replicas, running: bool) -> None:
    """With kills, and a restore of the database as it was before the first guess."""
    before = replicas.evaluated()
    copy = dump(replicas)
    attackers = Attackers(replicas)
    attackers.prepare()
    assert set(outcomes(20, attackers.meddle)) == {"invalid-signature"}
    assert (used(replicas), replicas.evaluated()) == (0, before)
    strangers = threading.Thread(target=outcomes, args=(GUESSES // 5, attackers.meddle, 2))
    half = GUESSES // 2
    attackers.after = dict.fromkeys(range(PREPARED + 5, GUESSES, GUESSES // (8 if LONG else 2)), replicas.kill_one)
    if running:
        attackers.after[half] = lambda: put_back(replicas, copy)
    strangers.start()
    found = outcomes(GUESSES if running else half, attackers.guess)
    if not running:
        replicas.kill(*range(REPLICAS))
        put_back(replicas, copy)
        assert used(replicas) == 0  # as the copy has it
        replicas.start(*range(REPLICAS))
        found += outcomes(half, lambda number: attackers.guess(number + half))
    strangers.join()
    assert legitimate(replicas) == "bob"
    assert replicas.evaluated() - before - 1 == MAX_ATTEMPTS
    assert found["authentication-failed"] <= MAX_ATTEMPTS
    assert found["done"] == 0
    assert found.total() == 2 * half
    assert used(replicas) == MAX_ATTEMPTS
