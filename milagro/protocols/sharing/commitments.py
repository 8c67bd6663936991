"""Verifiable sharing: commitments in G1 to a polynomial, against which every share can be checked.

    Feldman     C_k = a_k P1               s_i P1 = sum i^k C_k                      shows s P1
    Pedersen    D_k = a_k P1 + b_k H       s_i P1 + s'_i H = sum i^k D_k             shows nothing at all

(Feldman, FOCS 1987; Pedersen, CRYPTO 1991.) Indices and commitments are public, shares are not: a share is multiplied
in constant time, and only its product with a generator meets the variable-time sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from milagro.errors import IdentityElement, ParameterError
from milagro.groups import G1Point
from milagro.groups.batches import random_weights, weighted_sum
from milagro.octets import frame, unframe
from milagro.protocols.sharing.dleq import Terms, failing_sums
from milagro.protocols.sharing.header import MAX_INDEX
from milagro.protocols.sharing.refusals import InvalidProof

if TYPE_CHECKING:
    from milagro.groups import Curve, Random, Scalar
    from milagro.protocols.sharing.suite import Suite


@dataclass(frozen=True, slots=True)
class Commitments:
    """C_0 .. C_(t-1): commitments to the coefficients of a polynomial, in G1.

    Spec: spec/sharing.md#feldman, spec/sharing.md#pedersen
    Raises: ParameterError for none, or more than 2^16 - 1
    """

    points: tuple[G1Point, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.points) <= MAX_INDEX:
            raise ParameterError("there is a commitment to each coefficient, at least one")

    @property
    def threshold(self) -> int:
        """t: how many shares determine the polynomial."""
        return len(self.points)

    @property
    def constant(self) -> G1Point:
        """C_0; under Feldman's scheme s P1."""
        return self.points[0]

    def at(self, index: int) -> G1Point:
        """sum index^k C_k; under Feldman's scheme s_i P1.

        Spec: spec/sharing.md#feldman
        """
        E = self.constant.curve
        return weighted_sum(E, self.points, powers(E, index, self.threshold))

    def __add__(self, other: Commitments) -> Commitments:
        if self.threshold != other.threshold:
            raise ParameterError("commitments to polynomials of different degrees are not added")
        return Commitments(tuple(P + R for P, R in zip(self.points, other.points, strict=True)))

    def to_bytes(self) -> bytes:
        """frame(C_0, C_1, ..)."""
        return frame(*(point.to_bytes() for point in self.points))

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes, threshold: int) -> Self:
        """The commitments with these octets, exactly `threshold` of them. The identity is refused.

        Raises: EncodingError
        """
        return cls(tuple(suite.curve.g1_from_bytes(one) for one in unframe(octets, threshold)))


def powers(E: Curve, x: int, count: int) -> list[Scalar]:
    """1, x, x^2, .. of a public x."""
    found, at = [E.scalar(1)], E.scalar(x)
    while len(found) < count:
        found.append(found[-1] * at)
    return found


def commit(suite: Suite, coefficients: Sequence[Scalar]) -> Commitments:
    """Feldman's C_k = a_k P1.

    Spec: spec/sharing.md#feldman
    Raises: IdentityElement if a coefficient is zero
    Secret: the coefficients; constant time in them on the native backend
    """
    return _none_is_identity([a * suite.curve.g1 for a in coefficients])


def commit_blinded(suite: Suite, coefficients: Sequence[Scalar], blinding: Sequence[Scalar]) -> Commitments:
    """Pedersen's D_k = a_k P1 + b_k H.

    Spec: spec/sharing.md#pedersen
    Raises: IdentityElement, ParameterError if there are not as many of both
    Secret: both lists; constant time in them on the native backend
    """
    if len(coefficients) != len(blinding):
        raise ParameterError("each coefficient is blinded by one other")
    pairs = zip(coefficients, blinding, strict=True)
    return _none_is_identity([a * suite.curve.g1 + b * suite.blinding_generator for a, b in pairs])


def _none_is_identity(points: list[G1Point]) -> Commitments:
    if any(point.is_identity() for point in points):
        raise IdentityElement("a commitment is the identity; draw the polynomial again")
    return Commitments(tuple(points))


def fits(suite: Suite, commitments: Commitments, index: int, value: Scalar) -> bool:
    """Whether s_i P1 = sum i^k C_k.

    Spec: spec/sharing.md#feldman
    Secret: value; constant time in it on the native backend
    """
    return value * suite.curve.g1 == commitments.at(index)


def fits_blinded(suite: Suite, commitments: Commitments, index: int, value: Scalar, blinding: Scalar) -> bool:
    """Whether s_i P1 + s'_i H = sum i^k D_k.

    Spec: spec/sharing.md#pedersen
    Secret: value and blinding; constant time in them on the native backend
    """
    return value * suite.curve.g1 + blinding * suite.blinding_generator == commitments.at(index)


# -- many at once ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, repr=False)
class Opening:
    """A share to be checked: commitments, index, value, and under Pedersen's scheme its blinding.

    Secret: value and blinding
    """

    commitments: Commitments
    index: int
    value: Scalar
    blinding: Scalar | None = None


def check_openings(suite: Suite, openings: Sequence[Opening], random: Random) -> None:
    """Nothing, if each share fits its commitments. Draws 16 octets a weight, after all else is fixed.

    Spec: spec/sharing.md#share-batch
    Raises: InvalidProof naming by their places, from 0, all that do not
    Secret: values and blindings; constant time in them on the native backend
    """
    weights = random_weights(suite.curve, len(openings), random)
    culprits = failing_sums(suite.curve, len(openings), lambda part: _sum_terms(suite, openings, weights, part))
    if culprits:
        raise InvalidProof(f"shares do not fit their commitments: {', '.join(map(str, culprits))}", culprits)


def _sum_terms(suite: Suite, openings: Sequence[Opening], weights: Sequence[Scalar], part: range) -> Terms:
    """sum d_i (s_i P1 + s'_i H) in constant time, less the products of sum d_i sum i^k C_k, which are public."""
    E = suite.curve
    value, blinding = E.scalar(0), E.scalar(0)
    public: dict[tuple[int, int], tuple[G1Point, Scalar]] = {}
    for k in part:
        one, weight = openings[k], weights[k]
        value = value + weight * one.value
        if one.blinding is not None:
            blinding = blinding + weight * one.blinding
        add_products(public, one.commitments, one.index, weight)
    secret = value * E.g1 + blinding * suite.blinding_generator
    return [(secret, -E.scalar(1)), *public.values()]


def add_products(
    public: dict[tuple[int, int], tuple[G1Point, Scalar]], commitments: Commitments, index: int, weight: Scalar
) -> None:
    """Adds weight * index^k to what each C_k is multiplied by: shares of one polynomial meet in the same t products."""
    E = weight.curve
    at, factor = E.scalar(index), weight
    for k, point in enumerate(commitments.points):
        key = id(commitments), k
        known = public.get(key)
        public[key] = (point, factor if known is None else known[1] + factor)
        factor = factor * at
