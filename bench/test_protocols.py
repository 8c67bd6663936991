"""Every step of M-Pin, v1 and v2, of BLS signatures and of sharing, on the native backend."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from bench.logins import ISSUER, NOW, REALM, Login, Server, random_from
from bench.operations import MESSAGE, OPERATIONS, SCALARS, NotBuilt, Operands
from milagro.errors import AuthenticationFailed
from milagro.groups import Curve, curve
from milagro.protocols.bls import ietf, original
from milagro.protocols.mpin import v2
from milagro.protocols.mpin.v1 import client, full, hashing, issuing, server

CURVES = ("BN254", "BLS12-381")
IDENTITY = b"alice@milagro.example"
PIN = 1234
CONTEXT = v2.Context(REALM, "https://login.example", "shop")
THRESHOLD, HOLDERS = 3, 5

Steps = dict[str, Callable[[], object]]


@cache
def mpin_v1(name: str) -> Steps:
    """What D-TA, client and server do in a run of the original protocol, with time permits."""
    E = curve(name, backend="native")
    random = random_from("v1")
    s, x, y, r, w = (E.random_scalar(random) for _ in range(5))
    hashed = hashing.hashed_identity(E, IDENTITY)
    day = hashing.day_of(NOW)
    sQ, secret = issuing.server_secret(E, s), issuing.client_secret(E, s, hashed)
    permit = issuing.time_permit(E, s, hashed, day)
    token = client.extract_pin(E, secret, IDENTITY, PIN)
    state, sent = client.ClientTwoPass.start(E, IDENTITY, token, PIN, x, permit=permit, date=day)
    V = state.respond(y)
    values = full.precompute(E, token, IDENTITY)
    ready, sent_full, R = full.FullClient.start(E, IDENTITY, token, values, PIN, x=x, r=r)
    W = full.exchange_point(E, IDENTITY, w)
    V_full, _ = ready.respond(y, W)

    def full_client() -> object:
        started, *_ = full.FullClient.start(E, IDENTITY, token, values, PIN, x=x, r=r)
        return started.respond(y, W)

    def full_server() -> object:
        return full.FullServer.start(E, sQ, IDENTITY, sent_full, R, y=y, w=w).finish(V_full)

    return {
        "v1 server secret": lambda: issuing.server_secret(E, s),
        "v1 client secret": lambda: issuing.client_secret(E, s, hashed),
        "v1 time permit": lambda: issuing.time_permit(E, s, hashed, day),
        "v1 token from PIN": lambda: client.extract_pin(E, secret, IDENTITY, PIN),
        "v1 client, first pass": lambda: client.ClientTwoPass.start(
            E, IDENTITY, token, PIN, x, permit=permit, date=day
        ),
        "v1 client, second pass": lambda: client.response(x, y, secret),
        "v1 server": lambda: server.ServerTwoPass.start(E, sQ, IDENTITY, sent, y, date=day).verify(V),
        "v1 FULL, client": full_client,
        "v1 FULL, server": full_server,
    }


@cache
def mpin_v2(name: str) -> Steps:
    """What D-TA, client and server do in a two-pass login."""
    place = Server(curve(name, backend="native"))
    suite, random, master = place.suite, place.random, place.master
    key = v2.Ed25519Key.generate(random)
    identity = v2.Identity.create(suite, REALM, "alice", "phone", key, NOW, random)
    secret = v2.combine_client_shares([master.client_share(identity)], [ISSUER])
    credential = v2.Credential(secret.token("1234"), key)
    verifier = v2.Verifier(suite, CONTEXT)
    first = v2.start_login(credential, CONTEXT, NOW, random)
    octets = first.message.to_bytes()
    opened = verifier.challenge(octets, identity, NOW, random)
    stored = opened.to_bytes()
    second = first.answer(opened.message, "1234", NOW).to_bytes()

    def whole_client() -> object:
        return v2.start_login(credential, CONTEXT, NOW, random).answer(opened.message, "1234", NOW)

    def server_second() -> object:
        return verifier.resume(stored).accept(second, NOW).verify(place.secret)

    return {
        "v2 server share": master.server_share,
        "v2 server share, checked": lambda: v2.check_server_share(master.server_share(), master.commitment()),
        "v2 client share": lambda: master.client_share(identity),
        "v2 token from PIN": lambda: secret.token("1234"),
        "v2 client, first pass": lambda: v2.start_login(credential, CONTEXT, NOW, random),
        "v2 client, both passes": whole_client,
        "v2 server, first pass": lambda: verifier.challenge(octets, identity, NOW, random),
        "v2 server, second pass": server_second,
    }


@cache
def signatures(name: str) -> Steps:
    """BLS signatures: of the draft on BLS12-381, of the original library elsewhere."""
    E = curve(name, backend="native")
    return ietf_signatures(E) if name == "BLS12-381" else original_signatures(E)


def ietf_signatures(E: Curve) -> Steps:
    suite, k = ietf.Suite(E), E.random_scalar(random_from("bls"))
    K, S = ietf.public_key(suite, k), ietf.sign(suite, k, MESSAGE)
    proof = ietf.pop_prove(suite, k)
    keys = [ietf.public_key(suite, E.scalar(i)) for i in range(1, 65)]
    together = ietf.aggregate(suite, [ietf.sign(suite, E.scalar(i), MESSAGE) for i in range(1, 65)])
    return {
        "BLS public key": lambda: ietf.public_key(suite, k),
        "BLS sign": lambda: ietf.sign(suite, k, MESSAGE),
        "BLS verify": lambda: ietf.verify(suite, K, MESSAGE, S),
        "BLS verify possession": lambda: ietf.pop_verify(suite, K, proof),
        "BLS verify 64 keys, one message": lambda: ietf.fast_aggregate_verify(suite, keys, MESSAGE, together),
    }


def original_signatures(E: Curve) -> Steps:
    k = E.random_scalar(random_from("bls"))
    K, S = original.public_key(E, k), original.sign(E, k, MESSAGE)
    return {
        "BLS public key": lambda: original.public_key(E, k),
        "BLS sign": lambda: original.sign(E, k, MESSAGE),
        "BLS verify": lambda: original.verify(E, K, MESSAGE, S),
    }


@cache
def sharing(name: str) -> Steps:
    """Shamir's scheme, 3 of 5, of a secret and of a signature."""
    E = curve(name, backend="native")
    random = random_from("sharing")
    k = E.random_scalar(random)
    polynomial = original.random_coefficients(E, k, THRESHOLD, random)
    shares = original.make_shares(E, polynomial, HOLDERS)[:THRESHOLD]
    signed = [original.SignatureShare(share.x, original.sign(E, share.y, MESSAGE)) for share in shares]
    return {
        "share a secret, 3 of 5": lambda: original.make_shares(E, polynomial, HOLDERS),
        "recover a secret from 3": lambda: original.recover_secret(E, shares),
        "recover a signature from 3": lambda: original.recover_signature(E, signed),
    }


