"""Many values at once: points as one contiguous buffer, hashing of many messages, and products checked in one.

Batch verification. n equations f_i = 1 in GT, f_i a product of pairings, are checked as one,

    prod f_i^d_i = 1,       d_1 .. d_n random in [1, 2^128 - 1], drawn after everything else is fixed

GT has prime order r > 2^128. If some f_j is not 1, then for any choice of the other weights at most one value of d_j
makes the product 1: a bad batch passes with probability at most 1/(2^128 - 1). That holds because every point behind
the f_i is in its subgroup of order r, which decoding has checked; a component of small order h would vanish with
probability 1/h. (Bellare, Garay, Rabin, "Fast Batch Verification", EUROCRYPT 1998, the small exponents test.)

Raising to d_i is done on the points, so it costs multi-multiplications and no powers in GT. The points and the weights
are no secret, so this is done in variable time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from milagro.errors import EncodingError, ParameterError, WrongLength
from milagro.groups.encodings import Codec, accept, octet_string
from milagro.groups.operations import PointOps
from milagro.groups.values import G1Point, G2Point, G2Prepared, GTElement, Scalar

if TYPE_CHECKING:
    from milagro.groups.curve import Curve, Random

WEIGHT_OCTETS = 16
_MAX_DRAWS = 8  # 16 octets are all zero once in 2^128 draws

Pairs = list[tuple[G1Point, G2Point | G2Prepared]]
PointT = TypeVar("PointT", G1Point, G2Point)
ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class Buffer(Protocol):
    """Contiguous octets: bytes, bytearray, memoryview, or an array of uint8 such as numpy's."""

    def __buffer__(self, flags: int, /) -> memoryview:
        """The memory of it."""


# -- arrays: n encodings of one length, one behind the other ------------------------------------------------------
def contiguous(buffer: Buffer) -> memoryview:
    """The memory of a contiguous buffer of single octets, of whatever shape.

    Raises: ParameterError for anything else
    """
    try:
        view = memoryview(buffer)
    except TypeError:
        raise ParameterError(f"expected a buffer of octets, got {type(buffer).__name__}") from None
    if view.itemsize != 1 or not view.c_contiguous:
        raise ParameterError("expected one contiguous buffer of single octets")
    return view.cast("B")


def decode_array(codec: Codec, ops: PointOps, buffer: Buffer, *, allow_identity: bool) -> list[Any]:
    """The handles of the points in a buffer, each fully checked.

    Raises: the EncodingError of the first bad element, with its index in the text; WrongLength for a part of an element
    """
    octets = contiguous(buffer).tobytes()
    width = len(codec.encode(ops.generator()))
    if len(octets) % width:
        raise WrongLength(f"an array of points of {ops.group}: {len(octets)} octets are no multiple of {width}")

    def element(start: int) -> Any:
        try:
            return accept(ops, codec.decode(octets[start : start + width]), allow_identity=allow_identity)
        except EncodingError as error:
            raise type(error)(f"element {start // width} of the array: {error}") from None

    return [element(start) for start in range(0, len(octets), width)]


def encode_array(codec: Codec, handles: Iterable[Any]) -> bytes:
    """The encodings of the points, joined.

    Raises: IdentityElement, with the index in its text, for an identity that has no encoding
    """

    def element(index: int, p: Any) -> bytes:
        try:
            return codec.encode(p)
        except EncodingError as error:
            raise type(error)(f"element {index} of the array: {error}") from None

    return b"".join([element(index, p) for index, p in enumerate(handles)])


# -- one call for many ---------------------------------------------------------------------------------------------
def each(function: Callable[[ItemT], ResultT], items: Iterable[ItemT], workers: int) -> list[ResultT]:
    """function(item) for each item, in order, on `workers` threads: native code lets other threads run meanwhile.

    Raises: ParameterError for less than one worker; what the function raises
    """
    if workers < 1:
        raise ParameterError(f"work needs at least one worker, not {workers}")
    if workers == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, items))


# -- random weights -----------------------------------------------------------------------------------------------
def random_weights(E: Curve, count: int, random: Random) -> list[Scalar]:
    """d_1 .. d_n, uniform in [1, 2^128 - 1]: 16 octets each, drawn again while they are zero.

    Whoever made what is checked must not be able to predict them, nor learn them before it is fixed.
    Raises: ParameterError if the source returns a wrong number of octets, or zeros only
    """
    return [_random_weight(E, random) for _ in range(count)]


def _random_weight(E: Curve, random: Random) -> Scalar:
    for _ in range(_MAX_DRAWS):
        octets = octet_string(random(WEIGHT_OCTETS))
        if len(octets) != WEIGHT_OCTETS:
            raise ParameterError(f"asked for {WEIGHT_OCTETS} random octets, got {len(octets)}")
        if any(octets):
            return E.scalar_from_bytes(bytes(E.scalar_bytes - WEIGHT_OCTETS) + octets)
    raise ParameterError("the source of randomness returns zeros only; it is broken")


def weighted_sum(E: Curve, points: Sequence[PointT], weights: Sequence[Scalar]) -> PointT:
    """sum k_i P_i of points and weights that are public, at least one; in variable time.

    Raises: ParameterError if there are not as many weights as points
    """
    multiply: Any = E.multi_multiply_g1_vartime if isinstance(points[0], G1Point) else E.multi_multiply_g2_vartime
    return cast("PointT", multiply(points, weights))


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
