"""The types of the fields in the JSON of issuing, with their bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from milagro.protocols.envelope.suites import SUITES
from milagro.protocols.issuance import REPLY_SUITE
from milagro.protocols.mpin.v2.identity import MAX_IDENTITY
from milagro.roles.issuance.tickets import MAX_TICKET
from milagro.roles.wire import bounded_octets

MAX_ANSWER = 1 << 15
MAX_KEYS = 1 << 17
_REPLY = SUITES[REPLY_SUITE].public_octets

TicketOctets = bounded_octets(256, MAX_TICKET)
IdentityOctets = bounded_octets(1, MAX_IDENTITY)
ReplyKey = bounded_octets(_REPLY, _REPLY)
AnswerOctets = bounded_octets(256, MAX_ANSWER)
KeyOctets = bounded_octets(1, MAX_KEYS)
Digest = bounded_octets(32, 32)
SetId = bounded_octets(16, 16)
ReplicaId = bounded_octets(16, 16)
StepOctets = bounded_octets(1, 1 << 20)
HeadOctets = bounded_octets(1, 1024)
Signature = bounded_octets(64, 8192)
CidText = Annotated[str, Field(min_length=59, max_length=59, pattern=r"^b[a-z2-7]{58}$")]
