"""The suite: one curve, and from it every hash, label and generator of the sharing protocols.

Nothing else here hashes or starts a message, so no two purposes can share a tag.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from milagro.errors import MalformedEnvelope, ParameterError, WrongLength
from milagro.groups import Curve, Xmd, curve
from milagro.octets import frame, unframe
from milagro.params import SSWU

if TYPE_CHECKING:
    from milagro.groups import G1Point, Random, Scalar

PREFIX = "SHARING-V1_"
DEFAULT_CURVE = "BLS12-381"
PURPOSES = (
    *("SHARE_", "NONCE_", "DLEQ_", "POSSESSION_", "PEDERSEN_", "SHARED-KEY_", "KEY-SHARE_"),
    *("CLIENT-SHARE_", "SERVER-SHARE_", "RECEIVER-SHARE_", "ISSUE_"),
    *("BLS-SHARE_", "OPRF-INPUT_", "OPRF-EVALUATION_", "OPRF-FINALIZE_"),
    *("RUN_", "STATEMENT_", "BUNDLE_", "PRIVATE_", "TRANSCRIPT_", "CONFIRMATION_", "RESULT_", "PARTY_"),
    *("REPAIR-PARTS_", "REPAIR-PART_", "REPAIR-SUM_", "SUCCESSION_"),
)
"""Everything that a tag or label can be for."""

_EXPANDER = Xmd("sha256")


def draw(random: Random, count: int) -> bytes:
    """`count` octets from the source of randomness.

    Raises: ParameterError if it returns another number of them
    """
    octets = bytes(random(count))
    if len(octets) != count:
        raise ParameterError(f"the source of randomness gave {len(octets)} octets instead of {count}")
    return octets


def _default_curve() -> Curve:
    return curve(DEFAULT_CURVE)


@dataclass(frozen=True)
class Suite:
    """A curve with the labels and hashes of these protocols.

    Spec: spec/sharing.md#suite
    """

    curve: Curve = field(default_factory=_default_curve)

    @cached_property
    def id(self) -> str:
        """SHARING-V1_ || suite_g1 || _XMD:SHA-256_ || MAP || _RO_."""
        params = self.curve.params
        mapping = "SSWU" if isinstance(params.map_g1, SSWU) else "SVDW"
        return f"{PREFIX}{params.suite_g1}_{_EXPANDER.name}_{mapping}_RO_"

    def dst(self, purpose: str) -> bytes:
        """The domain separation tag, or label, for `purpose`: id || purpose.

        Raises: ParameterError for a purpose that the specification does not name
        """
        if purpose not in PURPOSES:
            raise ParameterError(f"sharing has no purpose {purpose!r}")
        return (self.id + purpose).encode()

    def labelled(self, purpose: str, *fields: bytes) -> bytes:
        """frame(id || purpose, fields..)."""
        return frame(self.dst(purpose), *fields)

    def fields(self, purpose: str, octets: bytes, count: int | None = None) -> list[bytes]:
        """The fields of `labelled`.

        Raises: MalformedEnvelope, also for another suite or purpose
        """
        label, *fields = unframe(octets, None if count is None else count + 1) or [b""]
        if label != self.dst(purpose):
            raise MalformedEnvelope(f"this is no {purpose.rstrip('_')} value of {self.id}")
        return fields

    def scalar_from_bytes(self, octets: bytes) -> Scalar:
        """The scalar with these octets; other than `Curve.scalar_from_bytes`, in one length only.

        Shape: scalar_bytes octets
        Raises: WrongLength, NonCanonical
        Secret: the octets
        """
        if len(octets) != self.curve.scalar_bytes:
            raise WrongLength(f"a scalar: expected {self.curve.scalar_bytes} octets, got {len(octets)}")
        return self.curve.scalar_from_bytes(octets)

    def hash_to_scalar(self, message: bytes, purpose: str) -> Scalar:
        """Hr(message, purpose): hash_to_field modulo r under the tag of `purpose`."""
        return self.curve.hash_to_scalar(message, self.dst(purpose), expander=_EXPANDER)

    def hash_to_g1(self, message: bytes, purpose: str) -> G1Point:
        """H1(message, purpose): hash_to_curve into G1 under the tag of `purpose`."""
        return self.curve.hash_to_g1(message, self.dst(purpose), expander=_EXPANDER)

    @cached_property
    def blinding_generator(self) -> G1Point:
        """H = H1(frame(), PEDERSEN_), whose logarithm to P1 nobody knows.

        Spec: spec/sharing.md#pedersen
        """
        return self.hash_to_g1(b"", "PEDERSEN_")
