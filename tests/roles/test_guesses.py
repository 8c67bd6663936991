"""Guesses at one device's PIN through three replicas at once, with restarts and a restore: never more than three.

MILAGRO_GUESSES is their number; 1,000 in `nox -s guesses`.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from milagro.errors import MilagroError
from milagro.protocols.mpin.v2 import Ed25519Key, PassTwo, start_login
from milagro.roles.mfa.batches import LoginVerifier
from milagro.roles.mfa.pins import PinRules
from milagro.roles.mfa.records import MAX_ATTEMPTS, SCHEMA
from milagro.roles.mfa.service import MfaService
from milagro.roles.refusals import code_of
from milagro.stores.state import back_up, restore
from tests.roles.test_login import CONTEXT, credential_of, key_id_of
from tests.roles.world import WRONG, login

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from milagro.protocols.mpin.v2 import Authenticated, Countable, ServerSecret
    from tests.roles.world import World

GUESSES = int(os.environ.get("MILAGRO_GUESSES", "100"))
REPLICAS, THREADS, PREPARED = 3, 9, 20
pytestmark = pytest.mark.parametrize("world", ["postgresql"], indirect=True)


class Replicas:
    """Three MFA servers on one database. Any of them may be replaced by a new one while the others work."""

    def __init__(self, world: World, rules: PinRules) -> None:
        self._world, self._config = world, replace(world.config, pins=rules)
        self._running = [self._new() for _ in range(REPLICAS)]
        self._turn = 0
        self._retired: list[MfaService] = []
        self._restarting = threading.Lock()

    def __getitem__(self, number: int) -> MfaService:
        return self._running[number % REPLICAS]

    def _new(self) -> MfaService:
        return MfaService(self._config, self._world.mfa.suite, self._world.mfa.issuers, clock=self._world.clock)

    def restart_one(self) -> None:
        with self._restarting:
            self._turn = (self._turn + 1) % REPLICAS
            old, self._running[self._turn] = self._running[self._turn], self._new()
            self._retired.append(old)
            for one in self._retired[-THREADS:]:  # who still works with one may have connected it again
                one.records.state.close()

    def stop(self) -> None:
        for one in (*self._running, *self._retired):
            one.records.state.close()

    def start(self) -> None:
        self._running = [self._new() for _ in range(REPLICAS)]


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[Countable]:
    """Every attempt whose PIN was looked at."""
    seen: list[Countable] = []
    verify = LoginVerifier.verify

    def noting(self: LoginVerifier, secret: ServerSecret, countable: Countable) -> Authenticated:
        seen.append(countable)
        return verify(self, secret, countable)

    monkeypatch.setattr(LoginVerifier, "verify", noting)
    return seen


@pytest.fixture
def replicas(world: World) -> Iterator[Callable[..., Replicas]]:
    made: list[Replicas] = []

    def make(**rules: int) -> Replicas:
        made.append(Replicas(world, PinRules(**{"delay_seconds": 0, **rules})))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def outcomes(count: int, attempt: Callable[[int], object]) -> Counter[str]:
    def outcome(number: int) -> str:
        try:
            attempt(number)
        except MilagroError as error:
            return code_of(error)
        return "done"

    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(pool.map(outcome, range(count)))


class Attackers:
    """One who has the device and guesses, and strangers who have its token and not its key."""

    def __init__(self, world: World, servers: Replicas) -> None:
        self._world, self._servers = world, servers
        self._own, self._permit = credential_of(world)
        self._stolen = Ed25519Key.generate(secrets.token_bytes)
        self._open = [self._answer(servers[number]) for number in range(PREPARED)]

    def _answer(self, server: MfaService) -> bytes:
        """An answer with a wrong PIN to a session that is opened at this server."""
        started = start_login(self._own, CONTEXT, self._world.clock(), secrets.token_bytes, self._permit)
        asked = server.pass_one(started.message.to_bytes(), key_id_of(self._world))
        return started.answer(asked, WRONG, self._world.clock()).to_bytes()

    def guess(self, number: int) -> None:
        """The first ones are ready and arrive together; the others begin while they do."""
        if number % 10 == 5:
            self._servers.restart_one()
        prepared = number < PREPARED
        answer = self._open[number] if prepared else self._answer(self._servers[number])
        self._servers[number + 1].pass_two(answer)

    def meddle(self, number: int) -> None:
        """A first pass that another key signed, or an answer of no valid signature to a session of the owner's."""
        server = self._servers[number]
        if number % 2:
            started = start_login(self._own, CONTEXT, self._world.clock(), secrets.token_bytes, self._permit)
            forged = replace(started.message, signature=self._stolen.sign(started.message.signed(CONTEXT)))
            server.pass_one(forged.to_bytes(), key_id_of(self._world))
        else:
            answer = PassTwo.from_bytes(self._open[number % PREPARED])
            server.pass_two(replace(answer, signature=self._stolen.sign(b"anything")).to_bytes())


def test_parallel_guesses_with_restarts(
    world: World, replicas: Callable[..., Replicas], evaluated: list[Countable]
) -> None:
    login(world.enrol())
    evaluated.clear()
    attackers = Attackers(world, replicas())
    assert set(outcomes(GUESSES // 5, attackers.meddle)) == {"invalid-signature"}
    assert (world.attempts(), len(evaluated)) == (0, 0)
    strangers = threading.Thread(target=outcomes, args=(GUESSES // 5, attackers.meddle))
    strangers.start()
    found = outcomes(GUESSES, attackers.guess)
    strangers.join()
    assert world.attempts() == MAX_ATTEMPTS
    assert 0 < len(evaluated) <= MAX_ATTEMPTS
    assert found["authentication-failed"] <= MAX_ATTEMPTS
    assert found["done"] == 0
    assert found.total() == GUESSES


@pytest.mark.parametrize(("left", "more"), [(0, 0), (1, 1)])
def test_a_restore_in_the_middle_gives_back_what_the_configuration_says(
    world: World, replicas: Callable[..., Replicas], evaluated: list[Countable], tmp_path: Path, left: int, more: int
) -> None:
    login(world.enrol())
    evaluated.clear()
    back_up(world.mfa.records.state, tmp_path / "copy")
    servers = replicas(after_restore=left)
    outcomes(GUESSES // 4, Attackers(world, servers).guess)
    before = len(evaluated)
    assert 0 < before <= MAX_ATTEMPTS
    servers.stop()
    restore(world.config.common.store, SCHEMA, tmp_path / "copy")
    servers.start()
    assert world.attempts() == 0  # as the copy has it
    outcomes(GUESSES // 4, Attackers(world, servers).guess)
    assert len(evaluated) == before + more
