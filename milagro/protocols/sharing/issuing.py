"""What t of n holders of a key issue together: s A for a client, s Q for a server, s B for a receiver, each provable.

    client share     s_i A  with a proof that its logarithm is that of s_i P1       --> s A
    server share     s_i Q  checked by e(s_i P1, Q) = e(P1, s_i Q)                  --> s Q
    receiver share   s_i B  checked by e(s_i P1, B) = e(P1, s_i B), B any of G2     --> s B

Commitments are in G1 only. A server share is M-Pin's server secret in part: with t of them a stolen token gives its PIN
away, so it goes sealed to its server and nowhere else. s B does the same for any B: a key has receivers or PINs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from milagro.errors import IdentityElement, ParameterError
from milagro.groups.batches import failures, random_weights, weighted_sum
from milagro.octets import frame
from milagro.protocols.sharing.dleq import Dleq, Equality, prove_equal, verify_equal, verify_equal_batch
from milagro.protocols.sharing.header import Header, check_set, pack, unpack
from milagro.protocols.sharing.refusals import InvalidProof
from milagro.protocols.sharing.shamir import lagrange
from milagro.protocols.sharing.suite import Suite
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from milagro.groups import G1Point, G2Point, G2Prepared, Random
    from milagro.groups.batches import Pairs
    from milagro.protocols.sharing.shared_key import KeyShare, SharedKey


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ClientShare(SecretValue):
    """s_i A and the proof that it is.

    Spec: spec/sharing.md#issuing
    Secret: point; the proof tells nothing of it
    """

    suite: Suite
    header: Header
    A: G1Point
    point: G1Point
    proof: Dleq

    def to_bytes(self) -> bytes:
        """The octets: header, A, s_i A, proof."""
        fields = self.A.to_bytes(), self.point.to_bytes(), self.proof.to_bytes()
        return pack(self.suite.dst("CLIENT-SHARE_"), self.header, *fields)

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The share with these octets. Raises: EncodingError, by name as `unpack` does."""
        header, (A, point, proof) = unpack(suite.dst("CLIENT-SHARE_"), octets, 3)
        E = suite.curve
        return cls(suite, header, E.g1_from_bytes(A), E.g1_from_bytes(point), Dleq.from_bytes(suite, proof))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ServerShare(SecretValue):
    """s_i Q.

    Spec: spec/sharing.md#issuing
    Secret: point
    """

    suite: Suite
    header: Header
    point: G2Point

    def to_bytes(self) -> bytes:
        """The octets: header, s_i Q. Secret: the result."""
        return pack(self.suite.dst("SERVER-SHARE_"), self.header, self.point.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The share with these octets. Raises: EncodingError, by name as `unpack` does."""
        header, (point,) = unpack(suite.dst("SERVER-SHARE_"), octets, 1)
        return cls(suite, header, suite.curve.g2_from_bytes(point))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ReceiverShare(SecretValue):
    """s_i B.

    Spec: spec/sharing.md#receiver-shares
    Secret: point
    """

    suite: Suite
    header: Header
    B: G2Point
    point: G2Point

    def to_bytes(self) -> bytes:
        """The octets: header, B, s_i B. Secret: the result."""
        return pack(self.suite.dst("RECEIVER-SHARE_"), self.header, self.B.to_bytes(), self.point.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The share with these octets. Raises: EncodingError, by name as `unpack` does."""
        header, (B, point) = unpack(suite.dst("RECEIVER-SHARE_"), octets, 2)
        E = suite.curve
        return cls(suite, header, E.g2_from_bytes(B), E.g2_from_bytes(point))


def proof_context(suite: Suite, header: Header, context: bytes) -> bytes:
    """What a proof about a share of this set is bound to: frame(label, header.., context)."""
    return frame(suite.dst("ISSUE_"), *header.fields, context)


# -- for a client ----------------------------------------------------------------------------------------------------
def issue_client_share(share: KeyShare, A: G1Point, random: Random, context: bytes = b"") -> ClientShare:
    """s_i A for a point that the issuer has hashed itself, and its proof. Draws 32 octets.

    Spec: spec/sharing.md#issuing
    Raises: ParameterError if A is the identity
    Secret: the result; constant time in s_i on the native backend
    """
    suite = share.key.suite
    said, proof = prove_equal(suite, share.value, A, proof_context(suite, share.header, context), random)
    return ClientShare(suite, share.header, A, said.Y, proof)


def _statement(key: SharedKey, share: ClientShare, A: G1Point, context: bytes) -> Equality:
    key.need(share.suite, share.header)
    if share.A != A:
        raise InvalidProof("a client share is for another point", [share.header.index])
    bound = proof_context(key.suite, share.header, context)
    return Equality(key.commitment(share.header.index), A, share.point, bound)


def check_client_share(key: SharedKey, share: ClientShare, A: G1Point, context: bytes = b"") -> None:
    """Nothing, if the share is s_i A with the s_i that the key commits to.

    Spec: spec/sharing.md#issuing
    Raises: InvalidProof, MixedShares
    """
    try:
        verify_equal(key.suite, _statement(key, share, A, context), share.proof)
    except InvalidProof as error:
        raise InvalidProof(str(error), [share.header.index]) from None


def combine_client_shares(
    key: SharedKey, shares: Sequence[ClientShare], A: G1Point, random: Random, context: bytes = b""
) -> G1Point:
    """s A, after all proofs are checked at once.

    Spec: spec/sharing.md#issuing
    Raises: MixedShares, DuplicateShare, TooFewShares; InvalidProof naming the index of each that is wrong
    Secret: the result
    """
    check_set([share.header for share in shares], key.of_set)
    proofs = [(_statement(key, share, A, context), share.proof) for share in shares]
    try:
        verify_equal_batch(key.suite, proofs, random, secret=True)
    except InvalidProof as error:
        raise InvalidProof("client shares do not fit their commitments", _indices(shares, error)) from None
    return combine_checked_client_shares(key, shares)


def combine_checked_client_shares(key: SharedKey, shares: Sequence[ClientShare]) -> G1Point:
    """s A of shares for one point that `check_client_share` has taken, each in its own context.

    Spec: spec/sharing.md#issuing
    Raises: MixedShares, DuplicateShare, TooFewShares
    Secret: the result
    """
    check_set([share.header for share in shares])
    some = shares[: key.threshold]
    weights = lagrange(key.suite.curve, [share.header.index for share in some])
    return key.suite.curve.multi_multiply_g1([share.point for share in some], weights)


def _indices(shares: Sequence[ClientShare], error: InvalidProof) -> list[int]:
    return [shares[int(place)].header.index for place in error.culprits]


# -- for a server ----------------------------------------------------------------------------------------------------
def issue_server_share(share: KeyShare) -> ServerShare:
    """s_i Q.

    Spec: spec/sharing.md#issuing
    Secret: the result; constant time in s_i on the native backend
    """
    return ServerShare(share.key.suite, share.header, share.value * share.key.suite.curve.g2)


def check_server_shares(key: SharedKey, shares: Sequence[ServerShare], random: Random) -> None:
    """Nothing, if e(s_i P1, Q) = e(P1, s_i Q) for each: two pairings for all. Draws 16 octets a weight.

    Spec: spec/sharing.md#issuing
    Raises: MixedShares; InvalidProof naming the index of each that is wrong
    Secret: the points; constant time in them on the native backend
    """
    _check_in_g2(key, shares, key.suite.curve.g2_prepared, random)


def combine_server_shares(key: SharedKey, shares: Sequence[ServerShare], random: Random) -> G2Point:
    """s Q, after all shares are checked at once.

    Spec: spec/sharing.md#issuing
    Raises: MixedShares, DuplicateShare, TooFewShares; InvalidProof naming the index of each that is wrong
    Secret: the result
    """
    check_set([share.header for share in shares], key.of_set)
    check_server_shares(key, shares, random)
    return _combined_in_g2(key, shares)


# -- for a receiver --------------------------------------------------------------------------------------------------
def issue_receiver_share(share: KeyShare, B: G2Point) -> ReceiverShare:
    """s_i B for a point that the issuer has hashed itself.

    Spec: spec/sharing.md#receiver-shares
    Raises: ParameterError if B is the identity
    Secret: the result; constant time in s_i on the native backend
    """
    if B.is_identity():
        raise ParameterError("the identity is nobody's point")
    return ReceiverShare(share.key.suite, share.header, B, share.value * B)


def check_receiver_shares(key: SharedKey, shares: Sequence[ReceiverShare], B: G2Point, random: Random) -> None:
    """Nothing, if e(s_i P1, B) = e(P1, s_i B) for each: two pairings for all. Draws 16 octets a weight.

    Spec: spec/sharing.md#receiver-shares
    Raises: MixedShares; InvalidProof naming the index of each that is wrong, or is for another point
    Secret: the points; constant time in them on the native backend
    """
    if B.is_identity():
        raise ParameterError("the identity is nobody's point")
    if strangers := [share.header.index for share in shares if share.B != B]:
        raise InvalidProof("a receiver share is for another point", strangers)
    _check_in_g2(key, shares, B, random)


def combine_receiver_shares(key: SharedKey, shares: Sequence[ReceiverShare], B: G2Point, random: Random) -> G2Point:
    """s B, after all shares are checked at once.

    Spec: spec/sharing.md#receiver-shares
    Raises: MixedShares, DuplicateShare, TooFewShares; InvalidProof naming the index of each that is wrong
    Secret: the result
    """
    check_set([share.header for share in shares])
    check_receiver_shares(key, shares, B, random)
    return _combined_in_g2(key, shares)


# -- both --------------------------------------------------------------------------------------------------------------
def _check_in_g2(
    key: SharedKey, shares: Sequence[ServerShare | ReceiverShare], B: G2Point | G2Prepared, random: Random
) -> None:
    E = key.suite.curve
    for share in shares:
        key.need(share.suite, share.header)
    weights = random_weights(E, len(shares), random)
    known = [key.commitment(share.header.index) for share in shares]

    def pairs(part: range) -> Pairs:
        some = slice(part.start, part.stop)
        S = E.multi_multiply_g2([share.point for share in shares[some]], weights[some])
        return [(weighted_sum(E, known[some], weights[some]), B), (-E.g1, S)]

    if culprits := failures(E, len(shares), pairs):
        raise InvalidProof("shares in G2 do not fit their commitments", [shares[i].header.index for i in culprits])


def _combined_in_g2(key: SharedKey, shares: Sequence[ServerShare | ReceiverShare]) -> G2Point:
    some = shares[: key.threshold]
    weights = lagrange(key.suite.curve, [share.header.index for share in some])
    point = key.suite.curve.multi_multiply_g2([share.point for share in some], weights)
    if point.is_identity():
        raise IdentityElement("the shares cancel each other")
    return point
