"""The end of a session: asked for by a client (OpenID Connect RP-Initiated Logout 1.0), or here.

    hint of this very session, and a registered address to go to, or none --> ended, clients told, back
    no hint, or another session's                                         --> the user is asked
    hint or address that is not right                                     --> a page; nothing ends, nobody is redirected

Spec: spec/oidc.md#logout
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from milagro.errors import ProtocolError
from milagro.roles import logs
from milagro.roles.mfa.oidc import pages
from milagro.roles.mfa.oidc.families import new_secret
from milagro.roles.mfa.oidc.web import Exchange, form_target, page, redirect, with_parameters
from milagro.roles.refusals import InvalidRequest

if TYPE_CHECKING:
    from starlette.responses import Response

    from milagro.roles.mfa.oidc.clients import RelyingParty
    from milagro.roles.mfa.oidc.provider import Provider
    from milagro.roles.mfa.oidc.records import Session

_KIND: Final = "logout"
_POSTED_SECONDS: Final = 30
_ASK_SECONDS: Final = 600
_log = logs.logger(__name__)


class _Refused(ProtocolError):
    """A logout that is answered by a page."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a logout request asks for, once it has been checked."""

    sid: str | None
    uri: str | None
    state: str | None


class Logout:
    """The logout endpoint."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def end(self, exchange: Exchange) -> Response:
        """GET or POST /oidc/logout."""
        if exchange.method == "POST":
            return self._once_more(exchange)
        try:
            wish = self._wish(exchange)
        except _Refused as refusal:
            return self._provider.refuse(exchange, str(refusal))
        session = self._provider.records.session(self._provider.session_key(exchange), self._provider.now())
        if session is None:
            return self._done(exchange, wish)
        if wish.sid is not None and wish.sid == session.sid:
            return self._end(exchange, session, wish)
        return self._ask(exchange, session, wish)

    def confirm(self, exchange: Exchange) -> Response:
        """POST /oidc/logout/confirm: what the user decided."""
        key, provider = exchange.form.get("request", ""), self._provider
        try:
            provider.check_form(_KIND, exchange, key)
        except InvalidRequest as error:
            return provider.refuse(exchange, str(error), 403)
        kept = provider.records.take_pushed(key, _KIND, provider.now())
        if kept is None:
            return provider.refuse(exchange, "This page is over.", 410)
        session = provider.records.session(provider.session_key(exchange), provider.now())
        wish = _Wish(**json.loads(kept.request))
        if exchange.form.get("decision") != "logout" and session is not None:
            return page(pages.told("Still logged in", f"You are still logged in as {session.user}."))
        return self._done(exchange, wish) if session is None else self._end(exchange, session, wish)

    def _once_more(self, exchange: Exchange) -> Response:
        """As with authorization: a POST of another site comes without cookies. Nor does a hint belong into a URL."""
        if exchange.repeated:
            return self._provider.refuse(exchange, "The request has a parameter twice.")
        key = new_secret()
        self._keep(key, "posted-logout", exchange.form, _POSTED_SECONDS)
        return redirect(with_parameters("/oidc/logout", {"request": key}))

    def _keep(self, key: str, kind: str, content: Mapping[str, Any], seconds: int) -> None:
        self._provider.records.push(key, kind, "-", json.dumps(dict(content)), self._provider.now(), seconds)

    def _wish(self, exchange: Exchange) -> _Wish:
        if exchange.repeated:
            raise _Refused("The request has a parameter twice.")
        parameters = exchange.query
        if "request" in parameters:
            row = self._provider.records.take_pushed(parameters["request"], "posted-logout", self._provider.now())
            if row is None:
                raise _Refused("This logout is over; go back and start again.")
            parameters = json.loads(row.request)
        hint = self._hint(parameters.get("id_token_hint"))
        client = self._client(parameters.get("client_id"), hint)
        uri = parameters.get("post_logout_redirect_uri")
        if uri is not None and (client is None or uri not in client.post_logout_redirect_uris):
            raise _Refused("The address that this site wants you at after logging out is not one that it registered.")
        return _Wish(self._session_of(hint, client, exchange), uri, parameters.get("state") if uri else None)

    def _hint(self, token: str | None) -> dict[str, Any] | None:
        hint = self._provider.statements.read_hint(token, self._provider.now())
        if token is not None and hint is None:
            raise _Refused("The site that wants you logged out has shown something that is not of this server.")
        return hint

    def _client(self, client_id: str | None, hint: dict[str, Any] | None) -> RelyingParty | None:
        if hint is not None and client_id is not None and hint["aud"] != client_id:
            raise _Refused("The site that wants you logged out has shown what belongs to another site.")
        named = hint["aud"] if hint is not None else client_id
        return self._provider.client(named) if named else None

    def _session_of(self, hint: dict[str, Any] | None, client: RelyingParty | None, exchange: Exchange) -> str | None:
        """The browser's session, if the hint is of it."""
        provider = self._provider
        session = provider.records.session(provider.session_key(exchange), provider.now())
        if hint is None or client is None or session is None:
            return None
        return session.sid if hint.get("sid") == provider.keys.session_id(session.sid, client) else None

    def _ask(self, exchange: Exchange, session: Session, wish: _Wish) -> Response:
        key = new_secret()
        self._keep(key, _KIND, asdict(wish), _ASK_SECONDS)
        fields = {"request": key, "token": self._provider.form_token(_KIND, exchange, key)}
        target = f" {form_target(wish.uri)}" if wish.uri else ""
        return page(pages.logout(session.user, fields), form_action=f"'self'{target}")

    def _end(self, exchange: Exchange, session: Session, wish: _Wish) -> Response:
        self._provider.records.end_session(session.sid)
        self._provider.notifier.deliver()
        _log.info("logged out")
        return self._done(exchange, wish)

    def _done(self, exchange: Exchange, wish: _Wish) -> Response:
        provider = self._provider
        if wish.uri is None:
            response = page(pages.told("Logged out", "You are logged out. You can close this page."))
        else:
            told = {"state": wish.state} if wish.state is not None else {}
            response = redirect(with_parameters(wish.uri, told))
        if provider.session_key(exchange):
            provider.cookies.clear(response, provider.cookies.session)
        return response
