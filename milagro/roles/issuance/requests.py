"""What is asked of a D-TA, and what it answers: octets that holder and D-TA must agree on.

statement = frame(label, network, D-TA, SHA-256(ticket), reply suite, reply key, identity)      signed by the holder
digest    = SHA-256(statement)                              names the request: in the proof, the answer and the log
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from milagro import cbor
from milagro.cbor import Fields
from milagro.errors import MalformedEnvelope, ParameterError
from milagro.octets import frame
from milagro.protocols import wcc
from milagro.protocols.envelope import EncryptionPublicKey, Reader, Terms, open_envelope, seal
from milagro.protocols.envelope.suites import DEFAULT_SUITE
from milagro.roles.issuance.tickets import Purpose
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from milagro.cid import CID
    from milagro.groups import Curve, G1Point, G2Point, Random
    from milagro.protocols.envelope import EncryptionKey, SigningKey, VerifyingKey
    from milagro.protocols.mpin.v2 import Identity, Suite

LABEL: Final = b"milagro issue request v1"
ANSWER: Final = "milagro share v1"
REPLY_SUITE: Final = DEFAULT_SUITE
VERSION: Final = 1
MAX_SHARE: Final = 8192
_VERSION, _PURPOSE, _KEY, _EPOCH, _SHARE = range(5)


# -- the request -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Asked:
    """What one holder asks of one D-TA; `reply` and `identity` are empty for a server share.

    Spec: spec/issuing.md#requests
    """

    network: CID
    node: CID
    ticket: bytes
    reply: bytes = b""
    identity: bytes = b""

    @property
    def statement(self) -> bytes:
        """frame(label, network, D-TA, SHA-256(ticket), reply suite, reply key, identity)."""
        ticket = hashlib.sha256(self.ticket).digest()
        suite = REPLY_SUITE.encode() if self.reply else b""
        parties = self.network.to_bytes(), self.node.to_bytes()
        return frame(LABEL, *parties, ticket, suite, self.reply, self.identity)

    @property
    def digest(self) -> bytes:
        """SHA-256(statement)."""
        return hashlib.sha256(self.statement).digest()

    @property
    def reply_key(self) -> EncryptionPublicKey:
        """The key that the answer is sealed to. Raises: EncodingError."""
        return EncryptionPublicKey(REPLY_SUITE, self.reply)


# -- the points --------------------------------------------------------------------------------------------------------
def point_in_g1(suite: Suite, purpose: Purpose, identity: Identity, slot: int | None) -> G1Point:
    """A, AT(slot) or A1: the point of a purpose whose shares are in G1.

    Spec: spec/issuing.md#points
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

    Spec: spec/issuing.md#points
    """
    suite.need(identity.suite_id)
    return suite.curve.map_to_g2_original(hashed(suite.curve, identity))


def hashed(curve: Curve, identity: Identity) -> bytes:
    """H(0, ID) with the octets of the M-Pin identity as the ID of `wcc.md`."""
    return wcc.hashed_identity(curve, identity.to_bytes())


# -- the answer --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Issued(SecretValue):
    """What is inside an answer.

    Spec: spec/issuing.md#answers
    Secret: share
    """

    purpose: Purpose
    key_id: bytes
    epoch: int
    share: bytes

    def to_bytes(self) -> bytes:
        """The payload in CBOR. Secret: the result."""
        return cbor.encode(
            {
                _VERSION: VERSION,
                _PURPOSE: self.purpose.value,
                _KEY: self.key_id,
                _EPOCH: self.epoch,
                _SHARE: self.share,
            }
        )

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """What is in a payload. Raises: EncodingError."""
        fields = Fields(cbor.decode(octets), "the answer")
        fields.integer(_VERSION, VERSION, VERSION)
        purpose = fields.text(_PURPOSE, 1, 32)
        if purpose not in set(Purpose):
            raise MalformedEnvelope("the answer is for an unknown purpose")
        issued = cls(
            Purpose(purpose),
            fields.octets(_KEY, 32, 32),
            fields.integer(_EPOCH, 0, (1 << 32) - 1),
            fields.octets(_SHARE, 1, MAX_SHARE),
        )
        fields.finish()
        return issued


def context(asked: Asked) -> str:
    """The context of the answer's envelope: it fits this request and no other.

    Spec: spec/issuing.md#answers
    """
    return f"{ANSWER} {asked.network} {asked.digest.hex()}"


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
