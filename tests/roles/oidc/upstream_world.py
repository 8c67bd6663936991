"""Two MFA servers: one is an OpenID Provider, and people of its enrol at the other, which relies on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx

from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa.upstream.routes import UpstreamDesk
from tests.roles.oidc.world import PROFILE, SECRET, TEXT, OidcWorld
from tests.roles.oidc.world import Browser as UpstreamBrowser
from tests.roles.world import MFA_URL, World, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DOWN_URL = "http://127.0.0.1:8100"
CLIENT = """
[[mfa.oidc.clients]]
id = "down"
name = "The other server"
redirect_uris = ["{url}/upstream/callback"]
secret_file = "secret"
consent = "implied"
"""
UPSTREAM = """
[mfa.upstream]
issuer = "{issuer}"
name = "Example ID"
client_id = "down"
secret_file = "upstream-secret"
allowed = ["@mail.test"]
{more}
"""
START, CALLBACK, CONFIRM = "/upstream/start", "/upstream/callback", "/upstream/confirm"


class Provider(OidcWorld):
    """The provider, which knows alice and bob."""

    def build(self) -> Provider:
        super().build()
        for user, device in (("alice", "phone"), ("bob", "desk")):
            self.enrol(user, device)
            self.provider.records.keep_profile(user, {**PROFILE, "email": f"{user.title()}@Mail.test"})
        return self


def provider(folder: Path, clock: Any, url: str = DOWN_URL) -> Provider:
    return Provider(folder, clock, extra=TEXT + CLIENT.format(url=url)).build()


class Between(httpx.BaseTransport):
    """What stands between the two: it counts, and can change JSON on the way."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner
        self.asked: list[str] = []
        self.change: Callable[[str, dict[str, Any]], Any] = lambda _path, found: found

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        response = self.inner.handle_request(request)
        response.read()
        changed = self.change(request.url.path, json.loads(response.content))
        return httpx.Response(response.status_code, headers={"content-type": "application/json"}, json=changed)


class Relying(World):
    """The MFA server that relies on the provider."""

    between: Between
    desk: UpstreamDesk

    @classmethod
    def of(cls, op: OidcWorld, folder: Path, clock: Any, more: str = "") -> Relying:
        world = cls(folder, clock, url=DOWN_URL, store=lambda: UPSTREAM.format(issuer=MFA_URL, more=more))
        write(folder / "mfa" / "upstream-secret", SECRET + "\n")
        world.between = Between(op.http._transport)
        world.build()
        return world

    def application(self) -> Any:
        self.desk = UpstreamDesk(self.mfa, self.between)
        return mfa_http.create_app(self.mfa, self.config.common.server, upstream=self.desk)

    def browser(self) -> httpx.Client:
        """Somebody's browser at this server; what it does at the provider is another's."""
        return httpx.Client(transport=self.http._transport, base_url=DOWN_URL)


def begin(browser: httpx.Client, **body: str) -> str:
    """Where the browser is sent."""
    answer = browser.post(START, json=body, headers={"origin": DOWN_URL})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["continue"])


def come_back(op: OidcWorld, question: str, device: str = "phone") -> str:
    """Logs in at the provider; the address with its answer."""
    browser = UpstreamBrowser(op, device)
    return browser.follow(browser.open(question)).headers["location"]


def confirm(browser: httpx.Client) -> tuple[int, dict[str, Any]]:
    answer = browser.post(CONFIRM, json={}, headers={"origin": DOWN_URL})
    return answer.status_code, answer.json()


def outcome(browser: httpx.Client) -> str:
    """The user that the browser may enrol as, or why not."""
    status, body = confirm(browser)
    return str(body["user"] if status == 200 else body["error"]["code"])


def enrolled(op: OidcWorld, world: Relying, device: str = "phone") -> str:
    """What comes of the whole way, in a browser of its own."""
    browser = world.browser()
    browser.get(come_back(op, begin(browser), device))
    return outcome(browser)
