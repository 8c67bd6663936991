"""A site sends its users to the provider: they log in on the page, and come back to the site with a code."""

from __future__ import annotations

import base64
import hashlib
import http.server
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.browser.people import Person
from tests.roles.network.site import free_ports
from tests.roles.web.pages_world import Clock, serving_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

oidc: Any = pytest.importorskip("tests.roles.oidc.world")
VERIFIER = "a-verifier-of-a-request-that-has-more-than-43-characters"
CLIENT = """
[[mfa.oidc.clients]]
id = "site"
name = "Example Shop"
redirect_uris = ["{}/callback"]
auth_method = "none"
consent = "implied"
"""


class Site(http.server.BaseHTTPRequestHandler):
    """A site of somebody else."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Shop</title><link rel=icon href='data:,'><h1>Back at the shop</h1>")

    def log_message(self, *_args: Any) -> None:
        pass


class ProviderWorld(oidc.OidcWorld):
    """A provider at an address of its own, and a site that uses it."""

    site: str

    def question(self, **more: str) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "client_id": "site", "response_type": "code", "scope": "openid", "redirect_uri": f"{self.site}/callback",
            "state": "a-state", "nonce": "a-nonce", "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        return f"/oidc/authorize?{urlencode({**asked, **more})}"

    def token(self, code: str) -> Any:
        body = {"grant_type": "authorization_code", "code": code, "redirect_uri": f"{self.site}/callback"}
        answer = self.post("/oidc/token", data={**body, "client_id": "site", "code_verifier": VERIFIER})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderWorld]:
    (port,) = free_ports(1)
    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=site.serve_forever, args=(0.02,), daemon=True).start()
    address = f"http://127.0.0.1:{site.server_port}"
    # Pictures for people take longer than a login with another device may.
    longer = oidc.TEXT.replace("[mfa.oidc]", "[mfa.oidc]\ncrossing_seconds = 600", 1)
    extra = longer.replace('address_header = "x-real-ip"', "proxies = []") + CLIENT.format(address)
    # Playwright has an event loop running in this thread.
    with ThreadPoolExecutor(1) as elsewhere:
        folder, url = tmp_path_factory.mktemp("provider"), f"http://127.0.0.1:{port}"
        world = ProviderWorld(folder, Clock(), extra=extra, url=url, sockets=True)
        world.site = address
        elsewhere.submit(world.build).result()
        with serving_at(world.http.app, port):
            yield world
        elsewhere.submit(world.close).result()
    site.shutdown()
    site.server_close()


@pytest.fixture
def customer(chromium: Browser, provider: ProviderWorld) -> Iterator[Person]:
    someone = Person(chromium.new_context(locale="en-GB"), provider)
    yield someone
    assert someone.complaints == []
    assert [url for url in someone.strangers if not url.startswith(provider.site)] == []
    someone.close()


def came_back(customer: Person, world: ProviderWorld) -> dict[str, str]:
    """What the site was told."""
    customer.title("Back at the shop")
    assert customer.page.url.startswith(f"{world.site}/callback?")
    return {name: one for name, (one,) in parse_qs(urlsplit(customer.page.url).query).items()}


def test_log_in_for_a_site(customer: Person, provider: ProviderWorld) -> None:
    customer.open("/login")
    customer.enrol()
    customer.open(provider.question())
    customer.title("Sign in")
    customer.sees("Example Shop")
    customer.looks("for-a-site")
    customer.log_in("CANARY-pin-9999")
    customer.alert("That PIN is not right")
    customer.log_in("CANARY-pin-2580")
    told = came_back(customer, provider)
    assert (told["state"], told["iss"]) == ("a-state", provider.url)
    assert provider.token(told["code"])["id_token"]
    customer.open(provider.question(state="another"))  # the session is there: no PIN again
    assert came_back(customer, provider)["state"] == "another"


def test_enrol_on_the_way_and_go_back_to_the_site(customer: Person, provider: ProviderWorld) -> None:
    customer.open(provider.question(login_hint="bruno"))
    customer.title("Set up this browser")
    assert customer.page.get_by_label("User name").input_value() == "bruno"
    customer.application("bruno", provider.code("bruno"))
    customer.choose("CANARY-pin-2580")
    assert came_back(customer, provider)["code"]


def test_cancel(customer: Person, provider: ProviderWorld) -> None:
    customer.open("/login")
    customer.enrol("clara")
    customer.open(provider.question())
    customer.press("Cancel")
    assert came_back(customer, provider)["error"] == "access_denied"


def test_an_interaction_of_another_browser_is_refused(customer: Person, provider: ProviderWorld) -> None:
    customer.open("/login?interaction=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    customer.title("Something is missing")
    customer.alert("This sign-in is over")
