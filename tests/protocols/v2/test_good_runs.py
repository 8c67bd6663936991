"""Everything works: every curve, both client keys, with and without permits, all four forms."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from milagro.groups import curve
from milagro.protocols.mpin import v2

if TYPE_CHECKING:
    from milagro.groups import Curve


def test_two_pass_over_octets(deployment: Any, now: int) -> None:
    started = deployment.started()
    first = started.message.to_bytes()
    challenged = deployment.verifier.challenge(first, deployment.identity, now, deployment.random)
    second = started.answer(challenged.message.to_bytes(), "1234", now).to_bytes()
    result = challenged.accept(second, now + 1).verify(deployment.server_secret)
    assert result == v2.Authenticated(
        deployment.identity, "two-pass", challenged.session_id, deployment.suite.slot_at(now), now + 1
    )


def test_every_curve_with_permits(any_curve: Curve, new_deployment: Any, now: int) -> None:
    deployment = new_deployment(v2.Suite(any_curve, slot=timedelta(days=1)))
    assert deployment.countable().verify(deployment.server_secret).identity == deployment.identity
    with pytest.raises(v2_failed()):
        deployment.countable(pin="1243").verify(deployment.server_secret)


def v2_failed() -> type[Exception]:
    from milagro.errors import AuthenticationFailed

    return AuthenticationFailed


@pytest.mark.parametrize("algorithm", v2.ALGORITHMS)
@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
def test_both_keys_and_all_hashes(backend_name: str, new_deployment: Any, algorithm: str, hash_name: Any) -> None:
    deployment = new_deployment(v2.Suite(curve("BN254CX", backend=backend_name), hash_name), algorithm)
    assert deployment.countable().verify(deployment.server_secret).method == "two-pass"


def test_a_stored_session_goes_on_where_it_stopped(deployment: Any, now: int) -> None:
    challenged, second = deployment.second_pass()
    resumed = deployment.verifier.resume(challenged.to_bytes())
    assert resumed.to_bytes() == challenged.to_bytes()
    assert (resumed.expires, resumed.identity) == (now + 120, deployment.identity)
    assert resumed.accept(second, now).verify(deployment.server_secret).reference == challenged.session_id


def test_one_pass(deployment: Any, now: int) -> None:
    countable = deployment.once_verifier().accept(deployment.once().to_bytes(), deployment.identity, now)
    assert countable.verify(deployment.server_secret).method == "one-pass"


def test_signing(deployment: Any, now: int) -> None:
    verifier = v2.SignatureVerifier(deployment.suite, deployment.context)
    signed = deployment.signed(b"pay 5").to_bytes()
    for _ in range(2):  # a signature may be verified again, and later, if the slot of its time is the one it names
        countable = verifier.accept(signed, b"pay 5", deployment.identity, now + 10**6)
        assert countable.verify(deployment.server_secret).at == now


def test_full(deployment: Any, now: int) -> None:
    challenged, answered = deployment.full()
    stored = v2.FullVerifier(deployment.suite, deployment.context).resume(challenged.to_bytes())
    server = stored.accept(answered.message.to_bytes(), now).verify(deployment.server_secret)
    key = answered.finish(server.message.to_bytes())
    assert key.to_bytes() == server.session_key.to_bytes()
    assert len(key.to_bytes()) == 32
    assert server.authenticated.method == "full"


def test_two_full_runs_have_different_keys(deployment: Any, now: int) -> None:
    keys = set()
    for _ in range(2):
        challenged, answered = deployment.full()
        keys.add(challenged.accept(answered.message, now).verify(deployment.server_secret).session_key.to_bytes())
    assert len(keys) == 2


@pytest.mark.parametrize("pin", ["0", "p\u00e4ssword \u2713", "x" * 1024, b"\x00", b"\xff" * 7])
def test_a_pin_of_any_length(deployment: Any, pin: str | bytes) -> None:
    token = deployment.client_secret(deployment.identity).token(pin)
    credential = v2.Credential(token, deployment.key)
    deployment.countable(pin=pin, credential=credential).verify(deployment.server_secret)


def test_a_pin_is_the_same_however_it_was_typed(deployment: Any) -> None:
    assert v2.pin_octets("a\u0308") == v2.pin_octets("\u00e4") == "\u00e4".encode()


def test_change_pin(deployment: Any) -> None:
    credential = v2.Credential(deployment.credential.token.change_pin("1234", "a new one"), deployment.key)
    deployment.countable(pin="a new one", credential=credential).verify(deployment.server_secret)
    with pytest.raises(v2_failed()):
        deployment.countable(pin="1234", credential=credential).verify(deployment.server_secret)


def test_randomness_is_the_only_thing_that_differs(backend_name: str, new_deployment: Any) -> None:
    suite = v2.Suite(curve("BN254CX", backend=backend_name), slot=timedelta(days=1))
    for algorithm in v2.ALGORITHMS:
        runs = {new_deployment(suite, algorithm).full()[1].message.to_bytes() for _ in range(2)}
        assert len(runs) == 1


def test_backends_write_the_same_octets(both_backends: tuple[str, ...], new_deployment: Any) -> None:
    suites = [v2.Suite(curve("BLS12-381", backend=name), slot=timedelta(days=1)) for name in both_backends]
    assert len({new_deployment(suite).full()[1].message.to_bytes() for suite in suites}) == 1
