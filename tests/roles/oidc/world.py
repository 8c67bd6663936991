"""An OpenID Provider with a network of D-TAs in process, relying parties, and browsers that log in by the HTTP API."""

from __future__ import annotations

import base64
import hashlib
import html
import http.server
import json
import re
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.jwk import KeySet

from milagro.roles.issuance.requester import Patience
from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa.oidc.provider import Provider, open_provider
from milagro.roles.peer import Peer
from tests.canaries import plant
from tests.roles.world import CHEAP, MFA_URL, PASSPHRASE, PIN, World, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milagro.roles.wire import Message

PATIENT = Patience(answer=10.0, overall=30.0, linger=0.05)
SECRET = "a secret of a relying party that has more than 32 characters"
CALLBACK = "https://rp.test/callback"
OTHER_CALLBACK = "https://other.test/callback"
AFTER_LOGOUT = "https://rp.test/logged-out"
PROFILE = {
    "name": "Alice Arden", "given_name": "Alice", "family_name": "Arden", "middle_name": "B.", "nickname": "al",
    "profile": "https://alice.test/", "picture": "https://alice.test/me.png", "website": "https://alice.test/",
    "gender": "female", "birthdate": "1990-01-31", "zoneinfo": "Europe/London", "locale": "en-GB",
    "updated_at": 1_700_000_000, "email": "alice@mail.test", "email_verified": True,
    "address": {"formatted": "1 High Street", "country": "GB"}, "phone_number": "+44 20 0000",
    "phone_number_verified": False, "groups": ["staff", "ops"],
}  # fmt: skip
TEXT = f"""
[mfa.oidc]
publish_seconds = 3600
overlap_seconds = 7200
registration = true
registration_requires_pkce = false
[[mfa.oidc.clients]]
id = "rp"
name = "Example"
redirect_uris = ["{CALLBACK}", "{CALLBACK}?foo=bar"]
post_logout_redirect_uris = ["{AFTER_LOGOUT}"]
secret_file = "secret"
require_pkce = false
backchannel_logout_uri = "%(backchannel)s"
[[mfa.oidc.clients]]
id = "posting"
redirect_uris = ["{CALLBACK}"]
auth_method = "client_secret_post"
secret_file = "secret"
require_pkce = false
id_token_alg = "ES256"
consent = "implied"
[[mfa.oidc.clients]]
id = "other"
redirect_uris = ["{OTHER_CALLBACK}"]
post_logout_redirect_uris = ["https://other.test/bye"]
secret_file = "secret"
consent = "implied"
subject = "pairwise"
claims_in_id_token = true
[[mfa.oidc.clients]]
id = "app"
redirect_uris = ["com.example.app:/callback", "http://127.0.0.1:9999/callback"]
auth_method = "none"
consent = "implied"
[[mfa.oidc.clients]]
id = "narrow"
redirect_uris = ["{OTHER_CALLBACK}"]
secret_file = "secret"
consent = "implied"
scopes = ["openid", "email"]
grant_types = ["authorization_code"]
[[mfa.oidc.clients]]
id = "pushing"
redirect_uris = ["{OTHER_CALLBACK}"]
secret_file = "secret"
consent = "implied"
require_pushed = true
[[mfa.oidc.clients]]
id = "gateway"
redirect_uris = ["{OTHER_CALLBACK}"]
secret_file = "secret"
introspects_all = true
[limits]
address_header = "x-real-ip"
"""


