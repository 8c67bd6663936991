"""No secret shows itself: not in a repr, not in a pickle, not in a copy, not in an error."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from milagro import errors
from milagro.protocols.mpin import v2


def secrets_of(deployment: Any, now: int) -> list[Any]:
    master = deployment.masters[0]
    started, _ = deployment.challenged()
    challenged, answered = deployment.full()
    full_started = v2.start_full(deployment.credential, deployment.context, now, deployment.random, deployment.permit)
    countable = challenged.accept(answered.message, now)
    server = v2.FullAuthenticated, countable.verify(deployment.server_secret)
    values = [master, master.server_share(), master.client_share(deployment.identity), deployment.server_secret]
    values += [deployment.client_secret(deployment.identity), deployment.credential.token, deployment.credential]
    values += [deployment.key, started, challenged, answered, full_started, countable, deployment.countable()]
    values += [server[1], server[1].session_key]
    if deployment.permit is not None:
        values += [deployment.permit]
    return values


def test_repr_pickle_copy_hash(deployment: Any, now: int) -> None:
    for value in secrets_of(deployment, now):
        assert repr(value) == f"<{type(value).__name__}, redacted>"
        assert str(value) == f"{value}" == repr(value)
        for act in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(errors.ParameterError):
                act(value)
        with pytest.raises(TypeError):
            hash(value)


def test_no_octets_of_a_secret_in_any_repr(deployment: Any, now: int) -> None:
    shown = " ".join(map(repr, [*secrets_of(deployment, now), deployment, deployment.second_pass()[0]]))
    for secret in (deployment.masters[0], deployment.server_secret, deployment.credential.token, deployment.key):
        octets = secret.to_bytes()[-32:]
        assert octets.hex() not in shown
        assert repr(octets)[2:-1] not in shown
    assert "1234" not in shown.replace(str(now), "")


def test_a_stored_two_pass_session_holds_no_secret(deployment: Any, now: int) -> None:
    """It is made of what was on the wire, the context and a time."""
    started, challenged = deployment.challenged()
    rest = challenged.to_bytes()
    for public in (started.message.to_bytes(), challenged.message.to_bytes(), *deployment.context.octets):
        assert public in rest
        rest = rest.replace(public, b"", 1)
    label = deployment.suite.dst("STATE_")
    assert len(rest.replace(label, b"")) == 7 * 4 + 8


def test_an_attempt_shows_no_result_before_it_is_verified(deployment: Any) -> None:
    public = [name for name in dir(deployment.countable()) if not name.startswith("_")]
    assert public == ["evidence", "identity", "method", "reference", "slot", "verify"]
