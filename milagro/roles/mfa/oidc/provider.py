"""One OpenID Provider at work: what its endpoints share.

Spec: spec/oidc.md
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from milagro.errors import ConfigError, NotFound
from milagro.octets import equal, frame
from milagro.roles import logs
from milagro.roles.mfa.oidc import pages
from milagro.roles.mfa.oidc.adapter import Server
from milagro.roles.mfa.oidc.backchannel import Notifier
from milagro.roles.mfa.oidc.clients import RelyingParty
from milagro.roles.mfa.oidc.families import Families, new_secret
from milagro.roles.mfa.oidc.keys import ProviderKeys
from milagro.roles.mfa.oidc.records import OidcRecords, digest
from milagro.roles.mfa.oidc.statements import Statements
from milagro.roles.mfa.oidc.tables import CLIENT, GRANT, INITIAL_TOKEN
from milagro.roles.mfa.oidc.web import Cookies, Exchange, check_origin, form_target, page, redirect, with_parameters
from milagro.roles.refusals import InvalidRequest
from milagro.roles.wire import to_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from milagro.roles.mfa.oidc.families import Given, Grant
    from milagro.roles.mfa.service import MfaService
    from milagro.stores.keys import Argon2Cost, SealingKey
    from milagro.stores.state import State

_log = logs.logger(__name__)


class Provider:
    """The provider of one MFA server. `start` begins what goes on in the background, `close` ends it.

    Secret: keys
    """

    def __init__(self, service: MfaService, keys: ProviderKeys) -> None:
        config = service.config
        if config.oidc is None:
            raise ConfigError("there is no [mfa.oidc] in the configuration")
        self.service, self.keys, self.config = service, keys, config.oidc
        self.issuer = config.origin
        # Who asks when the server's own pages want a login. No client has this id: theirs have a character at least.
        self.own = RelyingParty("", "Administration", (self.issuer,), auth_method="none", implied_consent=True)
        self.cookies = Cookies(secure=config.origin.startswith("https:"))
        self.registry = Registry(service.records.state, config.oidc.clients)
        self.records = OidcRecords(service.records.state, config.oidc.max_interactions)
        self.families = Families(service.records.state, config.oidc)
        self.statements = Statements(self.issuer, config.oidc, keys)
        self.server = Server(self)
        self.notifier = Notifier(self)

    def start(self) -> None:
        """Begins to tell clients of logouts, and to delete what is over."""
        self.notifier.start()

    def close(self) -> None:
        """Ends that."""
        self.notifier.close()

    def now(self) -> int:
        """The server's clock."""
        return self.service.now()

    def url(self, path: str) -> str:
        """The address of an endpoint."""
        return self.issuer + path

    def client(self, client_id: str) -> RelyingParty | None:
        """The client of this id."""
        return self.registry.find(client_id)

    def asker(self, client_id: str) -> RelyingParty | None:
        """Who an interaction is for: a client, or the server itself."""
        return self.client(client_id) or (self.own if client_id == self.own.client_id else None)

    def is_crossable(self, client_id: str) -> bool:
        """Whether another device may log in for this asker; never for the administration.

        Spec: spec/oidc.md#crossing
        """
        return self.config.crossing != "off" and client_id != self.own.client_id

    def id_token(self, grant: Grant, client: RelyingParty, given: Given, *, refreshed: bool) -> str:
        """The ID token that goes with new tokens; one by a refresh says nothing of the nonce."""
        told = replace(grant, nonce=None) if refreshed else grant
        profile = self.records.profile(grant.user)
        return self.statements.id_token(told, client, given.access, given.scope, profile, self.now())

    # -- answers to browsers ---------------------------------------------------------------------------------------
    def respond(self, uri: str, mode: str, parameters: Mapping[str, str | None]) -> Response:
        """An authorization response, with `iss` (RFC 9207), to a redirect URI that was checked."""
        told = {name: value for name, value in {**parameters, "iss": self.issuer}.items() if value is not None}
        if mode != "form_post":
            return redirect(with_parameters(uri, told))
        return page(pages.form_post(uri, told), form_action=form_target(uri), script=True)

    def refuse(self, exchange: Exchange, text: str, status: int = 400) -> Response:
        """The page that says why a login cannot go on, where there is nobody to send the browser back to."""
        _log.info("a browser was refused", reason=text, status=status)
        return page(pages.error(text, exchange.call.request_id), status)

    # -- requests of browsers --------------------------------------------------------------------------------------
    def browser(self, exchange: Exchange) -> str:
        """The cookie that interactions are bound to; empty if there is none."""
        return exchange.cookies.get(self.cookies.browser, "")

    def session_key(self, exchange: Exchange) -> str:
        """The session's cookie; empty if there is none."""
        return exchange.cookies.get(self.cookies.session, "")

    def check_origin(self, exchange: Exchange) -> None:
        """Refuses what another site's page sent.

        Spec: spec/oidc.md#cross-site
        Raises: InvalidRequest
        """
        check_origin(exchange, self.issuer)

    def form_token(self, purpose: str, exchange: Exchange, about: str) -> str:
        """What a form carries so that only the page of this very session can have made it.

        base64url(SHA-256(frame(purpose, session cookie, about)))
        Spec: spec/oidc.md#cross-site
        Secret: the result
        """
        fields = (purpose, self.session_key(exchange), about)
        return to_text(hashlib.sha256(frame(*(text.encode() for text in fields))).digest())

    def check_form(self, purpose: str, exchange: Exchange, about: str) -> None:
        """Refuses a form that is not of this session's page. Raises: InvalidRequest"""
        self.check_origin(exchange)
        wanted = self.form_token(purpose, exchange, about)
        if not self.session_key(exchange) or not equal(exchange.form.get("token", "").encode(), wanted.encode()):
            raise InvalidRequest("this form is not of your session any more; go back and start again")


