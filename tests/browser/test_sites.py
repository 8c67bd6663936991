"""People go to a page behind Apache with mod_auth_openidc, log in on the page of the MFA server, and log out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.people import Person
from tests.roles.oidc.apache import ApacheSite, apache_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

GROUPS = {"alice": ["ops", "staff"], "bob": ["guests"]}
PINS = {"alice": "CANARY-pin-6193", "bob": "CANARY-pin-8052"}
AUTHORIZE = "/oidc/authorize"


class Reader(Person):
    """Somebody who wants to read the wiki."""

    wiki: str

    def reads(self, path: str = "/secure/") -> None:
        self.page.goto(self.wiki + path)

    def shown(self, text: str) -> None:
        """The site's page; its texts stand alone."""
        self.page.get_by_text(text, exact=True).wait_for()

    def gets_out(self) -> None:
        """By the link of the guide."""
        self.page.goto(f"{self.wiki}/callback?logout={self.wiki}/bye.html")
        self.shown("the page bye.html")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheSite]:
    # Playwright has an event loop running in this thread.
    with ThreadPoolExecutor(1) as elsewhere:
        stack = ExitStack()
        folder = tmp_path_factory.mktemp("wiki")
        try:
            yield elsewhere.submit(lambda: stack.enter_context(apache_site(folder, sockets=True))).result()
        finally:
            elsewhere.submit(stack.close).result()


@pytest.fixture
def reader(chromium: Browser, site: ApacheSite) -> Iterator[Reader]:
    someone = Reader(chromium.new_context(locale="en-GB"), site.world)
    someone.wiki = site.url
    yield someone
    assert someone.complaints == []
    assert [url for url in someone.strangers if not url.startswith(f"{site.url}/")] == []
    someone.close()


def enrolled(reader: Reader, site: ApacheSite, user: str, device: str = "Laptop") -> Reader:
    """A person who has set their browser up."""
    reader.open("/login")
    reader.enrol(user, PINS[user], device)
    site.world.provider.records.keep_profile(user, {"groups": GROUPS[user]})
    return reader


def test_log_in_read_and_log_out(reader: Reader, site: ApacheSite) -> None:
    enrolled(reader, site, "alice")
    with reader.page.expect_request(lambda request: urlsplit(request.url).path == AUTHORIZE) as asked:
        reader.reads()
    question = parse_qs(urlsplit(asked.value.url).query)
    assert (question["response_type"], question["code_challenge_method"]) == (["code"], ["S256"])
    reader.title("Sign in")
    reader.sees("The wiki")
    reader.log_in("CANARY-pin-0000")
    reader.alert("That PIN is not right")
    with reader.page.expect_response(f"{site.url}/secure/") as answered:
        reader.log_in(PINS["alice"])
        reader.shown("the page secure/index.html")
    assert answered.value.headers["x-user"] == "alice"
    assert answered.value.headers["x-groups"] == "ops,staff"
    reader.reads()  # nobody is asked again
    reader.shown("the page secure/index.html")
    assert reader.page.goto(f"{site.url}/secure/admin/index.html").status in {401, 403}

    reader.gets_out()
    reader.reads()
    reader.log_in(PINS["alice"])  # here and there: the PIN is asked for again
    reader.shown("the page secure/index.html")


def test_who_is_not_in_the_group_does_not_read(reader: Reader, site: ApacheSite) -> None:
    enrolled(reader, site, "bob").reads()
    with reader.page.expect_response(f"{site.url}/secure/") as answered:
        reader.log_in(PINS["bob"], "PIN of bob")
    assert answered.value.status in {401, 403}
    assert "the page" not in reader.page.content()


def test_a_session_that_ends_at_the_provider_ends_at_apache(reader: Reader, site: ApacheSite) -> None:
    enrolled(reader, site, "alice", "Desk").reads()
    reader.log_in(PINS["alice"])
    reader.shown("the page secure/index.html")
    site.world.mfa.records.suspend("alice", suspended=True)
    site.world.provider.notifier.deliver()
    assert site.unheard() == 0  # Apache has been told, and has confirmed it
    site.world.mfa.records.suspend("alice", suspended=False)
    reader.reads()
    reader.log_in(PINS["alice"])
    reader.shown("the page secure/index.html")
