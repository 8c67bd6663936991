"""Logins that wait at the same moment are verified as one batch, and each hears its own outcome."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from milagro.errors import AuthenticationFailed, WrongRound
from milagro.groups import curve
from milagro.protocols.mpin import v2
from milagro.protocols.mpin.v2.batch import verify_batch
from milagro.roles.mfa import batches
from milagro.roles.mfa.batches import LoginVerifier
from tests.protocols.v2.conftest import Deployment

WRONG = "4321"


class _Slow:
    """An attempt that keeps its thread at work until it is let go."""

    def __init__(self) -> None:
        self.go = Event()

    def verify(self, _secret: object) -> str:
        assert self.go.wait(60)
        return "done"


@pytest.fixture(scope="module")
def client() -> Deployment:
    return Deployment(v2.Suite(curve("BN254CX"), slot=None))


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as threads:
        yield threads


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many logins each batch had."""
    found: list[int] = []
    real = verify_batch

    def counting(secret: v2.ServerSecret, countables: list[v2.Countable], random: Any) -> Any:
        found.append(len(countables))
        return real(secret, countables, random)

    monkeypatch.setattr(batches, "verify_batch", counting)
    return found


def gathered(
    verifier: LoginVerifier, pool: ThreadPoolExecutor, secret: v2.ServerSecret, attempts: list[v2.Countable]
) -> list[Future[v2.Authenticated]]:
    """The outcomes of attempts that all came while another one was at work."""
    slow: Any = _Slow()
    first = pool.submit(verifier.verify, secret, slow)
    futures = []
    for number, one in enumerate(attempts, 1):
        futures.append(pool.submit(verifier.verify, secret, one))
        while len(verifier._queue) < number + (not verifier._at_work):
            time.sleep(0.001)
    slow.go.set()
    assert str(first.result(60)) == "done"
    return futures


def is_right(future: Future[v2.Authenticated], client: Deployment) -> bool:
    try:
        return future.result(60).identity == client.identity
    except AuthenticationFailed:
        return False


def test_an_idle_server_verifies_at_once_and_alone(client: Deployment, sizes: list[int]) -> None:
    verifier = LoginVerifier()
    for _ in range(2):
        assert verifier.verify(client.server_secret, client.countable()).identity == client.identity
    with pytest.raises(AuthenticationFailed):
        verifier.verify(client.server_secret, client.countable(WRONG))
    assert sizes == []


def test_what_waits_is_one_batch(client: Deployment, pool: ThreadPoolExecutor, sizes: list[int]) -> None:
    attempts = [client.countable(WRONG if i in (2, 5) else "1234") for i in range(9)]
    futures = gathered(LoginVerifier(), pool, client.server_secret, attempts)
    assert [is_right(one, client) for one in futures] == [i not in (2, 5) for i in range(9)]
    assert sizes == [9]


def test_a_batch_has_a_limit(client: Deployment, pool: ThreadPoolExecutor, sizes: list[int]) -> None:
    futures = gathered(LoginVerifier(limit=3), pool, client.server_secret, [client.countable() for _ in range(7)])
    assert all(is_right(one, client) for one in futures)
    assert sizes == [3, 3]  # the seventh was alone


def test_secrets_are_not_mixed(client: Deployment, pool: ThreadPoolExecutor, sizes: list[int]) -> None:
    """While a key is replaced there are two; an attempt is judged by the one that it came with."""
    other = Deployment(client.suite, algorithm="p256")
    verifier, slow = LoginVerifier(), _Slow()
    first = pool.submit(verifier.verify, client.server_secret, slow)  # type: ignore[arg-type]
    while not verifier._at_work:
        time.sleep(0.001)
    pairs = [(client, client), (other, other), (client, other), (client, client), (other, other)]
    futures = [pool.submit(verifier.verify, holder.server_secret, one.countable()) for one, holder in pairs]
    while len(verifier._queue) < 5:
        time.sleep(0.001)
    slow.go.set()
    assert str(first.result(60)) == "done"
    outcomes = [is_right(future, one) for future, (one, _) in zip(futures, pairs, strict=True)]
    assert outcomes == [True, True, False, True, True]
    assert sorted(sizes) == [2, 3]


def test_what_no_batch_takes_leaves_nobody_waiting(
    client: Deployment, pool: ThreadPoolExecutor, sizes: list[int]
) -> None:
    used = client.countable()
    used.verify(client.server_secret)
    verifier = LoginVerifier()
    futures = gathered(verifier, pool, client.server_secret, [client.countable(), used, client.countable()])
    assert all(isinstance(one.exception(60), WrongRound) for one in futures)
    assert verifier.verify(client.server_secret, client.countable()).identity == client.identity


def test_many_threads_and_none_is_forgotten(client: Deployment, pool: ThreadPoolExecutor) -> None:
    verifier = LoginVerifier(limit=8)
    attempts = [client.countable(WRONG if i % 7 == 3 else "1234") for i in range(120)]
    futures = [pool.submit(verifier.verify, client.server_secret, one) for one in attempts]
    assert [is_right(one, client) for one in futures] == [i % 7 != 3 for i in range(120)]
    assert not verifier._at_work
    assert not verifier._queue
