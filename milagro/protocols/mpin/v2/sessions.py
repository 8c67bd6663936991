"""What all forms of login share: the context, the limits, the clock rules, the replay cache, and the last step.

Every form ends in the same two states. A server counts the attempt, durably, between them:

    .. --accept--> Countable  ==(count the attempt)==>  --verify--> Authenticated
                                                        \\--------> AuthenticationFailed, one text for every cause
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from milagro.errors import AuthenticationFailed, Expired, MalformedEnvelope, ParameterError, WrongRound
from milagro.octets import equal
from milagro.protocols.mpin.v2.client_key import verify_signature
from milagro.protocols.mpin.v2.identity import Identity, check_text
from milagro.protocols.mpin.v2.suite import Suite, check_now
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from milagro.groups import G1Point, Scalar
    from milagro.protocols.mpin.v2.issuing import ServerSecret

MAX_CONTEXT = 512
NONCE_OCTETS = 32
SESSION_OCTETS = 16
_DAY = 86400


@dataclass(frozen=True, slots=True)
class Context:
    """Where a login happens, as each side sees it for itself. It never travels.

    Spec: spec/mpin.md#transcript
    Shape: 1..512 octets of text each; `server` is the realm of the identities
    Raises: ParameterError
    """

    server: str
    origin: str
    relying_party: str

    def __post_init__(self) -> None:
        for field in fields(self):
            value = check_text(field.name, getattr(self, field.name), MAX_CONTEXT)
            object.__setattr__(self, field.name, value)

    @property
    def octets(self) -> tuple[bytes, bytes, bytes]:
        """The three fields for a frame."""
        return self.server.encode(), self.origin.encode(), self.relying_party.encode()


def _whole_seconds(name: str, value: timedelta, least: int, most: int) -> int:
    seconds = value.total_seconds()
    if seconds != int(seconds) or not least <= seconds <= most:
        raise ParameterError(f"{name} is a whole number of seconds from {least} to {most}")
    return int(seconds)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things last, and how wrong a clock may be.

    Spec: spec/mpin.md#sessions
    Raises: ParameterError unless each is a whole number of seconds from 0 (`lifetime`, `window`: 1) to a day
    """

    lifetime: timedelta = timedelta(minutes=2)
    leeway: timedelta = timedelta(seconds=5)
    grace: timedelta = timedelta(0)
    window: timedelta = timedelta(minutes=1)

    def __post_init__(self) -> None:
        for field in fields(self):
            least = 1 if field.name in {"lifetime", "window"} else 0
            _whole_seconds(field.name, getattr(self, field.name), least, _DAY)

    def seconds(self, name: str) -> int:
        """One of the limits in seconds."""
        value: timedelta = getattr(self, name)
        return int(value.total_seconds())


DEFAULT_LIMITS = Limits()


def check_age(now: int, created: int, lifetime: int, leeway: int) -> None:
    """Nothing, if created - leeway <= now < created + lifetime.

    Spec: spec/mpin.md#sessions
    Raises: Expired
    """
    if check_now(now) < created - leeway:
        raise Expired("the clock ran backwards since the session began; start again when it is right")
    if now >= created + lifetime:
        raise Expired("the session is over; start again")


def check_latest(now: int, latest: int, leeway: int) -> int:
    """The later of the two times, if the server's clock is not more than `leeway` behind the latest time it showed.

    Without this a clock that is set back would make old permits and old logins good again.
    Spec: spec/mpin.md#sessions
    Raises: Expired
    """
    if check_now(now) < latest - leeway:
        raise Expired("the server's clock ran backwards; logins wait until it is right")
    return max(now, latest)


class Once:
    """Something that can be taken once, also when threads race for it."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def take(self) -> bool:
        """True the first time, False ever after."""
        return self._lock.acquire(blocking=False)

    def take_or_refuse(self, step: str) -> None:
        """Nothing the first time. Raises WrongRound ever after."""
        if not self.take():
            raise WrongRound(f"{step} was done already; start a new run")


class ReplayCache(Protocol):
    """Where one-pass logins are remembered. It must be atomic, shared by all processes, and survive a restart."""

    def add(self, key: bytes, expires: int) -> bool:
        """True if `key` was not there; from then on it is, at least until the time `expires`."""


class MemoryReplayCache:
    """A replay cache of one process. It forgets by the times that it is shown, so it needs no clock.

    Spec: spec/mpin.md#one-pass
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expires: dict[bytes, int] = {}

    def add(self, key: bytes, expires: int) -> bool:
        """True if `key` was not there."""
        with self._lock:
            if key in self._expires:
                return False
            self._expires[key] = expires
            return True

    def forget(self, now: int) -> None:
        """Drops what expired before `now`."""
        with self._lock:
            self._expires = {key: expires for key, expires in self._expires.items() if expires >= now}


