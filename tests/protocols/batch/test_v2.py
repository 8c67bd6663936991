"""M-Pin v2: a batch says of every attempt what its own verification says."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta

import pytest

from milagro.errors import AuthenticationFailed, ParameterError, WrongRound
from milagro.groups import G1Point, curve
from milagro.params import NAMES
from milagro.protocols.mpin import v2
from milagro.protocols.mpin.v2 import batch
from milagro.protocols.mpin.v2.batch import verify_batch
from tests.protocols.batch.sources import all_equal, random_from
from tests.protocols.v2.conftest import NOW, PIN, Deployment

WRONG = "4321"


def colleague(deployment: Deployment, user: str) -> Deployment:
    """Another client of the same D-TAs and server."""
    other = copy.copy(deployment)
    other.random = random_from(f"{deployment.suite.id} {user}")
    other.key = other.new_key()
    other.identity = other.new_identity(other.key, user)
    other.credential = other.enrol(other.identity, other.key)
    other.permit = other.permit_for(other.identity, NOW)
    return other


@pytest.fixture(scope="module", params=[None, timedelta(days=1)], ids=["no-permits", "permits"])
def clients(request: pytest.FixtureRequest, backend_name: str) -> list[Deployment]:
    first = Deployment(v2.Suite(curve("BN254CX", backend=backend_name), slot=request.param))
    return [first, *(colleague(first, f"user-{i}") for i in range(4))]


def attempts(clients: list[Deployment], wrong: tuple[int, ...] = ()) -> list[v2.Countable]:
    return [one.countable(WRONG if i in wrong else PIN) for i, one in enumerate(clients)]


def batch_of(clients: list[Deployment], countables: list[v2.Countable], seed: str = "weights") -> list[bool]:
    """Who is authenticated; every result is checked for its identity or its one text."""
    results = verify_batch(clients[0].server_secret, countables, random_from(seed))
    assert len(results) == len(countables)
    for one, result in zip(countables, results, strict=True):
        if isinstance(result, v2.Authenticated):
            assert (result.identity, result.reference) == (one.identity, one.reference)
            assert (result.method, result.slot) == (one.method, one.slot)
        else:
            assert type(result) is AuthenticationFailed
            assert str(result) == str(AuthenticationFailed())
    return [isinstance(result, v2.Authenticated) for result in results]


def altered(client: Deployment, change: Callable[[G1Point], G1Point]) -> v2.Countable:
    """The attempt of a client with the right PIN that changes its V and signs that."""
    E = client.suite.curve
    started, challenged = client.challenged()
    second = started.answer(challenged.message, PIN, NOW)
    V = change(E.g1_from_bytes(second.V)).to_bytes()
    return challenged.accept(client.signed_pass_two(second, started.message, challenged.message, V=V), NOW)


def test_all_are_right(clients: list[Deployment]) -> None:
    assert batch_of(clients, attempts(clients)) == [True] * 5


def test_no_attempt_and_one(clients: list[Deployment]) -> None:
    assert batch_of(clients, []) == []
    assert batch_of(clients, [clients[1].countable()]) == [True]
    assert batch_of(clients, [clients[1].countable(WRONG)]) == [False]


@pytest.mark.parametrize("bad", range(5))
def test_one_wrong_pin_at_each_place(clients: list[Deployment], bad: int) -> None:
    assert batch_of(clients, attempts(clients, (bad,))) == [i != bad for i in range(5)]


@pytest.mark.parametrize("bad", [(0, 1), (0, 4), (1, 2, 3), (0, 1, 3, 4), (0, 1, 2, 3, 4)])
def test_several_wrong_pins(clients: list[Deployment], bad: tuple[int, ...]) -> None:
    assert batch_of(clients, attempts(clients, bad)) == [i not in bad for i in range(5)]


def cancelling(clients: list[Deployment]) -> list[v2.Countable]:
    """V_0 + D and V_3 - D: the faults cancel each other under equal weights."""
    D = clients[0].suite.curve.g1 * clients[0].suite.curve.scalar(12345)
    made = attempts(clients)
    made[0], made[3] = altered(clients[0], lambda V: V + D), altered(clients[3], lambda V: V - D)
    return made


def test_two_faults_that_cancel_each_other_are_both_refused(clients: list[Deployment]) -> None:
    assert batch_of(clients, cancelling(clients)) == [False, True, True, False, True]


def test_the_random_weights_are_what_refuses_them(clients: list[Deployment]) -> None:
    """With equal weights the same batch passes: the test above would notice a batch without random weights."""
    results = verify_batch(clients[0].server_secret, cancelling(clients), all_equal)
    assert all(isinstance(result, v2.Authenticated) for result in results)


def test_exchanged_responses_are_refused(clients: list[Deployment]) -> None:
    """Two clients that swap their V: the sum of all V stays the same."""
    opened = [one.challenged() for one in clients[:2]]
    seconds = [started.answer(challenged.message, PIN, NOW) for started, challenged in opened]
    swapped = [
        challenged.accept(one.signed_pass_two(second, started.message, challenged.message, V=other.V), NOW)
        for one, (started, challenged), second, other in zip(clients, opened, seconds, seconds[::-1], strict=False)
    ]
    assert batch_of(clients, [*swapped, clients[2].countable()]) == [False, False, True]


def test_a_replaced_U_is_refused(clients: list[Deployment]) -> None:
    """U_0 + D and U_1 - D, signed by their clients before the challenge: their V does not fit any more."""
    D = clients[0].suite.curve.g1 * clients[0].suite.curve.scalar(77)
    made = attempts(clients)
    for i, sign in ((0, D), (1, -D)):
        good = made[i]
        made[i] = v2.Countable(good._suite, good._U + sign, good._V, good._y, good._result)
    assert batch_of(clients, made) == [False, False, True, True, True]


def test_another_servers_secret_lets_nobody_in(clients: list[Deployment]) -> None:
    E = clients[0].suite.curve
    wrong = v2.ServerSecret(clients[0].suite, clients[0].server_secret.point * E.scalar(2))
    results = verify_batch(wrong, attempts(clients), random_from("wrong secret"))
    assert [type(result) for result in results] == [AuthenticationFailed] * 5


def test_one_client_may_be_in_a_batch_several_times(clients: list[Deployment]) -> None:
    made = [clients[0].countable(pin) for pin in (PIN, WRONG, PIN, PIN)]
    assert batch_of(clients, made) == [True, False, True, True]


def test_forms_of_login_contexts_and_users_may_be_mixed(clients: list[Deployment]) -> None:
    one, two, three = clients[:3]
    once = two.once_verifier().accept(two.once(), two.identity, NOW)
    signature = three.signed(b"m")
    signed = v2.SignatureVerifier(three.suite, three.context).accept(signature, b"m", three.identity, NOW)
    elsewhere = copy.copy(one)
    elsewhere.context = v2.Context("mfa.example", "https://other.example", "library")
    elsewhere.verifier = v2.Verifier(one.suite, elsewhere.context)
    assert batch_of(clients, [one.countable(), once, signed, elsewhere.countable()]) == [True] * 4


def test_slots_may_be_mixed(backend_name: str) -> None:
    client = Deployment(v2.Suite(curve("BN254CX", backend=backend_name), slot=timedelta(hours=1)))
    later = NOW + 3600
    second = v2.login_once(
        client.credential, client.context, PIN, later, client.random, client.permit_for(client.identity, later)
    )
    counted = client.once_verifier().accept(second, client.identity, later)
    first = client.countable()
    assert first.slot != counted.slot
    assert batch_of([client], [first, counted]) == [True, True]


def test_an_attempt_is_used_up_by_a_batch(clients: list[Deployment]) -> None:
    made = attempts(clients, (2,))
    batch_of(clients, made)
    for one in made:
        with pytest.raises(WrongRound):
            one.verify(clients[0].server_secret)
        with pytest.raises(WrongRound):
            verify_batch(clients[0].server_secret, [one], random_from("again"))


def test_an_attempt_that_was_verified_is_not_verified_in_a_batch(clients: list[Deployment]) -> None:
    made = attempts(clients[:2])
    made[1].verify(clients[0].server_secret)
    with pytest.raises(WrongRound):
        verify_batch(clients[0].server_secret, made, random_from("used"))


def test_an_attempt_twice_in_a_batch_is_refused_and_nothing_is_used_up(clients: list[Deployment]) -> None:
    made = attempts(clients[:2])
    with pytest.raises(WrongRound):
        verify_batch(clients[0].server_secret, [*made, made[0]], random_from("twice"))
    assert batch_of(clients, made) == [True, True]


def test_suites_are_not_mixed_and_nothing_is_used_up(clients: list[Deployment], backend_name: str) -> None:
    stranger = Deployment(v2.Suite(curve("BN254CX", backend=backend_name), "sha512", clients[0].suite.slot))
    mine, other = clients[0].countable(), stranger.countable()
    for secret in (clients[0].server_secret, stranger.server_secret):
        with pytest.raises(ParameterError):
            verify_batch(secret, [mine, other], random_from("mixed"))
    mine.verify(clients[0].server_secret)
    other.verify(stranger.server_secret)


def test_a_full_login_is_verified_by_itself(clients: list[Deployment]) -> None:
    challenged, answered = clients[0].full()
    full = challenged.accept(answered.message, NOW)
    with pytest.raises(ParameterError):
        verify_batch(clients[0].server_secret, [full], random_from("full"))  # type: ignore[list-item]
    full.verify(clients[0].server_secret)


def test_the_points_of_a_batch_are_those_of_single_logins(clients: list[Deployment]) -> None:
    made = attempts(clients)
    suite = clients[0].suite
    assert batch.login_points(suite, made) == [suite.login_point(one.identity, one.slot) for one in made]


def test_the_weights_are_drawn_after_the_attempts_are_used_up(clients: list[Deployment]) -> None:
    made = clients[0].countable()

    def late(length: int) -> bytes:
        with pytest.raises(WrongRound):
            made.verify(clients[0].server_secret)
        return b"\x05" * length

    assert isinstance(verify_batch(clients[0].server_secret, [made], late)[0], v2.Authenticated)


@pytest.mark.parametrize("name", NAMES)
def test_every_curve(name: str, backend_name: str) -> None:
    first = Deployment(v2.Suite(curve(name, backend=backend_name)))
    both = [first, colleague(first, "bob")]
    assert batch_of(both, attempts(both)) == [True, True]
    assert batch_of(both, attempts(both, (1,))) == [True, False]
