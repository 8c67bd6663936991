"""M-Pin logins with the right PIN, ready for the server's last step; the same ones in every run.

With s the master secret, A a user's point, x and y random: U = xA, V = -(x + y)sA.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from milagro.errors import AuthenticationFailed
from milagro.groups import Curve, G1Point, Scalar
from milagro.protocols.mpin import v2
from milagro.protocols.mpin.v1.client import Commitment
from milagro.protocols.mpin.v1.hashing import dated_point
from milagro.protocols.mpin.v1.server import ServerTwoPass

NOW = 1_700_000_000
REALM = "login.example"
ISSUER = "dta.example"


def random_from(seed: str) -> Callable[[int], bytes]:
    """A source of octets that is the same in every run and never repeats within one."""
    count = 0

    def draw(length: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_256(f"{seed} {count}".encode()).digest(length)

    return draw


@dataclass(frozen=True, slots=True)
class Login:
    """What the server has when the second pass has arrived and its octets have been checked."""

    identity: v2.Identity
    U: G1Point
    V: G1Point
    y: Scalar


class Server:
    """An M-Pin v2 server of one curve, and as many logins at it as are asked for."""

    def __init__(self, E: Curve) -> None:
        self.curve = E
        self.suite = v2.Suite(E)
        self.random = random_from(f"logins on {E.name}")
        self.master = v2.MasterShare.generate(self.suite, ISSUER, self.random)
        self._logins: list[Login] = []

    @cached_property
    def secret(self) -> v2.ServerSecret:
        """sQ."""
        return v2.combine_server_shares([self.master.server_share()], [self.master.commitment()])

    @cached_property
    def _key(self) -> v2.Ed25519Key:
        return v2.Ed25519Key.generate(self.random)

    def _login(self, number: int) -> Login:
        E = self.curve
        identity = v2.Identity.create(self.suite, REALM, f"user-{number}", "phone", self._key, NOW, self.random)
        x, y = E.random_scalar(self.random), E.random_scalar(self.random)
        s, A = E.scalar_from_bytes(self.master.to_bytes()), self.suite.hash_identity(identity)
        return Login(identity, x * A, -((x + y) * (s * A)), y)

    def logins(self, count: int) -> list[Login]:
        """The first `count` logins, each of another user."""
        self._logins += [self._login(number) for number in range(len(self._logins), count)]
        return self._logins[:count]

    def countable(self, login: Login) -> v2.Countable:
        """The attempt as `Challenged.accept` hands it out; it can be verified once."""
        accepted = v2.Authenticated(login.identity, "two-pass", b"", None, NOW)
        return v2.Countable(self.suite, login.U, login.V, login.y, accepted)

    def verify(self, login: Login) -> object:
        """The server's step of M-Pin v2: hash the identity, U + yA, one check of two pairings."""
        return self.countable(login).verify(self.secret)

    def verify_batch(self, verify_batch: Any, logins: list[Login]) -> None:
        """The same for all logins at once, by `milagro.protocols.mpin.v2.batch.verify_batch`."""
        outcome = verify_batch(self.secret, [self.countable(login) for login in logins], self.random)
        if any(isinstance(one, Exception) for one in outcome):
            raise AuthenticationFailed


@dataclass(frozen=True, slots=True)
class OriginalLogin:
    """The same for M-Pin v1."""

    identity: bytes
    commitment: Commitment
    V: G1Point
    y: Scalar


class OriginalServer:
    """An M-Pin v1 server of one curve, and logins at it."""

    def __init__(self, E: Curve) -> None:
        self.curve = E
        self.random = random_from(f"original logins on {E.name}")
        self._s = E.random_scalar(self.random)
        self.secret = E.prepare(self._s * E.g2)

    def login(self, identity: bytes) -> OriginalLogin:
        x, y = self.curve.random_scalar(self.random), self.curve.random_scalar(self.random)
        A = dated_point(self.curve, identity, 0)
        return OriginalLogin(identity, Commitment(x * A), -((x + y) * (self._s * A)), y)

    def waiting(self, login: OriginalLogin) -> ServerTwoPass:
        """The server between the passes; it can be answered once."""
        return ServerTwoPass.start(self.curve, self.secret, login.identity, login.commitment, login.y)

    def verify(self, login: OriginalLogin) -> None:
        """The server's step of M-Pin v1, with the original map for the identity's point."""
        self.waiting(login).verify(login.V)

    def verify_batch(self, batch: Any, logins: list[OriginalLogin]) -> None:
        """The same for all logins at once, by `milagro.protocols.mpin.v1.batch`."""
        attempts = [batch.TwoPassAttempt(self.waiting(login), login.V) for login in logins]
        outcome = batch.verify_batch(self.curve, self.secret, attempts, self.random)
        if any(isinstance(one, Exception) for one in outcome):
            raise AuthenticationFailed