class Registry:
    """The clients: of the configuration, and those that registered themselves.

    Spec: spec/oidc.md#clients
    """

    def __init__(self, state: State, static: tuple[RelyingParty, ...]) -> None:
        self._state = state
        self._static = {client.client_id: client for client in static}

    def find(self, client_id: str) -> RelyingParty | None:
        """The client of this id."""
        if client_id in self._static or not client_id.isascii():
            return self._static.get(client_id)
        with self._state.read() as connection:
            row = connection.execute(select(CLIENT).where(CLIENT.c.id == client_id)).one_or_none()
        return None if row is None else RelyingParty.from_json(row.id, row.secret, row.metadata)

    def registered(self) -> list[RelyingParty]:
        """Those that registered themselves, the oldest first."""
        with self._state.read() as connection:
            rows = connection.execute(select(CLIENT).order_by(CLIENT.c.created, CLIENT.c.id)).all()
        return [RelyingParty.from_json(row.id, row.secret, row.metadata) for row in rows]

    def register(self, client: RelyingParty, now: int) -> None:
        """Keeps a new client."""
        values = {"id": client.client_id, "secret": client.secret, "metadata": client.to_json(), "created": now}
        with self._state.write("oidc clients") as connection:
            connection.execute(insert(CLIENT).values(values))

    def remove(self, client_id: str) -> None:
        """Forgets a client that registered itself; nothing that it was given works any more. Raises: NotFound"""
        with self._state.write() as connection:
            if connection.execute(delete(CLIENT).where(CLIENT.c.id == client_id)).rowcount != 1:
                raise NotFound(f"no client {client_id!r} has registered itself")
            connection.execute(update(GRANT).where(GRANT.c.client == client_id).values(revoked=True))

    def allow(self, uses: int, expires: int) -> str:
        """A new initial token, good for so many registrations. Secret: the result"""
        token = new_secret()
        with self._state.write("oidc clients") as connection:
            connection.execute(insert(INITIAL_TOKEN).values(id=digest(token), expires=expires, uses=uses))
        return token

    def use_initial(self, token: str, now: int) -> bool:
        """Whether the token is good for one more registration, which is taken."""
        columns = INITIAL_TOKEN.c
        where = (columns.id == digest(token), columns.expires > now, columns.uses > 0)
        with self._state.write("oidc clients") as connection:
            taken = update(INITIAL_TOKEN).where(*where).values(uses=columns.uses - 1)
            return connection.execute(taken).rowcount == 1


def open_provider(service: MfaService, sealing: SealingKey, cost: Argon2Cost | None = None) -> Provider | None:
    """The provider of the configuration, if it has one; its keys are made if there are none.

    Raises: ConfigError, DecryptionFailed, Unavailable
    """
    if service.config.oidc is None:
        return None
    return Provider(service, ProviderKeys(service.config, sealing, service.now(), cost))
