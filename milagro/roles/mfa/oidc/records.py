"""What the provider remembers between requests of a login: what was pushed, interactions, sessions, consent, profiles.

Every method is one transaction and durable on return. What can be presented comes in as text, and only its hash is
looked up or stored.

Spec: spec/oidc.md#interactions
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select, update

from milagro.roles.mfa.oidc import endings
from milagro.roles.mfa.oidc.requests import AuthorizationRequest
from milagro.roles.mfa.oidc.tables import (
    ASSERTION,
    BROWSER_SESSION,
    CONSENT,
    CROSSING,
    GRANT,
    INTERACTION,
    PROFILE,
    PUSHED,
    TOKEN,
)
from milagro.roles.mfa.tables import ACCOUNT, DEVICE
from milagro.roles.refusals import Busy, Suspended
from milagro.stores.state import put

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from milagro.stores.state import State

INTERACTION_SECONDS: Final = 600
_EVIDENCE_SECONDS: Final = 86400  # for so long a token or code that is over is still known as one that was given


def digest(text: str) -> bytes:
    """What is stored of a text with 256 random bits."""
    return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that someone has logged in on."""

    sid: str
    user: str
    device: bytes
    auth_time: int
    amr: str
    expires: int


@dataclass(frozen=True, slots=True)
class Interaction:
    """An authorization request on its way. `fresh`: someone logged in for it, and not only before it."""

    request: AuthorizationRequest
    session: bytes | None
    fresh: bool
    expires: int


