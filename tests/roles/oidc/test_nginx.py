"""An application behind nginx with oauth2-proxy, configured as docs/relying-parties/nginx.md says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.roles.oidc.guides import add_people
from tests.roles.oidc.nginx import Board, board
from tests.roles.oidc.world import form_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with board(tmp_path_factory.mktemp("board")) as opened:
        add_people(opened.world)
        yield opened


def told(response: httpx.Response) -> dict[str, list[str]]:
    """The headers that the application got, of those that name somebody, by names as applications compare them."""
    assert response.status_code == 200, response.text
    found: dict[str, list[str]] = {}
    for name, value in response.json()[1:]:
        key = name.lower().replace("_", "-")
        if "auth" in key:
            found.setdefault(key, []).append(value)
    return found


ALICE = {"x-auth-request-user": ["alice"], "x-auth-request-groups": ["ops,staff"]}


def test_the_application_is_told_who_has_logged_in(site: Board) -> None:
    alice = site.browser()
    sent = alice.http.get(f"{site.url}/notes?page=2")
    assert sent.status_code == 302
    begun = alice.http.get(site.url + sent.headers["location"].removeprefix(site.url))
    question = parse_qs(urlsplit(begun.headers["location"]).query)
    assert (question["code_challenge_method"], question["response_type"]) == (["S256"], ["code"])
    found = alice.visit(f"{site.url}/notes?page=2")
    assert found.json()[0] == "/notes?page=2"
    assert told(found) == ALICE
    assert found.headers["cache-control"] == "no-store"
    assert told(alice.visit(f"{site.url}/staff/")) == ALICE
    assert alice.logins == 1


def test_who_is_not_in_the_group_is_refused(site: Board) -> None:
    bob = site.browser("desktop")
    assert told(bob.visit(f"{site.url}/")) == {"x-auth-request-user": ["bob"], "x-auth-request-groups": ["guests"]}
    found = bob.visit(f"{site.url}/staff/")
    assert found.status_code == 403
    assert "Host" not in found.text


@pytest.mark.parametrize("name", ["User", "Groups", "Email", "Preferred-Username", "Access-Token"])
def test_the_headers_cannot_be_forged(site: Board, name: str) -> None:
    header = f"X-Auth-Request-{name}"
    written = [header, header.lower(), header.upper().replace("-", "_"), header.replace("-", "_")]
    forged = [(one, "root") for one in written]
    bob = site.browser("desktop")
    bob.visit(f"{site.url}/")
    for extra in (forged, [*forged, (header, "staff")], [(header, "")]):
        found = bob.http.get(f"{site.url}/", headers=extra)
        assert told(found) == {"x-auth-request-user": ["bob"], "x-auth-request-groups": ["guests"]}
        assert bob.http.get(f"{site.url}/staff/", headers=extra).status_code == 403
    stranger = site.browser().http
    for path in ("/", "/staff/", "/oauth2/auth", "/oauth2/auth-staff"):
        assert stranger.get(site.url + path, headers=forged).status_code in {302, 404}


def test_logout_ends_it_here_and_there(site: Board) -> None:
    alice = site.browser()
    alice.visit(f"{site.url}/")
    asked = alice.visit(f"{site.url}/logout")
    assert form_of(asked.text)[0] == "/oidc/logout/confirm"
    after = alice.go_on(alice.submit(asked, decision="logout"))
    assert (str(after.url), after.text) == (f"{site.url}/bye", "You are logged out.\n")
    alice.visit(f"{site.url}/")
    assert alice.logins == 2


def test_the_end_of_a_login_is_no_open_redirect(site: Board) -> None:
    alice = site.browser()
    for elsewhere in ("https://evil.test/", "//evil.test/", "/\\evil.test/"):
        found = alice.visit(f"{site.url}/oauth2/start?rd={elsewhere}")
        assert urlsplit(str(found.url)).netloc == urlsplit(site.url).netloc


def test_suspension_ends_the_session_with_the_id_token(site: Board) -> None:
    alice = site.browser()
    told(alice.visit(f"{site.url}/"))
    time.sleep(5)  # longer than the ID token: so it is renewed, and the session goes on
    assert told(alice.http.get(f"{site.url}/")) == ALICE
    site.world.mfa.records.suspend("alice", suspended=True)
    try:
        for _ in range(300):
            if (found := alice.http.get(f"{site.url}/")).status_code == 302:
                break
            time.sleep(0.1)
        assert found.headers["location"].removeprefix(site.url).startswith("/oauth2/start")
    finally:
        site.world.mfa.records.suspend("alice", suspended=False)
