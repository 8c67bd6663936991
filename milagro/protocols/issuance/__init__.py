"""The octets of threshold issuing: tickets, requests, answers, key views, and the log of what was issued.

Formats only, without keys: `milagro.roles.issuance` and `milagro.roles.dta.issuing` sign, seal and decide.

Spec: spec/issuing.md
"""

from __future__ import annotations

from milagro.protocols.issuance.audit import Entry, Head, Issue, Restored, entry_digest, origin
from milagro.protocols.issuance.requests import REPLY_SUITE, Asked, Issued, context, view_octets
from milagro.protocols.issuance.tickets import (
    CHOW_CHOO,
    LEEWAY,
    M_PIN,
    MAX_LIFETIME,
    Purpose,
    Ticket,
    check_purposes,
    subject_of,
)

__all__ = [
    "CHOW_CHOO",
    "LEEWAY",
    "MAX_LIFETIME",
    "M_PIN",
    "REPLY_SUITE",
    "Asked",
    "Entry",
    "Head",
    "Issue",
    "Issued",
    "Purpose",
    "Restored",
    "Ticket",
    "check_purposes",
    "context",
    "entry_digest",
    "origin",
    "subject_of",
    "view_octets",
]
