"""What one-pass logins and signatures refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from milagro import errors
from milagro.protocols.mpin import v2
from milagro.protocols.mpin.v2.client_key import _P256_ORDER


def test_one_pass_twice_is_a_replay(deployment: Any, now: int) -> None:
    verifier, login = deployment.once_verifier(), deployment.once()
    verifier.accept(login, deployment.identity, now)
    with pytest.raises(errors.Replay):
        verifier.accept(login, deployment.identity, now + 3)


def test_the_other_form_of_an_ecdsa_signature_is_the_same_login(permits: Any, now: int) -> None:
    verifier, login = permits.once_verifier(), permits.once()
    verifier.accept(login, permits.identity, now)
    r, s = login.signature[:32], int.from_bytes(login.signature[32:], "big")
    twin = replace(login, signature=r + (_P256_ORDER - s).to_bytes(32, "big"))
    v2.verify_signature(twin.identity.algorithm, twin.identity.public_key, twin.signature, twin.signed(permits.context))
    with pytest.raises(errors.Replay):
        verifier.accept(twin, permits.identity, now)


def test_one_U_has_one_guess(deployment: Any, now: int) -> None:
    verifier, login = deployment.once_verifier(), deployment.once(pin="0000")
    verifier.accept(login, deployment.identity, now)
    V = deployment.suite.curve.g1_from_bytes(login.V) + deployment.suite.curve.g1
    second = replace(login, V=V.to_bytes())
    second = replace(second, signature=deployment.key.sign(second.signed(deployment.context)))
    with pytest.raises(errors.Replay):
        verifier.accept(second, deployment.identity, now)


def test_a_refused_one_pass_is_not_remembered(deployment: Any, now: int) -> None:
    verifier, login = deployment.once_verifier(), deployment.once()
    with pytest.raises(errors.InvalidSignature):
        verifier.accept(replace(login, signature=bytes(64)), deployment.identity, now)
    verifier.accept(login, deployment.identity, now).verify(deployment.server_secret)


@pytest.mark.parametrize(("later", "fine"), [(-6, False), (-5, True), (60, True), (61, False)])
def test_the_window_of_one_pass(deployment: Any, now: int, later: int, fine: bool) -> None:
    verifier, login = deployment.once_verifier(), deployment.once()
    if fine:
        verifier.accept(login, deployment.identity, now + later)
    else:
        with pytest.raises(errors.Expired):
            verifier.accept(login, deployment.identity, now + later)


def test_a_server_clock_that_runs_backwards(deployment: Any, now: int) -> None:
    verifier = deployment.once_verifier()
    verifier.accept(deployment.once(now=now + 100), deployment.identity, now + 100)
    with pytest.raises(errors.Expired):
        verifier.accept(deployment.once(), deployment.identity, now)


def test_a_server_clock_that_creeps_backwards_within_the_leeway(deployment: Any, now: int) -> None:
    verifier = deployment.once_verifier()
    for at in (now + 8, now + 4):
        verifier.accept(deployment.once(now=at), deployment.identity, at)
    with pytest.raises(errors.Expired):
        verifier.accept(deployment.once(), deployment.identity, now)


def test_a_server_clock_behind_its_record_from_before_a_restart(deployment: Any, now: int) -> None:
    replays = v2.MemoryReplayCache()
    verifier = v2.OnePassVerifier(deployment.suite, deployment.context, replays, latest=now + 6)
    with pytest.raises(errors.Expired):
        verifier.accept(deployment.once(), deployment.identity, now)


def test_one_pass_with_the_permit_of_another_slot(permits: Any, now: int) -> None:
    for at in (now - 3600, now + 3600):
        permit = permits.permit_for(permits.identity, at)
        login = v2.login_once(permits.credential, permits.context, "1234", now, permits.random, permit)
        with pytest.raises(errors.Expired):
            permits.once_verifier().accept(login, permits.identity, now)


def test_the_replay_cache_keeps_a_login_as_long_as_it_would_be_accepted(deployment: Any, now: int) -> None:
    replays = v2.MemoryReplayCache()
    verifier = v2.OnePassVerifier(deployment.suite, deployment.context, replays, v2.Limits())
    login = deployment.once()
    verifier.accept(login, deployment.identity, now)
    replays.forget(now + 60)
    with pytest.raises(errors.Replay):
        verifier.accept(login, deployment.identity, now + 60)
    replays.forget(now + 66)
    assert replays.add(login.replay_key(deployment.context), now)


def test_a_relayed_one_pass_fails_at_the_signature(deployment: Any, now: int) -> None:
    elsewhere = replace(deployment.context, origin="https://login.examp1e")
    login = v2.login_once(deployment.credential, elsewhere, "1234", now, deployment.random, deployment.permit)
    with pytest.raises(errors.InvalidSignature):
        deployment.once_verifier().accept(login, deployment.identity, now)


def test_wrong_pin_in_one_message(deployment: Any, now: int) -> None:
    countable = deployment.once_verifier().accept(deployment.once(pin="1243"), deployment.identity, now)
    with pytest.raises(errors.AuthenticationFailed, match=r"^authentication failed$"):
        countable.verify(deployment.server_secret)


def test_one_pass_of_another_identity(deployment: Any, now: int) -> None:
    for pinned in (None, deployment.new_identity(deployment.key)):
        with pytest.raises(errors.AuthenticationFailed):
            deployment.once_verifier().accept(deployment.once(), pinned, now)


@pytest.mark.parametrize("name", ["U", "V"])
def test_bad_points_in_one_pass_and_signatures(deployment: Any, bad_points: Any, now: int, name: str) -> None:
    E, context = deployment.suite.curve, deployment.context
    for error, octets in bad_points(E, E.g1).items():
        login = replace(deployment.once(), **{name: octets})
        login = replace(login, signature=deployment.key.sign(login.signed(context)))
        with pytest.raises(getattr(errors, error)):
            deployment.once_verifier().accept(login, deployment.identity, now)
        signed = replace(deployment.signed(b"m"), **{name: octets})
        signed = replace(signed, signature=deployment.key.sign(signed.signed(context, b"m")))
        with pytest.raises(getattr(errors, error)):
            v2.SignatureVerifier(deployment.suite, context).accept(signed, b"m", deployment.identity, now)


def test_every_octet_of_one_pass_counts(deployment: Any, now: int) -> None:
    octets, verifier = deployment.once().to_bytes(), deployment.once_verifier()
    for at in range(0, len(octets), 2):
        altered = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
        with pytest.raises((errors.EncodingError, errors.InvalidSignature, errors.AuthenticationFailed)):
            verifier.accept(altered, deployment.identity, now)
    verifier.accept(octets, deployment.identity, now)


# -- signatures ----------------------------------------------------------------------------------------------------
def test_another_message(deployment: Any, now: int) -> None:
    verifier = v2.SignatureVerifier(deployment.suite, deployment.context)
    with pytest.raises(errors.InvalidSignature):
        verifier.accept(deployment.signed(b"pay 5"), b"pay 6", deployment.identity, now)


def test_the_message_is_in_y_and_not_only_under_the_client_key(deployment: Any, now: int) -> None:
    verifier, signed = v2.SignatureVerifier(deployment.suite, deployment.context), deployment.signed(b"pay 5")
    other = replace(signed, signature=deployment.key.sign(signed.signed(deployment.context, b"pay 6")))
    with pytest.raises(errors.AuthenticationFailed):
        verifier.accept(other, b"pay 6", deployment.identity, now).verify(deployment.server_secret)


def test_wrong_pin_in_a_signature(deployment: Any, now: int) -> None:
    verifier = v2.SignatureVerifier(deployment.suite, deployment.context)
    countable = verifier.accept(deployment.signed(b"m", pin="0"), b"m", deployment.identity, now)
    with pytest.raises(errors.AuthenticationFailed):
        countable.verify(deployment.server_secret)


def test_a_signature_from_a_time_to_come(deployment: Any, now: int) -> None:
    verifier = v2.SignatureVerifier(deployment.suite, deployment.context)
    with pytest.raises(errors.Expired):
        verifier.accept(deployment.signed(b"m", now=now + 6), b"m", deployment.identity, now)


def test_a_signature_whose_slot_is_not_the_one_of_its_time(permits: Any, now: int) -> None:
    verifier = v2.SignatureVerifier(permits.suite, permits.context)
    late = v2.sign(permits.credential, permits.context, b"m", "1234", now + 3600, permits.random, permits.permit)
    with pytest.raises(errors.Expired):
        verifier.accept(late, b"m", permits.identity, now + 3600)


def test_a_login_is_no_signature_and_the_other_way_round(deployment: Any, now: int) -> None:
    with pytest.raises(errors.MalformedEnvelope):
        v2.Signed.from_bytes(deployment.once().to_bytes())
    with pytest.raises(errors.MalformedEnvelope):
        v2.OnePass.from_bytes(deployment.signed(b"").to_bytes())
    login = deployment.once()
    same = v2.Signed(login.identity, login.slot, now, login.nonce, login.U, login.V, login.signature)
    with pytest.raises(errors.InvalidSignature):
        v2.SignatureVerifier(deployment.suite, deployment.context).accept(same, b"", deployment.identity, now)


def test_y_zero(deployment: Any, now: int, monkeypatch: pytest.MonkeyPatch) -> None:
    login, signed = deployment.once(), deployment.signed(b"m")
    monkeypatch.setattr(v2.Suite, "hash_to_scalar", lambda self, *_: self.curve.scalar(0))
    with pytest.raises(errors.WrongRound):
        deployment.once()
    with pytest.raises(errors.WrongRound):
        deployment.once_verifier().accept(login, deployment.identity, now)
    with pytest.raises(errors.WrongRound):
        v2.SignatureVerifier(deployment.suite, deployment.context).accept(signed, b"m", deployment.identity, now)
