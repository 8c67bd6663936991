"""Proofs about discrete logarithms in G1: of knowing one, and of two being equal, alone or many at once.

    X = s B                    T = k B,             c = Hr(.., T),      z = k + c s      z B = T + c X
    X = s B,  Y = s A          T = k B, T' = k A,   c = Hr(.., T, T'),  z = k + c s      z B = T + c X, z A = T' + c Y

The first is Schnorr's proof, the second is Chaum's and Pedersen's ("Wallet Databases with Observers", CRYPTO 1992),
made non-interactive by hashing the whole statement. The T's are sent instead of c: so n proofs are one equation under
random weights (see `milagro.groups.batches`), of 5 n + 1 public products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from milagro.errors import ParameterError
from milagro.groups import G1Point, Scalar
from milagro.groups.batches import random_weights, weighted_sum
from milagro.octets import frame, unframe
from milagro.protocols.sharing.refusals import InvalidProof
from milagro.protocols.sharing.suite import Suite, draw

if TYPE_CHECKING:
    from milagro.groups import Curve, Random

NONCE_OCTETS = 32
Terms = list[tuple[G1Point, Scalar]]


def nonce(suite: Suite, secret: Scalar, statement: bytes, random: Random) -> Scalar:
    """k = Hr(frame(32 random octets, secret, statement), NONCE_): safe while the secret or the source is unknown.

    Spec: spec/sharing.md#dleq (as nonce_generate of RFC 9591, section 4.1)
    Secret: the result
    """
    return suite.hash_to_scalar(frame(draw(random, NONCE_OCTETS), secret.to_bytes(), statement), "NONCE_")


# -- knowing a logarithm -------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Possession:
    """A proof of knowing s with X = s P1: (T, z).

    Spec: spec/sharing.md#possession
    """

    T: G1Point
    z: Scalar

    def to_bytes(self) -> bytes:
        """frame(T, z)."""
        return frame(self.T.to_bytes(), self.z.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The proof with these octets. Raises: EncodingError."""
        T, z = unframe(octets, 2)
        return cls(suite.curve.g1_from_bytes(T), suite.scalar_from_bytes(z))


def prove_possession(suite: Suite, secret: Scalar, context: bytes, random: Random) -> Possession:
    """A proof of knowing s for X = s P1, bound to `context`. Draws 32 octets.

    Spec: spec/sharing.md#possession
    Secret: s; constant time in it on the native backend
    """
    P1 = suite.curve.g1
    X = secret * P1
    k = nonce(suite, secret, frame(b"possession", context, X.to_bytes()), random)
    T = k * P1
    return Possession(T, k + _possession_challenge(suite, X, T, context) * secret)


def verify_possession(suite: Suite, X: G1Point, proof: Possession, context: bytes) -> None:
    """Nothing, if z P1 = T + c X and X is not the identity.

    Spec: spec/sharing.md#possession
    Raises: InvalidProof
    """
    if not X.is_identity():
        c = _possession_challenge(suite, X, proof.T, context)
        if proof.z * suite.curve.g1 == proof.T + X.mul_vartime(c):
            return
    raise InvalidProof("a proof of possession does not hold")


def _possession_challenge(suite: Suite, X: G1Point, T: G1Point, context: bytes) -> Scalar:
    return suite.hash_to_scalar(frame(context, X.to_bytes(), T.to_bytes()), "POSSESSION_")


