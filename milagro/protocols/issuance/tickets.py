"""What is inside a ticket: for what, for whom, of which key, and when."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from milagro import cbor
from milagro.cbor import Fields
from milagro.cid import CID
from milagro.errors import MalformedEnvelope, ParameterError

if TYPE_CHECKING:
    from milagro.cbor import Value
    from milagro.groups import Random

VERSION: Final = 1
MAX_LIFETIME: Final = 300  # seconds
LEEWAY: Final = 5  # seconds by which the clocks of authority and D-TA may differ
JTI_OCTETS: Final = 16
_DIGEST: Final = 32
_MAX_TIME: Final = (1 << 40) - 1
_VERSION, _NETWORK, _PURPOSE, _SUBJECT, _KEY, _JTI, _ISSUED, _EXPIRES, _SLOT = range(9)


class Purpose(StrEnum):
    """What a ticket is good for.

    Spec: spec/issuing.md
    """

    CLIENT_SHARE = "client-share"
    SERVER_SHARE = "server-share"
    PERMIT = "permit"
    SENDER_KEY = "sender-key"
    RECEIVER_KEY = "receiver-key"


M_PIN: Final = frozenset({Purpose.CLIENT_SHARE, Purpose.SERVER_SHARE, Purpose.PERMIT})
CHOW_CHOO: Final = frozenset({Purpose.SENDER_KEY, Purpose.RECEIVER_KEY})


def check_purposes(purposes: frozenset[Purpose]) -> None:
    """Nothing, if one key may serve all of these.

    Spec: spec/issuing.md
    Raises: ParameterError
    """
    if not purposes or not (purposes <= M_PIN or purposes <= CHOW_CHOO):
        raise ParameterError(
            "a network issues either for M-Pin or for key agreement: whoever holds a receiver key of the same master "
            "secret can search the PIN of a stolen token"
        )


@dataclass(frozen=True, slots=True)
class Ticket:
    """The payload of a ticket.

    Spec: spec/issuing.md#tickets
    Shape: subject, key_id 32 octets; jti 16; times in unix seconds
    Raises: MalformedEnvelope
    """

    network: CID
    purpose: Purpose
    subject: bytes
    key_id: bytes
    jti: bytes
    issued: int
    expires: int
    slot: int | None = None

    def __post_init__(self) -> None:
        lengths = [len(one) for one in (self.subject, self.key_id, self.jti)]
        if lengths != [_DIGEST, _DIGEST, JTI_OCTETS]:
            raise MalformedEnvelope("the ticket's subject, key or id has another length")
        if not 0 <= self.issued <= _MAX_TIME or not 0 <= self.expires <= _MAX_TIME:
            raise MalformedEnvelope("a time of the ticket is out of range")
        if (self.purpose is Purpose.PERMIT) != (self.slot is not None):
            raise MalformedEnvelope("a ticket for a permit, and no other, names a slot")
        if self.slot is not None and not 0 <= self.slot <= _MAX_TIME:
            raise MalformedEnvelope("the slot of the ticket is out of range")

    @classmethod
    def fresh(
        cls,
        network: CID,
        purpose: Purpose,
        subject: bytes,
        key_id: bytes,
        now: int,
        random: Random,
        *,
        slot: int | None = None,
        lifetime: int = 120,
    ) -> Self:
        """A ticket from now on, with an id of its own. Draws 16 octets."""
        return cls(network, purpose, subject, key_id, random(JTI_OCTETS), now, now + lifetime, slot)

    def to_bytes(self) -> bytes:
        """The payload in CBOR.

        Spec: spec/issuing.md#tickets
        """
        fields: dict[int, Value] = {
            _VERSION: VERSION,
            _NETWORK: self.network.to_bytes(),
            _PURPOSE: self.purpose.value,
            _SUBJECT: self.subject,
            _KEY: self.key_id,
            _JTI: self.jti,
            _ISSUED: self.issued,
            _EXPIRES: self.expires,
        }
        return cbor.encode(fields if self.slot is None else {**fields, _SLOT: self.slot})

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The ticket with this payload.

        Spec: spec/issuing.md#tickets
        Raises: EncodingError
        """
        try:
            fields = Fields(cbor.decode(octets), "the ticket")
            fields.integer(_VERSION, VERSION, VERSION)
            ticket = cls(
                CID.from_bytes(fields.octets(_NETWORK)),
                Purpose(fields.text(_PURPOSE)),
                fields.octets(_SUBJECT),
                fields.octets(_KEY),
                fields.octets(_JTI),
                fields.integer(_ISSUED),
                fields.integer(_EXPIRES),
                fields.integer(_SLOT) if _SLOT in fields else None,
            )
            fields.finish()
        except ValueError:
            raise MalformedEnvelope("the ticket is for an unknown purpose") from None
        return ticket


def subject_of(octets: bytes) -> bytes:
    """SHA-256 of an identity's octets: of an M-Pin identity, or of the CID of an authority.

    Spec: spec/issuing.md#tickets
    """
    return hashlib.sha256(octets).digest()
