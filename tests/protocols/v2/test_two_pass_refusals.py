"""What a two-pass login refuses, and where: before the count or after it."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from milagro import errors
from milagro.groups import curve
from milagro.octets import frame, unframe
from milagro.protocols.mpin import v2


@pytest.mark.parametrize("pin", ["1233", "1235", "12345", "01234", "4321"])
def test_wrong_pin(deployment: Any, pin: str) -> None:
    with pytest.raises(errors.AuthenticationFailed, match=r"^authentication failed$"):
        deployment.countable(pin=pin).verify(deployment.server_secret)


def test_wrong_token_and_wrong_secret_look_like_a_wrong_pin(deployment: Any) -> None:
    E, token = deployment.suite.curve, deployment.credential.token
    other = v2.Token(deployment.suite, deployment.identity, token.point + E.g1)
    countable = deployment.countable(credential=v2.Credential(other, deployment.key))
    with pytest.raises(errors.AuthenticationFailed, match=r"^authentication failed$"):
        countable.verify(deployment.server_secret)
    secret = v2.ServerSecret(deployment.suite, deployment.server_secret.point + E.g2)
    with pytest.raises(errors.AuthenticationFailed, match=r"^authentication failed$"):
        deployment.countable().verify(secret)


# -- the context ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("field", ["origin", "relying_party"])
def test_a_relayed_login_fails_at_the_signature(deployment: Any, now: int, field: str) -> None:
    elsewhere = replace(deployment.context, **{field: "https://login.examp1e"})
    started = deployment.started(context=elsewhere)
    with pytest.raises(errors.InvalidSignature):
        deployment.verifier.challenge(started.message, deployment.identity, now, deployment.random)


def test_a_relay_that_swaps_only_the_second_pass_fails_at_the_signature(deployment: Any, now: int) -> None:
    started, challenged = deployment.challenged()
    started._context = replace(deployment.context, origin="https://login.examp1e")
    second = started.answer(challenged.message, "1234", now)
    with pytest.raises(errors.InvalidSignature):
        challenged.accept(second, now)


def test_an_origin_that_slips_past_the_signature_still_changes_y(deployment: Any, now: int) -> None:
    started, challenged = deployment.challenged()
    started._context = replace(deployment.context, origin="https://login.examp1e")
    second = started.answer(challenged.message, "1234", now)
    resigned = deployment.signed_pass_two(second, started.message, challenged.message)
    with pytest.raises(errors.AuthenticationFailed):
        challenged.accept(resigned, now).verify(deployment.server_secret)


def test_another_server(deployment: Any, now: int) -> None:
    context = replace(deployment.context, server="other.example")
    with pytest.raises(errors.ParameterError):
        deployment.started(context=context)
    verifier = v2.Verifier(deployment.suite, context)
    with pytest.raises(errors.AuthenticationFailed):
        verifier.challenge(deployment.started().message, deployment.identity, now, deployment.random)


# -- who -----------------------------------------------------------------------------------------------------------
def test_a_stranger_cannot_open_a_session(deployment: Any, now: int) -> None:
    message = deployment.started().message
    forged = replace(message, signature=deployment.new_key().sign(message.signed(deployment.context)))
    with pytest.raises(errors.InvalidSignature):
        deployment.verifier.challenge(forged, deployment.identity, now, deployment.random)


def test_all_dtas_without_the_client_key_cannot_log_in(deployment: Any, now: int) -> None:
    key = deployment.new_key()
    second_identity = deployment.new_identity(key)  # the D-TAs issue to a key of their own, for the same account
    assert second_identity.account == deployment.identity.account
    credential = deployment.enrol(second_identity, key)
    permit = deployment.permit_for(second_identity, now)
    message = deployment.started(credential=credential, permit=permit).message
    for pinned in (deployment.identity, None):
        with pytest.raises(errors.AuthenticationFailed, match=r"^authentication failed$"):
            deployment.verifier.challenge(message, pinned, now, deployment.random)
    # it is the pinning alone that stops them: to themselves they can prove everything
    challenged = deployment.verifier.challenge(message, second_identity, now, deployment.random)
    assert challenged.identity == second_identity


def test_all_dtas_know_the_secret_of_the_pinned_identity_and_still_cannot_sign(deployment: Any, now: int) -> None:
    token = deployment.client_secret(deployment.identity).token("any")
    with pytest.raises(errors.ParameterError):
        v2.Credential(token, deployment.new_key())
    challenged, second = deployment.second_pass()
    stolen = replace(second, signature=deployment.new_key().sign(b"whatever"))
    with pytest.raises(errors.InvalidSignature):
        challenged.accept(stolen, now)


# -- sessions ------------------------------------------------------------------------------------------------------
def test_a_second_pass_two_is_a_replay(deployment: Any, now: int) -> None:
    challenged, second = deployment.second_pass()
    challenged.accept(second, now)
    with pytest.raises(errors.Replay):
        challenged.accept(second, now)


def test_a_refused_second_pass_leaves_the_session_open(deployment: Any, now: int) -> None:
    challenged, second = deployment.second_pass()
    with pytest.raises(errors.InvalidSignature):
        challenged.accept(replace(second, signature=bytes(64)), now)
    challenged.accept(second, now).verify(deployment.server_secret)


def test_an_attempt_is_verified_once(deployment: Any) -> None:
    countable = deployment.countable(pin="0000")
    with pytest.raises(errors.AuthenticationFailed):
        countable.verify(deployment.server_secret)
    with pytest.raises(errors.WrongRound):
        countable.verify(deployment.server_secret)


def test_a_client_answers_once(deployment: Any, now: int) -> None:
    started, challenged = deployment.challenged()
    started.answer(challenged.message, "1234", now)
    with pytest.raises(errors.WrongRound):
        started.answer(challenged.message, "1234", now)


def test_only_one_of_many_threads_gets_the_session(deployment: Any, now: int) -> None:
    challenged, second = deployment.second_pass()
    results: list[str] = []
    barrier = threading.Barrier(8)

    def race() -> None:
        barrier.wait()
        try:
            challenged.accept(second, now)
            results.append("countable")
        except errors.Replay:
            results.append("replay")

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["countable"] + ["replay"] * 7


def test_an_answer_to_another_session(deployment: Any, now: int) -> None:
    _, second = deployment.second_pass()
    other, _ = deployment.second_pass()
    with pytest.raises(errors.WrongRound):
        other.accept(second, now)


def test_an_old_answer_under_a_new_session_id_fails_at_the_signature(deployment: Any, now: int) -> None:
    _, second = deployment.second_pass()
    other, _ = deployment.second_pass()
    with pytest.raises(errors.InvalidSignature):
        other.accept(replace(second, session_id=other.session_id), now)


def test_a_replayed_first_pass_gets_a_session_that_nobody_can_answer(deployment: Any, now: int) -> None:
    started, challenged = deployment.challenged()
    second = started.answer(challenged.message, "1234", now)
    again = deployment.verifier.challenge(started.message, deployment.identity, now, deployment.random)
    resigned = deployment.signed_pass_two(second, started.message, again.message, session_id=again.session_id)
    with pytest.raises(errors.AuthenticationFailed):
        again.accept(resigned, now).verify(deployment.server_secret)


# -- clocks --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("offset", "fine"), [(-6, False), (-5, True), (0, True), (119, True), (120, False), (10**6, False)]
)
def test_the_clock_of_the_server(deployment: Any, now: int, offset: int, fine: bool) -> None:
    challenged, second = deployment.second_pass()
    if fine:
        challenged.accept(second, now + offset)
    else:
        with pytest.raises(errors.Expired):
            challenged.accept(second, now + offset)


@pytest.mark.parametrize("offset", [-6, 121])
def test_the_clock_of_the_client(deployment: Any, now: int, offset: int) -> None:
    started, challenged = deployment.challenged()
    with pytest.raises(errors.Expired):
        started.answer(challenged.message, "1234", now + offset)
    started.answer(challenged.message, "1234", now)  # nothing was used up


@pytest.mark.parametrize("bad", [-1, True, 1.5, 1 << 62])
def test_a_time_is_whole_seconds(deployment: Any, bad: Any) -> None:
    with pytest.raises(errors.ParameterError):
        deployment.started(now=bad)


# -- permits -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("later", "fine"), [(0, True), (1799, True), (1800, True), (3599, False), (-3600, False), (7200, False)]
)
def test_slots(permits: Any, now: int, later: int, fine: bool) -> None:
    # `now` is 800 s into its hour: 2800 s are left, then a minute of grace
    assert now % 3600 == 800
    message = permits.started().message
    at = now + later
    if fine:
        permits.verifier.challenge(message, permits.identity, at, permits.random)
    else:
        with pytest.raises(errors.Expired):
            permits.verifier.challenge(message, permits.identity, at, permits.random)


@pytest.mark.parametrize(("later", "fine"), [(2799, True), (2800, True), (2859, True), (2860, False)])
def test_grace(permits: Any, now: int, later: int, fine: bool) -> None:
    started = permits.started()
    if not fine:
        with pytest.raises(errors.Expired):
            permits.verifier.challenge(started.message, permits.identity, now + later, permits.random)
        return
    challenged = permits.verifier.challenge(started.message, permits.identity, now + later, permits.random)
    challenged.accept(started.answer(challenged.message, "1234", now + 9), now + later).verify(permits.server_secret)


def test_a_permit_of_another_slot_under_this_slots_number(permits: Any, now: int) -> None:
    other = permits.permit_for(permits.identity, now + 3600)
    disguised = v2.Permit(permits.suite, permits.identity, permits.suite.slot_at(now), other.point)
    with pytest.raises(errors.AuthenticationFailed):
        permits.countable(permit=disguised).verify(permits.server_secret)


def test_permits_that_are_missing_or_somebody_elses(permits: Any, deployment: Any, now: int) -> None:
    with pytest.raises(errors.ParameterError):
        permits.started(permit=None)
    foreign = permits.permit_for(permits.new_identity(permits.key, "bob"), now)
    with pytest.raises(errors.ParameterError):
        permits.started(permit=foreign)
    with pytest.raises(errors.MalformedEnvelope):
        permits.verifier.challenge(
            permits.signed_pass_one(permits.started().message, slot=b""), permits.identity, now, permits.random
        )


def test_a_slot_of_another_length_has_another_point(backend_name: str, new_deployment: Any, now: int) -> None:
    E = curve("BN254CX", backend=backend_name)
    hour, day = (v2.Suite(E, slot=timedelta(hours=hours)) for hours in (1, 24))
    identity = new_deployment(hour).identity
    assert hour.permit_point(identity, 7) != day.permit_point(identity, 7)


# -- points and challenges -------------------------------------------------------------------------------------------
def test_bad_U_under_a_good_signature(deployment: Any, bad_points: Any, now: int) -> None:
    E = deployment.suite.curve
    for name, octets in bad_points(E, E.g1).items():
        message = deployment.signed_pass_one(deployment.started().message, U=octets)
        with pytest.raises(getattr(errors, name)):
            deployment.verifier.challenge(message, deployment.identity, now, deployment.random)


def test_bad_V_under_a_good_signature(deployment: Any, bad_points: Any, now: int) -> None:
    E = deployment.suite.curve
    for name, octets in bad_points(E, E.g1).items():
        started, challenged = deployment.challenged()
        second = started.answer(challenged.message, "1234", now)
        second = deployment.signed_pass_two(second, started.message, challenged.message, V=octets)
        with pytest.raises(getattr(errors, name)):
            challenged.accept(second, now)


def test_another_V_under_a_good_signature_is_counted_and_fails(deployment: Any, now: int) -> None:
    started, challenged = deployment.challenged()
    second = started.answer(challenged.message, "1234", now)
    V = deployment.suite.curve.g1_from_bytes(second.V) + deployment.suite.curve.g1
    second = deployment.signed_pass_two(second, started.message, challenged.message, V=V.to_bytes())
    with pytest.raises(errors.AuthenticationFailed):
        challenged.accept(second, now).verify(deployment.server_secret)


def test_y_zero_is_refused_by_both_sides(deployment: Any, now: int, monkeypatch: pytest.MonkeyPatch) -> None:
    started, challenged = deployment.challenged()
    message = deployment.started().message
    monkeypatch.setattr(v2.Suite, "hash_to_scalar", lambda self, *_: self.curve.scalar(0))
    with pytest.raises(errors.WrongRound):
        started.answer(challenged.message, "1234", now)
    with pytest.raises(errors.WrongRound):
        deployment.verifier.challenge(message, deployment.identity, now, deployment.random)


def test_x_plus_y_zero_is_refused(deployment: Any, now: int, monkeypatch: pytest.MonkeyPatch) -> None:
    started, challenged = deployment.challenged()
    monkeypatch.setattr(v2.Suite, "hash_to_scalar", lambda *_: -started._x)
    with pytest.raises(errors.WrongRound):
        started.answer(challenged.message, "1234", now)


def test_a_challenge_that_is_known_before_U_gives_no_login(deployment: Any, now: int) -> None:
    """The forgery that a guessed y allows: U = P1 - y T, V = -sP1 from the public commitments. Here y moves with U."""
    suite, E = deployment.suite, deployment.suite.curve
    started, challenged = deployment.challenged()
    y = challenged._y
    sP1 = deployment.masters[0].commitment().point + deployment.masters[1].commitment().point
    T = suite.login_point(deployment.identity, suite.slot_at(now))
    U, V = E.g1 - y * T, -sP1
    assert E.pairing_check([(V, E.g2), (U + y * T, deployment.server_secret.point)])  # it would work
    forged = deployment.signed_pass_one(started.message, U=U.to_bytes())
    state = unframe(challenged.to_bytes())
    state[4] = forged.to_bytes()
    same_challenge = deployment.verifier.resume(frame(*state))  # even if the server asked the same again
    second = v2.PassTwo(suite.id, challenged.session_id, V.to_bytes(), b"")
    second = deployment.signed_pass_two(second, forged, challenged.message)
    with pytest.raises(errors.AuthenticationFailed):
        same_challenge.accept(second, now).verify(deployment.server_secret)


# -- every field ---------------------------------------------------------------------------------------------------
def test_every_octet_of_the_first_pass_counts(deployment: Any, now: int) -> None:
    octets = deployment.started().message.to_bytes()
    for at in range(0, len(octets), 3):
        altered = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
        with pytest.raises(errors.MilagroError) as caught:
            deployment.verifier.challenge(altered, deployment.identity, now, deployment.random)
        assert isinstance(caught.value, errors.EncodingError | errors.InvalidSignature | errors.AuthenticationFailed)


def test_every_octet_of_the_second_pass_counts(deployment: Any, now: int) -> None:
    challenged, second = deployment.second_pass()
    octets = second.to_bytes()
    for at in range(len(octets)):
        altered = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
        with pytest.raises((errors.EncodingError, errors.InvalidSignature, errors.WrongRound)):
            challenged.accept(altered, now)
    challenged.accept(octets, now)


def test_every_octet_of_the_challenge_counts(deployment: Any, now: int) -> None:
    started, challenged = deployment.challenged()
    octets = challenged.message.to_bytes()
    start = len(octets) - 16 - 4 - 32 - 4 - 4
    for at in [0, 5, start, start + 20, start + 51, len(octets) - 1]:
        altered = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
        fresh = deployment.started()
        fresh._x, fresh.message = started._x, started.message
        with pytest.raises((errors.EncodingError, errors.InvalidSignature, errors.WrongRound)):
            challenged.accept(fresh.answer(altered, "1234", now), now)


@pytest.mark.parametrize("change", ["short", "long", "label", "empty", "huge"])
def test_messages_of_another_shape(deployment: Any, now: int, change: str) -> None:
    octets = deployment.started().message.to_bytes()
    fields = unframe(octets)
    altered = {
        "short": frame(*fields[:-1]),
        "long": frame(*fields, b""),
        "label": frame(deployment.suite.dst("PASS2_"), *fields[1:]),
        "empty": b"",
        "huge": octets + bytes(9000),
    }[change]
    with pytest.raises((errors.MalformedEnvelope, errors.WrongLength)):
        deployment.verifier.challenge(altered, deployment.identity, now, deployment.random)


def test_a_message_of_another_suite(deployment: Any, now: int) -> None:
    other = v2.Verifier(v2.Suite(deployment.suite.curve, "sha512", deployment.suite.slot), deployment.context)
    with pytest.raises(errors.MalformedEnvelope):
        other.challenge(deployment.started().message, deployment.identity, now, deployment.random)


def test_a_session_of_another_context_is_not_resumed(deployment: Any) -> None:
    challenged, _ = deployment.second_pass()
    other = v2.Verifier(deployment.suite, replace(deployment.context, origin="https://other"))
    with pytest.raises(errors.ParameterError):
        other.resume(challenged.to_bytes())


def test_a_message_of_any_shape_has_a_largest_length(deployment: Any) -> None:
    _, second = deployment.second_pass()
    with pytest.raises(errors.WrongLength):
        v2.PassTwo.from_bytes(replace(second, V=bytes(9000)).to_bytes())


@pytest.mark.parametrize(("latest", "fine"), [(0, True), (5, True), (6, False)])
def test_a_server_clock_behind_its_own_record(deployment: Any, now: int, latest: int, fine: bool) -> None:
    full = v2.start_full(deployment.credential, deployment.context, now, deployment.random, deployment.permit)
    full_verifier = v2.FullVerifier(deployment.suite, deployment.context)
    attempts = [(deployment.verifier, deployment.started().message), (full_verifier, full.message)]
    for verifier, message in attempts:
        if fine:
            verifier.challenge(message, deployment.identity, now, deployment.random, now + latest)
        else:
            with pytest.raises(errors.Expired):
                verifier.challenge(message, deployment.identity, now, deployment.random, now + latest)
