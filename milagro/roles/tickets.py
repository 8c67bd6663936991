"""Tickets: what a registration authority signs so that a D-TA issues one share, once.

A ticket is a JWT (RFC 7519) of type "milagro-ticket+jwt", signed with Ed25519 (RFC 9864), and with exactly these
claims: iss (the authority), aud (the D-TA), sub (the SHA-256 of the identity in hexadecimal, or the server's name),
purpose, slot (for permits only), jti, iat, exp. It lives at most five minutes.

    signed -> type and claims read -> issuer known -> signature -> time -> audience -> purpose -> subject -> slot
           -> spent in the D-TA's database -> the share leaves
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from milagro.errors import ParameterError
from milagro.octets import equal
from milagro.roles.refusals import (
    TicketAudience,
    TicketExpired,
    TicketForged,
    TicketIdentity,
    TicketMalformed,
    TicketPurpose,
    TicketSlot,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPE = "milagro-ticket+jwt"
ALGORITHM = "Ed25519"
MAX_LIFETIME = 300  # seconds
LEEWAY = 5  # seconds by which the clocks of authority and D-TA may differ
_JTI = re.compile(r"[0-9a-f]{32}")
_SUBJECT_LIMIT = 253


class Purpose(StrEnum):
    """What a ticket is good for."""

    CLIENT_SHARE = "client-share"
    SERVER_SHARE = "server-share"
    PERMIT = "permit"


@dataclass(frozen=True, slots=True)
class Ticket:
    """The claims of one ticket."""

    issuer: str
    audience: str
    subject: str
    purpose: Purpose
    slot: int | None
    jti: str
    issued_at: int
    expires_at: int

    def claims(self) -> dict[str, Any]:
        """The claims as they stand in the token."""
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": self.subject,
            "purpose": self.purpose.value,
            "jti": self.jti,
            "iat": self.issued_at,
            "exp": self.expires_at,
        }
        return claims if self.slot is None else {**claims, "slot": self.slot}


class RegistrationKey:
    """The Ed25519 key with which a registration authority signs its tickets.

    Secret: all but `public_key`
    """

    def __init__(self, seed: bytes) -> None:
        if len(seed) != 32:
            raise ParameterError("a registration key has 32 octets")
        self.public_key = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        self._key = OKPKey.import_key(_jwk(self.public_key, seed))

    def sign(self, ticket: Ticket) -> str:
        """The ticket as a compact JWT."""
        return jwt.encode({"alg": ALGORITHM, "typ": TYPE}, ticket.claims(), self._key, algorithms=[ALGORITHM])

    def __repr__(self) -> str:
        return f"RegistrationKey(public_key={self.public_key.hex()})"


@dataclass(frozen=True, slots=True)
class Authority:
    """A registration authority as its D-TAs see it, or rather as it sees itself: a name and the key to sign with."""

    name: str
    key: RegistrationKey

    def ticket(
        self, audience: str, subject: str, purpose: Purpose, now: int, *, slot: int | None = None, lifetime: int = 120
    ) -> str:
        """A signed ticket for one share of one subject from one D-TA."""
        jti = secrets.token_hex(16)
        return self.key.sign(Ticket(self.name, audience, subject, purpose, slot, jti, now, now + lifetime))


@dataclass(frozen=True, slots=True)
class TicketChecker:
    """What one D-TA accepts: its own name as audience, and the public keys of the authorities it trusts."""

    audience: str
    authorities: Mapping[str, bytes]

    def check(self, token: str, purpose: Purpose, now: int) -> Ticket:
        """The ticket in `token`, if a trusted authority signed it for this D-TA, this purpose and this time.

        Raises: TicketMalformed, TicketForged, TicketExpired, TicketAudience, TicketPurpose
        """
        claimed = _read(_unverified(token))
        key = self.authorities.get(claimed.issuer)
        if key is None:
            raise TicketForged("the ticket's issuer is not trusted by this D-TA")
        _verify(token, key)
        _check_time(claimed, now)
        if claimed.audience != self.audience:
            raise TicketAudience("the ticket was made for another D-TA")
        if claimed.purpose is not purpose:
            raise TicketPurpose(f"the ticket is for a {claimed.purpose.value}, not for a {purpose.value}")
        return claimed


def check_subject(ticket: Ticket, subject: str) -> None:
    """Refuses unless the ticket was made for `subject`.

    Raises: TicketIdentity
    """
    if not equal(ticket.subject.encode(), subject.encode()):
        raise TicketIdentity("the ticket was made for another identity")


def check_slot(ticket: Ticket, slot: int) -> None:
    """Refuses unless the ticket was made for `slot`.

    Raises: TicketSlot
    """
    if ticket.slot != slot:
        raise TicketSlot("the ticket was made for another time slot")


def _check_time(ticket: Ticket, now: int) -> None:
    if not 0 < ticket.expires_at - ticket.issued_at <= MAX_LIFETIME:
        raise TicketExpired(f"the ticket lives longer than the {MAX_LIFETIME} seconds that it may")
    if now >= ticket.expires_at:
        raise TicketExpired("the ticket's time is over; ask for a new one")
    if ticket.issued_at > now + LEEWAY:
        raise TicketExpired("the ticket comes from the future; check the clocks of both servers")


def _verify(token: str, public_key: bytes) -> None:
    try:
        jws.deserialize_compact(token, OKPKey.import_key(_jwk(public_key)), algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        raise TicketForged("the ticket's signature is not its issuer's") from None


def _unverified(token: str) -> dict[str, Any]:
    try:
        header, payload, _signature = token.split(".")
        parsed, claims = _segment(header), _segment(payload)
    except (ValueError, AttributeError, binascii.Error, RecursionError):
        raise TicketMalformed("this is not a ticket") from None
    if parsed != {"alg": ALGORITHM, "typ": TYPE}:
        raise TicketMalformed(f"a ticket has the type {TYPE} and the algorithm {ALGORITHM}, and no other header")
    return claims


def _segment(text: str) -> dict[str, Any]:
    value = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    return dict(value.items())


def _read(claims: dict[str, Any]) -> Ticket:
    try:
        purpose = Purpose(claims["purpose"])
        names = [claims[name] for name in ("iss", "aud", "sub")]
        numbers = [claims[name] for name in ("iat", "exp")]
        slot, jti = claims.get("slot"), claims["jti"]
    except (KeyError, ValueError):
        raise TicketMalformed("the ticket lacks a claim or names an unknown purpose") from None
    if not all(isinstance(name, str) and 1 <= len(name) <= _SUBJECT_LIMIT for name in names):
        raise TicketMalformed("the ticket's iss, aud and sub must be short strings")
    if not all(_is_count(number) for number in numbers) or not (isinstance(jti, str) and _JTI.fullmatch(jti)):
        raise TicketMalformed("the ticket's iat, exp or jti is not of its kind")
    if (purpose is Purpose.PERMIT) != _is_count(slot) or (slot is None and "slot" in claims):
        raise TicketMalformed("a ticket for a permit, and no other, names a slot")
    ticket = Ticket(names[0], names[1], names[2], purpose, slot, jti, numbers[0], numbers[1])
    if ticket.claims() != claims:
        raise TicketMalformed("the ticket has claims that a ticket does not have")
    return ticket


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 40


def _jwk(public_key: bytes, seed: bytes | None = None) -> dict[str, str | list[str]]:
    def text(octets: bytes) -> str:
        return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

    jwk: dict[str, str | list[str]] = {"kty": "OKP", "crv": "Ed25519", "x": text(public_key)}
    return jwk if seed is None else {**jwk, "d": text(seed)}