class OidcRecords:
    """The provider's part of the MFA server's database."""

    def __init__(self, state: State, limit: int) -> None:
        self.state, self._limit = state, limit

    # -- pushed requests -------------------------------------------------------------------------------------------
    def push(self, key: str, kind: str, client: str, content: str, now: int, seconds: int) -> None:
        """Stores a request under `key` for so many seconds. Raises: Busy"""
        with self.state.write("oidc pushed") as connection:
            self._check_room(connection, PUSHED, now)
            values = {"id": digest(key), "kind": kind, "client": client, "request": content, "expires": now + seconds}
            connection.execute(insert(PUSHED).values(values))

    def take_pushed(self, key: str, kind: str, now: int) -> Row[Any] | None:
        """The request under `key`, which is gone from then on."""
        where = (PUSHED.c.id == digest(key), PUSHED.c.kind == kind, PUSHED.c.expires > now)
        with self.state.write("oidc pushed") as connection:
            return connection.execute(delete(PUSHED).where(*where).returning(PUSHED)).one_or_none()

    # -- interactions ----------------------------------------------------------------------------------------------
    def begin(self, key: str, browser: str, request: AuthorizationRequest, now: int) -> None:
        """Stores an interaction. Raises: Busy"""
        with self.state.write("oidc interactions") as connection:
            self._check_room(connection, INTERACTION, now)
            values = {
                "id": digest(key),
                "browser": digest(browser),
                "client": request.client_id,
                "request": request.to_json(),
                "fresh": False,
                "expires": now + INTERACTION_SECONDS,
            }
            connection.execute(insert(INTERACTION).values(values))

    def interaction(self, key: str, browser: str, now: int) -> Interaction | None:
        """The interaction of this browser, left where it is."""
        with self.state.read() as connection:
            row = connection.execute(select(INTERACTION).where(*own(key, browser, now))).one_or_none()
        if row is None:
            return None
        return Interaction(AuthorizationRequest.from_json(row.request), row.session, row.fresh, row.expires)

    def log_in(self, key: str, browser: str, old: str | None, new: str, session: Session, now: int) -> bool:
        """Gives the interaction the session `new`, whoever's the browser's session `old` was.

        Another user's session ends; one of the same user goes on under the new name. False if the interaction is over
        or someone has logged in for it already.
        Spec: spec/administration.md#suspension
        Raises: Suspended if that has happened since the second pass
        """
        bound = update(INTERACTION).where(*own(key, browser, now), INTERACTION.c.fresh.is_(False))
        with self.state.write(f"oidc user {digest(session.user).hex()}") as connection:
            if connection.execute(select(ACCOUNT.c.suspended).where(ACCOUNT.c.user == session.user)).scalar():
                raise Suspended("the account is suspended; its operator can resume it")
            if connection.execute(bound.values(session=digest(new), fresh=True)).rowcount != 1:
                return False
            before = live_session(connection, self.state, old, now)
            if before is not None and before.user != session.user:
                endings.end_session(connection, before.sid)
            kept = before.sid if before is not None and before.user == session.user else session.sid
            connection.execute(delete(BROWSER_SESSION).where(BROWSER_SESSION.c.sid == kept))
            row = {name: getattr(session, name) for name in Session.__slots__}
            connection.execute(insert(BROWSER_SESSION).values({**row, "sid": kept, "id": digest(new)}))
        return True

    def drop(self, key: str, browser: str, now: int) -> Interaction | None:
        """The interaction, which is over from then on."""
        with self.state.write("oidc interactions") as connection:
            gone = delete(INTERACTION).where(*own(key, browser, now)).returning(INTERACTION)
            row = connection.execute(gone).one_or_none()
        if row is None:
            return None
        return Interaction(AuthorizationRequest.from_json(row.request), row.session, row.fresh, row.expires)

    # -- sessions --------------------------------------------------------------------------------------------------
    def session(self, key: str | None, now: int) -> Session | None:
        """The session of this cookie, if its user may still log in."""
        with self.state.read() as connection:
            return live_session(connection, self.state, key, now)

    def open_administration(self, key: str, browser: str, session: str, now: int) -> bool:
        """Uses up the interaction, and lets the session that was logged in for it see the pages for administrators.

        False if the interaction, or the session, is over.
        Spec: spec/administration.md#administrators
        """
        for_it = (*own(key, browser, now), INTERACTION.c.session == digest(session), INTERACTION.c.fresh.is_(True))
        opened = update(BROWSER_SESSION).where(BROWSER_SESSION.c.id == digest(session)).values(administers=now)
        with self.state.write("oidc interactions") as connection:
            if connection.execute(delete(INTERACTION).where(*for_it)).rowcount != 1:
                return False
            return connection.execute(opened).rowcount == 1

    def administration(self, key: str, now: int, idle: int) -> Session | None:
        """The session, if it sees those pages and was last used there less than `idle` seconds ago; it is used now.

        Spec: spec/administration.md#administrators
        """
        columns = BROWSER_SESSION.c
        used = update(BROWSER_SESSION).where(columns.id == digest(key), columns.administers > now - idle)
        with self.state.write("oidc administration") as connection:
            session = live_session(connection, self.state, key, now)
            if session is None or connection.execute(used.values(administers=now)).rowcount != 1:
                return None
        return session

    def end_session(self, sid: str) -> None:
        """Ends a session and what it gave."""
        with self.state.write() as connection:
            endings.end_session(connection, sid)

    # -- consent and profiles --------------------------------------------------------------------------------------
    def consent(self, user: str, client: str) -> set[str]:
        """The scopes that the user has let the client have."""
        with self.state.read() as connection:
            return _consent(connection, user, client)

    def give_consent(self, user: str, client: str, scopes: set[str], now: int) -> None:
        """Adds to them."""
        with self.state.write("oidc consent") as connection:
            given = " ".join(sorted(_consent(connection, user, client) | scopes))
            put(connection, CONSENT, {"user": user, "client": client, "scope": given, "given": now})

    def profile(self, user: str) -> dict[str, Any]:
        """The claims that are kept of a user."""
        with self.state.read() as connection:
            found = connection.execute(select(PROFILE.c.claims).where(PROFILE.c.user == user)).scalar()
        kept: dict[str, Any] = json.loads(found) if found else {}
        return kept

    def keep_profile(self, user: str, claims: dict[str, Any]) -> None:
        """Keeps the claims of a user, who need not have enrolled yet; nothing is kept of one without any."""
        with self.state.write("oidc profiles") as connection:
            if claims:
                put(connection, PROFILE, {"user": user, "claims": json.dumps(claims, sort_keys=True)})
            else:
                connection.execute(delete(PROFILE).where(PROFILE.c.user == user))

    def is_enrolled(self, user: str) -> bool:
        """Whether there is an account of this name."""
        with self.state.read() as connection:
            return connection.execute(select(ACCOUNT.c.user).where(ACCOUNT.c.user == user)).one_or_none() is not None

    # -- once ------------------------------------------------------------------------------------------------------
    def use_once(self, client: str, jti: str, expires: int) -> bool:
        """Whether this is the first use of a client's assertion."""
        key = digest(json.dumps([client, jti]))
        with self.state.write(f"oidc assertion {key.hex()}") as connection:
            if connection.execute(select(ASSERTION.c.id).where(ASSERTION.c.id == key)).one_or_none() is not None:
                return False
            connection.execute(insert(ASSERTION).values(id=key, expires=expires))
        return True

    def sweep(self, now: int) -> None:
        """Deletes what is over."""
        with self.state.write("oidc sweep") as connection:
            for table in (PUSHED, CROSSING, INTERACTION, BROWSER_SESSION, ASSERTION):
                connection.execute(delete(table).where(table.c.expires <= now))
            for table in (TOKEN, GRANT):
                connection.execute(delete(table).where(table.c.expires <= now - _EVIDENCE_SECONDS))

    def _check_room(self, connection: Connection, table: Any, now: int) -> None:
        count = select(func.count()).select_from(table)
        if connection.execute(count).scalar_one() < self._limit:
            return
        connection.execute(delete(table).where(table.c.expires <= now))
        if connection.execute(count).scalar_one() >= self._limit:
            raise Busy("too many logins are under way; try again in a few minutes")


def own(key: str, browser: str, now: int) -> tuple[Any, ...]:
    """Whether a row is the interaction of this name and browser, and not over."""
    columns = INTERACTION.c
    return columns.id == digest(key), columns.browser == digest(browser), columns.expires > now


def _consent(connection: Connection, user: str, client: str) -> set[str]:
    where = (CONSENT.c.user == user, CONSENT.c.client == client)
    return set((connection.execute(select(CONSENT.c.scope).where(*where)).scalar() or "").split())


def live_session(connection: Connection, state: State, key: str | None, now: int) -> Session | None:
    """The session of this cookie, unless it is over, its user suspended or its device removed.

    One from before the database was found to be an older copy is over: it may have been ended since then.
    """
    if not key:
        return None
    query = (
        select(BROWSER_SESSION)
        .join(ACCOUNT, ACCOUNT.c.user == BROWSER_SESSION.c.user)
        .join(DEVICE, DEVICE.c.digest == BROWSER_SESSION.c.device)
        .where(BROWSER_SESSION.c.id == digest(key), BROWSER_SESSION.c.expires > now)
        .where(BROWSER_SESSION.c.auth_time > (state.restored_at(connection) or 0))
        .where(ACCOUNT.c.suspended.is_(False), DEVICE.c.state != "removed")
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Session(row.sid, row.user, row.device, row.auth_time, row.amr, row.expires)
