"""The example site of `milagro demo web`: a relying party, small enough to be read whole.

    /  --log in--> /login --state, nonce, PKCE--> the provider --code--> /callback --> /
    /  --log out-> /logout ------------------------> the provider's logout ---------> /
    the provider, when the session ends elsewhere --logout token--> /backchannel

What it keeps of a browser is in memory, by a cookie that is a random number.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from milagro.cli.demo.layout import Layout, files, filled

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

CLIENT_ID: Final = "example"
_COOKIE: Final = "example-site"
_MOST: Final = 1000  # browsers that are remembered
_LEEWAY: Final = 60
_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_SHOWN: Final = ("preferred_username", "name", "groups", "amr", "acr", "auth_time", "sub", "iss")
_NAMES: Final = {
    "preferred_username": "User",
    "name": "Name",
    "groups": "Groups",
    "amr": "Proved by (amr)",
    "acr": "Kind of login (acr)",
    "auth_time": "Logged in at",
    "sub": "Subject (sub)",
    "iss": "Login server (iss)",
}


class LoginFailed(Exception):
    """The provider's answer is not one to rely on."""


@dataclass(slots=True)
class Visit:
    """What the site knows of one browser."""

    state: str = ""
    nonce: str = ""
    verifier: str = ""
    id_token: str = ""
    claims: dict[str, Any] = field(default_factory=dict)


class RelyingParty:
    """The site's side of OpenID Connect: what it sends browsers to, and what it makes of the answers."""

    def __init__(self, issuer: str, url: str, secret: str) -> None:
        self.issuer, self.url, self._secret = issuer, url, secret
        # Not through a proxy that the environment may name.
        self._http = httpx.Client(base_url=issuer, trust_env=False, timeout=10)
        self._known: dict[str, Any] = {}

    def _metadata(self) -> dict[str, Any]:
        if not self._known:
            self._known = self._http.get("/.well-known/openid-configuration").raise_for_status().json()
        return self._known

    def question(self, visit: Visit) -> str:
        """Where the browser goes to log in."""
        visit.state, visit.nonce, visit.verifier = (secrets.token_urlsafe(32) for _ in range(3))
        digest = hashlib.sha256(visit.verifier.encode()).digest()
        parameters = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": f"{self.url}/callback",
            "scope": "openid profile groups",
            "state": visit.state,
            "nonce": visit.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self._metadata()['authorization_endpoint']}?{urlencode(parameters)}"

    def answer(self, visit: Visit, parameters: dict[str, str]) -> Visit:
        """The browser's visit from now on, with what the provider says of its user.

        Raises: LoginFailed
        """
        if not visit.state or not secrets.compare_digest(parameters.get("state", "").encode(), visit.state.encode()):
            raise LoginFailed("This answer belongs to no login that this browser began here.")
        if parameters.get("iss") != self.issuer:
            raise LoginFailed("This answer comes from somebody else.")
        if "code" not in parameters:
            raise LoginFailed("The login was not completed.")
        tokens = self._redeem(parameters["code"], visit.verifier)
        claims = self._claims(tokens["id_token"])
        if claims.get("nonce") != visit.nonce:
            raise LoginFailed("This answer belongs to another login.")
        return Visit(id_token=tokens["id_token"], claims={**self._userinfo(tokens, claims["sub"]), **claims})

    def _redeem(self, code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{self.url}/callback",
            "code_verifier": verifier,
        }
        response = self._http.post(self._metadata()["token_endpoint"], data=form, auth=(CLIENT_ID, self._secret))
        if response.status_code != httpx.codes.OK:
            raise LoginFailed("The login server does not accept the code.")
        found: dict[str, Any] = response.json()
        return found

    def _userinfo(self, tokens: dict[str, Any], subject: str) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        found: dict[str, Any] = self._http.get(self._metadata()["userinfo_endpoint"], headers=headers).json()
        if found.get("sub") != subject:
            raise LoginFailed("The login server speaks of somebody else.")
        return found

    def _claims(self, token: str, **more: Any) -> dict[str, Any]:
        keys = KeySet.import_key_set(self._http.get(self._metadata()["jwks_uri"]).raise_for_status().json())
        wanted: Any = {"iss": {"essential": True, "value": self.issuer}, "aud": {"essential": True, "value": CLIENT_ID}}
        wanted |= {name: {"essential": True} for name in ("iat", "exp")} | more
        try:
            found = jwt.decode(token, keys, algorithms=["ES256", "RS256"])
            jwt.JWTClaimsRegistry(now=int(time.time()), leeway=_LEEWAY, **wanted).validate(found.claims)
        except (JoseError, ValueError) as error:
            raise LoginFailed("The login server's token is not right.") from error
        return dict(found.claims)

    def ended(self, token: str) -> str:
        """Which session is over, by a logout token.

        Raises: LoginFailed
        """
        claims = self._claims(token, sid={"essential": True}, events={"essential": True})
        if _LOGOUT_EVENT not in claims["events"] or "nonce" in claims:
            raise LoginFailed("This is no logout token.")
        return str(claims["sid"])

    def farewell(self, visit: Visit) -> str:
        """Where the browser goes to log out."""
        parameters = {"id_token_hint": visit.id_token, "post_logout_redirect_uri": f"{self.url}/"}
        return f"{self._metadata()['end_session_endpoint']}?{urlencode(parameters)}"


