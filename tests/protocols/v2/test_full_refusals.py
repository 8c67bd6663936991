"""What FULL refuses, and that no side has a key too early."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from milagro import errors
from milagro.protocols.mpin import v2


def test_wrong_pin(deployment: Any, now: int) -> None:
    challenged, answered = deployment.full(pin="1243")
    with pytest.raises(errors.AuthenticationFailed, match=r"^authentication failed$"):
        challenged.accept(answered.message, now).verify(deployment.server_secret)


def test_a_server_without_the_server_secret_proves_nothing(deployment: Any, now: int) -> None:
    challenged, answered = deployment.full()
    wrong = v2.FullConfirmation(deployment.suite.id, challenged.session_id, bytes(32))
    with pytest.raises(errors.AuthenticationFailed, match=r"^authentication failed$"):
        answered.finish(wrong)


def test_the_clients_mac_is_not_the_servers(deployment: Any) -> None:
    challenged, answered = deployment.full()
    reflected = v2.FullConfirmation(deployment.suite.id, challenged.session_id, answered.message.mac)
    with pytest.raises(errors.AuthenticationFailed):
        answered.finish(reflected)


def resigned(deployment: Any, challenged: v2.FullChallenged, message: v2.FullTwo, **changed: Any) -> v2.FullTwo:
    altered = replace(message, **changed)
    signed = altered.signed(deployment.context, challenged._first, challenged.message)
    return replace(altered, signature=deployment.key.sign(signed))


def test_a_wrong_mac_of_the_client_gives_the_server_no_key(deployment: Any, now: int) -> None:
    challenged, answered = deployment.full()
    message = resigned(deployment, challenged, answered.message, mac=bytes(32))
    with pytest.raises(errors.AuthenticationFailed, match=r"^authentication failed$"):
        challenged.accept(message, now).verify(deployment.server_secret)


def test_order(deployment: Any, now: int) -> None:
    challenged, answered = deployment.full()
    other, _ = deployment.full()
    with pytest.raises(errors.WrongRound):
        other.accept(answered.message, now)
    countable = challenged.accept(answered.message, now)
    with pytest.raises(errors.Replay):
        challenged.accept(answered.message, now)
    server = countable.verify(deployment.server_secret)
    with pytest.raises(errors.WrongRound):
        countable.verify(deployment.server_secret)
    with pytest.raises(errors.WrongRound):
        answered.finish(replace(server.message, session_id=other.session_id))
    answered.finish(server.message)
    with pytest.raises(errors.WrongRound):
        answered.finish(server.message)


def test_a_client_answers_once(deployment: Any, now: int) -> None:
    started = v2.start_full(deployment.credential, deployment.context, now, deployment.random, deployment.permit)
    verifier = v2.FullVerifier(deployment.suite, deployment.context)
    challenged = verifier.challenge(started.message, deployment.identity, now, deployment.random)
    started.answer(challenged.message, "1234", now)
    with pytest.raises(errors.WrongRound):
        started.answer(challenged.message, "1234", now)


@pytest.mark.parametrize("name", ["U", "R"])
def test_bad_points_of_the_client(deployment: Any, bad_points: Any, now: int, name: str) -> None:
    E, verifier = deployment.suite.curve, v2.FullVerifier(deployment.suite, deployment.context)
    for error, octets in bad_points(E, E.g1).items():
        started = v2.start_full(deployment.credential, deployment.context, now, deployment.random, deployment.permit)
        message = replace(started.message, **{name: octets})
        message = replace(message, signature=deployment.key.sign(message.signed(deployment.context)))
        with pytest.raises(getattr(errors, error)):
            verifier.challenge(message, deployment.identity, now, deployment.random)


def test_bad_points_of_the_server(deployment: Any, bad_points: Any, now: int) -> None:
    E = deployment.suite.curve
    started = v2.start_full(deployment.credential, deployment.context, now, deployment.random, deployment.permit)
    asked = v2.FullVerifier(deployment.suite, deployment.context).challenge(
        started.message, deployment.identity, now, deployment.random
    )
    for error, octets in bad_points(E, E.g1).items():
        with pytest.raises(getattr(errors, error)):
            started.answer(replace(asked.message, W=octets), "1234", now)


def test_another_W_on_the_way_fails(deployment: Any, now: int) -> None:
    started = v2.start_full(deployment.credential, deployment.context, now, deployment.random, deployment.permit)
    challenged = v2.FullVerifier(deployment.suite, deployment.context).challenge(
        started.message, deployment.identity, now, deployment.random
    )
    answered = started.answer(replace(challenged.message, W=deployment.suite.curve.g1.to_bytes()), "1234", now)
    with pytest.raises(errors.InvalidSignature):
        challenged.accept(answered.message, now)


def test_relayed_expired_and_strange(deployment: Any, now: int) -> None:
    elsewhere = replace(deployment.context, origin="https://login.examp1e")
    started = v2.start_full(deployment.credential, elsewhere, now, deployment.random, deployment.permit)
    verifier = v2.FullVerifier(deployment.suite, deployment.context)
    with pytest.raises(errors.InvalidSignature):
        verifier.challenge(started.message, deployment.identity, now, deployment.random)
    challenged, answered = deployment.full()
    for at in (now + 120, now - 6):
        with pytest.raises(errors.Expired):
            challenged.accept(answered.message, at)
    with pytest.raises(errors.AuthenticationFailed):
        verifier.challenge(challenged._first, None, now, deployment.random)


def test_every_octet_of_the_second_pass_and_the_confirmation_counts(deployment: Any, now: int) -> None:
    challenged, answered = deployment.full()
    octets = answered.message.to_bytes()
    for at in range(0, len(octets), 2):
        altered = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
        with pytest.raises((errors.EncodingError, errors.InvalidSignature, errors.WrongRound)):
            challenged.accept(altered, now)
    octets = challenged.accept(answered.message, now).verify(deployment.server_secret).message.to_bytes()
    altered = octets[:-1] + bytes([octets[-1] ^ 1])
    with pytest.raises(errors.AuthenticationFailed):
        answered.finish(altered)


def test_messages_of_two_pass_do_not_fit(deployment: Any) -> None:
    with pytest.raises(errors.MalformedEnvelope):
        v2.FullOne.from_bytes(deployment.started().message.to_bytes())
    challenged, answered = deployment.full()
    for message in (challenged._first, answered.message):
        with pytest.raises(errors.MalformedEnvelope):
            v2.PassOne.from_bytes(message.to_bytes())
    with pytest.raises(errors.MalformedEnvelope):
        v2.PassTwo.from_bytes(answered.message.to_bytes())
