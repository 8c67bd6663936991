"""Whether a request is one that this D-TA answers: everything that can be told before its database is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from milagro.errors import DecryptionFailed, InvalidSignature, MilagroError
from milagro.octets import equal
from milagro.protocols.envelope import Reader, inspect, open_envelope
from milagro.protocols.issuance import LEEWAY, MAX_LIFETIME, Purpose, Ticket, subject_of
from milagro.protocols.mpin.v2 import Identity, verify_signature
from milagro.roles.issuance.tickets import CONTEXT, MAX_TICKET
from milagro.roles.refusals import (
    AuthorityPurpose,
    HolderNotProven,
    InvalidRequest,
    PurposeNotServed,
    TicketAudience,
    TicketExpired,
    TicketForged,
    TicketIdentity,
    TicketMalformed,
    TicketRealm,
    TicketSlot,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milagro.cid import CID
    from milagro.protocols.envelope import EncryptionKey
    from milagro.protocols.issuance import Asked
    from milagro.protocols.mpin.v2 import Suite
    from milagro.roles.dta.issuing.authorities import Authorities, Trusted

MAX_RECIPIENTS: Final = 1024


@dataclass(frozen=True, slots=True)
class Checked:
    """A ticket that counts here, who signed it, and for whom it is: no identity for a server share."""

    ticket: Ticket
    authority: Trusted
    identity: Identity | None


@dataclass(frozen=True, slots=True)
class RequestChecker:
    """What one D-TA of one network answers.

    Spec: spec/issuing.md
    """

    network: CID
    suite: Suite
    purposes: frozenset[Purpose]
    slots_ahead: int
    authorities: Authorities
    keys: Sequence[EncryptionKey]

    def check(self, asked: Asked, signature: bytes | None, now: int) -> Checked:
        """The ticket in the request, if everything about the two fits.

        Spec: spec/issuing.md
        Raises: TicketMalformed, TicketAudience, TicketForged, TicketExpired, AuthorityPurpose, PurposeNotServed,
            InvalidRequest, TicketIdentity, TicketRealm, TicketSlot, HolderNotProven; EncodingError
        """
        ticket, authority = self._open(asked.ticket, now)
        check_time(ticket, now)
        if ticket.network != self.network:
            raise TicketAudience("the ticket was made for another network of D-TAs")
        self._check_purpose(ticket, authority)
        if ticket.purpose is Purpose.SERVER_SHARE:
            self._check_server(ticket, authority, asked, signature)
            return Checked(ticket, authority, None)
        identity = self._holder(ticket, authority, asked, signature)
        if ticket.purpose is Purpose.PERMIT:
            self._check_slot(ticket, now)
        return Checked(ticket, authority, identity)

    # -- the ticket ----------------------------------------------------------------------------------------------------
    def _open(self, octets: bytes, now: int) -> tuple[Ticket, Trusted]:
        self._check_recipients(octets)
        try:
            payload, opened = open_envelope(octets, Reader(self.keys, self.authorities.senders(now), CONTEXT))
            ticket = Ticket.from_bytes(payload)
        except (DecryptionFailed, InvalidSignature):
            raise TicketForged(
                "the ticket was altered, or is not signed by an authority that is trusted here"
            ) from None
        except MilagroError as error:
            raise TicketMalformed(f"this is not a ticket: {error}") from None
        return ticket, self.authorities.of(opened.header.sender)

    def _check_recipients(self, octets: bytes) -> None:
        """Nothing, if the ticket shows that it is sealed to this D-TA: before any key is used on it."""
        try:
            outline = inspect(octets[: MAX_TICKET + 1])
        except MilagroError as error:
            raise TicketMalformed(f"this is not a ticket: {error}") from None
        if len(octets) > MAX_TICKET or outline.anonymous or outline.slots > MAX_RECIPIENTS:
            raise TicketMalformed(f"a ticket has at most {MAX_TICKET} octets, and names those it is sealed to")
        if not {key.id for key in self.keys} & set(outline.key_ids):
            raise TicketAudience("the ticket was made for other D-TAs")

    def _check_purpose(self, ticket: Ticket, authority: Trusted) -> None:
        if ticket.purpose not in self.purposes:
            raise PurposeNotServed(f"this network does not issue a {ticket.purpose.value}")
        if ticket.purpose not in authority.terms.purposes:
            raise AuthorityPurpose(f"this authority may not have a {ticket.purpose.value} issued here")

    # -- who it is for -------------------------------------------------------------------------------------------------
    def _check_server(self, ticket: Ticket, authority: Trusted, asked: Asked, signature: bytes | None) -> None:
        if asked.identity or asked.reply or signature is not None:
            raise InvalidRequest("a server share is asked for with the ticket alone: it goes to its authority")
        if not equal(ticket.subject, subject_of(authority.terms.identity.to_bytes())):
            raise TicketIdentity("a server share is issued to the authority that signed the ticket, to nobody else")

    def _holder(self, ticket: Ticket, authority: Trusted, asked: Asked, signature: bytes | None) -> Identity:
        if not asked.identity or not asked.reply or signature is None:
            raise InvalidRequest("identity, reply_to and signature are needed")
        if not equal(ticket.subject, subject_of(asked.identity)):
            raise TicketIdentity("the ticket was made for another identity")
        identity = Identity.from_bytes(asked.identity)
        if identity.suite_id != self.suite.id:
            raise TicketIdentity("the identity is of another suite than this network")
        if identity.realm not in authority.terms.realms:
            raise TicketRealm("the authority that signed the ticket does not answer for the identity's realm")
        try:
            verify_signature(identity.algorithm, identity.public_key, signature, asked.statement)
        except MilagroError:
            raise HolderNotProven("the request is not signed by the identity's own key") from None
        return identity

    def _check_slot(self, ticket: Ticket, now: int) -> None:
        current, slot = self.suite.slot_at(now), ticket.slot
        if current is None or slot is None:
            raise PurposeNotServed("this network issues no permits: its suite has no slots")
        if not current - 1 <= slot <= current + self.slots_ahead:
            raise TicketSlot("the slot is over, or too far ahead for a permit now")


def check_time(ticket: Ticket, now: int) -> None:
    """Nothing, if the ticket is good now.

    Spec: spec/issuing.md
    Raises: TicketExpired
    """
    if not 0 < ticket.expires - ticket.issued <= MAX_LIFETIME:
        raise TicketExpired(f"the ticket lives longer than the {MAX_LIFETIME} seconds that it may")
    if now >= ticket.expires:
        raise TicketExpired("the ticket's time is over; ask for a new one")
    if ticket.issued > now + LEEWAY:
        raise TicketExpired("the ticket comes from the future; check the clocks of both servers")
