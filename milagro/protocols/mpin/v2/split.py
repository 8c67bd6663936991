"""A server secret dealt out in shares: t of n servers verify with it, t - 1 learn nothing about it.

    sQ --deal--> share i: f(i) = sQ + g(i) Q, secret          g(x) = a_1 x + .. + a_(t-1) x^(t-1)
                 dealing: C_i = s P1 + g(i) P1, public         e(C_i, Q) = e(P1, f(i)),  sum lambda_i C_i = s P1

Nobody who verifies puts the secret together again: see `milagro.protocols.mpin.v2.joint`.

Spec: spec/mpin.md#split-secret
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from milagro.errors import InvalidShare, MalformedEnvelope, ParameterError
from milagro.groups.batches import weighted_sum
from milagro.octets import i2osp, os2ip
from milagro.protocols.mpin.v2.sessions import need_length
from milagro.protocols.mpin.v2.suite import Suite, draw
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milagro.groups import G1Point, G2Point, G2Prepared, Random, Scalar
    from milagro.protocols.mpin.v2.issuing import ServerSecret

MAX_SERVERS: Final = 32
_INDEX_OCTETS: Final = 2


@dataclass(frozen=True, slots=True)
class Dealing:
    """What everyone may know of a split server secret: t, and C_i of each of the servers 1 .. n.

    Spec: spec/mpin.md#split-secret
    Raises: ParameterError unless 2 <= t <= n <= 32
    """

    suite: Suite
    threshold: int
    commitments: tuple[G1Point, ...]

    def __post_init__(self) -> None:
        _check_numbers(self.threshold, len(self.commitments))

    @property
    def count(self) -> int:
        """n."""
        return len(self.commitments)

    def commitment(self, index: int) -> G1Point:
        """C_i. Raises: ParameterError if there is no such server."""
        if not 1 <= index <= self.count:
            raise ParameterError(f"the secret is dealt to the servers 1 to {self.count}")
        return self.commitments[index - 1]

    def check(self, public: G1Point) -> None:
        """Nothing, if the C_i are those of a polynomial of degree below t with s P1 = `public` at zero.

        Spec: spec/mpin.md#split-secret
        Raises: InvalidShare, naming those that do not continue what s P1 and the first t - 1 begin
        """
        E, known = self.suite.curve, self.threshold - 1
        points = [public, *self.commitments[:known]]
        culprits = []
        for index in range(self.threshold, self.count + 1):
            weights = E.lagrange_at_zero([(x - index) % E.order for x in range(known + 1)])
            if weighted_sum(E, points, weights) != self.commitment(index):
                culprits.append(index)
        if culprits:
            raise InvalidShare("the commitments do not belong to the key of the network", culprits)

    def to_bytes(self) -> bytes:
        """The octets: `SPLIT-DEALING_`, be(t, 2), C_1, .., C_n in one field."""
        points = b"".join(C.to_bytes() for C in self.commitments)
        return self.suite.labelled("SPLIT-DEALING_", i2osp(self.threshold, _INDEX_OCTETS), points)

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The dealing with these octets. Raises EncodingError."""
        threshold, points = suite.fields("SPLIT-DEALING_", octets, 2)
        t = os2ip(need_length("a threshold", threshold, _INDEX_OCTETS))
        length = len(suite.curve.g1.to_bytes())
        count = len(points) // length
        if len(points) != count * length or not 2 <= t <= count <= MAX_SERVERS:
            raise MalformedEnvelope("a dealing has a threshold from 2, and at least as many points, at most 32")
        found = [suite.curve.g1_from_bytes(points[at * length : (at + 1) * length]) for at in range(count)]
        return cls(suite, t, tuple(found))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SplitShare(SecretValue):
    """f(i), for server i. `prepared` is the same, ready for pairings.

    Spec: spec/mpin.md#split-secret
    Secret: point, prepared; t of them are the server secret
    """

    suite: Suite
    index: int
    point: G2Point
    prepared: G2Prepared = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prepared", self.suite.curve.prepare(self.point))

    def check(self, dealing: Dealing) -> None:
        """Nothing, if e(C_i, Q) = e(P1, f(i)).

        Spec: spec/mpin.md#split-secret
        Raises: InvalidShare with the index as culprit; ParameterError if there is no such server, or another suite
        """
        if dealing.suite != self.suite:
            raise ParameterError("a share and a dealing of different suites were compared")
        E = self.suite.curve
        if not E.pairing_check([(dealing.commitment(self.index), E.g2_prepared), (-E.g1, self.prepared)]):
            raise InvalidShare("a share of the server secret does not fit its commitment", [self.index])

    def to_bytes(self) -> bytes:
        """The octets: `SPLIT-SHARE_`, be(i, 2), point.

        Secret: the result
        """
        return self.suite.labelled("SPLIT-SHARE_", i2osp(self.index, _INDEX_OCTETS), self.point.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The share with these octets. Raises EncodingError."""
        index, point = suite.fields("SPLIT-SHARE_", octets, 2)
        i = os2ip(need_length("an index", index, _INDEX_OCTETS))
        if not 1 <= i <= MAX_SERVERS:
            raise MalformedEnvelope("the index of a share is from 1 to 32")
        return cls(suite, i, suite.curve.g2_from_bytes(point))


def deal(
    secret: ServerSecret, public: G1Point, threshold: int, count: int, random: Random
) -> tuple[Dealing, list[SplitShare]]:
    """The dealing and the shares 1 .. n of a server secret whose key is s P1 = `public`.

    Draws scalar_bytes + 16 octets for each of a_1 .. a_(t-1).
    Spec: spec/mpin.md#split-secret
    Raises: ParameterError unless 2 <= t <= n <= 32; InvalidShare if the secret is not of this key
    Secret: the shares; constant time in sQ and the a_k on the native backend
    """
    _check_numbers(threshold, count)
    suite, E = secret.suite, secret.suite.curve
    if not E.pairing_check([(public, E.g2_prepared), (-E.g1, secret.prepared)]):
        raise InvalidShare("the server secret is not of the key of the network")
    a = [E.scalar_reduce(draw(random, E.scalar_bytes + 16)) for _ in range(threshold - 1)]
    masks = [_evaluate(suite, a, index) for index in range(1, count + 1)]
    dealing = Dealing(suite, threshold, tuple(public + mask * E.g1 for mask in masks))
    shares = [SplitShare(suite, i, secret.point + mask * E.g2) for i, mask in enumerate(masks, 1)]
    return dealing, shares


def _evaluate(suite: Suite, a: Sequence[Scalar], x: int) -> Scalar:
    """g(x) = a_1 x + .. + a_(t-1) x^(t-1)."""
    E = suite.curve
    at, value = E.scalar(x), E.scalar(0)
    for coefficient in reversed(a):
        value = (value + coefficient) * at
    return value


def _check_numbers(threshold: int, count: int) -> None:
    if not 2 <= threshold <= count <= MAX_SERVERS:
        raise ParameterError(f"a server secret is split with a threshold from 2, among at most {MAX_SERVERS} servers")
