"""The server of M-Pin v1: it holds s*Q and learns whether a client holds s*A, not what the PIN is.

Two-pass. `ServerTwoPass.start` takes the first message and the challenge; `verify` may be called once.

    (identity, U, UT, y) --start--> Challenged --verify(V)--> accepted, or AuthenticationFailed
                                        |
                                        v y

One-pass. There is no state: `verify_one_pass` recomputes y from the time in the message. How old a time may be, and
that a message is used only once, is for the caller to enforce; the proof alone does not.

A run is accepted iff e(Q, V) * e(s*Q, U' + y*A') = 1, where U' = UT and A' = A + AT(date) with time permits, else U
and A. In client-key mode Pa stands for Q (see `dvs`).

Hazard. With `evidence=True` a rejection carries E and F, from which `pin_error` finds by how much the PIN was
wrong: three guesses and that difference are the PIN. It exists because the original does it. Leave it off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.errors import AuthenticationFailed, WrongRound
from milagro.groups import G2Point
from milagro.protocols.mpin.v1.dvs import require_bound
from milagro.protocols.mpin.v1.hashing import dated_point, nonzero, received, time_challenge

if TYPE_CHECKING:
    from milagro.groups import Curve, G1Point, G2Prepared, GTElement, Scalar
    from milagro.protocols.mpin.v1.client import Commitment, OnePass
    from milagro.protocols.original_hash import HashName


class ProofRejected(AuthenticationFailed):
    """A rejection that carries E = e(Q, V) e(sQ, U' + yA') and F = e(Q, U + yA) for the search of the PIN error.

    Spec: spec/mpin-v1.md#pin-error
    """

    def __init__(self, e: GTElement, f: GTElement) -> None:
        super().__init__()
        self.e = e
        self.f = f


class ServerTwoPass:
    """A server that has sent its challenge and waits for V.

    Spec: spec/mpin-v1.md#two-pass
    """

    __slots__ = ("_base", "_commitment", "_curve", "_date", "_hash", "_identity", "_open", "_secret", "_y")

    def __init__(
        self,
        curve: Curve,
        keys: tuple[G2Point | G2Prepared, G2Point | G2Prepared],
        identity: bytes,
        *,
        commitment: Commitment,
        y: Scalar,
        date: int,
        hash_name: HashName,
    ) -> None:
        self._curve, self._identity, self._commitment, self._y = curve, identity, commitment, y
        self._base, self._secret = keys
        self._date, self._hash, self._open = date, hash_name, True

    @classmethod
    def start(
        cls,
        curve: Curve,
        server_secret: G2Point | G2Prepared,
        identity: bytes,
        commitment: Commitment,
        y: Scalar,
        *,
        date: int = 0,
        client_key: G2Point | None = None,
        hash_name: HashName = "sha256",
    ) -> ServerTwoPass:
        """The waiting server. `y` is fresh from `curve.random_scalar` in every run, drawn after U has arrived.

        A server that keeps `curve.prepare(server_secret)` and gives that here checks faster.

        Raises: ParameterError for y = 0, or a commitment without the point that `date` asks for;
            AuthenticationFailed if `client_key` is not the one in the identity; IdentityElement
        """
        if client_key is not None:
            require_bound(identity, client_key)
        commitment.for_date(date)
        base: G2Point | G2Prepared = curve.g2_prepared if client_key is None else client_key
        secret = received(server_secret) if isinstance(server_secret, G2Point) else server_secret
        keys = (base, secret)
        return cls(curve, keys, identity, commitment=commitment, y=nonzero(y), date=date, hash_name=hash_name)

    @property
    def challenge(self) -> Scalar:
        """y, the message to the client."""
        return self._y

    def verify(self, v: G1Point, *, evidence: bool = False) -> None:
        """Nothing, if V proves the client secret.

        Spec: spec/mpin-v1.md#verification
        Raises: AuthenticationFailed (as ProofRejected with `evidence` and U), WrongRound the second time,
            IdentityElement
        """
        if not self._open:
            raise WrongRound("this challenge has been answered; start another run with a fresh y")
        self._open = False
        p = self._committed(self._date)
        pairs = [(received(v), self._base), (p, self._secret)]
        if self._curve.pairing_check(pairs):
            return
        if not evidence or self._commitment.u is None:
            raise AuthenticationFailed
        e = self._curve.pairing_product(pairs)
        raise ProofRejected(e, self._curve.pairing(self._committed(0), self._base))

    def _committed(self, date: int) -> G1Point:
        """U' + y*A' for this date; with 0 the same without time permits."""
        point = dated_point(self._curve, self._identity, date, hash_name=self._hash)
        return self._commitment.for_date(date) + point.mul_vartime(self._y)  # all of it is public


def verify_one_pass(
    curve: Curve,
    server_secret: G2Point | G2Prepared,
    identity: bytes,
    proof: OnePass,
    *,
    message: bytes = b"",
    date: int = 0,
    client_key: G2Point | None = None,
    evidence: bool = False,
    hash_name: HashName = "sha256",
) -> None:
    """Nothing, if V answers the challenge that the time, U' and the message make.

    Spec: spec/mpin-v1.md#one-pass
    Raises: AuthenticationFailed (as ProofRejected with `evidence` and U), ParameterError, IdentityElement
    """
    y = time_challenge(curve, proof.time, proof.commitment.for_date(date), message, hash_name=hash_name)
    state = ServerTwoPass.start(
        curve, server_secret, identity, proof.commitment, y, date=date, client_key=client_key, hash_name=hash_name
    )
    state.verify(proof.v, evidence=evidence)