class Hook:
    """A relying party's address for logout tokens, on loopback."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.status = 200
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                found = [value for name, value in parse_qsl(body.decode()) if name == "logout_token"]
                hook.tokens += [plant("a logout token", token) for token in found]
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/backchannel"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class OidcWorld(World):
    """A network world whose MFA server is an OpenID Provider, configured with `extra`."""

    extra: str = TEXT
    provider: Provider = field(init=False)

    def build(self) -> OidcWorld:
        self.hook = Hook()
        write(self.folder / "mfa" / "secret", plant("a client secret", SECRET) + "\n")
        tables = self.extra % {"backchannel": self.hook.url} + self.store()
        self.store = lambda: tables
        super().build()
        return self

    def start_mfa(self) -> None:
        if hasattr(self, "provider"):
            self.provider.close()
        super().start_mfa()
        self.http._transport.client = ("127.0.0.1", 50000)  # type: ignore[attr-defined]

    def application(self) -> Any:
        provider = open_provider(self.mfa, PASSPHRASE, CHEAP)
        assert provider is not None
        self.provider = provider
        return mfa_http.create_app(self.mfa, self.config.common.server, provider)

    def close(self) -> None:
        if hasattr(self, "provider"):
            self.provider.close()
        super().close()
        self.hook.close()

    # -- who takes part --------------------------------------------------------------------------------------------
    def browser(self, device: str = "laptop") -> Browser:
        return Browser(self, device)

    def rp(self, client_id: str = "rp", redirect_uri: str = CALLBACK, **options: Any) -> Party:
        return Party(self, client_id, redirect_uri, **options)

    def code(self, user: str) -> str:
        """An invitation for this user."""
        return self.invite(user)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self._client().get(path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self._client().post(path, **options)

    def _client(self) -> httpx.Client:
        return httpx.Client(transport=self.http._transport, base_url=MFA_URL)

    def keys(self) -> KeySet:
        return KeySet.import_key_set(self.get("/oidc/jwks.json").json())


class _Pages(Peer):
    """The login page's connection: pass 2 goes out with the interaction, once."""

    def __init__(self, browser: Browser, interaction: str) -> None:
        super().__init__(MFA_URL, transport=browser.world.http._transport)
        self._browser, self._interaction, self.next = browser, interaction, ""

    def post(self, path: str, message: Message, answer: Any, token: str | None = None) -> Any:
        if path != "/v1/login/pass2" or self.next:
            return super().post(path, message, answer, token)
        body = {**message.model_dump(mode="json"), "interaction": self._interaction}
        response = self._browser.http.post("/oidc/login", json=body, headers={"origin": self._browser.world.url})
        if response.status_code != 200:
            raise self._refusal(response, response.content)
        found = response.json()
        self.next = found.pop("continue")
        return answer.model_validate_json(json.dumps(found))

    def close(self) -> None:
        pass