FAMILIES = (mpin_v1, mpin_v2, signatures, sharing)
CASES = [(family, name, step) for family in FAMILIES for name in CURVES for step in family(name)]


@pytest.mark.parametrize(("family", "name", "step"), CASES, ids=[f"{step}-{name}" for _, name, step in CASES])
def test_step(benchmark: Any, family: Callable[[str], Steps], name: str, step: str) -> None:
    benchmark.group = name
    benchmark.pedantic(family(name)[step], rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name.startswith(("mpin_", "bls_"))])
@pytest.mark.parametrize("name", CURVES)
def test_whole_verification(benchmark: Any, name: str, operation: str) -> None:
    try:
        built = OPERATIONS[operation](Operands(curve(name, backend="native"), MESSAGE, SCALARS))
    except NotBuilt as missing:
        pytest.skip(f"not built: {missing}")
    benchmark.group = name
    benchmark.extra_info["items"] = built.items
    benchmark.pedantic(built.run, rounds=5, warmup_rounds=1)


def test_a_wrong_login_is_refused() -> None:
    """What is timed as a right login is one because of what is in it."""
    place = Server(curve("BN254", backend="native"))
    (login,) = place.logins(1)
    wrong = Login(login.identity, login.U, login.V + login.U, login.y)
    with pytest.raises(AuthenticationFailed):
        place.verify(wrong)
