"""The authorization endpoint, and pushed authorization requests (RFC 9126): what is checked before anyone logs in.

    client and redirect URI --unknown, not registered, a parameter twice--> a page of this server; nobody is redirected
    all the rest --wrong--> error to the redirect URI, with state and iss

Spec: spec/oidc.md#authorization
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from authlib.oauth2.rfc6749 import (
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    UnauthorizedClientError,
)

from milagro.errors import ProtocolError
from milagro.roles.mfa.oidc.adapter import Request
from milagro.roles.mfa.oidc.claims import read_request, wanted_values
from milagro.roles.mfa.oidc.clients import AUTH_METHODS, RelyingParty
from milagro.roles.mfa.oidc.families import new_secret
from milagro.roles.mfa.oidc.requests import AuthorizationRequest
from milagro.roles.mfa.oidc.web import Exchange, answer, redirect, with_parameters

if TYPE_CHECKING:
    from starlette.responses import Response

    from milagro.roles.mfa.oidc.interactions import Interactions
    from milagro.roles.mfa.oidc.provider import Provider

PUSHED: Final = "urn:ietf:params:oauth:request_uri:"
_PUSHED_SECONDS: Final = 90
_POSTED_SECONDS: Final = 30
_MODES: Final = ("query", "form_post")
_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
_LONGEST: Final = 2048
_UNSUPPORTED: Final = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
_OVER: Final = "This pushed request is over, was used before, or is another client's."


class _Refused(ProtocolError):
    """A request that is answered by a page: its client or redirect URI is not one that can be trusted."""


class Authorization:
    """Authorization requests as they come in."""

    def __init__(self, provider: Provider, interactions: Interactions) -> None:
        self._provider, self._interactions = provider, interactions

    # -- endpoints -------------------------------------------------------------------------------------------------
    def authorize(self, exchange: Exchange) -> Response:
        """GET or POST /oidc/authorize."""
        try:
            client, parameters, pushed = self._party(exchange)
        except _Refused as refusal:
            return self._provider.refuse(exchange, str(refusal))
        if exchange.method == "POST":
            return self._once_more(client, parameters)
        mode = parameters.get("response_mode", "query")
        try:
            request = self.check(parameters, client, pushed=pushed)
            return self._interactions.begin(exchange, request, client)
        except OAuth2Error as error:
            told = {"error": error.error, "error_description": error.description or None}
            told["state"] = parameters.get("state")
            return self._provider.respond(parameters["redirect_uri"], mode, told)

    def push(self, exchange: Exchange) -> Response:
        """POST /oidc/par."""
        server = self._provider.server
        try:
            if exchange.repeated or "request_uri" in exchange.form:
                raise InvalidRequestError("The request has a parameter twice, or a request_uri.")
            request = server.create_oauth2_request(exchange)
            client = server.authenticate_client(request, list(AUTH_METHODS))
            parameters = {**exchange.form, "client_id": client.client_id}
            for name in ("client_secret", "client_assertion", "client_assertion_type"):
                parameters.pop(name, None)
            if not client.check_redirect_uri(parameters.get("redirect_uri", "")):
                raise InvalidRequestError("The redirect_uri is not registered.")
            self.check(parameters, client, pushed=True)
        except OAuth2Error as error:
            error.redirect_uri = None  # to the client, not to its redirect URI
            refusal: Response = server.handle_error_response(None, error)
            return refusal
        key = new_secret()
        self._keep(key, "pushed", client, parameters, _PUSHED_SECONDS)
        return answer({"request_uri": PUSHED + key, "expires_in": _PUSHED_SECONDS}, 201)

    # -- who asks, and where the answer goes -----------------------------------------------------------------------
    def _party(self, exchange: Exchange) -> tuple[RelyingParty, dict[str, str], bool]:
        if exchange.repeated:
            raise _Refused("The request has a parameter twice.")
        parameters = dict(exchange.parameters)
        client = self._provider.client(parameters.get("client_id", ""))
        if client is None:
            raise _Refused("The site that sent you here is not known to this server.")
        pushed = False
        for kind in ("pushed", "posted"):
            prefix = PUSHED if kind == "pushed" else f"{kind}:"
            reference = parameters.get("request_uri", "")
            if exchange.method == "GET" and reference.startswith(prefix):
                parameters = self._take(reference.removeprefix(prefix), kind, client)
                pushed = kind == "pushed"
        if not client.check_redirect_uri(parameters.get("redirect_uri", "")):
            raise _Refused("The address that this site wants you back at is not one that it has registered.")
        return client, parameters, pushed

    def _take(self, key: str, kind: str, client: RelyingParty) -> dict[str, str]:
        row = self._provider.records.take_pushed(key, kind, self._provider.now())
        if row is None or row.client != client.client_id:
            raise _Refused(_OVER)
        found: dict[str, str] = json.loads(row.request)
        return found

    def _once_more(self, client: RelyingParty, parameters: Mapping[str, str]) -> Response:
        """A POST of another site comes without this site's cookies; the GET that this leads to has them."""
        if parameters.get("request_uri", "").startswith(PUSHED):
            again = {name: parameters[name] for name in ("client_id", "request_uri")}
        else:
            key = new_secret()
            self._keep(key, "posted", client, parameters, _POSTED_SECONDS)
            again = {"client_id": client.client_id, "request_uri": f"posted:{key}"}
        return redirect(with_parameters("/oidc/authorize", again))

    def _keep(self, key: str, kind: str, client: RelyingParty, parameters: Mapping[str, str], seconds: int) -> None:
        content = json.dumps(dict(parameters))
        self._provider.records.push(key, kind, client.client_id, content, self._provider.now(), seconds)

    # -- what is asked ---------------------------------------------------------------------------------------------
    def check(self, parameters: Mapping[str, str], client: RelyingParty, *, pushed: bool) -> AuthorizationRequest:
        """The request, if all of it can be done. Raises: OAuth2Error"""
        _check_form(parameters)
        if client.require_pushed and not pushed:
            raise InvalidRequestError("This client must push its requests.")
        grant = self._provider.server.get_consent_grant(Request("GET", parameters, {}))
        claims = read_request(parameters.get("claims"))
        self._check_acr(claims)
        return AuthorizationRequest(
            client_id=client.client_id,
            redirect_uri=parameters["redirect_uri"],
            scope=_scope(grant.request.scope, client),
            state=parameters.get("state"),
            nonce=parameters.get("nonce"),
            response_mode=parameters.get("response_mode", "query"),
            prompt=_prompt(parameters.get("prompt")),
            max_age=_max_age(parameters.get("max_age")),
            challenge=parameters.get("code_challenge"),
            subject=self._subject(parameters.get("id_token_hint"), claims, client),
            login_hint=parameters.get("login_hint", "")[:256],
            ui_locales=parameters.get("ui_locales", "")[:256],
            display=parameters.get("display", "")[:16],
            claims=claims,
        )

    def _subject(self, hint: str | None, claims: dict[str, Any], client: RelyingParty) -> str | None:
        wanted = wanted_values(claims, "sub")
        if hint is None:
            return str(wanted[0]) if wanted else None
        known = self._provider.statements.read_hint(hint, self._provider.now())
        if known is None or known["aud"] != client.client_id:
            raise InvalidRequestError("The id_token_hint is not an ID token that this client was given.")
        if wanted and wanted[0] != known["sub"]:
            raise InvalidRequestError("The id_token_hint and the claims parameter name different users.")
        return str(known["sub"])

    def _check_acr(self, claims: dict[str, Any]) -> None:
        wanted = (claims.get("id_token") or {}).get("acr") or {}
        values = wanted_values(claims, "acr")
        if wanted.get("essential") is True and values and self._provider.config.acr not in values:
            raise OAuth2Error("No login here has this acr.", error="unmet_authentication_requirements")


