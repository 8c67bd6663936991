"""A page behind Apache with mod_auth_openidc, configured as docs/relying-parties/apache.md says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.roles.oidc.apache import ApacheSite, apache_site
from tests.roles.oidc.guides import add_people

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheSite]:
    with apache_site(tmp_path_factory.mktemp("apache")) as site:
        add_people(site.world)
        yield site


def test_a_page_is_shown_to_who_has_logged_in_and_is_in_the_group(users: ApacheSite) -> None:
    alice = users.browser("laptop")
    assert alice.http.get(f"{users.url}/").text == "the page index.html"
    found = alice.visit(f"{users.url}/secure/index.html")
    assert (found.status_code, found.text) == (200, "the page secure/index.html")
    assert (found.headers["x-user"], found.headers["x-groups"]) == ("alice", "ops,staff")
    assert alice.visit(f"{users.url}/secure/index.html").status_code == 200
    assert alice.logins == 1
    assert alice.visit(f"{users.url}/secure/admin/index.html").status_code in {401, 403}


def test_who_is_not_in_the_group_does_not_see_it(users: ApacheSite) -> None:
    found = users.browser("desktop").visit(f"{users.url}/secure/index.html")
    assert found.status_code in {401, 403}
    assert "the page" not in found.text


def test_logout_ends_it_here_and_there(users: ApacheSite) -> None:
    alice = users.browser("laptop")
    alice.visit(f"{users.url}/secure/index.html")
    found = alice.visit(f"{users.url}/callback?logout={users.url}/bye.html")
    assert found.text == "the page bye.html"
    assert alice.visit(f"{users.url}/secure/index.html").status_code == 200
    assert alice.logins == 2


def test_suspension_ends_the_session_at_apache(users: ApacheSite) -> None:
    alice = users.browser("laptop")
    assert alice.visit(f"{users.url}/secure/index.html").status_code == 200
    users.world.mfa.records.suspend("alice", suspended=True)
    try:
        users.world.provider.notifier.deliver()
        assert users.unheard() == 0
        found = alice.http.get(f"{users.url}/secure/index.html")
        assert found.status_code == 302
        assert found.headers["location"].startswith(f"{users.world.url}/oidc/authorize")
    finally:
        users.world.mfa.records.suspend("alice", suspended=False)
