"""Setting a browser up by e-mail and by another provider, getting back in by either, and waiting after a wrong PIN."""

from __future__ import annotations

import email
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa.mail.operations import MailDesk
from milagro.roles.mfa.pins import PinRules
from milagro.roles.mfa.upstream.routes import UpstreamDesk
from tests.browser.people import SHOTS, Person
from tests.roles.network.site import free_ports
from tests.roles.web.pages_world import Clock, PagesWorld, serving_at
from tests.roles.world import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

oidc: Any = pytest.importorskip("tests.roles.oidc.upstream_world")
EMAIL = """
[mfa.email]
sender = "login@login.test"
domains = ["mail.test"]
per_address = 100
"""


class EnrollingWorld(PagesWorld):
    """A server that enrols by e-mail, and by a provider, which is another server of ours."""

    op: Any
    mail: MailDesk
    desk: UpstreamDesk

    def application(self) -> Any:
        self.mail, self.desk = MailDesk(self.mfa), UpstreamDesk(self.mfa)
        return mfa_http.create_app(self.mfa, self.config.common.server, mail=self.mail, upstream=self.desk)

    def letter(self) -> str:
        """The code in the newest letter."""
        self.mail.outbox.deliver()
        folder = self.folder / "mfa" / "outbox"
        newest = max(folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        text = str(email.message_from_bytes(newest.read_bytes()).get_payload())
        found = re.search(r"^ {4}(\S{4}-\S{4})$", text, re.MULTILINE)
        assert found is not None
        return found[1]


def made(folder: Path, ports: list[int]) -> EnrollingWorld:
    down, up = f"http://127.0.0.1:{ports[0]}", f"http://localhost:{ports[1]}"  # two hosts, as cookies know no ports
    extra = oidc.TEXT + oidc.CLIENT.format(url=down)
    op = oidc.OidcWorld(folder / "op", Clock(), extra=extra, url=up, sockets=True).build()
    tables = EMAIL + oidc.UPSTREAM.format(issuer=up, more="")
    write(folder / "mfa" / "upstream-secret", oidc.SECRET + "\n")
    world = EnrollingWorld(folder, Clock(), store=lambda: tables, url=down, sockets=True)
    world.build()
    world.op = op
    return world


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnrollingWorld]:
    # Playwright has an event loop running in this thread.
    with ThreadPoolExecutor(1) as elsewhere, ExitStack() as stack:
        ports = free_ports(2)
        world = elsewhere.submit(made, tmp_path_factory.mktemp("enrolling"), ports).result()
        stack.enter_context(serving_at(world.http.app, ports[0]))
        stack.enter_context(serving_at(world.op.http.app, ports[1]))
        yield world
        elsewhere.submit(world.close).result()
        elsewhere.submit(world.op.close).result()


def by_letter(person: Person, pages: EnrollingWorld, address: str) -> None:
    person.write("E-mail address", address)
    person.press("Send me a code")
    person.title("Look into your mailbox")
    person.write("Code in the e-mail", pages.letter())
    person.press("Continue")
    person.title("Choose a PIN")


def devices(pages: EnrollingWorld, user: str) -> list[str]:
    return [f"{one.identity.device} {one.state}" for one in pages.mfa.records.devices(user)]


def test_enrol_by_email_and_get_back_in(person: Person, pages: EnrollingWorld) -> None:
    person.open()
    person.title("Set up this browser")
    person.looks("ways")
    person.write("E-mail address", "alice@evil.test")
    person.press("Send me a code")
    person.alert("This is no e-mail address that may sign in here.")
    person.looks("ways-refused")
    person.write("E-mail address", "alice@mail.test")
    person.press("Send me a code")
    person.title("Look into your mailbox")
    person.looks("letter")
    first = pages.letter()
    person.press("Send another e-mail")
    person.sees("Another e-mail is on its way to alice@mail.test.")
    person.write("Code in the e-mail", first)
    person.press("Continue")
    person.alert("This code does not fit")  # it is of the letter before
    person.page.reload()  # as when somebody was away reading the letter
    person.title("Look into your mailbox")
    person.write("Code in the e-mail", pages.letter().lower())
    person.press("Continue")
    person.title("Choose a PIN")
    person.write("Name of this browser", "Laptop")
    person.looks("pin-proven")
    person.choose("2580")
    person.title("Your account")
    person.sees("This browser is set up.")

    person.press("Sign out")
    for _ in range(3):
        person.log_in("0000x", "PIN of alice@mail.test")
        person.alert("That PIN is not right")
    person.press("Forgot your PIN, or locked out?")
    person.title("Get back in")
    person.looks("recover-ways")
    assert person.page.get_by_label("E-mail address").input_value() == "alice@mail.test"
    by_letter(person, pages, "alice@mail.test")
    assert person.page.get_by_label("Name of this browser").count() == 0
    person.choose("4826")
    person.title("Your account")
    assert sorted(devices(pages, "alice@mail.test")) == ["Laptop active", "Laptop removed"]
    person.press("Sign out")
    person.log_in("4826", "PIN of alice@mail.test")
    person.title("Your account")


