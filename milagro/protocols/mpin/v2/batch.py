"""Many counted attempts verified at once, for one server secret.

    Countable, Countable, ..  ==(count every attempt)==>  verify_batch --> Authenticated | AuthenticationFailed, each

    e(sum d_i V_i, Q) e(sum d_i U_i + sum (d_i y_i) T_i, sQ) = 1        d_i random, 128 bits, not zero

Two multi-multiplications and one product of two pairings, whatever the number of attempts. V, U and y are known to
the client that sent or received them and the weights are of use to nobody afterwards, so they are multiplied in
variable time; sQ stays behind the pairing, which is constant-time in it on the native backend.

Spec: spec/mpin.md#batch-verification
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.errors import AuthenticationFailed, ParameterError, WrongRound
from milagro.groups.arrays import check_workers
from milagro.groups.batches import failures, random_weights, weighted_sum
from milagro.octets import frame
from milagro.protocols.mpin.v2.sessions import Authenticated, Countable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milagro.groups import G1Point, Random, Scalar
    from milagro.groups.batches import Pairs
    from milagro.protocols.mpin.v2.issuing import ServerSecret
    from milagro.protocols.mpin.v2.suite import Suite


def verify_batch(
    server_secret: ServerSecret, countables: Sequence[Countable], random: Random, *, workers: int = 1
) -> list[Authenticated | AuthenticationFailed]:
    """For each attempt, in order, what its `verify` would return or raise; one product of pairings if all are right.

    As with `Countable.verify`, every attempt has been counted durably before this is called: which of them are wrong
    is told to the clients one way or the other. Each attempt is used up, also those that fail. Contexts, slots and
    forms of login may differ; a FullCountable has its own `verify`. Draws 16 octets a weight, after all else is fixed.
    Hashes and sums are divided among `workers` threads; the verdicts do not depend on their number.

    Spec: spec/mpin.md#batch-verification
    Raises: WrongRound if an attempt was verified before or stands in the list twice, and then nothing was verified;
        ParameterError if the secret or an attempt is of another suite or there is no worker, and then nothing is
        used up
    """
    check_workers(workers)
    _check_one_suite(server_secret, countables)
    use_up(countables)
    weights = random_weights(server_secret.suite.curve, len(countables), random)
    failed = set(_failed(server_secret, countables, weights, workers))
    return [AuthenticationFailed() if i in failed else one._result for i, one in enumerate(countables)]


def _check_one_suite(server_secret: ServerSecret, countables: Sequence[Countable]) -> None:
    for one in countables:
        if not isinstance(one, Countable):
            raise ParameterError(f"a batch is of Countable values; a {type(one).__name__} is verified by itself")
        if one._suite != server_secret.suite:
            raise ParameterError("an attempt of the batch is of another suite than the server secret")


def use_up(countables: Sequence[Countable]) -> None:
    """Takes the one verification that each attempt has. Raises: WrongRound if one has none, or stands there twice."""
    if len({id(one) for one in countables}) != len(countables):
        raise WrongRound("an attempt stands in the batch twice")
    for one in countables:
        one._once.take_or_refuse("verifying an attempt of the batch")


def _failed(
    server_secret: ServerSecret, countables: Sequence[Countable], weights: Sequence[Scalar], workers: int
) -> list[int]:
    suite = server_secret.suite
    E, T = suite.curve, login_points(suite, countables, workers=workers)
    Q, sQ = E.g2_prepared, server_secret.prepared

    def pairs(part: range) -> Pairs:
        some = slice(part.start, part.stop)
        V, P = batch_points(suite, countables[some], T[some], weights[some], workers=workers)
        return [(V, Q), (P, sQ)]

    return failures(E, len(countables), pairs)


def batch_points(
    suite: Suite, countables: Sequence[Countable], T: Sequence[G1Point], weights: Sequence[Scalar], *, workers: int = 1
) -> tuple[G1Point, G1Point]:
    """(sum d_i V_i, sum d_i U_i + sum (d_i y_i) T_i), for at least one attempt.

    Spec: spec/mpin.md#batch-verification
    """
    E = suite.curve
    V = weighted_sum(E, [one._V for one in countables], weights, workers=workers)
    dy = E.scalar_products(weights, [one._y for one in countables])
    return V, weighted_sum(E, [*(one._U for one in countables), *T], [*weights, *dy], workers=workers)


def login_points(suite: Suite, countables: Sequence[Countable], *, workers: int = 1) -> list[G1Point]:
    """T_i of each attempt, as Suite.login_point gives it, by hashing many messages at once.

    Spec: spec/mpin.md#batch-verification, spec/mpin.md#permits
    """
    identities = [suite._identity_octets(one.identity) for one in countables]
    A = suite.curve.hash_to_g1_many(identities, suite.dst("ID_"), expander=suite.expander, workers=workers)
    if suite.slot is None:
        return A
    said = [frame(*suite._slot_fields(_slot(one)), octets) for one, octets in zip(countables, identities, strict=True)]
    AT = suite.curve.hash_to_g1_many(said, suite.dst("PERMIT_"), expander=suite.expander, workers=workers)
    return [a + at for a, at in zip(A, AT, strict=True)]


def _slot(one: Countable) -> int:
    if one.slot is None:
        raise ParameterError("a slot goes with a suite that has permits, and only with one")
    return one.slot
