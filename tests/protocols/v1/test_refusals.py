"""What version 1 refuses: wrong order, zero, the identity, numbers out of range; and what it must not mix up."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from milagro.errors import (
    AuthenticationFailed,
    IdentityElement,
    InvalidSignature,
    ParameterError,
    WrongLength,
    WrongRound,
)
from milagro.groups import Encoding, curve
from milagro.protocols.mpin.v1 import client, dvs, full, hashing, issuing, pin_error, server, signature
from milagro.protocols.original_hash import numbered_hash

if TYPE_CHECKING:
    from milagro.groups import Curve, G1Point, G2Point, Scalar

ID = b"alice@milagro.com"


class World:
    """One identity with its keys on one curve."""

    def __init__(self, curve: Curve, identity: bytes = ID) -> None:
        self.curve, self.identity = curve, identity
        self.s, self.x, self.y = curve.scalar(0xA11CE), curve.scalar(0xB0B), curve.scalar(0xC0DE)
        self.hid = hashing.hashed_identity(curve, identity)
        self.secret: G1Point = issuing.client_secret(curve, self.s, self.hid)
        self.server_secret: G2Point = issuing.server_secret(curve, self.s)
        self.token = client.extract_pin(curve, self.secret, identity, 1234)

    def start(self, pin: int = 1234, **more: Any) -> tuple[client.ClientTwoPass, client.Commitment]:
        return client.ClientTwoPass.start(self.curve, self.identity, self.token, pin, self.x, **more)

    def server(self, commitment: client.Commitment, **more: Any) -> server.ServerTwoPass:
        return server.ServerTwoPass.start(
            self.curve, self.server_secret, self.identity, commitment, more.pop("y", self.y), **more
        )

    def prove(self, pin: int, **more: Any) -> client.OnePass:
        return client.one_pass(self.curve, self.identity, self.token, pin, self.x, time=1475079474, **more)


@pytest.fixture(scope="module")
def world(small: Curve) -> World:
    return World(small)


def test_numbered_hash_pads_on_the_left_and_cuts_on_the_right(backend_name: str) -> None:
    wide, narrow = curve("FP512BN", backend=backend_name), curve("BN254CX", backend=backend_name)
    assert numbered_hash(wide, 0, b"x") == bytes(32) + hashlib.sha256(b"x").digest()
    assert numbered_hash(narrow, 0, b"x", hash_name="sha512") == hashlib.sha512(b"x").digest()[:32]
    assert numbered_hash(narrow, 5, b"x", hash_name="sha384") == hashlib.sha384(b"\0\0\0\5x").digest()[:32]


@pytest.mark.parametrize("number", [-1, 2**31])
def test_numbered_hash_refuses_what_the_original_drops(small: Curve, number: int) -> None:
    assert numbered_hash(small, 2**31 - 1, b"x") != numbered_hash(small, 0, b"x")
    with pytest.raises(ParameterError):
        numbered_hash(small, number, b"x")


def test_an_unknown_hash_is_refused(small: Curve) -> None:
    with pytest.raises(ParameterError):
        numbered_hash(small, 0, b"x", hash_name="md5")  # type: ignore[arg-type]


def test_a_challenge_is_answered_once(world: World) -> None:
    state, commitment = world.start()
    v = state.respond(world.y)
    with pytest.raises(WrongRound):
        state.respond(world.y + world.y)
    waiting = world.server(commitment)
    waiting.verify(v)
    with pytest.raises(WrongRound):
        waiting.verify(v)


def test_a_failed_guess_ends_the_run(world: World) -> None:
    state, commitment = world.start(pin=4321)
    waiting = world.server(commitment)
    with pytest.raises(AuthenticationFailed) as caught:
        waiting.verify(state.respond(world.y))
    assert not isinstance(caught.value, server.ProofRejected)
    with pytest.raises(WrongRound):
        waiting.verify(world.start()[0].respond(world.y))


def test_zero_scalars_are_refused(world: World) -> None:
    zero = world.curve.scalar(0)
    state, commitment = world.start()
    for attempt in (
        lambda: issuing.server_secret(world.curve, zero),
        lambda: issuing.client_secret(world.curve, zero, world.hid),
        lambda: issuing.time_permit(world.curve, zero, world.hid, 1),
        lambda: client.commit(world.curve, ID, zero),
        lambda: state.respond(zero),
        lambda: client.response(world.x, -world.x, world.secret),
        lambda: world.server(commitment, y=zero),
        lambda: full.exchange_point(world.curve, ID, zero),
        lambda: dvs.client_public_key(world.curve, zero),
        lambda: dvs.client_key_secret(zero, world.secret),
    ):
        with pytest.raises(ParameterError):
            attempt()


def test_the_identity_is_refused(world: World) -> None:
    nothing = world.curve.g1_identity
    commitment = world.start()[1]
    for attempt in (
        lambda: client.Commitment(nothing),
        lambda: client.Commitment(world.secret, nothing),
        lambda: world.server(commitment).verify(nothing),
        lambda: client.extract_pin(world.curve, nothing, ID, 1),
        lambda: client.restore_pin(world.curve, nothing, ID, 1),
        lambda: client.response(world.x, world.y, nothing),
        lambda: issuing.recombine_g1([world.secret, -world.secret]),
        lambda: issuing.recombine_g2([world.curve.g2_identity, world.curve.g2]),
        lambda: dvs.require_bound(ID, world.curve.g2_identity),
        lambda: world.start(permit=nothing, date=1),
    ):
        with pytest.raises(IdentityElement):
            attempt()


def test_the_trivial_forgery_fails(world: World) -> None:
    """U = -yA makes U + yA the identity; only V = identity would then satisfy the equation, and it is refused."""
    forged = client.Commitment(-(world.y * hashing.identity_point(world.curve, world.hid)))
    with pytest.raises(AuthenticationFailed):
        world.server(forged).verify(world.curve.g1)


def test_shapes_are_refused(world: World) -> None:
    commitment = world.start()[1]
    for attempt in (
        lambda: hashing.hashed_identity(world.curve, b""),
        lambda: issuing.time_permit(world.curve, world.s, world.hid, 0),
        lambda: issuing.time_permit(world.curve, world.s, world.hid, 2**31),
        lambda: issuing.recombine_g1([]),
        lambda: world.start(pin=-1),
        lambda: world.start(date=17072),
        lambda: world.start(permit=world.secret),
        lambda: world.server(commitment, date=17072),
        lambda: client.Commitment(None),
        lambda: client.extract_factor(world.curve, world.secret, ID, 256, 8),
        lambda: client.extract_factor(world.curve, world.secret, ID, 1, 33),
        lambda: world.prove(1234, message=bytes(257)),
    ):
        with pytest.raises(ParameterError):
            attempt()
    with pytest.raises(WrongLength):
        issuing.client_secret(world.curve, world.s, ID)


def test_pins_and_factors(world: World) -> None:
    assert client.extract_pin(world.curve, world.secret, ID, 11234) == world.token
    factor = 2**32 - 1
    token = client.extract_factor(world.curve, world.secret, ID, factor)
    assert client.restore_factor(world.curve, token, ID, factor) == world.secret
    assert client.restore_factor(world.curve, token, ID, factor - 1) != world.secret
    assert client.extract_factor(world.curve, world.secret, ID, 1234, 14) == world.token


@pytest.mark.parametrize("pin", [0, 1235, 9999])
def test_pin_error_is_exact(world: World, pin: int) -> None:
    with pytest.raises(server.ProofRejected) as caught:
        server.verify_one_pass(world.curve, world.server_secret, ID, world.prove(pin), evidence=True)
    assert pin_error.pin_error(world.curve, caught.value.e, caught.value.f) == pin - 1234


@pytest.mark.parametrize("d", [9999, -9999, 1, -1, 142, 10000, -10000, 12345])
def test_pin_error_reaches_the_ends_of_its_range_and_no_further(world: World, d: int) -> None:
    f = world.curve.pairing(world.curve.g1, world.curve.g2)
    power = f ** world.curve.scalar(abs(d))
    e = power.inverse() if d > 0 else power
    assert pin_error.pin_error(world.curve, e, f) == (d if abs(d) < 10000 else 0)


def test_pin_error_of_nothing_is_refused(world: World) -> None:
    with pytest.raises(ParameterError):
        pin_error.pin_error(world.curve, world.curve.gt_one, world.curve.gt_one)


def test_the_full_key_masks_a_long_pin_as_the_original_does(world: World) -> None:
    def key(pin: int) -> bytes:
        values = full.precompute(world.curve, world.token, ID)
        state, _, _ = full.FullClient.start(
            world.curve, ID, world.token, values, pin, x=world.x, r=world.curve.scalar(7)
        )
        return state.respond(world.y, world.curve.g1)[1]

    assert key(1234 + 2**14 * 625) == key(1234)  # 2^14 * 625 is a multiple of 10000, so V is the same too
    assert key(11234) != key(1234)


def test_full_gives_no_key_for_a_wrong_pin(world: World) -> None:
    values = full.precompute(world.curve, world.token, ID)
    r, w = world.curve.scalar(7), world.curve.scalar(8)
    ours, commitment, r_point = full.FullClient.start(world.curve, ID, world.token, values, 1, x=world.x, r=r)
    theirs = full.FullServer.start(world.curve, world.server_secret, ID, commitment, r_point, y=world.y, w=w)
    v, _ = ours.respond(*theirs.challenge)
    with pytest.raises(AuthenticationFailed):
        theirs.finish(v)
    with pytest.raises(WrongRound):
        theirs.finish(v)
    with pytest.raises(WrongRound):
        ours.respond(*theirs.challenge)


def signed_with(curve: Curve, world: World, z: Scalar) -> client.OnePass:
    """A signature that satisfies the equation for (1/z)Q, whatever key the identity names."""
    token = client.extract_pin(curve, dvs.client_key_secret(z, world.secret), world.identity, 1234)
    return signature.sign(curve, world.identity, token, 1234, x=world.x, time=5, message=b"m")


def test_a_client_key_counts_only_for_the_identity_that_ends_with_it(small: Curve) -> None:
    z, other = small.scalar(0x2EE), small.scalar(0x2EF)
    public, foreign = dvs.client_public_key(small, z), dvs.client_public_key(small, other)
    octets = public.to_bytes(Encoding.MILAGRO)
    for identity, secret, key, accepted in (
        (ID + octets, z, public, True),
        (ID + octets, other, foreign, False),  # what all D-TAs together could do
        (ID, z, public, False),
        (octets, z, public, False),  # a key in front of which no identity stands
    ):
        world = World(small, identity)
        signed = signed_with(small, world, secret)
        if accepted:
            signature.verify(small, world.server_secret, identity, signed, b"m", client_key=key)
            continue
        with pytest.raises(InvalidSignature):
            signature.verify(small, world.server_secret, identity, signed, b"m", client_key=key)
        with pytest.raises(AuthenticationFailed):
            world.server(signed.commitment, client_key=key)


def test_a_client_key_of_ones_own_does_not_help_who_holds_only_the_issued_secret(small: Curve) -> None:
    """All D-TAs together hold s*A of the extended identity; without z that verifies against Q, never against Pa."""
    public = dvs.client_public_key(small, small.scalar(0x2EE))
    world = World(small, dvs.extended_identity(ID, public))
    proof = world.prove(1234)
    server.verify_one_pass(small, world.server_secret, world.identity, proof)
    with pytest.raises(AuthenticationFailed):
        server.verify_one_pass(small, world.server_secret, world.identity, proof, client_key=public)


def test_states_show_no_secret(world: World) -> None:
    state, _ = world.start()
    values = full.precompute(world.curve, world.token, ID)
    for secret in (repr(state), repr(values)):
        assert world.x.to_bytes().hex() not in secret
        assert values.g1.to_bytes().hex()[:16] not in secret
