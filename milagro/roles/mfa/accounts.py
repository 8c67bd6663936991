"""What the operator of an MFA server does with accounts: list them, and remove one with all that belongs to it.

To stop one, and to remove a single device, is in `records`. All servers on the database see it at once: logins,
sessions and tokens are checked against these tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update

from milagro.errors import NotFound
from milagro.roles.mfa.mail.tables import ASKED, OUTBOX
from milagro.roles.mfa.oidc import endings
from milagro.roles.mfa.oidc.tables import CONSENT, PROFILE
from milagro.roles.mfa.records import DeviceState
from milagro.roles.mfa.tables import ACCOUNT, DEVICE, INVITATION, SESSION
from milagro.roles.mfa.upstream.tables import ASKED as UPSTREAM_ASKED

if TYPE_CHECKING:
    from milagro.stores.state import State


@dataclass(frozen=True, slots=True)
class User:
    """One account, with how many devices it has that are not removed."""

    name: str
    suspended: bool
    created: int
    devices: int
    last_login: int | None


class Accounts:
    """The accounts of one MFA server. Every method is one transaction and durable on return."""

    def __init__(self, state: State) -> None:
        self._state = state

    def users(self, after: str | None = None, limit: int | None = None, containing: str = "") -> list[User]:
        """The users by name, from the one that follows `after`: those with devices, and all that are suspended.

        With `containing`, those whose names have this text in them, in capital or small letters.
        """
        query = _users().order_by(ACCOUNT.c.user)
        if containing:
            query = query.where(ACCOUNT.c.user.icontains(containing, autoescape=True))
        if after is not None:
            query = query.where(ACCOUNT.c.user > after)
        if limit is not None:
            query = query.limit(limit)
        with self._state.read() as connection:
            rows = connection.execute(query).all()
        return [User(row.user, bool(row.suspended), row.created, row.devices, row.last_login) for row in rows]

    def user(self, name: str) -> User:
        """This user.

        Raises: NotFound
        """
        with self._state.read() as connection:
            row = connection.execute(_users().where(ACCOUNT.c.user == name)).one_or_none()
        if row is None:
            raise NotFound(f"there is no user {name!r}")
        return User(row.user, bool(row.suspended), row.created, row.devices, row.last_login)

    def remove(self, user: str) -> None:
        """Removes all devices of a user, the sessions and tokens, open invitations, consents and the profile.

        A suspended account stays suspended: by no way is there another enrolment for it until it is resumed.
        Raises: NotFound
        """
        own = select(DEVICE.c.digest).where(DEVICE.c.user == user)
        with self._state.write() as connection:
            if connection.execute(_users().where(ACCOUNT.c.user == user)).one_or_none() is None:
                raise NotFound(f"there is no user {user!r}")
            connection.execute(delete(SESSION).where(SESSION.c.device.in_(own)))
            endings.end_user(connection, user)
            for table in (INVITATION, CONSENT, PROFILE, ASKED, UPSTREAM_ASKED):
                connection.execute(delete(table).where(table.c.user == user))
            connection.execute(delete(OUTBOX).where(OUTBOX.c.address == user))
            connection.execute(update(DEVICE).where(DEVICE.c.user == user).values(state=DeviceState.REMOVED))


def _users() -> Any:
    kept = (DEVICE.c.user == ACCOUNT.c.user) & (DEVICE.c.state != DeviceState.REMOVED)
    devices = func.count(DEVICE.c.digest)
    found = select(ACCOUNT, devices.label("devices"), func.max(DEVICE.c.last_login).label("last_login"))
    grouped = found.select_from(ACCOUNT.outerjoin(DEVICE, kept)).group_by(
        ACCOUNT.c.user, ACCOUNT.c.suspended, ACCOUNT.c.created
    )
    return grouped.having((devices > 0) | ACCOUNT.c.suspended.is_(True))
