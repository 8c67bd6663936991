"""M-Pin v1: a batch says of every run what its own verification says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from milagro.errors import AuthenticationFailed, IdentityElement, ParameterError, WrongRound
from milagro.groups import Curve, curve
from milagro.protocols.mpin.v1 import client, dvs, hashing, issuing, server
from milagro.protocols.mpin.v1.batch import OnePassAttempt, TwoPassAttempt, verify_batch
from milagro.protocols.original_hash import HashName
from tests.protocols.batch.sources import all_equal, random_from

PIN, WRONG, DATE, TIME = 1234, 1235, 20454, 1767225600


@dataclass
class World:
    """A D-TA, a server, and clients named by numbers."""

    curve: Curve
    hash_name: HashName = "sha256"

    def __post_init__(self) -> None:
        self.random = random_from(self.curve.name)
        self.s = self.curve.random_scalar(self.random)
        self.server_secret = issuing.server_secret(self.curve, self.s)

    def identity(self, i: int) -> bytes:
        return b"user-%d@example.org" % i

    def held(self, i: int, date: int = 0) -> dict[str, Any]:
        E, identity = self.curve, self.identity(i)
        hid = hashing.hashed_identity(E, identity, hash_name=self.hash_name)
        secret = issuing.client_secret(E, self.s, hid)
        token = client.extract_pin(E, secret, identity, PIN, hash_name=self.hash_name)
        permit = issuing.time_permit(E, self.s, hid, date, hash_name=self.hash_name) if date else None
        x = E.random_scalar(self.random)
        return {"token": token, "x": x, "permit": permit, "date": date, "hash_name": self.hash_name}

    def two_pass(self, i: int, pin: int = PIN, date: int = 0) -> TwoPassAttempt:
        E, identity = self.curve, self.identity(i)
        held = self.held(i, date)
        sent, commitment = client.ClientTwoPass.start(E, identity, pin=pin, **held)
        y = E.random_scalar(self.random)
        state = server.ServerTwoPass.start(
            E, self.server_secret, identity, commitment, y, date=date, hash_name=self.hash_name
        )
        return TwoPassAttempt(state, sent.respond(y))

    def one_pass(self, i: int, pin: int = PIN, date: int = 0, message: bytes = b"m") -> OnePassAttempt:
        held = self.held(i, date)
        proof = client.one_pass(self.curve, self.identity(i), pin=pin, time=TIME, message=message, **held)
        return OnePassAttempt(self.identity(i), proof, message, date)

    def verify(self, attempts: list[Any], **more: Any) -> list[Any]:
        given = {"random": random_from("weights"), "hash_name": self.hash_name} | more
        return verify_batch(self.curve, self.server_secret, attempts, **given)

    def runs(self, wrong: tuple[int, ...] = ()) -> list[TwoPassAttempt | OnePassAttempt]:
        made = (self.two_pass, self.one_pass, self.two_pass, self.one_pass, self.one_pass)
        dates = (0, 0, DATE, DATE, DATE + 1)
        return [make(i, WRONG if i in wrong else PIN, dates[i]) for i, make in enumerate(made)]

    def expected(self, *bad: int) -> list[bytes | type[Exception]]:
        return [AuthenticationFailed if i in bad else self.identity(i) for i in range(5)]


def kinds(results: list[Any]) -> list[Any]:
    """Identities as they are, errors by their class."""
    return [one if isinstance(one, bytes) else type(one) for one in results]


@pytest.fixture(scope="module")
def world(backend_name: str) -> World:
    return World(curve("BN254CX", backend=backend_name))


@pytest.mark.parametrize("bad", [(), *((i,) for i in range(5)), (0, 1), (1, 3, 4), (0, 1, 2, 3, 4)])
def test_exactly_the_wrong_pins_fail(world: World, bad: tuple[int, ...]) -> None:
    assert kinds(world.verify(world.runs(bad))) == world.expected(*bad)


def test_no_run_and_one(world: World) -> None:
    assert world.verify([]) == []
    for make in (world.two_pass, world.one_pass):
        assert world.verify([make(3)]) == [world.identity(3)]
        assert kinds(world.verify([make(3, WRONG)])) == [AuthenticationFailed]


def cancelling(world: World) -> list[Any]:
    D = world.curve.g1 * world.curve.scalar(999)
    first, *rest, last = world.runs()
    assert isinstance(first, TwoPassAttempt)
    assert isinstance(last, OnePassAttempt)
    return [replace(first, v=first.v + D), *rest, replace(last, proof=replace(last.proof, v=last.proof.v - D))]


def test_two_faults_that_cancel_each_other_are_both_refused(world: World) -> None:
    assert kinds(world.verify(cancelling(world))) == world.expected(0, 4)


def test_the_random_weights_are_what_refuses_them(world: World) -> None:
    assert world.verify(cancelling(world), random=all_equal) == world.expected()


def test_another_message_time_day_or_identity_fails(world: World) -> None:
    good = world.one_pass(3, date=DATE)
    changed = [
        replace(good, message=b"other"),
        replace(good, date=DATE + 1),
        replace(good, identity=b"mallory"),
        replace(good, proof=replace(good.proof, time=TIME + 1)),
        good,
    ]
    assert kinds(world.verify(changed)) == [AuthenticationFailed] * 4 + [world.identity(3)]


def test_a_malformed_run_fails_alone(world: World) -> None:
    good = world.one_pass(1)
    identity = world.curve.g1_identity
    attempts = [
        world.two_pass(0),
        replace(good, message=b"m" * 257),
        replace(good, proof=replace(good.proof, time=-1)),
        replace(good, date=DATE),  # its commitment has no UT
        replace(good, identity=b""),
        replace(good, proof=replace(good.proof, v=identity)),
        replace(world.two_pass(2), v=identity),
        good,
    ]
    results = world.verify(attempts)
    assert kinds(results) == [
        world.identity(0),
        *[ParameterError] * 4,
        *[IdentityElement] * 2,
        world.identity(1),
    ]


def test_a_state_is_left_by_a_batch(world: World) -> None:
    runs = [world.two_pass(0), world.two_pass(1, WRONG)]
    world.verify(runs)
    for one in runs:
        with pytest.raises(WrongRound):
            one.state.verify(one.v)
        with pytest.raises(WrongRound):
            world.verify([world.two_pass(2), one])


def test_a_state_twice_is_refused_and_nothing_is_left(world: World) -> None:
    run = world.two_pass(0)
    with pytest.raises(WrongRound):
        world.verify([run, replace(run, v=run.v)])
    assert world.verify([run]) == [world.identity(0)]


def test_a_run_that_does_not_belong_here_is_refused_and_nothing_is_left(world: World) -> None:
    E = world.curve
    good = world.two_pass(0)
    other_secret = World(E)
    other_secret.server_secret = issuing.server_secret(E, E.scalar(7))
    other_hash = World(E, "sha512")
    other_curve = World(curve("BN254", backend=E.backend_name))
    for stranger in (other_secret, other_hash, other_curve):
        with pytest.raises(ParameterError):
            world.verify([good, stranger.two_pass(0)])
    assert world.verify([good]) == [world.identity(0)]
    with pytest.raises(IdentityElement):
        verify_batch(E, E.g2_identity, [], random_from("none"))


def test_client_key_mode_has_no_batch(world: World) -> None:
    E, z = world.curve, world.curve.scalar(31337)
    Pa = dvs.client_public_key(E, z)
    identity = dvs.extended_identity(b"alice", Pa)
    secret = dvs.client_key_secret(z, issuing.client_secret(E, world.s, hashing.hashed_identity(E, identity)))
    token = client.extract_pin(E, secret, identity, PIN)
    sent, commitment = client.ClientTwoPass.start(E, identity, token, PIN, E.scalar(5))
    state = server.ServerTwoPass.start(E, world.server_secret, identity, commitment, E.scalar(9), client_key=Pa)
    v = sent.respond(E.scalar(9))
    with pytest.raises(ParameterError, match="Pa"):
        world.verify([TwoPassAttempt(state, v)])
    state.verify(v)


@pytest.mark.parametrize("name", ["BN254", "FP256BN", "FP512BN", "BLS12-381", "BLS383", "BLS461"])
@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
def test_every_curve(name: str, hash_name: HashName, backend_name: str) -> None:
    world = World(curve(name, backend=backend_name), hash_name)
    runs = [world.two_pass(0), world.one_pass(1, WRONG), world.one_pass(2, date=DATE)]
    assert kinds(world.verify(runs)) == [world.identity(0), AuthenticationFailed, world.identity(2)]
