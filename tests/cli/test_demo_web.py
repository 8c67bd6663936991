"""`milagro demo web` as a browser without scripts sees it: invitation, enrolment, login, logout; and its end."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from milagro.roles.client.service import Application, open_client
from milagro.roles.peer import Peer
from tests.cli.test_demo import native_backend, web_demo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["native_backend"]  # a fixture that is used by itself
PIN = "CANARY-pin-2580"


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the demo says when it is up. At the end it is interrupted, and must leave nothing behind."""
    with web_demo(tmp_path_factory.mktemp("web")) as said:
        yield said


class Page(Peer):
    """What the login page does at pass 2: it names the interaction, and is told where to go on."""

    def __init__(self, browser: httpx.Client, login: str, interaction: str) -> None:
        super().__init__(login)
        self._browser, self._origin, self._interaction, self.next = browser, login, interaction, ""

    def post(self, path: str, message: Any, answer: Any, token: str | None = None) -> Any:
        if path != "/v1/login/pass2" or self.next:
            return super().post(path, message, answer, token)
        body = {**message.model_dump(mode="json"), "interaction": self._interaction}
        response = self._browser.post(f"{self._origin}/oidc/login", json=body, headers={"origin": self._origin})
        found = response.raise_for_status().json()
        self.next = found.pop("continue")
        return answer.model_validate_json(json.dumps(found))


def submit(browser: httpx.Client, page: httpx.Response, **fields: str) -> httpx.Response:
    """Sends the page's form, and follows where it leads."""
    (action,) = re.findall(r'<form method="post" action="([^"]*)"', page.text)
    hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
    origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
    data = {html.unescape(name): html.unescape(value) for name, value in hidden} | fields
    url = page.url.join(html.unescape(action))
    return browser.post(url, data=data, headers={"origin": origin}, follow_redirects=True)


def test_invited_enrolled_logged_in_and_out(addresses: dict[str, Any], tmp_path: Path) -> None:
    login, site = addresses["login"], addresses["site"]
    browser = httpx.Client(trust_env=False, timeout=30)
    letters = browser.get(addresses["mailbox"]).text
    assert f'href="{login}/login"' in letters
    code = re.findall(r"enrolment code: (\S+)", letters)[0]
    open_client(tmp_path / "laptop").enrol(Application(login, addresses["user"], "laptop", code), lambda: PIN)

    welcome = browser.get(site)
    assert "Log in" in welcome.text
    policy = welcome.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    asked = browser.get(f"{site}/login", follow_redirects=True)
    assert asked.url.path == "/login"
    assert str(asked.url).startswith(login)
    question = parse_qs(urlsplit(str(asked.history[-1].request.url)).query)
    assert question["code_challenge_method"] == ["S256"]
    page = Page(browser, login, parse_qs(asked.url.query.decode())["interaction"][0])
    client = open_client(tmp_path / "laptop")
    client._dial = lambda _url: page
    client.login(lambda: PIN)
    consent = browser.get(f"{login}{page.next}", follow_redirects=True)
    assert "Example site wants to know who you are" in consent.text
    greeted = submit(browser, consent, decision="allow")
    assert str(greeted.url) == f"{site}/"
    assert "Hello, Alice Arden" in greeted.text
    for fact in ("alice@demo.example", "staff, gardeners", "mfa, pin"):
        assert f"<dd>{fact}</dd>" in greeted.text

    foreign = browser.post(f"{site}/logout", headers={"origin": "http://127.0.0.1:9"})
    assert foreign.status_code == 403
    assert "Hello" in browser.get(site).text
    after = submit(browser, greeted)
    assert str(after.url) == f"{site}/"
    assert "Welcome" in after.text
    assert browser.get(f"{site}/login", follow_redirects=True).url.path == "/login"  # there, too


def test_an_answer_that_nobody_asked_for_is_refused(addresses: dict[str, Any]) -> None:
    site = addresses["site"]
    browser = httpx.Client(trust_env=False, timeout=30)
    forged = f"{site}/callback?code=abc&state=abc&iss={addresses['login']}"
    assert browser.get(forged).status_code == 400
    sent = browser.get(f"{site}/login")
    state = parse_qs(urlsplit(sent.headers["location"]).query)["state"][0]
    mixed = browser.get(f"{site}/callback?code=abc&state={state}&iss=http://127.0.0.1:9")
    assert mixed.status_code == 400
    assert "somebody else" in mixed.text
    assert browser.post(f"{site}/backchannel", data={"logout_token": "e30.e30."}).status_code == 400
    assert "Welcome" in browser.get(site).text
