"""M-Pin FULL: a two-pass run that ends with a session key on both sides.

    client                                              server
    (g1, g2, PIN, x, r) --start--> Committed
             U, UT, R  ----------------------------->   --start (y, w)--> Challenged
                             Committed  <-------------   y, W
             respond(y, W) -> V, K
                     V  ----------------------------->   finish(V) -> K, or AuthenticationFailed

g1 = e(token, Q) and g2 = e(A, Q) are computed once per token. R = r*A, W = w*A (or w*(A + AT)),
h = int(HASH_ALL). Both sides reach the same element of GT, and the Diffie-Hellman point D = x*w*A':

    client  (g1 * g2^PIN)^(r + h)      D = x * W
    server  e(R + h*A, s*Q)            D = w * U'

K = the first 16 octets of SHA(trace || D.x || D.y). The run does not confirm K: the application's first authenticated
ciphertext does. A client whose PIN is 10000 or more is accepted but gets another K than the server, because the
original reduces the PIN everywhere else and here keeps its low 14 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.errors import ParameterError
from milagro.groups import Scalar
from milagro.protocols.mpin.v1.client import ClientTwoPass, Commitment, Pin
from milagro.protocols.mpin.v1.hashing import (
    dated_point,
    hashed_identity,
    nonzero,
    received,
    transcript_hash,
)
from milagro.protocols.mpin.v1.server import ServerTwoPass
from milagro.protocols.original_hash import SESSION_KEY_BYTES, HashName, digest

if TYPE_CHECKING:
    from milagro.groups import Curve, G1Point, G2Point, G2Prepared, GTElement

PIN_MASK = (1 << 14) - 1


@dataclass(frozen=True, slots=True, repr=False)
class Precomputed:
    """g1 = e(token, Q) and g2 = e(A, Q). g1 is as secret as the token."""

    g1: GTElement
    g2: GTElement


def precompute(
    curve: Curve,
    token: G1Point,
    identity: bytes,
    *,
    client_key: G2Point | None = None,
    hash_name: HashName = "sha256",
) -> Precomputed:
    """g1 = e(token, Q) and g2 = e(A, Q); in client-key mode Pa stands for Q.

    Spec: spec/mpin-v1.md#full-precomputation
    Raises: IdentityElement, ParameterError for an empty identity
    Secret: g1
    """
    base: G2Point | G2Prepared = curve.g2_prepared if client_key is None else received(client_key)
    return Precomputed(
        curve.pairing(received(token), base), curve.pairing(dated_point(curve, identity, 0, hash_name=hash_name), base)
    )


def exchange_point(
    curve: Curve, identity: bytes, k: Scalar, date: int = 0, *, hash_name: HashName = "sha256"
) -> G1Point:
    """k * A, and k * (A + AT(date)) for a date other than 0: R with k = r and date 0, W with k = w and the run's date.

    Spec: spec/mpin-v1.md#full-exchange
    Raises: ParameterError for k = 0
    Secret: k; constant time in it on the native backend
    """
    return nonzero(k) * dated_point(curve, identity, date, hash_name=hash_name)


def client_session_key(
    curve: Curve,
    values: Precomputed,
    pin: Pin,
    *,
    r: Scalar,
    x: Scalar,
    transcript: bytes,
    w_point: G1Point,
    hash_name: HashName = "sha256",
) -> bytes:
    """K from trace((g1 * g2^PIN)^(r + h)) and D = x*W, with the low 14 bits of the PIN, not reduced mod 10000.

    Spec: spec/mpin-v1.md#full-key
    Shape: `transcript` is HASH_ALL; result 16 octets
    Raises: ParameterError, IdentityElement
    Secret: the result; constant time in r, x and the PIN on the native backend
    """
    exponent = nonzero(r) + curve.scalar_reduce(transcript)
    shared = (values.g1 * values.g2 ** _low_bits(curve, pin)) ** exponent
    return _session_key(shared, nonzero(x) * received(w_point), hash_name=hash_name)


def _low_bits(curve: Curve, pin: Pin) -> Scalar:
    if isinstance(pin, Scalar):  # of four digits, so below 2^14
        return pin
    if pin < 0:
        raise ParameterError("a PIN is not negative")
    return curve.scalar(pin & PIN_MASK)


def server_session_key(
    curve: Curve,
    server_secret: G2Point,
    identity: bytes,
    *,
    r_point: G1Point,
    w: Scalar,
    commitment: G1Point,
    transcript: bytes,
    hash_name: HashName = "sha256",
) -> bytes:
    """K from trace(e(R + h*A, s*Q)) and D = w*U', where `commitment` is U'.

    Spec: spec/mpin-v1.md#full-key
    Shape: `transcript` is HASH_ALL; result 16 octets
    Raises: ParameterError, IdentityElement
    Secret: the result; constant time in w on the native backend
    """
    h = curve.scalar_reduce(transcript)
    p = received(r_point) + h * dated_point(curve, identity, 0, hash_name=hash_name)
    shared = curve.pairing(received(p), received(server_secret))
    return _session_key(shared, nonzero(w) * received(commitment), hash_name=hash_name)


def _session_key(shared: GTElement, d: G1Point, *, hash_name: HashName) -> bytes:
    return digest(shared.trace_bytes() + b"".join(d.coordinates()), hash_name=hash_name)[:SESSION_KEY_BYTES]


class FullClient:
    """A client of M-Pin FULL between its two passes.

    Spec: spec/mpin-v1.md#full-key
    """

    __slots__ = ("_curve", "_hash", "_identity", "_pin", "_r", "_two_pass", "_u", "_values", "_x")

    def __init__(
        self,
        curve: Curve,
        identity: bytes,
        values: Precomputed,
        *,
        pin: Pin,
        scalars: tuple[Scalar, Scalar],
        first_pass: tuple[ClientTwoPass, G1Point],
        hash_name: HashName,
    ) -> None:
        self._curve, self._identity, self._values, self._pin, self._hash = curve, identity, values, pin, hash_name
        self._x, self._r = scalars
        self._two_pass, self._u = first_pass

    @classmethod
    def start(
        cls,
        curve: Curve,
        identity: bytes,
        token: G1Point,
        values: Precomputed,
        pin: Pin,
        *,
        x: Scalar,
        r: Scalar,
        permit: G1Point | None = None,
        date: int = 0,
        hash_name: HashName = "sha256",
    ) -> tuple[FullClient, Commitment, G1Point]:
        """The waiting client, its commitment and R. `x` and `r` are fresh in every run.

        Raises: ParameterError, IdentityElement
        """
        two_pass, commitment = ClientTwoPass.start(
            curve, identity, token, pin, x, permit=permit, date=date, hash_name=hash_name
        )
        first_pass = (two_pass, commitment.for_date(date))
        state = cls(curve, identity, values, pin=pin, scalars=(x, r), first_pass=first_pass, hash_name=hash_name)
        return state, commitment, exchange_point(curve, identity, r, 0, hash_name=hash_name)

    def respond(self, y: Scalar, w_point: G1Point) -> tuple[G1Point, bytes]:
        """V for the server, and K, which stays here.

        Raises: WrongRound the second time, ParameterError, IdentityElement
        """
        received(w_point)
        v = self._two_pass.respond(y)
        r_point = exchange_point(self._curve, self._identity, self._r, hash_name=self._hash)
        h = transcript_hash(
            self._curve,
            hashed_identity(self._curve, self._identity, hash_name=self._hash),
            commitment=self._u,
            v=v,
            y=y,
            r_point=r_point,
            w_point=w_point,
            hash_name=self._hash,
        )
        key = client_session_key(
            self._curve,
            self._values,
            self._pin,
            r=self._r,
            x=self._x,
            transcript=h,
            w_point=w_point,
            hash_name=self._hash,
        )
        return v, key


class FullServer:
    """A server of M-Pin FULL that has sent y and W and waits for V.

    Spec: spec/mpin-v1.md#full-key
    """

    __slots__ = ("_curve", "_hash", "_identity", "_r_point", "_secret", "_two_pass", "_u", "_w", "_w_point")

    def __init__(
        self,
        curve: Curve,
        server_secret: G2Point,
        identity: bytes,
        *,
        points: tuple[G1Point, G1Point, G1Point],
        w: Scalar,
        two_pass: ServerTwoPass,
        hash_name: HashName,
    ) -> None:
        self._curve, self._secret, self._identity, self._hash = curve, server_secret, identity, hash_name
        self._u, self._r_point, self._w_point = points
        self._w, self._two_pass = w, two_pass

    @classmethod
    def start(
        cls,
        curve: Curve,
        server_secret: G2Point,
        identity: bytes,
        commitment: Commitment,
        r_point: G1Point,
        *,
        y: Scalar,
        w: Scalar,
        date: int = 0,
        client_key: G2Point | None = None,
        hash_name: HashName = "sha256",
    ) -> FullServer:
        """The waiting server. `y` and `w` are fresh in every run.

        Raises: ParameterError, AuthenticationFailed, IdentityElement
        """
        two_pass = ServerTwoPass.start(
            curve, server_secret, identity, commitment, y, date=date, client_key=client_key, hash_name=hash_name
        )
        w_point = exchange_point(curve, identity, w, date, hash_name=hash_name)
        points = (commitment.for_date(date), received(r_point), w_point)
        return cls(curve, server_secret, identity, points=points, w=w, two_pass=two_pass, hash_name=hash_name)

    @property
    def challenge(self) -> tuple[Scalar, G1Point]:
        """y and W, the message to the client."""
        return self._two_pass.challenge, self._w_point

    def finish(self, v: G1Point) -> bytes:
        """K, after V has been verified.

        Raises: AuthenticationFailed, WrongRound the second time, IdentityElement
        """
        self._two_pass.verify(v)
        h = transcript_hash(
            self._curve,
            hashed_identity(self._curve, self._identity, hash_name=self._hash),
            commitment=self._u,
            v=v,
            y=self._two_pass.challenge,
            r_point=self._r_point,
            w_point=self._w_point,
            hash_name=self._hash,
        )
        return server_session_key(
            self._curve,
            self._secret,
            self._identity,
            r_point=self._r_point,
            w=self._w,
            commitment=self._u,
            transcript=h,
            hash_name=self._hash,
        )