class Site:
    """The pages."""

    def __init__(self, party: RelyingParty, user: str, mailbox: str) -> None:
        self._party, self._user, self._mailbox = party, user, mailbox
        self._layout = Layout("Example site", "keeps no passwords", party.issuer)
        self._visits: dict[str, Visit] = {}

    def app(self) -> Starlette:
        """The site as an ASGI application."""
        routes = [
            Route("/", self._in_thread(self.home)),
            Route("/login", self._in_thread(self.log_in)),
            Route("/callback", self._in_thread(self.come_back)),
            Route("/logout", self._in_thread(self.log_out), methods=["POST"]),
            Route("/backchannel", self.hear, methods=["POST"]),
        ]
        return Starlette(routes=[*routes, *files()])

    def _in_thread(self, page: Callable[[Request], Response]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            try:
                return await run_in_threadpool(page, request)
            except LoginFailed as failure:
                return self._told(str(failure), 400)
            except httpx.HTTPError:
                return self._told("The login server does not answer. Try again in a moment.", 503)

        return answer

    def home(self, request: Request) -> Response:
        """GET /"""
        claims = self._visit(request).claims
        if not claims:
            return self._layout.page("Welcome", filled("welcome.html", user=self._user, mailbox=self._mailbox))
        facts = "\n".join(
            f"<dt>{_NAMES[name]}</dt><dd>{escape(_shown(name, claims[name]))}</dd>" for name in _SHOWN if name in claims
        )
        who = claims.get("name") or claims.get("preferred_username") or claims["sub"]
        return self._layout.page(f"Hello, {who}", filled("known.html", facts))

    def log_in(self, _request: Request) -> Response:
        """GET /login"""
        visit = Visit()
        return self._keep(visit, RedirectResponse(self._party.question(visit), 303))

    def come_back(self, request: Request) -> Response:
        """GET /callback"""
        visit = self._visits.pop(request.cookies.get(_COOKIE, ""), Visit())  # good once
        found = self._party.answer(visit, dict(request.query_params))
        return self._keep(found, RedirectResponse("/", 303))  # under another cookie than before

    def log_out(self, request: Request) -> Response:
        """POST /logout"""
        if request.headers.get("origin") != self._party.url:
            return self._told("Only this site's own button logs you out.", 403)
        visit = self._visits.pop(request.cookies.get(_COOKIE, ""), Visit())
        response = RedirectResponse(self._party.farewell(visit) if visit.id_token else "/", 303)
        response.delete_cookie(_COOKIE)
        return response

    async def hear(self, request: Request) -> Response:
        """POST /backchannel"""
        form = dict(parse_qsl((await request.body()).decode("ascii", "replace")))
        try:
            sid = await run_in_threadpool(self._party.ended, form.get("logout_token", ""))
        except (LoginFailed, httpx.HTTPError):
            return Response(status_code=400)
        self._visits = {key: visit for key, visit in self._visits.items() if visit.claims.get("sid") != sid}
        return Response(headers={"cache-control": "no-store"})

    def _visit(self, request: Request) -> Visit:
        return self._visits.get(request.cookies.get(_COOKIE, ""), Visit())

    def _keep(self, visit: Visit, response: Response) -> Response:
        key = secrets.token_urlsafe(32)
        while len(self._visits) >= _MOST:
            self._visits.pop(next(iter(self._visits)), None)
        self._visits[key] = visit
        response.set_cookie(_COOKIE, key, httponly=True, samesite="lax")
        return response

    def _told(self, text: str, status: int) -> Response:
        return self._layout.page("That did not work", filled("told.html", escape(text)), status)


def _shown(name: str, value: Any) -> str:
    if name == "auth_time":
        return datetime.fromtimestamp(value, UTC).strftime("%H:%M:%S UTC")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
