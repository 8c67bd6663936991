"""Grants and the families of tokens that they have: codes, access tokens, refresh tokens.

    grant --> code --once--> access token, refresh token --once--> access token, next refresh token --once--> ...

    next = base64url(HMAC-SHA256(refresh token, frame("next", salt)))      salt: 32 octets, random, stored

So whoever repeats a refresh within the grace gets the same next token, which nobody can compute from the database
alone. After the grace, or once the next one was used, the repetition is theft: the family is revoked.

Spec: spec/oidc.md#tokens
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, insert, select, update

from milagro.octets import frame
from milagro.roles.mfa.oidc.records import digest, live_session, own
from milagro.roles.mfa.oidc.tables import BROWSER_SESSION, CODE, GRANT, INTERACTION, TOKEN
from milagro.roles.mfa.tables import ACCOUNT, DEVICE
from milagro.roles.wire import to_text

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from milagro.roles.mfa.oidc.clients import RelyingParty
    from milagro.roles.mfa.oidc.config import OidcConfig
    from milagro.roles.mfa.oidc.records import Session
    from milagro.roles.mfa.oidc.requests import AuthorizationRequest
    from milagro.stores.state import State

ACCESS, REFRESH = "access_token", "refresh_token"


def new_secret() -> str:
    """256 random bits, as text. Secret: the result"""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one authorization allows."""

    id: str
    client: str
    user: str
    sid: str
    subject: str
    scope: str
    claims: dict[str, Any]
    nonce: str | None
    auth_time: int
    amr: str
    offline: bool
    expires: int


@dataclass(frozen=True, slots=True)
class StoredCode:
    """A code that was given. It answers what Authlib asks of one."""

    key: str
    grant: Grant
    redirect_uri: str
    challenge: str | None
    used: bool
    expires: int

    @property
    def code_challenge(self) -> str | None:
        """The challenge of PKCE."""
        return self.challenge

    @property
    def code_challenge_method(self) -> str:
        """There is one."""
        return "S256"

    def get_redirect_uri(self) -> str:
        """The redirect URI that the code went to."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """The granted scopes."""
        return self.grant.scope


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token that was given and is good. It answers what Authlib asks of one."""

    key: str
    kind: str
    grant: Grant
    scope: str
    created: int
    expires: int

    def check_client(self, client: RelyingParty) -> bool:
        """Whether it was given to this client."""
        return self.grant.client == client.client_id

    def get_scope(self) -> str:
        """Its scopes."""
        return self.scope

    def is_expired(self) -> bool:
        """No: such a one is not found."""
        return False

    def is_revoked(self) -> bool:
        """No: such a one is not found."""
        return False


@dataclass(frozen=True, slots=True)
class Given:
    """New tokens. Secret: access, refresh"""

    access: str
    refresh: str | None
    scope: str
    expires_in: int

    def __repr__(self) -> str:
        return f"<Given scope={self.scope!r}>"


