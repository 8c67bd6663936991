"""The points that are asked for, and answers sealed to those who may have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.errors import ParameterError
from milagro.protocols import wcc
from milagro.protocols.envelope import Reader, Terms, open_envelope, seal
from milagro.protocols.issuance import Asked, Issued, Purpose, context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from milagro.groups import Curve, G1Point, G2Point, Random
    from milagro.protocols.envelope import EncryptionKey, EncryptionPublicKey, SigningKey, VerifyingKey
    from milagro.protocols.mpin.v2 import Identity, Suite


# -- the points --------------------------------------------------------------------------------------------------------
def point_in_g1(suite: Suite, purpose: Purpose, identity: Identity, slot: int | None) -> G1Point:
    """A, AT(slot) or A1: the point of a purpose whose shares are in G1.

    Spec: spec/issuing.md
    Raises: ParameterError if the identity or the slot is not of this suite
    """
    if purpose is Purpose.CLIENT_SHARE:
        return suite.hash_identity(identity)
    if purpose is Purpose.PERMIT:
        if slot is None:
            raise ParameterError("a permit is for a slot")
        return suite.permit_point(identity, slot)
    suite.need(identity.suite_id)
    return suite.curve.map_to_g1_original(hashed(suite.curve, identity))


def point_in_g2(suite: Suite, identity: Identity) -> G2Point:
    """B2 of a receiver.

    Spec: spec/issuing.md
    """
    suite.need(identity.suite_id)
    return suite.curve.map_to_g2_original(hashed(suite.curve, identity))


def hashed(curve: Curve, identity: Identity) -> bytes:
    """H(0, ID) with the octets of the M-Pin identity as the ID of `wcc.md`."""
    return wcc.hashed_identity(curve, identity.to_bytes())


# -- the answer --------------------------------------------------------------------------------------------------------
def seal_answer(
    asked: Asked, issued: Issued, node: SigningKey, recipients: Sequence[EncryptionPublicKey], now: int, random: Random
) -> bytes:
    """The envelope with the share.

    Spec: spec/issuing.md#answers
    """
    return seal(issued.to_bytes(), node, recipients, Terms(context(asked), now), random)


def open_answer(
    asked: Asked, envelope: bytes, keys: Sequence[EncryptionKey], node: Mapping[bytes, VerifyingKey]
) -> Issued:
    """What a D-TA answered to this request.

    Spec: spec/issuing.md#answers
    Raises: DecryptionFailed, InvalidSignature (another sender or request), EncodingError
    Secret: the result
    """
    payload, _ = open_envelope(envelope, Reader(keys, node, context(asked)))
    return Issued.from_bytes(payload)