class Browser:
    """A browser: it keeps cookies, follows redirects within the provider, and stops where it would leave it."""

    def __init__(self, world: OidcWorld, device: str = "laptop", http: httpx.Client | None = None) -> None:
        self.world, self.device = world, device
        self.http = http or httpx.Client(transport=world.http._transport, base_url=MFA_URL)
        self.logins = 0
        self.consents = 0
        self.pages: list[httpx.Response] = []

    def open(self, url: str) -> httpx.Response:
        return self.http.get(url)

    def log_in(self, interaction: str, pin: str = PIN, device: str | None = None) -> str:
        """What the login page does; where it goes then."""
        pages = _Pages(self, interaction)
        client = self.world.client(device or self.device)
        client._dial = lambda _url: pages
        client.login(lambda: pin)
        self.logins += 1
        return pages.next

    def follow(self, response: httpx.Response, *, allow: bool = True) -> httpx.Response:
        """Goes on, logging in and agreeing, until the browser would leave; the last response."""
        for _ in range(10):
            if response.status_code == 303:
                where = urlsplit(response.headers["location"])
                if where.path == "/login":
                    response = self.open(self.log_in(parse_qs(where.query)["interaction"][0]))
                elif where.netloc or where.scheme:
                    return response
                else:
                    response = self.open(response.headers["location"])
            elif response.status_code == 200 and 'action="/oidc/consent"' in response.text:
                self.consents += 1
                self.pages.append(response)
                response = self.submit(response, decision="allow" if allow else "deny")
            else:
                return response
        raise AssertionError("the provider sends the browser in circles")

    def submit(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Sends the page's form."""
        action, values = form_of(page.text)
        return self.http.post(action, data={**values, **fields}, headers={"origin": self.world.url})

    def plant(self, name: str, value: str) -> None:
        """Sets a cookie as the provider would."""
        self.http.cookies.set(name, value, domain="127.0.0.1", path="/")

    def session_cookie(self) -> str | None:
        return self.http.cookies.get("milagro-session")


def form_of(text: str) -> tuple[str, dict[str, str]]:
    """Where a page's form goes, and its hidden fields."""
    action = re.search(r'<form method="post" action="([^"]*)"', text)
    assert action is not None, text
    hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', text)
    return html.unescape(action[1]), {html.unescape(name): html.unescape(value) for name, value in hidden}


def answer_of(response: httpx.Response) -> dict[str, str]:
    """The parameters of an authorization response, by whichever response mode."""
    if response.status_code == 303:
        return dict(parse_qsl(urlsplit(response.headers["location"]).query))
    return form_of(response.text)[1]


class Party:
    """A relying party, made of Authlib's client and joserfc."""

    def __init__(self, world: OidcWorld, client_id: str, redirect_uri: str, **options: Any) -> None:
        self.world, self.client_id, self.redirect_uri = world, client_id, redirect_uri
        self.metadata = world.get("/.well-known/openid-configuration").json()
        self.secret = options.pop("secret", SECRET)
        self.state, self.nonce = "", ""
        self.verifier: str | None = None
        self.pkce, self.mode = options.pop("pkce", False), options.pop("mode", None)
        self.http = OAuth2Client(
            client_id,
            self.secret,
            redirect_uri=redirect_uri,
            transport=world.http._transport,
            base_url=MFA_URL,
            **options,
        )

    def request(self, **parameters: Any) -> dict[str, str]:
        """The parameters of an authorization request; None leaves one out."""
        self.state, self.nonce = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self.verifier = secrets.token_urlsafe(48) if self.pkce else None
        found: dict[str, Any] = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": self.redirect_uri,
            "scope": "openid", "state": self.state, "nonce": self.nonce, "response_mode": self.mode,
        }  # fmt: skip
        if self.verifier:
            digest = hashlib.sha256(self.verifier.encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            found |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        return {name: value for name, value in {**found, **parameters}.items() if value is not None}

    def authorize(self, browser: Browser, **parameters: Any) -> httpx.Response:
        """Sends the browser to the provider; the provider's first answer."""
        return browser.http.get("/oidc/authorize", params=self.request(**parameters))

    def answer(self, browser: Browser, **parameters: Any) -> dict[str, str]:
        """Sends the browser there and waits for it to come back."""
        found = answer_of(browser.follow(self.authorize(browser, **parameters)))
        if parameters.get("state", "") is not None:
            assert found.get("state") == parameters.get("state", self.state)
        assert found["iss"] == MFA_URL
        return found

    def tokens(self, browser: Browser, **parameters: Any) -> dict[str, Any]:
        """A whole login."""
        return self.redeem(self.answer(browser, **parameters)["code"])

    def redeem(self, code: str, **options: Any) -> dict[str, Any]:
        """Tokens for a code. Raises: OAuthError"""
        more = {"code_verifier": self.verifier} if self.verifier else {}
        found: dict[str, Any] = self.http.fetch_token(
            "/oidc/token", grant_type="authorization_code", code=code, **{**more, **options}
        )
        plant("an ID token", found["id_token"])
        return found

    def refresh(self, token: str, **options: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.http.refresh_token("/oidc/token", refresh_token=token, **options)
        return found

    def claims(self, tokens: Mapping[str, Any]) -> dict[str, Any]:
        """The claims of an ID token, after all the checks that a relying party has to make."""
        header = json.loads(decoded(tokens["id_token"].split(".")[0]))
        found = jwt.decode(tokens["id_token"], self.world.keys(), algorithms=["ES256", "RS256"])
        wanted: Any = {
            "iss": {"essential": True, "value": MFA_URL},
            "aud": {"essential": True, "value": self.client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
            "iat": {"essential": True},
        }
        jwt.JWTClaimsRegistry(now=self.world.clock(), **wanted).validate(found.claims)
        assert header["kid"] in {key.kid for key in self.world.keys().keys}
        digest = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
        assert found.claims["at_hash"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        assert len(found.claims["sub"]) <= 255
        return dict(found.claims)

    def userinfo(self, tokens: Mapping[str, Any]) -> dict[str, Any]:
        response = self.world.get("/oidc/userinfo", headers=bearer(tokens))
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def works(self, tokens: Mapping[str, Any]) -> bool:
        """Whether the access token still opens userinfo."""
        return self.world.get("/oidc/userinfo", headers=bearer(tokens)).status_code == 200


def bearer(tokens: Mapping[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {tokens['access_token']}"}


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