def check_client(
    suite: Suite, context: Context, identity: Identity, signature: bytes, signed: bytes, pinned: Identity | None
) -> None:
    """Nothing, if the message is from the holder of the pinned identity to this server at this origin.

    The signature comes before the pinned identity, and an account that does not exist looks like one with another
    identity: a stranger learns nothing about accounts.
    Spec: spec/mpin.md#two-pass
    Raises: MalformedEnvelope (suite), AuthenticationFailed (realm, pinned identity), InvalidSignature, WrongLength
    """
    suite.need(identity.suite_id)
    if not equal(identity.realm.encode(), context.server.encode()):
        raise AuthenticationFailed
    verify_signature(identity.algorithm, identity.public_key, signature, signed)
    if pinned is None or not equal(pinned.to_bytes(), identity.to_bytes()):
        raise AuthenticationFailed


def nonzero(y: Scalar) -> Scalar:
    """y, refused if it is zero.

    Spec: spec/mpin.md#transcript
    Raises: WrongRound
    """
    if y.is_zero():
        raise WrongRound("the challenge is zero; start again")
    return y


def response(suite: Suite, x: Scalar, y: Scalar, secret_point: G1Point) -> G1Point:
    """V = -(x + y) SEC.

    Spec: spec/mpin.md#two-pass
    Raises: WrongRound if V would be the identity
    Secret: x and SEC; constant time on the native backend
    """
    V = -((x + y) * secret_point)
    if V.is_identity():
        raise WrongRound("the response would be the identity; start again")
    return V


def need_length(name: str, octets: bytes, *lengths: int) -> bytes:
    """`octets`, if it has one of the lengths.

    Raises: MalformedEnvelope
    """
    if len(octets) not in lengths:
        raise MalformedEnvelope(f"{name} has {len(octets)} octets instead of {' or '.join(map(str, lengths))}")
    return octets


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A login, or a signature, that was accepted.

    `reference` is the session id of a two-pass or FULL login, and the replay key otherwise; `at` is when the attempt
    was accepted for counting.
    """

    identity: Identity
    method: str
    reference: bytes
    slot: int | None
    at: int


class Countable(SecretValue):
    """An attempt that the client key stands for. Count it, durably, and then call `verify`, once.

    Spec: spec/mpin.md#sessions
    """

    __slots__ = ("_U", "_V", "_once", "_result", "_suite", "_y", "evidence")

    def __init__(
        self,
        suite: Suite,
        U: G1Point,
        V: G1Point,
        y: Scalar,
        result: Authenticated,
        evidence: tuple[bytes, bytes] = (b"", b""),
    ) -> None:
        self._suite = suite
        self._U = U
        self._V = V
        self._y = y
        self._once = Once()
        self._result = result
        self.evidence = evidence  # of a two-pass login: session and PASS2, from which another server derives the same

    @property
    def identity(self) -> Identity:
        """Whose attempt it is."""
        return self._result.identity

    @property
    def slot(self) -> int | None:
        """The slot of the permit, or None."""
        return self._result.slot

    @property
    def method(self) -> str:
        """The form of the login: "two-pass", "one-pass", "signing" or "full"."""
        return self._result.method

    @property
    def reference(self) -> bytes:
        """The session id or the replay key."""
        return self._result.reference

    def verify(self, server_secret: ServerSecret) -> Authenticated:
        """The login, if e(V, Q) e(U + y T, sQ) = 1.

        Spec: spec/mpin.md#two-pass
        Raises: AuthenticationFailed whatever is wrong; WrongRound the second time; ParameterError if the secret is of
            another suite
        """
        if server_secret.suite is not self._suite and server_secret.suite != self._suite:
            raise ParameterError("the server secret is of another suite")
        self._once.take_or_refuse("verifying this attempt")
        E = self._suite.curve
        # U, y and the identity are public here, so the faster multiplication may show them.
        P = self._U + self._suite.login_point(self.identity, self.slot).mul_vartime(self._y)
        if not E.pairing_check([(self._V, E.g2_prepared), (P, server_secret.prepared)]):
            raise AuthenticationFailed
        return self._result
