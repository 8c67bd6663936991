"""Many equations checked in one.

n equations f_i = 1 in GT, f_i a product of pairings, are checked as one,

    prod f_i^d_i = 1,       d_1 .. d_n random in [1, 2^128 - 1], drawn after everything else is fixed

GT has prime order r > 2^128. If some f_j is not 1, then for any choice of the other weights at most one value of d_j
makes the product 1: a bad batch passes with probability at most 1/(2^128 - 1). That holds because every point behind
the f_i is in its subgroup of order r, which decoding has checked; a component of small order h would vanish with
probability 1/h. (Bellare, Garay, Rabin, "Fast Batch Verification", EUROCRYPT 1998, the small exponents test.)

Raising to d_i is done on the points, so it costs multi-multiplications and no powers in GT. The points and the weights
are no secret, so this is done in variable time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from milagro.errors import ParameterError
from milagro.groups.encodings import octet_string
from milagro.groups.values import G1Point, G2Point, G2Prepared, GTElement, Scalar

if TYPE_CHECKING:
    from milagro.groups.curve import Curve, Random

WEIGHT_OCTETS = 16
_ZERO = bytes(WEIGHT_OCTETS)
_MAX_DRAWS = 8  # 16 octets are all zero once in 2^128 draws

Pairs = list[tuple[G1Point, G2Point | G2Prepared]]
PointT = TypeVar("PointT", bound=G1Point | G2Point)


# -- random weights -----------------------------------------------------------------------------------------------
def random_weights(E: Curve, count: int, random: Random) -> list[Scalar]:
    """d_1 .. d_n, uniform in [1, 2^128 - 1]: 16 octets each of one draw, and as many again as were zero.

    Whoever made what is checked must not be able to predict them, nor learn them before it is fixed.
    Raises: ParameterError if the source returns a wrong number of octets, or zeros only
    """
    octets = b""
    for _ in range(_MAX_DRAWS):
        missing = count - len(octets) // WEIGHT_OCTETS
        if not missing:
            return E.scalar_array_from_bytes(octets, WEIGHT_OCTETS)
        octets += _not_zero(_drawn(random, missing * WEIGHT_OCTETS))
    raise ParameterError("the source of randomness returns zeros only; it is broken")


def _drawn(random: Random, length: int) -> bytes:
    octets = octet_string(random(length))
    if len(octets) != length:
        raise ParameterError(f"asked for {length} random octets, got {len(octets)}")
    return octets


def _not_zero(octets: bytes) -> bytes:
    if _ZERO not in octets:
        return octets
    weights = [octets[at : at + WEIGHT_OCTETS] for at in range(0, len(octets), WEIGHT_OCTETS)]
    return b"".join([weight for weight in weights if weight != _ZERO])


def weighted_sum(E: Curve, points: Sequence[PointT], weights: Sequence[Scalar], *, workers: int = 1) -> PointT:
    """sum k_i P_i of points and weights that are public, at least one; in variable time, on so many threads.

    Raises: ParameterError if there are not as many weights as points
    """
    multiply: Any = E.multi_multiply_g1_vartime if isinstance(points[0], G1Point) else E.multi_multiply_g2_vartime
    return cast("PointT", multiply(points, weights, workers=workers))


# -- many equations as one ----------------------------------------------------------------------------------------
def failures(E: Curve, count: int, pairs: Callable[[range], Pairs]) -> list[int]:
    """The indices whose equation does not hold, in ascending order; one check if all hold.

    `pairs(indices)` gives what the product of f_i^d_i over the indices is the pairing product of. After a failure
    the halves are searched. With f the product over a range and f_L over its left half, f / f_L is that over the
    right: n equations cost at most n + 1 products however many of them are bad. The weights may stay the same
    throughout, since each product is compared with 1 for itself; at one index that comparison is exact.
    """
    everything = range(count)
    if not count or E.pairing_check(pairs(everything)):
        return []
    if count == 1:
        return [0]
    return _search(everything, E.pairing_product(pairs(everything)), lambda part: E.pairing_product(pairs(part)))


def _search(part: range, f: GTElement, product: Callable[[range], GTElement]) -> list[int]:
    if f.is_one():
        return []
    if len(part) == 1:
        return [part[0]]
    middle = len(part) // 2
    f_left = product(part[:middle])
    return [*_search(part[:middle], f_left, product), *_search(part[middle:], f * f_left.inverse(), product)]