# -- equal logarithms ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Dleq:
    """A proof that X = s P1 and Y = s A for one s: (T, T', z).

    Spec: spec/sharing.md#dleq
    """

    T: G1Point
    T_A: G1Point
    z: Scalar

    def to_bytes(self) -> bytes:
        """frame(T, T', z)."""
        return frame(self.T.to_bytes(), self.T_A.to_bytes(), self.z.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The proof with these octets. Raises: EncodingError."""
        T, T_A, z = unframe(octets, 3)
        E = suite.curve
        return cls(E.g1_from_bytes(T), E.g1_from_bytes(T_A), suite.scalar_from_bytes(z))


@dataclass(frozen=True, slots=True)
class Equality:
    """The statement X = s P1 and Y = s A, bound to a context.

    Spec: spec/sharing.md#dleq
    """

    X: G1Point
    A: G1Point
    Y: G1Point
    context: bytes

    def degenerate(self) -> bool:
        """Whether a point is the identity, for which the statement says nothing."""
        return self.X.is_identity() or self.A.is_identity() or self.Y.is_identity()

    def challenge(self, suite: Suite, T: G1Point, T_A: G1Point) -> Scalar:
        """c = Hr(frame(context, X, A, Y, T, T'), DLEQ_)."""
        points = (self.X, self.A, self.Y, T, T_A)
        return suite.hash_to_scalar(frame(self.context, *(P.to_bytes() for P in points)), "DLEQ_")


def prove_equal(suite: Suite, secret: Scalar, A: G1Point, context: bytes, random: Random) -> tuple[Equality, Dleq]:
    """The statement X = s P1, Y = s A, and its proof. Draws 32 octets.

    Spec: spec/sharing.md#dleq
    Raises: ParameterError if s = 0 or A is the identity
    Secret: s, and Y until it is given away; constant time in s on the native backend
    """
    P1 = suite.curve.g1
    statement = Equality(secret * P1, A, secret * A, context)
    if statement.degenerate():
        raise ParameterError("neither the identity nor zero is in a proof of equal logarithms")
    said = frame(b"equality", context, *(P.to_bytes() for P in (statement.X, A, statement.Y)))
    k = nonce(suite, secret, said, random)
    T, T_A = k * P1, k * A
    return statement, Dleq(T, T_A, k + statement.challenge(suite, T, T_A) * secret)


def verify_equal(suite: Suite, statement: Equality, proof: Dleq) -> None:
    """Nothing, if z P1 = T + c X and z A = T' + c Y, and none of X, A and Y is the identity.

    Spec: spec/sharing.md#dleq
    Raises: InvalidProof
    Secret: Y may be; it is multiplied in constant time
    """
    if not statement.degenerate():
        c = statement.challenge(suite, proof.T, proof.T_A)
        first = proof.z * suite.curve.g1 == proof.T + statement.X.mul_vartime(c)
        if first and statement.A.mul_vartime(proof.z) == proof.T_A + statement.Y * c:
            return
    raise InvalidProof("a proof of equal logarithms does not hold")


def verify_equal_batch(
    suite: Suite, proofs: Sequence[tuple[Equality, Dleq]], random: Random, *, secret: bool = False
) -> None:
    """Nothing, if each (statement, proof) is valid as by `verify_equal`. Draws 16 octets for each of 2 n weights.

    Spec: spec/sharing.md#dleq-batch
    Raises: InvalidProof naming by their places, from 0, all that are not
    Secret: the Y, if `secret` says so: they are multiplied in constant time then, which takes longer
    """
    E = suite.curve
    sound = [i for i, (statement, _) in enumerate(proofs) if not statement.degenerate()]
    weights = random_weights(E, 2 * len(sound), random)
    terms = [
        equality_terms(suite, *proofs[i], d, e) for i, d, e in zip(sound, weights[::2], weights[1::2], strict=True)
    ]

    def some(part: range) -> Terms:
        if not secret:
            return [term for k in part for term in terms[k]]
        last = [terms[k][-1] for k in part]
        Y = E.multi_multiply_g1([P for P, _ in last], [k for _, k in last])
        return [(Y, E.scalar(1)), *(term for k in part for term in terms[k][:-1])]

    bad = {sound[k] for k in failing_sums(E, len(sound), some)}
    if culprits := [i for i in range(len(proofs)) if i in bad or i not in sound]:
        raise InvalidProof(f"proofs of the batch do not hold: {', '.join(map(str, culprits))}", culprits)


def equality_terms(suite: Suite, statement: Equality, proof: Dleq, d: Scalar, e: Scalar) -> Terms:
    """The products whose sum is d (z P1 - T - c X) + e (z A - T' - c Y), that with Y last.

    Spec: spec/sharing.md#dleq-batch
    """
    c = statement.challenge(suite, proof.T, proof.T_A)
    first = [(suite.curve.g1, d * proof.z), (proof.T, -d), (statement.X, -(d * c))]
    return [*first, (statement.A, e * proof.z), (proof.T_A, -e), (statement.Y, -(e * c))]


# -- many equations in G1 as one -------------------------------------------------------------------------------------
def failing_sums(E: Curve, count: int, terms: Callable[[range], Terms]) -> list[int]:
    """The indices whose weighted sum is not the identity, in ascending order; one sum if all are.

    `terms(indices)` gives the products of all of them. After a failure the halves are searched, the right half's sum
    being the difference: as in `milagro.groups.batches.failures`, with points instead of pairings.
    """
    return _search(range(count), _total(E, terms(range(count))), lambda part: _total(E, terms(part)))


def _total(E: Curve, terms: Terms) -> G1Point:
    """The sum; products of one and the same point, such as the generator, are put together first."""
    if not terms:
        return E.g1_identity
    merged: dict[int, tuple[G1Point, Scalar]] = {}
    for P, k in terms:
        known = merged.get(id(P))
        merged[id(P)] = (P, k if known is None else known[1] + k)
    return weighted_sum(E, [P for P, _ in merged.values()], [k for _, k in merged.values()])


def _search(part: range, f: G1Point, total: Callable[[range], G1Point]) -> list[int]:
    if f.is_identity():
        return []
    if len(part) == 1:
        return [part[0]]
    middle = len(part) // 2
    left = total(part[:middle])
    return [*_search(part[:middle], left, total), *_search(part[middle:], f + -left, total)]
