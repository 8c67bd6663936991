"""Many BLS signatures of independent signers verified at once, for both forms.

    prod e(PK_i, H(M_i))^d_i = e(g, sum d_i S_i)        d_i random, 128 bits, not zero

n + 1 pairings with one final exponentiation. Triples with one key, or else with one message, are put together first,
whichever leaves fewer pairings: e(PK, sum d_i H(M_i)) or e(sum d_i PK_i, H(M)). Keys, messages and signatures are
public, so all of it is multiplied in variable time.

This is no aggregate: every signature is there, each is judged by itself, and a key needs no proof of possession.

Spec: spec/bls.md#batch-verification
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.errors import InvalidSignature
from milagro.groups import Curve, G1Point, G2Point, G2Prepared, Scalar
from milagro.groups.arrays import check_workers
from milagro.groups.batches import Pairs, failures, random_weights, weighted_sum
from milagro.protocols.bls import ietf, original

if TYPE_CHECKING:
    from milagro.groups import Random

Point = G1Point | G2Point


class InvalidSignatures(InvalidSignature):
    """Some signatures of a batch do not match. `culprits` has their places in the batch, from 0."""

    def __init__(self, culprits: Sequence[int]) -> None:
        self.culprits = tuple(culprits)
        super().__init__(f"signatures of the batch do not match: {', '.join(map(str, self.culprits))}")


@dataclass(frozen=True, slots=True)
class _Triple:
    """One signature with its key and the hash of its message; `message` names that hash."""

    key: Point
    message: bytes
    hashed: Point
    signature: Point


def verify_batch(
    suite: ietf.Suite, signed: Sequence[tuple[Point, bytes, Point]], random: Random, *, workers: int = 1
) -> None:
    """Nothing, if each (key, message, signature) is valid as by `ietf.verify`. Draws 16 octets a weight.

    Hashes and multiples are divided among `workers` threads; the verdict does not depend on their number.

    Spec: spec/bls.md#batch-verification
    Raises: InvalidSignatures naming every one that is not, also where a key or signature is the identity;
        ParameterError for a point of the wrong group, or no worker
    """
    check_workers(workers)
    for key, _, signature in signed:
        ietf._check_groups(suite, [key], signature)
    messages = [ietf._augmented(suite, key, message) for key, message, _ in signed]
    distinct = list(dict.fromkeys(messages))
    hashes = dict(zip(distinct, suite.hash_messages(distinct, suite.tag(), workers=workers), strict=True))
    triples = [_Triple(key, m, hashes[m], s) for (key, _, s), m in zip(signed, messages, strict=True)]
    _verify(suite.curve, suite.generator, triples, random, workers)


def verify_batch_original(
    curve: Curve, signed: Sequence[tuple[G2Point, bytes, G1Point]], random: Random, *, workers: int = 1
) -> None:
    """Nothing, if each (key, message, signature) is valid as by `original.verify`. Draws 16 octets a weight.

    Hashes and multiples are divided among `workers` threads; the verdict does not depend on their number.

    Spec: spec/bls.md#batch-verification
    Raises: InvalidSignatures naming every one that is not, also where a key or signature is the identity
    """
    check_workers(workers)
    distinct = list(dict.fromkeys(message for _, message, _ in signed))
    hashes = dict(zip(distinct, original.hash_messages(curve, distinct, workers=workers), strict=True))
    _verify(curve, curve.g2, [_Triple(key, m, hashes[m], s) for key, m, s in signed], random, workers)


def _verify(E: Curve, generator: Point, triples: Sequence[_Triple], random: Random, workers: int) -> None:
    """The identity is sorted out first: two identities would satisfy the equation."""
    sound = [i for i, one in enumerate(triples) if not (one.key.is_identity() or one.signature.is_identity())]
    weights = random_weights(E, len(sound), random)

    def pairs(part: range) -> Pairs:
        some = slice(part.start, part.stop)
        return batch_pairs(E, generator, [triples[i] for i in sound[some]], weights[some], workers=workers)

    right = set(sound) - {sound[k] for k in failures(E, len(sound), pairs)}
    culprits = [i for i in range(len(triples)) if i not in right]
    if culprits:
        raise InvalidSignatures(culprits)


def batch_pairs(
    E: Curve, generator: Point, triples: Sequence[_Triple], weights: Sequence[Scalar], *, workers: int = 1
) -> Pairs:
    """The pairs whose product is prod e(PK_i, H(M_i))^d_i e(g, sum d_i S_i)^-1, as few as one grouping gives.

    Spec: spec/bls.md#batch-verification
    """
    by_key = _grouped(triples, weights, lambda one: one.key)
    by_message = _grouped(triples, weights, lambda one: one.message)
    S = weighted_sum(E, [one.signature for one in triples], weights, workers=workers)
    pairs = [ietf._generator_pair(E, generator, S)]
    if len(triples) == len(by_key) == len(by_message):
        return pairs + _apart(E, triples, weights, workers)
    if len(by_key) <= len(by_message):
        return pairs + [_term(E, group[0][0].key, [(one.hashed, d) for one, d in group]) for group in by_key]
    return pairs + [_term(E, group[0][0].hashed, [(one.key, d) for one, d in group]) for group in by_message]


def _apart(E: Curve, triples: Sequence[_Triple], weights: Sequence[Scalar], workers: int) -> Pairs:
    """Every key and message once: each weight goes to the point of G1, where it costs least."""
    sides = [ietf._pair(one.key, one.hashed) for one in triples]
    multiples = E.multiply_g1_many_vartime([P for P, _ in sides], weights, workers=workers)
    return list(zip(multiples, [Q for _, Q in sides], strict=True))


Weighted = tuple[_Triple, Scalar]


def _grouped(
    triples: Sequence[_Triple], weights: Sequence[Scalar], name: Callable[[_Triple], Hashable]
) -> list[list[Weighted]]:
    groups: dict[Hashable, list[Weighted]] = {}
    for one, d in zip(triples, weights, strict=True):
        groups.setdefault(name(one), []).append((one, d))
    return list(groups.values())


def _term(E: Curve, shared: Point, others: Sequence[tuple[Point, Scalar]]) -> tuple[G1Point, G2Point | G2Prepared]:
    """e(shared, sum d_i other_i); a single weight goes to the point of G1, where it costs least."""
    if len(others) == 1 and isinstance(shared, G1Point):
        other, d = others[0]
        return ietf._pair(_sum(E, [(shared, d)]), other)
    return ietf._pair(shared, _sum(E, others))


def _sum(E: Curve, terms: Sequence[tuple[Point, Scalar]]) -> Point:
    return weighted_sum(E, [point for point, _ in terms], [d for _, d in terms])
