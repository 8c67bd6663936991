"""An administrator at work in Chromium: finds a user, suspends, resumes, invites, removes; and the users notice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.people import Person
from tests.roles.network.site import free_ports
from tests.roles.web.pages_world import Clock, serving_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

oidc: Any = pytest.importorskip("tests.roles.oidc.world")
SIZES = {"desktop": (1100, 860), "phone": (375, 700)}


class AdminWorld(oidc.OidcWorld):
    """A provider without relying parties, at an address of its own."""

    def code(self, user: str) -> str:
        return str(self.invite(user))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminWorld]:
    (port,) = free_ports(1)
    extra = '[mfa.oidc]\n[mfa.admin]\ngroups = ["admins"]\n'
    # Playwright has an event loop running in this thread.
    with ThreadPoolExecutor(1) as elsewhere:
        folder, url = tmp_path_factory.mktemp("admin"), f"http://127.0.0.1:{port}"
        made = AdminWorld(folder, Clock(), extra=extra, url=url, sockets=True)
        elsewhere.submit(made.build).result()
        with serving_at(made.http.app, port):
            yield made
        elsewhere.submit(made.close).result()


@pytest.fixture
def someone(chromium: Browser, world: AdminWorld) -> Iterator[Callable[[str], Person]]:
    """People at browsers of their own, who have enrolled."""
    people = []

    def made(user: str) -> Person:
        person = Person(chromium.new_context(locale="en-GB", viewport={"width": 1100, "height": 860}), world)
        people.append(person)
        person.open()
        if user:
            person.enrol(user)
        return person

    yield made
    for person in people:
        person.check()
        person.close()


def seen(person: Person, name: str) -> None:
    """What axe says of a page, on a desk and on a phone, by day and by night."""
    for scheme in ("light", "dark"):
        for size, (width, height) in SIZES.items():
            person.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            person.page.set_viewport_size({"width": width, "height": height})
            person.looks(f"admin-{name}-{scheme}-{size}")
            wide = person.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide == 0, f"{name} on a {size} has to be scrolled sideways"
    person.page.emulate_media(color_scheme="light")
    person.page.set_viewport_size({"width": 1100, "height": 860})


def follow(person: Person, link: str) -> None:
    person.page.get_by_role("link", name=link, exact=True).click()


def administrator(someone: Callable[[str], Person], world: AdminWorld, user: str = "olga") -> Person:
    olga = someone(user)
    world.provider.records.keep_profile(user, {"groups": ["admins"]})
    olga.open("/admin")
    olga.title("Sign in")
    olga.sees("Administration")
    assert olga.page.get_by_role("button", name="Sign in with another device").count() == 0
    olga.log_in("CANARY-pin-2580", f"PIN of {user}")
    olga.title("Users")
    return olga


def test_suspend_resume_and_remove(someone: Callable[[str], Person], world: AdminWorld) -> None:
    olga, alice = administrator(someone, world), someone("alice")
    world.provider.records.keep_profile("alice", {"name": "Alice Arden", "email": "alice@mail.test"})
    olga.write("Find a user by name", "ALI")
    olga.press("Search")
    olga.sees("Users with “ALI” in their names")
    follow(olga, "alice")
    olga.title("alice")
    seen(olga, "user")

    olga.press("Suspend")
    olga.sees("The account is suspended.")
    seen(olga, "suspended")
    alice.open()
    alice.log_in("CANARY-pin-2580")
    alice.alert("This account is suspended.")
    olga.press("Resume")
    olga.sees("The user can log in again.")
    alice.log_in("CANARY-pin-2580")
    alice.title("Your account")

    olga.page.get_by_role("button", name="Remove Laptop").click()
    olga.title("Remove Laptop of alice?")
    follow(olga, "Keep")
    olga.page.get_by_role("button", name="Remove", exact=True).click()
    olga.title("Remove alice?")
    seen(olga, "remove")
    olga.press("Remove for good")
    olga.sees("The account is removed.")
    assert olga.page.get_by_role("link", name="alice").count() == 0
    alice.open()
    alice.log_in("CANARY-pin-2580")
    alice.page.get_by_role("alert").filter(has_text=" ").first.wait_for()
    assert world.mfa.records.pinned("alice", "Laptop") is None

    seen(olga, "users")


def test_invite_and_make_another_administrator(someone: Callable[[str], Person], world: AdminWorld) -> None:
    oskar = administrator(someone, world, "oskar")
    oskar.write("User name", "dora")
    oskar.page.get_by_label("The code is good for").select_option(label="72 hours")
    oskar.press("Invite")
    oskar.title("Code for dora")
    seen(oskar, "code")
    code = oskar.page.locator("code").inner_text()
    dora = someone("")
    dora.application("dora", code)
    dora.choose("CANARY-pin-2580")
    dora.title("Your account")

    follow(oskar, "← All users")
    follow(oskar, "dora")
    oskar.write("Groups", "admins\nstaff")
    oskar.press("Save")
    oskar.sees("The profile is saved.")
    dora.open("/admin")
    dora.log_in("CANARY-pin-2580", "PIN of dora")
    dora.title("Users")
    follow(dora, "oskar")
    dora.press("Suspend")
    dora.sees("The account is suspended.")
    follow(oskar, "Administration")
    oskar.title("Sign in")
    follow(dora, "Log out")
    dora.press("Log out")
    dora.title("Logged out")
    dora.open("/admin")
    dora.title("Sign in")


def test_who_is_no_administrator_finds_nothing(someone: Callable[[str], Person]) -> None:
    ben = someone("ben")
    ben.open("/admin")
    ben.log_in("CANARY-pin-2580", "PIN of ben")
    ben.title("There is no such page.")
    ben.sees("You are logged in as ben.")
    seen(ben, "nothing")
