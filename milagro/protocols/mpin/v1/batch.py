"""Many runs of M-Pin v1 verified at once by a server that holds s*Q.

    e(sum d_i V_i, Q) * e(sum d_i U'_i + sum (d_i y_i) A'_i, s*Q) = 1        d_i random, 128 bits, not zero

Two multi-multiplications and one product of two pairings, whatever the number of runs. V, U and y are known to the
clients and the weights are of use to nobody afterwards, so they are multiplied in variable time.

Client-key mode has no batch: there each client's Pa stands for Q, so that the pairings do not run together.

Spec: spec/mpin-v1.md#batch-verification
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.errors import AuthenticationFailed, MilagroError, ParameterError, WrongRound
from milagro.groups import G2Prepared
from milagro.groups.arrays import check_workers
from milagro.groups.batches import failures, random_weights, weighted_sum
from milagro.protocols.mpin.v1.hashing import dated_hashes, received, time_challenge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from milagro.groups import Curve, G1Point, G2Point, Random, Scalar
    from milagro.groups.batches import Pairs
    from milagro.protocols.mpin.v1.client import OnePass
    from milagro.protocols.mpin.v1.server import ServerTwoPass
    from milagro.protocols.original_hash import HashName


@dataclass(frozen=True, slots=True)
class TwoPassAttempt:
    """A server that waits for V, and the V that came."""

    state: ServerTwoPass
    v: G1Point


@dataclass(frozen=True, slots=True)
class OnePassAttempt:
    """A one-pass message with what the server knows beside it."""

    identity: bytes
    proof: OnePass
    message: bytes = b""
    date: int = 0


@dataclass(frozen=True, slots=True)
class Equation:
    """What one run adds to the batch: V, U', y and A'."""

    v: G1Point
    u: G1Point
    y: Scalar
    a: G1Point


@dataclass(frozen=True, slots=True)
class _Read:
    """The same with the hashes that A' is the sum of, before they are mapped."""

    v: G1Point
    u: G1Point
    y: Scalar
    hashes: list[bytes]


Attempt = TwoPassAttempt | OnePassAttempt


def verify_batch(
    curve: Curve,
    server_secret: G2Point | G2Prepared,
    attempts: Sequence[Attempt],
    random: Random,
    *,
    hash_name: HashName = "sha256",
    workers: int = 1,
) -> list[bytes | MilagroError]:
    """For each run, in order, the identity that was proved, or the error that verifying it alone would raise.

    A run that is malformed fails by itself and keeps nobody out. Every two-pass state is left for good, whatever comes
    out; that a one-pass message is recent and new is the caller's to enforce, as ever. Draws 16 octets a weight, after
    all else is fixed. Hashes and sums are divided among `workers` threads; the verdicts do not depend on their number.

    Spec: spec/mpin-v1.md#batch-verification
    Raises: ParameterError for a state of another curve, secret or hash or in client-key mode, or for no worker, and
        then no state is left; WrongRound if a state was answered before or is in the list twice; IdentityElement for
        the secret
    """
    check_workers(workers)
    sQ = server_secret if isinstance(server_secret, G2Prepared) else curve.prepare(received(server_secret))
    states = [one.state for one in attempts if isinstance(one, TwoPassAttempt)]
    for state in states:
        _check_belongs(curve, server_secret, state, hash_name)
    _leave(states)
    results = equations_of(curve, attempts, hash_name, workers=workers)
    good = [i for i, one in enumerate(results) if isinstance(one, Equation)]
    equations = [one for one in results if isinstance(one, Equation)]
    failed = {good[k] for k in _failed(curve, sQ, equations, random, workers)}
    return [_outcome(one, results[i], failed=i in failed) for i, one in enumerate(attempts)]


def _outcome(attempt: Attempt, result: Equation | MilagroError, *, failed: bool) -> bytes | MilagroError:
    if isinstance(result, MilagroError):
        return result
    if failed:
        return AuthenticationFailed()
    return attempt.state._identity if isinstance(attempt, TwoPassAttempt) else attempt.identity


def _check_belongs(
    curve: Curve, server_secret: G2Point | G2Prepared, state: ServerTwoPass, hash_name: HashName
) -> None:
    if state._curve is not curve or state._hash != hash_name or state._secret != server_secret:
        raise ParameterError("a run of the batch is of another curve, hash or server secret")
    if state._base is not curve.g2_prepared:
        raise ParameterError("a run in client-key mode has its own Pa in place of Q; it is verified by itself")


def _leave(states: Sequence[ServerTwoPass]) -> None:
    if len({id(state) for state in states}) != len(states):
        raise WrongRound("a run stands in the batch twice")
    if not all(state._open for state in states):
        raise WrongRound("a challenge of the batch has been answered; start another run with a fresh y")
    for state in states:
        state._open = False


def equations_of(
    curve: Curve, attempts: Sequence[Attempt], hash_name: HashName, *, workers: int = 1
) -> list[Equation | MilagroError]:
    """V, U', y and A' of each run, or the error that verifying it alone would raise before its pairing.

    Spec: spec/mpin-v1.md#batch-verification
    """
    read = [_read(curve, one, hash_name) for one in attempts]
    hashes = [h for one in read if isinstance(one, _Read) for h in one.hashes]
    points = iter(curve.map_to_g1_original_many(hashes, workers=workers))
    return [_equation(one, points) if isinstance(one, _Read) else one for one in read]


def _equation(read: _Read, points: Iterator[G1Point]) -> Equation:
    a = next(points)
    for _ in read.hashes[1:]:
        a += next(points)
    return Equation(read.v, read.u, read.y, a)


def _read(curve: Curve, attempt: Attempt, hash_name: HashName) -> _Read | MilagroError:
    try:
        if isinstance(attempt, TwoPassAttempt):
            state = attempt.state
            identity, date, y = state._identity, state._date, state._y
            u, v = state._commitment.for_date(date), attempt.v
        else:
            identity, date, v = attempt.identity, attempt.date, attempt.proof.v
            u = attempt.proof.commitment.for_date(date)
            y = time_challenge(curve, attempt.proof.time, u, attempt.message, hash_name=hash_name)
        return _Read(received(v), u, y, dated_hashes(curve, identity, date, hash_name=hash_name))
    except MilagroError as error:
        return error


def _failed(curve: Curve, sQ: G2Prepared, equations: Sequence[Equation], random: Random, workers: int) -> list[int]:
    weights = random_weights(curve, len(equations), random)
    Q = curve.g2_prepared

    def pairs(part: range) -> Pairs:
        some = slice(part.start, part.stop)
        V, P = batch_points(curve, equations[some], weights[some], workers=workers)
        return [(V, Q), (P, sQ)]

    return failures(curve, len(equations), pairs)


def batch_points(
    curve: Curve, equations: Sequence[Equation], weights: Sequence[Scalar], *, workers: int = 1
) -> tuple[G1Point, G1Point]:
    """(sum d_i V_i, sum d_i U'_i + sum (d_i y_i) A'_i), for at least one run.

    Spec: spec/mpin-v1.md#batch-verification
    """
    V = weighted_sum(curve, [one.v for one in equations], weights, workers=workers)
    dy = curve.scalar_products(weights, [one.y for one in equations])
    points = [*(one.u for one in equations), *(one.a for one in equations)]
    return V, weighted_sum(curve, points, [*weights, *dy], workers=workers)