def test_a_second_browser_of_the_same_name_is_asked_about(
    chromium: Browser, person: Person, pages: EnrollingWorld
) -> None:
    for pin, again in (("2580", False), ("4826", True)):
        other = Person(chromium.new_context(locale="en-GB"), pages)
        other.open()
        by_letter(other, pages, "dora@mail.test")
        other.write("Name of this browser", "Desk")
        other.choose(pin)
        if again:
            other.alert("You have a device of this name already.")
            other.looks("replace")
            other.press("It is this one: put this browser in its place")
        other.title("Your account")
        other.check()
        other.close()
    assert sorted(devices(pages, "dora@mail.test")) == ["Desk active", "Desk removed"]


def test_enrol_by_another_provider_and_get_back_in(person: Person, pages: EnrollingWorld) -> None:
    op = pages.op
    op.mfa.records.invite(*_invitation(op, "erin"))
    person.open()
    person.press("Continue with Example ID")
    person.title("Set up this browser")
    person.sees("The other server")
    person.application("erin", "AAAA-BBBB-CCCC-DDDD", "Phone")
    op.provider.records.keep_profile("erin", {"email": "erin@mail.test", "email_verified": True})
    person.choose("2580")
    person.page.wait_for_url(f"{pages.url}/login")
    person.title("Choose a PIN")
    person.sees("erin@mail.test")
    person.write("Name of this browser", "Laptop")
    person.choose("7391")
    person.title("Your account")

    person.press("Sign out")
    person.press("Forgot your PIN, or locked out?")
    person.press("Continue with Example ID")  # it knows the browser still
    person.title("Choose a PIN")
    person.choose("8642")
    person.title("Your account")
    assert sorted(devices(pages, "erin@mail.test")) == ["Laptop active", "Laptop removed"]

    op.provider.records.keep_profile("erin", {"email": "erin@evil.test", "email_verified": True})
    person.press("Sign out")
    person.press("Use another account")
    person.press("Continue with Example ID")
    person.alert("You were signed in there, but may not sign in here")
    person.looks("provider-refused")
    person.open("/login?enrol=upstream")
    person.alert("You were not signed in there")
    person.strangers = [url for url in person.strangers if not url.startswith((op.url, *_dtas(op)))]


def _invitation(op: Any, user: str) -> tuple[bytes, str, int]:
    from milagro.roles.mfa.service import code_hash

    return code_hash("AAAA-BBBB-CCCC-DDDD"), user, op.clock() + 3600


def _dtas(world: Any) -> list[str]:
    return [dta.url for dta in world.issuers.names()]


def test_after_a_wrong_pin_it_waits_and_goes_on_by_itself(person: Person, pages: EnrollingWorld) -> None:
    records = pages.mfa.records
    person.open()
    by_letter(person, pages, "fay@mail.test")
    person.write("Name of this browser", "Laptop")
    person.choose("2580")
    person.title("Your account")
    person.press("Sign out")
    before, records._rules = records._rules, PinRules(delay_seconds=5)
    try:
        person.log_in("9999", "PIN of fay@mail.test")
        person.alert("That PIN is not right")
        person.log_in("2580", "PIN of fay@mail.test")
        person.sees("After a wrong PIN there is a short wait")
        if SHOTS:  # not by `looks`, which waits for what moves
            person.page.screenshot(path=f"{SHOTS}/waiting.png")
        assert person.axe() == []
        person.title("Your account")
    finally:
        records._rules = before


def test_it_fits_a_phone_in_both_colours(chromium: Browser, pages: EnrollingWorld) -> None:
    size: Any = {"width": 360, "height": 740}
    person = Person(chromium.new_context(locale="de-DE", reduced_motion="reduce", viewport=size), pages)

    def looks(name: str) -> None:
        for colours in ("light", "dark"):
            person.page.emulate_media(color_scheme=colours, reduced_motion="reduce")  # type: ignore[arg-type]
            person.looks(f"phone-{colours}-{name}")
        assert person.page.evaluate("document.documentElement.scrollWidth") <= 360

    person.open()
    person.title("Diesen Browser einrichten")
    looks("ways")
    person.write("E-Mail-Adresse", "gert@mail.test")
    person.press("Code senden")
    person.title("Sehen Sie in Ihr Postfach")
    looks("letter")
    person.write("Code in der E-Mail", pages.letter())
    person.page.keyboard.press("Enter")
    person.title("PIN wählen")
    looks("pin")
    person.check()
    person.close()
