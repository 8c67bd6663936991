"""How browser sessions and what was granted in them end: one place, whoever ends them.

Each function belongs inside the transaction of its reason. The clients concerned are noted there and told afterwards
(`backchannel`), so that a process which dies in between leaves a note and not a session.

Spec: spec/oidc.md#logout
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from milagro.roles.mfa.oidc.tables import BROWSER_SESSION, GRANT, LOGOUT

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.sql.elements import ColumnElement


def end_user(connection: Connection, user: str) -> None:
    """Ends all sessions and grants of an account, also those that outlive sessions.

    Spec: spec/administration.md#suspension
    """
    connection.execute(delete(BROWSER_SESSION).where(BROWSER_SESSION.c.user == user))
    _end_grants(connection, GRANT.c.user == user, offline=True)


def end_device(connection: Connection, device: bytes) -> None:
    """Ends all sessions and grants that logins with this device gave."""
    connection.execute(delete(BROWSER_SESSION).where(BROWSER_SESSION.c.device == device))
    _end_grants(connection, GRANT.c.device == device, offline=True)


def end_session(connection: Connection, sid: str) -> None:
    """Ends a session, and its grants but those that were asked to outlive it (`offline_access`)."""
    connection.execute(delete(BROWSER_SESSION).where(BROWSER_SESSION.c.sid == sid))
    _end_grants(connection, GRANT.c.sid == sid, offline=False)


def _end_grants(connection: Connection, which: ColumnElement[bool], *, offline: bool) -> None:
    told = select(GRANT.c.client, GRANT.c.subject, GRANT.c.sid).where(which, GRANT.c.revoked.is_(False)).distinct()
    notes: list[dict[str, Any]] = [
        {**row._mapping, "id": secrets.token_hex(16), "due": 0, "tries": 0} for row in connection.execute(told)
    ]
    if notes:
        connection.execute(insert(LOGOUT), notes)
    ended = update(GRANT).where(which, GRANT.c.revoked.is_(False))
    if not offline:
        ended = ended.where(GRANT.c.offline.is_(False))
    connection.execute(ended.values(revoked=True))