def _check_form(parameters: Mapping[str, str]) -> None:
    for name, error in _UNSUPPORTED.items():
        if name in parameters:
            raise OAuth2Error(f"The parameter {name} is not supported.", error=error)
    if "response_type" not in parameters:
        raise InvalidRequestError("The response_type is missing.")
    if parameters["response_type"] != "code":
        raise OAuth2Error("The response_type must be code.", error="unsupported_response_type")
    mode = parameters.get("response_mode", "query")
    if mode not in _MODES:
        raise InvalidRequestError("The response_mode must be query or form_post.")
    if mode == "form_post" and not parameters["redirect_uri"].startswith(("http://", "https://")):
        raise InvalidRequestError("The response_mode form_post needs a redirect URI of the web.")
    if any(len(parameters.get(name, "")) > _LONGEST for name in ("state", "nonce", "claims", "scope")):
        raise InvalidRequestError("A parameter is too long.")


def _scope(scope: str, client: RelyingParty) -> str:
    names = scope.split()
    if "openid" not in names:
        raise InvalidScopeError("The scope must have openid.")
    if not client.check_grant_type("authorization_code"):
        raise UnauthorizedClientError("The client may not use this grant.")
    if not client.check_grant_type("refresh_token"):
        names = [name for name in names if name != "offline_access"]
    return " ".join(names)


def _prompt(text: str | None) -> tuple[str, ...]:
    prompts = tuple(dict.fromkeys((text or "").split()))
    if not _PROMPTS.issuperset(prompts) or ("none" in prompts and len(prompts) > 1):
        raise InvalidRequestError("The prompt must be none, or some of login, consent and select_account.")
    return prompts


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise InvalidRequestError("The max_age must be a number of seconds.")
    return int(text)
