"""From a checked request to its answer: does someone have to log in, does someone have to agree, then the code.

An interaction belongs to the browser whose cookie it was begun with. Once someone has logged in for it, it belongs to
the session of that login, whose cookie is new: whoever planted or knows the cookie before has nothing.

Spec: spec/oidc.md#interactions
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import AccessDeniedError, OAuth2Error
from pydantic import ValidationError

from milagro.errors import Expired, MilagroError, Replay
from milagro.roles import logs
from milagro.roles.messages import PassMessage
from milagro.roles.mfa.oidc import pages
from milagro.roles.mfa.oidc.families import new_secret
from milagro.roles.mfa.oidc.records import Interaction, Session, digest
from milagro.roles.mfa.oidc.requests import AuthorizationRequest
from milagro.roles.mfa.oidc.web import Exchange, answer, form_target, page, redirect, with_parameters
from milagro.roles.mfa.operations import Desk, pass_two
from milagro.roles.refusals import InvalidRequest
from milagro.roles.wire import faults_text

if TYPE_CHECKING:
    from starlette.responses import Response

    from milagro.roles.messages import LoginAnswer
    from milagro.roles.mfa.oidc.clients import RelyingParty
    from milagro.roles.mfa.oidc.provider import Provider

_OVER: Final = "This login is over, or was begun in another browser."
_CONSENT: Final = "consent"
_RETURN_SECONDS: Final = 60
_log = logs.logger(__name__)


class Interactions:
    """What happens between an authorization request and its response."""

    def __init__(self, provider: Provider, desk: Desk) -> None:
        self._provider, self._desk = provider, desk

    # -- the beginning ---------------------------------------------------------------------------------------------
    def begin(self, exchange: Exchange, request: AuthorizationRequest, client: RelyingParty) -> Response:
        """The first answer to a request. Raises: OAuth2Error"""
        session = self._provider.records.session(self._provider.session_key(exchange), self._provider.now())
        login, consent = self._needs_login(request, session, client), True
        if session is not None and not login:
            consent = self._needs_consent(request, session, client)
            if not consent:
                return self._code(exchange, request, session, client, None)
        if "none" in request.prompt:
            error = "login_required" if login else "consent_required"
            raise OAuth2Error("Someone would have to do something, and prompt is none.", error=error)
        return self._start(exchange, request, "login" if login else "continue")

    def log_in_here(self, exchange: Exchange, path: str, user: str) -> Response:
        """Sends the browser to log in, and then to a page of this server's own; `user` is who is expected.

        Spec: spec/administration.md#administrators
        """
        uri = self._provider.url(path)
        request = AuthorizationRequest(self._provider.own.client_id, uri, "", prompt=("login",), login_hint=user)
        return self._start(exchange, request, "login")

    def _start(self, exchange: Exchange, request: AuthorizationRequest, step: str) -> Response:
        provider, key = self._provider, new_secret()
        browser = provider.browser(exchange)
        bound = browser or new_secret()
        provider.records.begin(key, bound, request, provider.now())
        path = provider.config.login_page if step == "login" else "/oidc/continue"
        response = redirect(with_parameters(path, {"interaction": key}))
        if not browser:
            provider.cookies.put(response, provider.cookies.browser, bound)
        return response

    def _needs_login(self, request: AuthorizationRequest, session: Session | None, client: RelyingParty) -> bool:
        if session is None or {"login", "select_account"} & set(request.prompt):
            return True
        if request.max_age is not None and self._provider.now() - session.auth_time > request.max_age:
            return True
        return not self._is_wanted(request, session, client)

    def _is_wanted(self, request: AuthorizationRequest, session: Session, client: RelyingParty) -> bool:
        return request.subject in {None, self._provider.keys.subject(session.user, client)}

    def _needs_consent(self, request: AuthorizationRequest, session: Session, client: RelyingParty) -> bool:
        if _CONSENT in request.prompt:
            return True
        if client.implied_consent:
            return False
        return not request.consent_scope(client.scopes) <= self._provider.records.consent(
            session.user, client.client_id
        )

    # -- what the login page calls ---------------------------------------------------------------------------------
    def show(self, exchange: Exchange) -> Response:
        """GET /oidc/interaction: what the login page says about who asks.

        Spec: spec/oidc.md#login-page
        """
        found, client = self._found(exchange, exchange.query.get("interaction", ""))
        request = found.request
        return answer(
            {
                "client": {
                    "name": client.name,
                    "host": urlsplit(request.redirect_uri).hostname or urlsplit(request.redirect_uri).scheme,
                    "uri": client.uri or None,
                },
                "scopes": sorted(request.consent_scope(client.scopes)),
                "login_hint": request.login_hint or None,
                "ui_locales": request.ui_locales.split(),
                "display": request.display or None,
                "logged_in": found.fresh,
                "crossing": self._provider.is_crossable(client.client_id),
                "expires": found.expires,
            }
        )

    def log_in(self, exchange: Exchange) -> Response:
        """POST /oidc/login: the second pass of a login for an interaction; right, it gives this browser a session.

        Spec: spec/oidc.md#login-page
        Raises: as the operation PassTwo; Expired, Replay for the interaction, before an attempt is counted
        """
        self._provider.check_origin(exchange)
        body = exchange.json()
        key = text_of(body, "interaction")
        found, _ = self._found(exchange, key)
        if found.fresh:
            raise Replay("someone has logged in for this interaction already; go on, or start again")
        who = pass_two(self._desk, second_pass(body, "interaction"), exchange.call)
        return self.bind(exchange, key, who)

    def bind(self, exchange: Exchange, key: str, who: LoginAnswer) -> Response:
        """Gives the browser of this exchange, and the interaction, a new session of who has just logged in.

        Raises: Replay if the interaction is over, or someone has logged in for it
        """
        provider, cookies = self._provider, self._provider.cookies
        fresh, now = new_secret(), provider.now()
        session = Session(
            secrets.token_hex(16),
            who.user,
            who.identity_digest,
            who.at,
            self._amr(who),
            now + provider.config.session_seconds,
        )
        old = provider.session_key(exchange)
        if not provider.records.log_in(key, provider.browser(exchange), old, fresh, session, now):
            raise Replay("someone has logged in for this interaction already; go on, or start again")
        body = who.model_dump(mode="json", exclude_none=True)
        response = answer({**body, "continue": with_parameters("/oidc/continue", {"interaction": key})})
        cookies.put(response, cookies.session, fresh)
        if old:
            provider.notifier.deliver()
        return response

    def _amr(self, who: LoginAnswer) -> str:
        """How someone logged in (RFC 8176): a key and a PIN; `hwk` where the operator knows that such keys are."""
        device = self._provider.service.records.pinned(who.user, who.device)
        algorithm = device.identity.algorithm if device is not None else ""
        return "mfa pin hwk" if algorithm in self._provider.config.hardware_algorithms else "mfa pin"

    def cancel(self, exchange: Exchange) -> Response:
        """POST /oidc/cancel: ends an interaction; the client is told `access_denied`.

        Spec: spec/oidc.md#login-page
        """
        self._provider.check_origin(exchange)
        provider, now = self._provider, self._provider.now()
        key = text_of(exchange.json(), "interaction")
        dropped = provider.records.drop(key, provider.browser(exchange), now)
        if dropped is None:
            raise Expired(_OVER)
        ticket = new_secret()
        provider.records.push(
            ticket, "return", dropped.request.client_id, dropped.request.to_json(), now, _RETURN_SECONDS
        )
        return answer({"continue": with_parameters("/oidc/return", {"response": ticket})})

    def go_back(self, exchange: Exchange) -> Response:
        """GET /oidc/return: back to the client after `cancel`."""
        provider = self._provider
        row = provider.records.take_pushed(exchange.query.get("response", ""), "return", provider.now())
        if row is None:
            return provider.refuse(exchange, _OVER, 410)
        return self._deny(AuthorizationRequest.from_json(row.request))

    # -- going on --------------------------------------------------------------------------------------------------
    def go_on(self, exchange: Exchange) -> Response:
        """GET /oidc/continue: the page for consent, or the response."""
        try:
            key = exchange.query.get("interaction", "")
            found, client = self._found(exchange, key)
            session = self._session_of(exchange, found)
        except MilagroError as error:
            return self._provider.refuse(exchange, str(error), 410)
        if session is None or (not found.fresh and self._needs_login(found.request, session, client)):
            return redirect(with_parameters(self._provider.config.login_page, {"interaction": key}))
        if not self._is_wanted(found.request, session, client):
            return self._wrong_user(exchange, key, found.request)
        if self._needs_consent(found.request, session, client):
            return self._ask(exchange, key, found.request, session, client)
        return self._finish(exchange, key, found.request, session, client)

    def consent(self, exchange: Exchange) -> Response:
        """POST /oidc/consent: what the user decided."""
        key = exchange.form.get("interaction", "")
        try:
            self._provider.check_form(_CONSENT, exchange, key)
            found, client = self._found(exchange, key)
            session = self._session_of(exchange, found)
        except InvalidRequest as error:
            return self._provider.refuse(exchange, str(error), 403)
        except MilagroError as error:
            return self._provider.refuse(exchange, str(error), 410)
        if session is None or (not found.fresh and self._needs_login(found.request, session, client)):
            return self._provider.refuse(exchange, _OVER, 410)
        if not self._is_wanted(found.request, session, client):
            return self._wrong_user(exchange, key, found.request)
        if exchange.form.get("decision") != "allow":
            self._provider.records.drop(key, self._provider.browser(exchange), self._provider.now())
            return self._deny(found.request)
        scopes = found.request.consent_scope(client.scopes)
        self._provider.records.give_consent(session.user, client.client_id, scopes, self._provider.now())
        return self._finish(exchange, key, found.request, session, client)

    def _found(self, exchange: Exchange, key: str) -> tuple[Interaction, RelyingParty]:
        """The interaction and its client. Raises: Expired"""
        provider = self._provider
        browser = provider.browser(exchange)
        found = provider.records.interaction(key, browser, provider.now()) if key and browser else None
        client = provider.asker(found.request.client_id) if found is not None else None
        if found is None or client is None:
            raise Expired(_OVER)
        return found, client

    def _session_of(self, exchange: Exchange, found: Interaction) -> Session | None:
        """The browser's session. Raises: Expired if the login for this interaction gave another one"""
        key = self._provider.session_key(exchange)
        if found.fresh and (not key or digest(key) != found.session):
            raise Expired(_OVER)
        session = self._provider.records.session(key, self._provider.now())
        if found.fresh and session is None:
            raise Expired(_OVER)
        return session

    def _ask(
        self, exchange: Exchange, key: str, request: AuthorizationRequest, session: Session, client: RelyingParty
    ) -> Response:
        fields = {"interaction": key, "token": self._provider.form_token(_CONSENT, exchange, key)}
        target = form_target(request.redirect_uri)
        host = urlsplit(request.redirect_uri).hostname or target
        text = pages.consent(client.name, host, session.user, sorted(request.consent_scope(client.scopes)), fields)
        # A browser applies form-action to where the form's answer leads, too.
        return page(text, form_action=f"'self' {target}")

    def _finish(
        self, exchange: Exchange, key: str, request: AuthorizationRequest, session: Session, client: RelyingParty
    ) -> Response:
        used = (key, self._provider.browser(exchange))
        if client is self._provider.own:
            return self._open_administration(exchange, key, request, session)
        try:
            return self._code(exchange, request, session, client, used)
        except OAuth2Error:
            return self._provider.refuse(exchange, _OVER, 410)

    def _code(
        self,
        exchange: Exchange,
        request: AuthorizationRequest,
        session: Session,
        client: RelyingParty,
        used: tuple[str, str] | None,
    ) -> Response:
        provider = self._provider
        subject = provider.keys.subject(session.user, client)
        code = provider.families.authorize(request, provider.session_key(exchange), subject, provider.now(), used)
        if code is None:
            raise OAuth2Error("The session has just ended.", error="login_required")
        _log.info("authorized", client=client.client_id, scope=request.scope)
        told = {"code": code, "state": request.state}
        return provider.respond(request.redirect_uri, request.response_mode, told)

    def _open_administration(
        self, exchange: Exchange, key: str, request: AuthorizationRequest, session: Session
    ) -> Response:
        """To the page that wanted the login: it is one of this server's own, and needs no code."""
        provider = self._provider
        browser, cookie = provider.browser(exchange), provider.session_key(exchange)
        if not provider.records.open_administration(key, browser, cookie, provider.now()):
            return provider.refuse(exchange, _OVER, 410)
        _log.info("logged in for administration", user=session.user)
        return redirect(request.redirect_uri)

    def _deny(self, request: AuthorizationRequest) -> Response:
        denied = AccessDeniedError("The user has not agreed.")
        told = {"error": denied.error, "error_description": denied.description, "state": request.state}
        return self._provider.respond(request.redirect_uri, request.response_mode, told)

    def _wrong_user(self, exchange: Exchange, key: str, request: AuthorizationRequest) -> Response:
        self._provider.records.drop(key, self._provider.browser(exchange), self._provider.now())
        told = {"error": "login_required", "error_description": "Another user has logged in.", "state": request.state}
        return self._provider.respond(request.redirect_uri, request.response_mode, told)


def second_pass(body: dict[str, Any], *more: str) -> PassMessage:
    """The second pass in a body that has these members besides. Raises: InvalidRequest"""
    try:
        return PassMessage.model_validate({name: value for name, value in body.items() if name not in more})
    except ValidationError as error:
        raise InvalidRequest(faults_text(cast("Any", error.errors()))) from None


def text_of(body: dict[str, Any], name: str) -> str:
    """The text that is this member. Raises: InvalidRequest"""
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 128:
        raise InvalidRequest(f"{name}: must be a string of 1 to 128 characters")
    return value
