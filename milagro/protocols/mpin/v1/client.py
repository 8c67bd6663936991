"""The client of M-Pin v1: a token and a PIN together stand for the client secret.

Two-pass. `ClientTwoPass.start` gives the state and the first message; `respond` may be called once.

    (identity, token, PIN, x) --start--> Committed --respond(y)--> Done
                                   |                   |
                                   v U, UT             v V

One-pass. There is no state: `one_pass` computes y from the clock and sends everything at once.

    (identity, token, PIN, x, t) --one_pass--> U, UT, V, t

Letters: A the identity's point, AT(date) the permit's, x the client's random scalar, y the challenge,
U = xA, UT = x(A + AT), SEC = token + PIN*A [+ permit], V = -(x + y) SEC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.errors import ParameterError, WrongLength, WrongRound
from milagro.groups import Scalar
from milagro.protocols.mpin.v1.hashing import (
    dated_point,
    hashed_identity,
    identity_point,
    nonzero,
    received,
    time_challenge,
)

if TYPE_CHECKING:
    from milagro.groups import Curve, G1Point
    from milagro.protocols.original_hash import HashName

MAX_PIN = 10000
MAX_FACTOR_BITS = 32
PIN_DIGITS = 4

Pin = int | Scalar
"""A PIN: what `pin_from_digits` gives, or an integer, which Python does not hide from a clock."""


def pin_from_digits(curve: Curve, digits: bytes) -> Scalar:
    """The PIN that was typed as 1 to 4 decimal digits, as a number that only native code reads.

    Spec: spec/mpin-v1.md#token
    Raises: WrongLength, NonCanonical if an octet is not a digit
    Secret: the digits and the result; constant time in them on the native backend, not in how many they are
    """
    if not 1 <= len(digits) <= PIN_DIGITS:
        raise WrongLength(f"a PIN of M-Pin v1 has 1 to {PIN_DIGITS} digits, got {len(digits)}")
    return curve.scalar_from_decimal(digits)


def reduced_pin(pin: Pin) -> Pin:
    """PIN mod 10000, as the original takes it everywhere but in the FULL client key; digits are below it already.

    Spec: spec/mpin-v1.md#token
    Raises: ParameterError for a negative PIN
    """
    if isinstance(pin, Scalar):
        return pin
    if pin < 0:
        raise ParameterError("a PIN is not negative")
    return pin % MAX_PIN


def extract_pin(curve: Curve, secret: G1Point, identity: bytes, pin: Pin, *, hash_name: HashName = "sha256") -> G1Point:
    """token = CS - (PIN mod 10000) * A.

    Spec: spec/mpin-v1.md#token
    Raises: ParameterError, IdentityElement if CS or the token is the identity
    Secret: the result; constant time in the PIN on the native backend
    """
    return extract_factor(curve, secret, identity, reduced_pin(pin), 14, hash_name=hash_name)


def restore_pin(curve: Curve, token: G1Point, identity: bytes, pin: Pin, *, hash_name: HashName = "sha256") -> G1Point:
    """CS = token + (PIN mod 10000) * A.

    Spec: spec/mpin-v1.md#token
    Raises: ParameterError, IdentityElement
    Secret: the result
    """
    return restore_factor(curve, token, identity, reduced_pin(pin), 14, hash_name=hash_name)


def extract_factor(
    curve: Curve, secret: G1Point, identity: bytes, factor: Pin, bits: int = 32, *, hash_name: HashName = "sha256"
) -> G1Point:
    """CS - factor * A, for a second factor of up to 32 bits such as a fingerprint's code.

    Spec: spec/mpin-v1.md#token
    Raises: ParameterError if the factor does not fit `bits` (the original drops its upper bits), IdentityElement
    Secret: the result
    """
    return received(received(secret) - _factor_point(curve, identity, factor, bits, hash_name=hash_name))


def restore_factor(
    curve: Curve, token: G1Point, identity: bytes, factor: Pin, bits: int = 32, *, hash_name: HashName = "sha256"
) -> G1Point:
    """token + factor * A: what `extract_factor` took away is put back.

    Spec: spec/mpin-v1.md#token
    Raises: ParameterError if the factor does not fit `bits`, IdentityElement
    Secret: the result
    """
    return received(received(token) + _factor_point(curve, identity, factor, bits, hash_name=hash_name))


def _factor_point(curve: Curve, identity: bytes, factor: Pin, bits: int, *, hash_name: HashName) -> G1Point:
    return _factor(curve, factor, bits) * identity_point(curve, hashed_identity(curve, identity, hash_name=hash_name))


def _factor(curve: Curve, factor: Pin, bits: int) -> Scalar:
    if not 1 <= bits <= MAX_FACTOR_BITS:
        raise ParameterError(f"a factor has between 1 and {MAX_FACTOR_BITS} bits")
    if isinstance(factor, Scalar):
        return factor
    if not 0 <= factor < 1 << bits:
        raise ParameterError(f"the factor does not fit {bits} bits")
    return curve.scalar(factor)


@dataclass(frozen=True, slots=True)
class Commitment:
    """The first message: `u` = x*A, and `ut` = x*(A + AT(date)) where time permits are in use.

    Spec: spec/mpin-v1.md#commitment
    Raises: IdentityElement if either is the identity, ParameterError if there is neither
    """

    u: G1Point | None
    ut: G1Point | None = None

    def __post_init__(self) -> None:
        points = [point for point in (self.u, self.ut) if point is not None]
        if not points:
            raise ParameterError("a commitment has U, UT or both")
        for point in points:
            received(point)

    def for_date(self, date: int) -> G1Point:
        """U' of a run on this date: UT for a date other than 0, else U.

        Raises: ParameterError if that point is not here
        """
        point = self.ut if date else self.u
        if point is None:
            raise ParameterError("time permits need UT, and a run without them needs U; the commitment lacks it")
        return point


def commit(curve: Curve, identity: bytes, x: Scalar, date: int = 0, *, hash_name: HashName = "sha256") -> Commitment:
    """U = x*A, and UT = x*(A + AT(date)) for a date other than 0.

    Spec: spec/mpin-v1.md#commitment
    Raises: ParameterError for x = 0, an empty identity or a negative date
    Secret: x; constant time in it on the native backend
    """
    u = nonzero(x) * dated_point(curve, identity, 0, hash_name=hash_name)
    return Commitment(u, x * dated_point(curve, identity, date, hash_name=hash_name) if date else None)


def combined_secret(
    curve: Curve,
    identity: bytes,
    token: G1Point,
    pin: Pin,
    permit: G1Point | None = None,
    *,
    hash_name: HashName = "sha256",
) -> G1Point:
    """SEC = token + (PIN mod 10000) * A, plus the time permit where one is given.

    Spec: spec/mpin-v1.md#response
    Raises: ParameterError, IdentityElement
    Secret: the result
    """
    secret = restore_pin(curve, token, identity, pin, hash_name=hash_name)
    return secret if permit is None else received(secret + received(permit))


def response(x: Scalar, y: Scalar, secret: G1Point) -> G1Point:
    """V = -((x + y) mod r) * SEC.

    Spec: spec/mpin-v1.md#response
    Raises: ParameterError for x = 0, y = 0 or x + y = 0 modulo r; IdentityElement
    Secret: x and SEC; constant time in both on the native backend
    """
    return -(nonzero(nonzero(x) + nonzero(y)) * received(secret))


class ClientTwoPass:
    """A client between its two passes. It answers one challenge; a second answer would give SEC away.

    Spec: spec/mpin-v1.md#two-pass
    """

    __slots__ = ("_secret", "_x")

    def __init__(self, x: Scalar, secret: G1Point) -> None:
        self._x: Scalar | None = x
        self._secret = secret

    @classmethod
    def start(
        cls,
        curve: Curve,
        identity: bytes,
        token: G1Point,
        pin: Pin,
        x: Scalar,
        *,
        permit: G1Point | None = None,
        date: int = 0,
        hash_name: HashName = "sha256",
    ) -> tuple[ClientTwoPass, Commitment]:
        """The waiting client and its first message. `x` is fresh from `curve.random_scalar` in every run.

        Raises: ParameterError, IdentityElement
        """
        _permit_fits(permit, date)
        state = cls(nonzero(x), combined_secret(curve, identity, token, pin, permit, hash_name=hash_name))
        return state, commit(curve, identity, x, date, hash_name=hash_name)

    def respond(self, y: Scalar) -> G1Point:
        """V, the second message.

        Raises: WrongRound if a challenge was answered already, ParameterError for y = 0
        """
        if self._x is None:
            raise WrongRound("this client has answered a challenge; start another run with a fresh x")
        v = response(self._x, y, self._secret)
        self._x = None
        return v


@dataclass(frozen=True, slots=True)
class OnePass:
    """The only message of a one-pass run: `commitment`, `v` = V and the Unix `time` that the challenge is made of."""

    commitment: Commitment
    v: G1Point
    time: int


def one_pass(
    curve: Curve,
    identity: bytes,
    token: G1Point,
    pin: Pin,
    x: Scalar,
    *,
    time: int,
    message: bytes = b"",
    permit: G1Point | None = None,
    date: int = 0,
    hash_name: HashName = "sha256",
) -> OnePass:
    """U, UT, V for the challenge y = int(H(t, U' || M)) mod r.

    Spec: spec/mpin-v1.md#one-pass
    Shape: message at most 256 octets; `x` fresh from `curve.random_scalar`
    Raises: ParameterError, IdentityElement
    """
    state, commitment = ClientTwoPass.start(
        curve, identity, token, pin, x, permit=permit, date=date, hash_name=hash_name
    )
    y = time_challenge(curve, time, commitment.for_date(date), message, hash_name=hash_name)
    return OnePass(commitment, state.respond(y), time)


def _permit_fits(permit: G1Point | None, date: int) -> None:
    if (permit is None) != (date == 0):
        raise ParameterError("a time permit and its day are given together or not at all")
