"""The site of docs/relying-parties/python.md, as it stands there, and people who go to it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from tests.canaries import plant
from tests.roles.network.site import free_ports
from tests.roles.oidc.guides import Guide, Visitor, add_people, provided
from tests.roles.oidc.world import decoded
from tests.roles.web.pages_world import serving_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.roles.oidc.world import OidcWorld

SECRET = "fedcba9876543210" * 4
ENVIRONMENT = {"NOTES_CLIENT_SECRET": SECRET, "NOTES_COOKIE_KEY": SECRET[::-1], "NO_PROXY": "127.0.0.1"}


@dataclass
class Notes:
    """The provider and the site."""

    world: OidcWorld
    url: str
    module: Any

    def browser(self, device: str = "laptop") -> Visitor:
        return Visitor(self.world, device)

    def log_out(self, browser: Visitor, origin: str | None = None) -> httpx.Response:
        """The button."""
        sent = browser.http.post(f"{self.url}/logout", headers={"origin": origin or self.url})
        return browser.go_on(sent)


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notes]:
    pytest.importorskip("itsdangerous")
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    guide = Guide("python", {"https://notes.example": url})
    with (
        pytest.MonkeyPatch.context() as patch,
        provided(tmp_path_factory.mktemp("notes"), guide, {"notes.secret": SECRET}) as world,
    ):
        for name, value in ENVIRONMENT.items():
            patch.setitem(os.environ, name, value)
        plant("a cookie key", ENVIRONMENT["NOTES_COOKIE_KEY"])
        add_people(world)
        module = ModuleType("notes")
        exec(compile(guide.block("python"), "docs/relying-parties/python.md", "exec"), module.__dict__)
        with serving_at(module.app, port):
            yield Notes(world, url, module)


def test_who_logs_in_is_known_with_their_groups(notes: Notes) -> None:
    alice = notes.browser()
    assert "Log in" in alice.http.get(notes.url).text
    asked = alice.http.get(f"{notes.url}/login")
    question = parse_qs(urlsplit(asked.headers["location"]).query)
    assert (question["code_challenge_method"], question["response_type"]) == (["S256"], ["code"])
    before = alice.http.cookies["notes"]
    page = alice.go_on(asked)
    assert page.text.startswith("alice: ops, staff")
    assert page.headers["cache-control"] == "no-store"
    assert alice.http.cookies["notes"] != before
    assert alice.visit(f"{notes.url}/staff").text == "the page of the staff"
    assert alice.logins == 1


def test_who_is_not_in_the_group_does_not_see_its_page(notes: Notes) -> None:
    bob = notes.browser("desktop")
    assert bob.visit(f"{notes.url}/staff").text.startswith("bob: guests")
    found = bob.visit(f"{notes.url}/staff")
    assert (found.status_code, found.text) == (403, "This page is for the staff.")


def test_logout_ends_it_here_and_there(notes: Notes) -> None:
    alice = notes.browser()
    alice.visit(f"{notes.url}/login")
    assert notes.log_out(alice, "http://elsewhere.test").status_code == 403
    assert "alice" in alice.visit(notes.url).text
    after = notes.log_out(alice)
    assert (str(after.url), "Log in" in after.text) == (f"{notes.url}/", True)
    alice.visit(f"{notes.url}/login")
    assert alice.logins == 2


def test_a_logout_elsewhere_ends_this_session_and_no_other(notes: Notes) -> None:
    alice, bob = notes.browser(), notes.browser("desktop")
    alice.visit(f"{notes.url}/login")
    bob.visit(f"{notes.url}/login")
    notes.world.mfa.records.suspend("alice", suspended=True)
    try:
        notes.world.provider.notifier.deliver()
        assert "Log in" in alice.visit(notes.url).text
        assert "bob" in bob.visit(notes.url).text
    finally:
        notes.world.mfa.records.suspend("alice", suspended=False)


def test_only_the_providers_logout_tokens_end_anything(notes: Notes) -> None:
    alice = notes.browser()
    alice.visit(f"{notes.url}/login")
    (person,) = [one for one in notes.module.people.values() if one["preferred_username"] == "alice"]
    statements, client = notes.world.provider.statements, notes.world.provider.client("notes")
    assert client is not None
    now = notes.world.clock()
    forged = [
        person["id_token"],  # signed by the provider, and no logout token
        statements.logout_token(client, person["sub"], "another session", now - 10_000),  # over
        "e30.e30.",
        "",
    ]
    for token in forged:
        assert alice.http.post(f"{notes.url}/backchannel", data={"logout_token": token}).status_code == 400
    elsewhere = statements.logout_token(client, person["sub"], "another session", now)
    assert alice.http.post(f"{notes.url}/backchannel", data={"logout_token": elsewhere}).status_code == 200
    assert json.loads(decoded(elsewhere.split(".")[1]))["sid"] != person["sid"]
    assert "alice" in alice.visit(notes.url).text


def test_an_answer_that_nobody_asked_for_is_refused(notes: Notes) -> None:
    """A code of somebody else, put into this browser; an answer of another provider; and a state of before."""
    eve, alice = notes.browser("desktop"), notes.browser()
    sent = eve.http.get(f"{notes.url}/login")
    answer = eve.answer(sent, notes.url)
    assert alice.http.get(answer).status_code == 400
    begun = alice.http.get(f"{notes.url}/login")
    state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
    code = parse_qs(urlsplit(answer).query)["code"][0]
    for told in (
        {"code": code, "state": state, "iss": notes.world.url},  # this browser's state: PKCE and nonce do not fit
        {"code": code, "state": state, "iss": "http://127.0.0.1:9"},
        {"code": code, "iss": notes.world.url},
        {"error": "access_denied", "state": state, "iss": notes.world.url},
    ):
        assert alice.http.get(f"{notes.url}/callback?{urlencode(told)}").status_code == 400
    assert "Log in" in alice.visit(notes.url).text