class Families:
    """The grants of the provider. Every method is one transaction and durable on return."""

    def __init__(self, state: State, config: OidcConfig) -> None:
        self.state, self._config = state, config

    # -- codes -----------------------------------------------------------------------------------------------------
    def authorize(
        self, request: AuthorizationRequest, session_key: str, subject: str, now: int, used: tuple[str, str] | None
    ) -> str | None:
        """A code for the request, in the session; `used` is the interaction (id, browser) that this uses up.

        None if the session is over, or the interaction is over or was used up before.
        """
        code = new_secret()
        with self.state.write(f"oidc session {digest(session_key).hex()}") as connection:
            session = live_session(connection, self.state, session_key, now)
            if session is None:
                return None
            if used is not None and connection.execute(delete(INTERACTION).where(*own(*used, now))).rowcount != 1:
                return None
            grant = self._insert_grant(connection, request, session, subject, now)
            values = {"grant": grant, "redirect_uri": request.redirect_uri, "challenge": request.challenge}
            expires = now + self._config.code_seconds
            connection.execute(insert(CODE).values(id=digest(code), used=False, expires=expires, **values))
        return code

    def _insert_grant(
        self, connection: Connection, request: AuthorizationRequest, session: Session, subject: str, now: int
    ) -> str:
        offline = "offline_access" in request.scope.split()
        row = {
            "id": secrets.token_hex(16),
            "client": request.client_id,
            "user": session.user,
            "device": session.device,
            "sid": session.sid,
            "subject": subject,
            "scope": request.scope,
            "claims": json.dumps(request.claims),
            "nonce": request.nonce,
            "auth_time": session.auth_time,
            "amr": session.amr,
            "offline": offline,
            "revoked": False,
            "created": now,
            "expires": now + self._config.refresh_seconds,
        }
        connection.execute(insert(GRANT).values(row))
        return str(row["id"])

    def code(self, key: str, client: RelyingParty) -> StoredCode | None:
        """The code, if it was given to this client; also one that was used or is over."""
        query = select(CODE, *_grant_columns()).join(GRANT, GRANT.c.id == CODE.c.grant)
        with self.state.read() as connection:
            row = connection.execute(query.where(CODE.c.id == digest(key))).one_or_none()
        if row is None or row.g_client != client.client_id:
            return None
        return StoredCode(key, _read_grant(row), row.redirect_uri, row.challenge, row.used, row.expires)

    def redeem(self, code: StoredCode, now: int, *, refresh: bool) -> Given | None:
        """Tokens for the code, once. None if it was used before, which revokes all that it gave, or is over."""
        taken = update(CODE).where(CODE.c.id == digest(code.key), CODE.c.used.is_(False), CODE.c.expires > now)
        with self.state.write(_lock(code.grant.id)) as connection:
            if connection.execute(taken.values(used=True)).rowcount != 1:
                if connection.execute(select(CODE.c.used).where(CODE.c.id == digest(code.key))).scalar():
                    _revoke(connection, code.grant.id)
                return None
            if not self._is_live(connection, code.grant.id, now):
                return None
            token = new_secret() if refresh else None
            if token is not None:
                self._insert(connection, REFRESH, token, code.grant, code.grant.scope, now)
            return self._give(connection, code.grant, code.grant.scope, token, now)

    # -- tokens ----------------------------------------------------------------------------------------------------
    def find(self, key: str, kind: str, now: int) -> StoredToken | None:
        """The token, if it is good: not over, not used up, its family not revoked, its user not suspended."""
        query = select(TOKEN, *_grant_columns()).join(GRANT, GRANT.c.id == TOKEN.c.grant)
        where = (TOKEN.c.id == digest(key), TOKEN.c.kind == kind, TOKEN.c.used.is_(None), TOKEN.c.expires > now)
        with self.state.read() as connection:
            row = connection.execute(query.where(*where)).one_or_none()
            if row is None or not self._is_live(connection, row.g_id, now):
                return None
        return StoredToken(key, kind, _read_grant(row), row.scope, row.created, row.expires)

    def refresh_token(self, key: str) -> StoredToken | None:
        """The refresh token, whatever became of it; `refresh` decides."""
        query = select(TOKEN, *_grant_columns()).join(GRANT, GRANT.c.id == TOKEN.c.grant)
        with self.state.read() as connection:
            row = connection.execute(query.where(TOKEN.c.id == digest(key), TOKEN.c.kind == REFRESH)).one_or_none()
        return None if row is None else StoredToken(key, REFRESH, _read_grant(row), row.scope, row.created, row.expires)

    def refresh(self, token: StoredToken, scope: str | None, now: int) -> Given | None:
        """New tokens for a refresh token. None if it is over or revoked, or was used before: then the family is, too.

        Spec: spec/oidc.md#refresh
        """
        grant, salt = token.grant, secrets.token_bytes(32)
        taken = update(TOKEN).where(TOKEN.c.id == digest(token.key), TOKEN.c.used.is_(None), TOKEN.c.expires > now)
        with self.state.write(_lock(grant.id)) as connection:
            if not self._is_live(connection, grant.id, now):
                return None
            if connection.execute(taken.values(used=now, salt=salt)).rowcount == 1:
                following = _next(token.key, salt)
                self._insert(connection, REFRESH, following, grant, grant.scope, now)
                return self._give(connection, grant, scope or grant.scope, following, now)
            again = self._repeated(connection, token, now)
            if again is None:
                _revoke(connection, grant.id)
                return None
            return self._give(connection, grant, scope or grant.scope, again, now)

    def _repeated(self, connection: Connection, token: StoredToken, now: int) -> str | None:
        row = connection.execute(select(TOKEN).where(TOKEN.c.id == digest(token.key))).one()
        if row.used is None or not 0 <= now - row.used < self._config.grace_seconds:
            return None
        following = _next(token.key, row.salt)
        unused = select(TOKEN.c.id).where(TOKEN.c.id == digest(following), TOKEN.c.used.is_(None))
        return following if connection.execute(unused).one_or_none() is not None else None

    def revoke(self, token: StoredToken) -> None:
        """Ends an access token; with a refresh token, its whole family."""
        with self.state.write(_lock(token.grant.id)) as connection:
            if token.kind == REFRESH:
                _revoke(connection, token.grant.id)
            else:
                connection.execute(delete(TOKEN).where(TOKEN.c.id == digest(token.key)))

    def _is_live(self, connection: Connection, grant: str, now: int) -> bool:
        """Whether a grant may still be used: the user is not suspended, and the session goes on or is not needed.

        One from before the database was found to be an older copy may not: it may have been revoked since then.
        """
        session = exists().where(BROWSER_SESSION.c.sid == GRANT.c.sid, BROWSER_SESSION.c.expires > now)
        query = (
            select(GRANT.c.id)
            .join(ACCOUNT, ACCOUNT.c.user == GRANT.c.user)
            .join(DEVICE, DEVICE.c.digest == GRANT.c.device)
            .where(GRANT.c.id == grant, GRANT.c.revoked.is_(False), GRANT.c.expires > now)
            .where(GRANT.c.created > (self.state.restored_at(connection) or 0))
            .where(ACCOUNT.c.suspended.is_(False), DEVICE.c.state != "removed")
            .where(GRANT.c.offline.is_(True) | session)
        )
        return connection.execute(query).one_or_none() is not None

    def _give(self, connection: Connection, grant: Grant, scope: str, refresh: str | None, now: int) -> Given:
        access = new_secret()
        self._insert(connection, ACCESS, access, grant, scope, now)
        return Given(access, refresh, scope, min(self._config.access_seconds, grant.expires - now))

    def _insert(self, connection: Connection, kind: str, token: str, grant: Grant, scope: str, now: int) -> None:
        expires = grant.expires if kind == REFRESH else min(now + self._config.access_seconds, grant.expires)
        values = {"kind": kind, "grant": grant.id, "scope": scope, "created": now, "expires": expires}
        connection.execute(insert(TOKEN).values(id=digest(token), **values))


def _next(token: str, salt: bytes) -> str:
    return to_text(hmac.new(token.encode(), frame(b"next", salt), hashlib.sha256).digest())


def _lock(grant: str) -> str:
    return f"oidc grant {grant}"


def _revoke(connection: Connection, grant: str) -> None:
    connection.execute(update(GRANT).where(GRANT.c.id == grant).values(revoked=True))


def _grant_columns() -> list[Any]:
    return [GRANT.c[name].label(f"g_{name}") for name in Grant.__slots__]


def _read_grant(row: Row[Any]) -> Grant:
    values = {name: getattr(row, f"g_{name}") for name in Grant.__slots__}
    return Grant(**{**values, "claims": json.loads(values["claims"])})
