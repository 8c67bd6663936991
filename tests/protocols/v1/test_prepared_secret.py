"""A server that keeps its secret prepared judges as one that does not."""

from __future__ import annotations

from secrets import token_bytes

import pytest

from milagro.errors import AuthenticationFailed, ParameterError
from milagro.groups import curve
from milagro.protocols.mpin.v1 import batch
from milagro.protocols.mpin.v1.client import Commitment
from milagro.protocols.mpin.v1.hashing import dated_point
from milagro.protocols.mpin.v1.server import ServerTwoPass

IDENTITY = b"alice"


@pytest.mark.parametrize("name", ["BN254CX", "BLS12-381"])
def test_right_and_wrong_answers(name: str, backend_name: str) -> None:
    E = curve(name, backend=backend_name)
    s, x, y = (E.random_scalar(token_bytes) for _ in range(3))
    A, sQ = dated_point(E, IDENTITY, 0), s * E.g2
    V = -((x + y) * (s * A))
    for secret in (sQ, E.prepare(sQ)):
        ServerTwoPass.start(E, secret, IDENTITY, Commitment(x * A), y).verify(V)
        with pytest.raises(AuthenticationFailed):
            ServerTwoPass.start(E, secret, IDENTITY, Commitment(x * A), y).verify(V + A)
        states = [ServerTwoPass.start(E, secret, IDENTITY, Commitment(x * A), y) for _ in range(2)]
        attempts = [batch.TwoPassAttempt(states[0], V), batch.TwoPassAttempt(states[1], V + A)]
        right, wrong = batch.verify_batch(E, secret, attempts, token_bytes)
        assert right == IDENTITY
        assert isinstance(wrong, AuthenticationFailed)


def test_a_prepared_secret_of_another_server_is_not_taken_for_this_one(backend_name: str) -> None:
    E = curve("BN254CX", backend=backend_name)
    s, x, y = (E.random_scalar(token_bytes) for _ in range(3))
    A = dated_point(E, IDENTITY, 0)
    state = ServerTwoPass.start(E, E.prepare(s * E.g2), IDENTITY, Commitment(x * A), y)
    with pytest.raises(ParameterError):
        batch.verify_batch(E, E.prepare(x * E.g2), [batch.TwoPassAttempt(state, A)], token_bytes)
