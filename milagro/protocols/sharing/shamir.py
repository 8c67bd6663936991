"""Shamir's sharing of a scalar: any t of n shares give it, t - 1 tell nothing about it.

    f(x) = s + a_1 x + .. + a_(t-1) x^(t-1) mod r          share i is f(i)          s = sum lambda_i f(i)

(Shamir, "How to Share a Secret", CACM 1979.) Indices are public, values are `Scalar`s: on the native backend both
directions are constant time in them, and nothing secret becomes a Python integer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from milagro.errors import InvalidShare, ParameterError
from milagro.protocols.sharing.header import MAX_INDEX, SET_ID_OCTETS, Header, check_set, pack, unpack
from milagro.protocols.sharing.suite import Suite, draw
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from milagro.groups import Curve, Random, Scalar


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Share(SecretValue):
    """f(index): one share of a scalar.

    Spec: spec/sharing.md#shamir
    Secret: value
    """

    suite: Suite
    header: Header
    value: Scalar

    def to_bytes(self) -> bytes:
        """The octets: version, length, header, value, checksum.

        Secret: the result
        """
        return pack(self.suite.dst("SHARE_"), self.header, self.value.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The share with these octets.

        Raises: EncodingError, by name as `unpack` does
        """
        header, (value,) = unpack(suite.dst("SHARE_"), octets, 1)
        return cls(suite, header, suite.scalar_from_bytes(value))


def evaluate(E: Curve, coefficients: Sequence[Scalar], x: int) -> Scalar:
    """c_0 + c_1 x + .. + c_k x^k, for a public x.

    Spec: spec/sharing.md#shamir
    Secret: the coefficients; constant time in them on the native backend
    """
    at, value = E.scalar(x), coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        value = value * at + coefficient
    return value


def lagrange(E: Curve, indices: Sequence[int], at: int = 0) -> list[Scalar]:
    """lambda_i = prod_(j != i) (x_j - at) / (x_j - x_i): what f(x_i) counts in f(at).

    Spec: spec/sharing.md#shamir
    Raises: ParameterError for no index, one twice, one out of range, or `at` among them
    """
    return E.lagrange_at_zero([(x - at) % E.order for x in indices])


def interpolate(E: Curve, points: Sequence[tuple[int, Scalar]], at: int = 0) -> Scalar:
    """f(at) from (x, f(x)) at as many places as f has coefficients, or more.

    Spec: spec/sharing.md#shamir
    Raises: ParameterError as `lagrange` does
    Secret: the values; constant time in them on the native backend
    """
    total = E.scalar(0)
    for weight, (_, value) in zip(lagrange(E, [x for x, _ in points], at), points, strict=True):
        total = total + weight * value
    return total


def check_numbers(threshold: int, count: int) -> None:
    """Nothing, if 1 <= threshold <= count < 2^16. Raises: ParameterError."""
    if not 1 <= threshold <= count <= MAX_INDEX:
        raise ParameterError(f"a threshold is from 1 to the number of shares, and that is at most {MAX_INDEX}")


def random_polynomial(E: Curve, secret: Scalar, threshold: int, random: Random) -> list[Scalar]:
    """s, a_1 .. a_(t-1): the coefficients of a random polynomial with f(0) = s.

    Spec: spec/sharing.md#shamir
    Secret: the result
    """
    # a_i uniform in 0 .. r-1, zero among them: without it, t - 1 shares would rule out a value of the secret.
    return [secret, *(_uniform(E, random) for _ in range(threshold - 1))]


def _uniform(E: Curve, random: Random) -> Scalar:
    """A scalar from 0 to r - 1, as 128 more random bits than r has, modulo r."""
    return E.scalar_reduce(draw(random, E.scalar_bytes + 16))


def split(suite: Suite, secret: Scalar, threshold: int, count: int, random: Random, *, epoch: int = 0) -> list[Share]:
    """`count` shares of the secret, with indices 1, 2, .., any `threshold` of which give it back.

    Draws 16 octets for the set id, then scalar_bytes + 16 for each coefficient.
    Spec: spec/sharing.md#shamir
    Raises: ParameterError unless 1 <= threshold <= count < 2^16
    Secret: the result; constant time in the secret on the native backend
    """
    check_numbers(threshold, count)
    set_id = draw(random, SET_ID_OCTETS)
    f = random_polynomial(suite.curve, secret, threshold, random)
    return [Share(suite, Header(set_id, epoch, threshold, i), evaluate(suite.curve, f, i)) for i in range(1, count + 1)]


def combine(shares: Iterable[Share]) -> Scalar:
    """The secret. Shares beyond the threshold are not needed; those given must lie on the same polynomial.

    Spec: spec/sharing.md#shamir
    Raises: MixedShares, DuplicateShare, TooFewShares; InvalidShare if they do not fit together, which does not tell
        whose fault it is (with commitments, `check_shares` does); ParameterError for different suites
    Secret: the result; constant time in the values on the native backend
    """
    found = list(shares)
    check_set([share.header for share in found])
    suite, threshold = found[0].suite, found[0].header.threshold
    if any(share.suite != suite for share in found):
        raise ParameterError("the shares are of different suites")
    points = [(share.header.index, share.value) for share in found]
    known = points[:threshold]
    if any(interpolate(suite.curve, known, x) != value for x, value in points[threshold:]):
        raise InvalidShare("the shares do not lie on one polynomial")
    return interpolate(suite.curve, known)
