"""Tickets: what a registration authority says so that each D-TA of a network issues one share, once.

A ticket is an envelope, signed by the authority's DPKI identity and sealed to all D-TAs of the network: one ticket
serves all of them, and nobody on the way sees what it is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from milagro.protocols.envelope import Terms, seal

if TYPE_CHECKING:
    from milagro.groups import Random
    from milagro.protocols.envelope import EncryptionPublicKey, SigningKey
    from milagro.protocols.issuance import Ticket

CONTEXT: Final = "milagro ticket v1"
MAX_TICKET: Final = 1 << 17  # octets; about 100 D-TAs


def seal_ticket(
    ticket: Ticket, authority: SigningKey, recipients: Sequence[EncryptionPublicKey], random: Random
) -> bytes:
    """The ticket, signed by the authority and sealed to the keys of all D-TAs.

    Spec: spec/issuing.md#tickets
    Raises: ParameterError for recipients that no envelope has
    """
    terms = Terms(CONTEXT, ticket.issued, signed_body=True)
    return seal(ticket.to_bytes(), authority, recipients, terms, random)
