"""A small deployment of M-Pin v2: two D-TAs, one server, one enrolled client. Deterministic, in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from milagro.errors import NotOnCurve
from milagro.groups import Curve, G1Point, curve
from milagro.protocols.mpin import v2

NOW = 1_700_000_000
PIN = "1234"
CONTEXT = v2.Context("mfa.example", "https://login.example", "shop")
ISSUERS = ("one.example", "two.example")


def random_from(seed: str) -> Callable[[int], bytes]:
    """A source that returns the same octets in every run, and never the same twice."""
    count = 0

    def draw(length: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_256(f"{seed} {count}".encode()).digest(length)

    return draw


@dataclass
class Deployment:
    """Everything that a test of a login needs, with the good value of each part as default."""

    suite: v2.Suite
    algorithm: str = "ed25519"
    context: v2.Context = CONTEXT
    limits: v2.Limits = field(default_factory=v2.Limits)

    def __post_init__(self) -> None:
        self.random = random_from(f"{self.suite.id} {self.suite.slot} {self.algorithm}")
        self.key = self.new_key()
        self.masters = [v2.MasterShare.generate(self.suite, name, self.random) for name in ISSUERS]
        self.identity = self.new_identity(self.key)
        self.server_secret = v2.combine_server_shares(
            [master.server_share() for master in self.masters], [master.commitment() for master in self.masters]
        )
        self.credential = self.enrol(self.identity, self.key)
        self.permit = self.permit_for(self.identity, NOW)
        self.verifier = v2.Verifier(self.suite, self.context, self.limits)

    def new_key(self) -> v2.Ed25519Key | v2.P256Key:
        kind = v2.Ed25519Key if self.algorithm == "ed25519" else v2.P256Key
        return kind.generate(self.random)

    def new_identity(self, key: v2.ClientKey, user: str = "alice") -> v2.Identity:
        return v2.Identity.create(self.suite, "mfa.example", user, "phone", key, NOW, self.random)

    def client_secret(self, identity: v2.Identity) -> v2.ClientSecret:
        return v2.combine_client_shares([master.client_share(identity) for master in self.masters], ISSUERS)

    def enrol(self, identity: v2.Identity, key: v2.ClientKey, pin: str = PIN) -> v2.Credential:
        return v2.Credential(self.client_secret(identity).token(pin), key)

    def permit_for(self, identity: v2.Identity, now: int) -> v2.Permit | None:
        slot = self.suite.slot_at(now)
        if slot is None:
            return None
        return v2.combine_permit_shares([master.permit_share(identity, slot) for master in self.masters], ISSUERS)

    def started(self, **changed: object) -> v2.LoginStarted:
        given = {"credential": self.credential, "context": self.context, "now": NOW, "permit": self.permit} | changed
        return v2.start_login(random=self.random, **given)  # type: ignore[arg-type]

    def challenged(self, started: v2.LoginStarted | None = None) -> tuple[v2.LoginStarted, v2.Challenged]:
        started = started or self.started()
        return started, self.verifier.challenge(started.message, self.identity, NOW, self.random)

    def second_pass(self, pin: str = PIN) -> tuple[v2.Challenged, v2.PassTwo]:
        started, challenged = self.challenged()
        return challenged, started.answer(challenged.message, pin, NOW)

    def countable(self, pin: str = PIN, **changed: object) -> v2.Countable:
        started, challenged = self.challenged(self.started(**changed))
        return challenged.accept(started.answer(challenged.message, pin, NOW), NOW)

    def once(self, pin: str = PIN, now: int = NOW) -> v2.OnePass:
        return v2.login_once(self.credential, self.context, pin, now, self.random, self.permit)

    def once_verifier(self) -> v2.OnePassVerifier:
        return v2.OnePassVerifier(self.suite, self.context, v2.MemoryReplayCache(), self.limits)

    def signed(self, message: bytes, pin: str = PIN, now: int = NOW) -> v2.Signed:
        return v2.sign(self.credential, self.context, message, pin, now, self.random, self.permit)

    def full(self, pin: str = PIN) -> tuple[v2.FullChallenged, v2.FullAnswered]:
        started = v2.start_full(self.credential, self.context, NOW, self.random, self.permit)
        verifier = v2.FullVerifier(self.suite, self.context, self.limits)
        challenged = verifier.challenge(started.message, self.identity, NOW, self.random)
        return challenged, started.answer(challenged.message, pin, NOW)

    # what only a dishonest client does: an altered message under the right key
    def signed_pass_one(self, message: v2.PassOne, **changed: object) -> v2.PassOne:
        altered = replace(message, **changed)  # type: ignore[arg-type]
        return replace(altered, signature=self.key.sign(altered.signed(self.context)))

    def signed_pass_two(
        self, message: v2.PassTwo, first: v2.PassOne, asked: v2.Challenge, **changed: object
    ) -> v2.PassTwo:
        altered = replace(message, **changed)  # type: ignore[arg-type]
        return replace(altered, signature=self.key.sign(altered.signed(self.context, first, asked)))


@pytest.fixture(scope="session")
def new_deployment() -> Callable[..., Deployment]:
    return Deployment


@pytest.fixture(params=[None, timedelta(days=1)], ids=["no-permits", "permits"], scope="session")
def deployment(request: pytest.FixtureRequest, backend_name: str) -> Deployment:
    """The default curve on each backend, without and with permits."""
    return Deployment(v2.Suite(curve("BLS12-381", backend=backend_name), slot=request.param))


@pytest.fixture(scope="session")
def permits(backend_name: str) -> Deployment:
    """A deployment with permits an hour long and a minute of grace."""
    suite = v2.Suite(curve("BN254CX", backend=backend_name), slot=timedelta(hours=1))
    return Deployment(suite, "ecdsa-p256-sha256", limits=v2.Limits(grace=timedelta(minutes=1)))


def small_order(E: Curve) -> bytes:
    """The default encoding of a point of E(Fp) whose order divides the cofactor and is not 1."""
    for x in range(1, 1000):
        try:
            p = E.ops.g1_from_x(x.to_bytes(E.field_bytes, "big"), 0, "parity")
        except NotOnCurve:
            continue
        torsion = E.ops.g1_mul_integer(p, E.order)
        if not E.ops.g1_is_identity(torsion):
            return E.g1_codec(None).encode(torsion)
    raise AssertionError("no point of small order was found")


@pytest.fixture
def bad_points() -> Callable[[Curve, G1Point], dict[str, bytes]]:
    """Encodings that must be refused, by the name of their error."""

    def make(E: Curve, good: G1Point) -> dict[str, bytes]:
        octets = good.to_bytes()
        found = {"IdentityElement": E.g1_identity.to_bytes(), "WrongLength": octets[:-1]}
        if E.params.cofactor_g1 > 1:
            found["NotInSubgroup"] = small_order(E)
        return found

    return make


@pytest.fixture
def now() -> int:
    return NOW
