"""Who was proven to be a user, by a mailbox or by an upstream provider, is invited as that user.

The invitation is like an operator's, and good for an hour. Beyond that it lets the device take the place of the user's
device of the same name, if that is asked for: who proves to be the user may, since they could enrol another device and
remove that one with it.

Spec: spec/enrolment.md#ways, spec/enrolment.md#replacing
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy import insert, select

from milagro.roles.mfa.service import code_hash, new_code
from milagro.roles.mfa.tables import INVITATION
from milagro.roles.mfa.upstream.tables import SUBJECT

if TYPE_CHECKING:
    from sqlalchemy import Connection

INVITATION_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Invited:
    """A user, and an invitation. Secret: `code`."""

    user: str
    code: str = field(repr=False)
    expires: int


def give_invitation(connection: Connection, user: str, now: int) -> Invited:
    """An invitation for a user who was proven. Secret: the result"""
    invited = Invited(user, new_code(), now + INVITATION_SECONDS)
    row = {"code_hash": code_hash(invited.code), "user": user, "expires": invited.expires, "replaces": True}
    connection.execute(insert(INVITATION).values(row))
    return invited


def is_upstream(connection: Connection, user: str) -> bool:
    """Whether the account belongs to a subject of the upstream provider."""
    query = select(SUBJECT.c.user).where(SUBJECT.c.user == user)
    return connection.execute(query).one_or_none() is not None
