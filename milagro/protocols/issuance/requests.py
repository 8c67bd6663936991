"""What is asked of a D-TA, and what is in its answer.

statement = frame(label, network, D-TA, SHA-256(ticket), reply suite, reply key, identity)      signed by the holder
digest    = SHA-256(statement)                              names the request: in the proof, the answer and the log
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from milagro import cbor
from milagro.cbor import Fields
from milagro.errors import MalformedEnvelope
from milagro.octets import frame, i2osp
from milagro.protocols.issuance.tickets import Purpose
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from milagro.cid import CID

LABEL: Final = b"milagro issue request v1"
ANSWER: Final = "milagro share v1"
REPLY_SUITE: Final = "MLKEM768-X25519.1"  # of envelope.md
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
    digest: bytes = field(init=False, repr=False, compare=False)
    """SHA-256(statement)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", hashlib.sha256(self.statement).digest())

    @property
    def statement(self) -> bytes:
        """frame(label, network, D-TA, SHA-256(ticket), reply suite, reply key, identity)."""
        ticket = hashlib.sha256(self.ticket).digest()
        suite = REPLY_SUITE.encode() if self.reply else b""
        parties = self.network.to_bytes(), self.node.to_bytes()
        return frame(LABEL, *parties, ticket, suite, self.reply, self.identity)


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


# -- the keys of a network ---------------------------------------------------------------------------------------------
def view_octets(network: CID, node: CID, keys: bytes, at: int) -> bytes:
    """frame(network, D-TA, keys, be(at, 8)): what a D-TA signs to tell of its keys.

    Spec: spec/issuing.md#key-views
    """
    return frame(network.to_bytes(), node.to_bytes(), keys, i2osp(at, 8))
