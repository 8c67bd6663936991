"""A verifiable oblivious pseudorandom function on G1, evaluated by t of n holders who learn nothing of the input.

    client   M = b H1(input)                 blind
    holder   Z_i = s_i M, with a proof that its logarithm is that of s_i P1
    client   Z = sum lambda_i Z_i = s M,     N = b^-1 Z = s H1(input),     output = SHA-256(frame(label, input, N))

The idea is RFC 9497's verifiable mode; curves, tags and the output's framing are ours, and it does not interoperate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from milagro.errors import ParameterError
from milagro.groups import G1Point
from milagro.groups.batches import weighted_sum
from milagro.octets import frame
from milagro.protocols.sharing.dleq import Dleq, Equality, prove_equal, verify_equal, verify_equal_batch
from milagro.protocols.sharing.header import Header, check_set, pack, unpack
from milagro.protocols.sharing.refusals import InvalidProof, TooFewShares
from milagro.protocols.sharing.shamir import lagrange
from milagro.protocols.sharing.suite import Suite
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from milagro.groups import Random, Scalar
    from milagro.protocols.sharing.shared_key import KeyShare, SharedKey

MAX_INPUT = 65535
OUTPUT_OCTETS = 32


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Z_i = s_i M and the proof that it is.

    Spec: spec/sharing.md#voprf
    """

    suite: Suite
    header: Header
    Z: G1Point
    proof: Dleq

    def to_bytes(self) -> bytes:
        """The octets: header, Z_i, proof."""
        return pack(self.suite.dst("OPRF-EVALUATION_"), self.header, self.Z.to_bytes(), self.proof.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The evaluation with these octets. Raises: EncodingError, by name as `unpack` does."""
        header, (Z, proof) = unpack(suite.dst("OPRF-EVALUATION_"), octets, 2)
        return cls(suite, header, suite.curve.g1_from_bytes(Z), Dleq.from_bytes(suite, proof))


@dataclass(frozen=True, slots=True)
class Output:
    """What the function gives, and the indices of the evaluations that were wrong.

    Secret: octets
    """

    octets: bytes
    culprits: tuple[int, ...]

    def __repr__(self) -> str:
        return f"<Output, redacted, culprits {self.culprits}>"


class Blinded(SecretValue):
    """The client's state: input, b, and M = b H1(input), of which only M is sent.

    Spec: spec/sharing.md#voprf
    Secret: the input and b; constant time in both on the native backend
    """

    __slots__ = ("M", "_b", "_input", "suite")

    def __init__(self, suite: Suite, octets: bytes, b: Scalar) -> None:
        if len(octets) > MAX_INPUT:
            raise ParameterError(f"an input has at most {MAX_INPUT} octets")
        if b.is_zero():
            raise ParameterError("a blind is not zero")
        self.suite, self._input, self._b = suite, octets, b
        self.M = b * suite.hash_to_g1(octets, "OPRF-INPUT_")

    @classmethod
    def create(cls, suite: Suite, octets: bytes, random: Random) -> Self:
        """The state for an input, with a fresh b.

        Raises: ParameterError for more than 65,535 octets
        """
        return cls(suite, octets, suite.curve.random_scalar(random))

    def finish(self, key: SharedKey, evaluations: Iterable[Evaluation], random: Random, info: bytes = b"") -> Output:
        """SHA-256(frame(label, input, b^-1 sum lambda_i Z_i)) from t right evaluations, and who sent wrong ones.

        Spec: spec/sharing.md#voprf
        Raises: MixedShares, DuplicateShare; TooFewShares naming those that are wrong, if fewer than t are right
        """
        found = list(evaluations)
        check_set([one.header for one in found], key.of_set)
        culprits = wrong_evaluations(key, self.M, found, random, info)
        right = [one for one in found if one.header.index not in culprits][: key.threshold]
        if len(right) < key.threshold:
            raise TooFewShares(f"{len(right)} right evaluations where {key.threshold} are needed", culprits)
        weights = lagrange(key.suite.curve, [one.header.index for one in right])
        Z = weighted_sum(key.suite.curve, [one.Z for one in right], weights)
        return Output(output_of(self.suite, self._input, Z * self._b.inverse()), tuple(culprits))


def output_of(suite: Suite, octets: bytes, N: G1Point) -> bytes:
    """SHA-256(frame(label, input, N)).

    Spec: spec/sharing.md#voprf
    Secret: the result
    """
    return hashlib.sha256(suite.labelled("OPRF-FINALIZE_", octets, N.to_bytes())).digest()


def proof_context(suite: Suite, header: Header, info: bytes) -> bytes:
    """What the proof of an evaluation is bound to: frame(label, header.., info)."""
    return frame(suite.dst("OPRF-EVALUATION_"), *header.fields, info)


def evaluate(share: KeyShare, M: G1Point, random: Random, info: bytes = b"") -> Evaluation:
    """Z_i = s_i M and its proof. Draws 32 octets.

    Each evaluation is one guess at the input: whoever answers limits how many, by `info` and by whom it knows.
    Spec: spec/sharing.md#voprf
    Raises: ParameterError if M is the identity
    Secret: s_i; constant time in it on the native backend
    """
    suite = share.key.suite
    said, proof = prove_equal(suite, share.value, M, proof_context(suite, share.header, info), random)
    return Evaluation(suite, share.header, said.Y, proof)


def _statement(key: SharedKey, M: G1Point, one: Evaluation, info: bytes) -> Equality:
    key.need(one.suite, one.header)
    return Equality(key.commitment(one.header.index), M, one.Z, proof_context(key.suite, one.header, info))


def check_evaluation(key: SharedKey, M: G1Point, one: Evaluation, info: bytes = b"") -> None:
    """Nothing, if Z_i = s_i M with the s_i that the key commits to.

    Spec: spec/sharing.md#voprf
    Raises: InvalidProof, MixedShares
    """
    verify_equal(key.suite, _statement(key, M, one, info), one.proof)


def wrong_evaluations(
    key: SharedKey, M: G1Point, evaluations: list[Evaluation], random: Random, info: bytes = b""
) -> list[int]:
    """The indices of the evaluations that do not hold; one sum if all do.

    Spec: spec/sharing.md#voprf
    Raises: MixedShares
    """
    proofs = [(_statement(key, M, one, info), one.proof) for one in evaluations]
    try:
        verify_equal_batch(key.suite, proofs, random)
    except InvalidProof as error:
        return [evaluations[int(place)].header.index for place in error.culprits]
    return []
