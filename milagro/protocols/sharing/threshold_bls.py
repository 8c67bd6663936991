"""Threshold BLS: any t holders of a key sign, and what comes out is an ordinary signature under s P1.

    holder       S_i = s_i H(M)                    e(s_i P1, H(M)) = e(P1, S_i) is its proof
    combiner     S = sum lambda_i S_i              e(s P1, H(M)) = e(P1, S)

(Boldyreva, PKC 2003.) Keys are in G1 and signatures in G2, by the suites of the draft on BLS12-381. A wrong partial
signature costs its signer's name and nothing else, as long as t right ones are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from milagro.errors import ParameterError
from milagro.groups import G2Point
from milagro.groups.batches import failures, random_weights, weighted_sum
from milagro.protocols.bls import ietf
from milagro.protocols.sharing.header import Header, check_set, pack, unpack
from milagro.protocols.sharing.refusals import TooFewShares
from milagro.protocols.sharing.shamir import lagrange
from milagro.protocols.sharing.suite import Suite

if TYPE_CHECKING:
    from milagro.groups import Random
    from milagro.groups.batches import Pairs
    from milagro.protocols.sharing.shared_key import KeyShare, SharedKey


@dataclass(frozen=True, slots=True)
class PartialSignature:
    """S_i = s_i H(M).

    Spec: spec/sharing.md#threshold-bls
    """

    suite: Suite
    header: Header
    point: G2Point

    def to_bytes(self) -> bytes:
        """The octets: header, S_i."""
        return pack(self.suite.dst("BLS-SHARE_"), self.header, self.point.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The partial signature with these octets. Raises: EncodingError, by name as `unpack` does."""
        header, (point,) = unpack(suite.dst("BLS-SHARE_"), octets, 1)
        return cls(suite, header, suite.curve.g2_from_bytes(point))


@dataclass(frozen=True, slots=True)
class Combined:
    """The signature, and the indices of the partial signatures that were wrong."""

    signature: G2Point
    culprits: tuple[int, ...]


def hash_message(signing: ietf.Suite, key: SharedKey, message: bytes) -> G2Point:
    """H(M), with M = s P1 || message under MESSAGE_AUGMENTATION.

    Spec: spec/sharing.md#threshold-bls
    Raises: ParameterError unless keys are in G1 on the curve of the shared key
    """
    if signing.placement is not ietf.Placement.MIN_PK or signing.curve is not key.suite.curve:
        raise ParameterError("threshold signatures need a suite with keys in G1, on the curve of the key")
    H = signing.hash_message(ietf._augmented(signing, key.public, message), signing.tag())
    if not isinstance(H, G2Point):
        raise ParameterError("signatures of a suite with keys in G1 are in G2")
    return H


def sign(signing: ietf.Suite, share: KeyShare, message: bytes) -> PartialSignature:
    """S_i = s_i H(M).

    Spec: spec/sharing.md#threshold-bls
    Raises: ParameterError for a suite that does not fit the key
    Secret: s_i; constant time in it on the native backend
    """
    return PartialSignature(share.key.suite, share.header, share.value * hash_message(signing, share.key, message))


def wrong_partials(
    signing: ietf.Suite, key: SharedKey, message: bytes, partials: Sequence[PartialSignature], random: Random
) -> list[int]:
    """The indices of those that do not fit; two pairings if all do. Draws 16 octets a weight.

    Spec: spec/sharing.md#threshold-bls
    Raises: MixedShares, ParameterError
    """
    E, H = key.suite.curve, hash_message(signing, key, message)
    for one in partials:
        key.need(one.suite, one.header)
    weights = random_weights(E, len(partials), random)
    known = [key.commitment(one.header.index) for one in partials]

    def pairs(part: range) -> Pairs:
        some = slice(part.start, part.stop)
        S = weighted_sum(E, [one.point for one in partials[some]], weights[some])
        return [(weighted_sum(E, known[some], weights[some]), H), (-E.g1, S)]

    return [partials[i].header.index for i in failures(E, len(partials), pairs)]


def combine(
    signing: ietf.Suite, key: SharedKey, message: bytes, partials: Iterable[PartialSignature], random: Random
) -> Combined:
    """The signature of t right ones among the partial signatures, and who sent wrong ones.

    Spec: spec/sharing.md#threshold-bls
    Raises: MixedShares, DuplicateShare; TooFewShares naming those that are wrong, if fewer than t are right;
        ParameterError for a suite that does not fit the key
    """
    found = list(partials)
    check_set([one.header for one in found], key.of_set)
    culprits = wrong_partials(signing, key, message, found, random)
    right = [one for one in found if one.header.index not in culprits][: key.threshold]
    if len(right) < key.threshold:
        raise TooFewShares(f"{len(right)} right partial signatures where {key.threshold} are needed", culprits)
    weights = lagrange(key.suite.curve, [one.header.index for one in right])
    return Combined(weighted_sum(key.suite.curve, [one.point for one in right], weights), tuple(culprits))


def verify(signing: ietf.Suite, key: SharedKey, message: bytes, signature: G2Point) -> None:
    """Nothing, if `bls.ietf.verify` accepts the signature under s P1.

    Spec: spec/sharing.md#threshold-bls
    Raises: InvalidSignature
    """
    ietf.verify(signing, key.public, message, signature)
