"""Two browsers at once: a login with another device, and a second device by the first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from milagro.roles.mfa import qr
from milagro.roles.mfa.oidc.crossing_records import network_hash
from milagro.roles.mfa.oidc.tables import CROSSING
from milagro.roles.mfa.records import DeviceState
from tests.browser.people import SHOTS, Person
from tests.browser.test_interactions import came_back, provider  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.browser.test_interactions import ProviderWorld

WIDE: Any = {"width": 1100, "height": 900}
NARROW: Any = {"width": 360, "height": 740}
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"


def someone(chromium: Browser, world: ProviderWorld, **options: Any) -> Iterator[Person]:
    # Of two pages one is behind the other, and comes to no end with its transitions.
    person = Person(chromium.new_context(locale="en-GB", reduced_motion="reduce", **options), world)
    yield person
    assert person.complaints == []
    assert [url for url in person.strangers if not url.startswith(world.site)] == []
    person.close()


@pytest.fixture
def desktop(chromium: Browser, provider: ProviderWorld) -> Iterator[Person]:  # noqa: F811
    yield from someone(chromium, provider, viewport=WIDE)


@pytest.fixture
def phone(chromium: Browser, provider: ProviderWorld) -> Iterator[Person]:  # noqa: F811
    yield from someone(chromium, provider, viewport=NARROW, user_agent=IPHONE, has_touch=True)


def seen(person: Person, name: str) -> None:
    """The view in light and dark; in the pictures for people also at the other width."""
    own = person.page.viewport_size
    for scheme in ("light", "dark"):
        person.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        person.looks(f"{name}-{scheme}-{own['width'] if own else 0}")
        if SHOTS:
            for size in (WIDE, NARROW):
                person.page.set_viewport_size(size)
                person.looks(f"{name}-{scheme}-{size['width']}")
                width = person.page.evaluate("document.documentElement.scrollWidth")
                assert width <= size["width"]
            person.page.set_viewport_size(own)  # type: ignore[arg-type]
    person.page.emulate_media(color_scheme="light")


def link_on(person: Person) -> str:
    """The link, from its field; the QR code on the page is of the same."""
    person.page.get_by_text("No camera? Use a link").click()
    link = person.page.get_by_label("Link", exact=True).input_value()
    drawn = person.page.get_by_role("img", name="QR code").locator("path").get_attribute("d") or ""
    runs = sum(len([run for run in row.split("0") if run]) for row in qr.rows(link))
    dark = sum(row.count("1") for row in qr.rows(link))
    assert drawn.count("M") == runs
    assert sum(int(part.split("v")[0]) for part in drawn.split("h")[1::2]) == dark
    return link


def digits_on(person: Person) -> str:
    return person.page.locator("strong").filter(has_text=re.compile(r"^\d{3} \d{3}$")).inner_text()


def set_up(person: Person, user: str, device: str = "Phone") -> None:
    person.open()
    person.enrol(user, device=device)


def asked(desktop: Person, world: ProviderWorld, **more: str) -> str:
    """The desktop shows a code; the link in it."""
    desktop.open(world.question(**more))
    desktop.title("Set up this browser")
    desktop.press("Sign in with another device")
    desktop.title("Sign in with another device")
    return link_on(desktop)


def test_log_in_with_the_phone(desktop: Person, phone: Person, provider: ProviderWorld) -> None:  # noqa: F811
    set_up(phone, "alice")
    link = asked(desktop, provider)
    desktop.page.get_by_text("No camera? Use a link").click()
    seen(desktop, "crossing-desktop")
    assert [cookie["name"] for cookie in desktop.context.cookies()] == ["milagro-browser"]
    phone.page.goto(link)
    phone.title("Sign in on another device?")
    assert "#" not in phone.page.url
    phone.sees("Example Shop")
    phone.sees("Chrome · Linux")
    phone.sees("The same as this device's")
    seen(phone, "crossing-phone")
    phone.write("Digits on the other screen", "000 0000")
    phone.press("Continue")
    phone.alert("These are not the digits")
    seen(phone, "crossing-phone-wrong")
    phone.write("Digits on the other screen", digits_on(desktop))
    phone.press("Continue")
    phone.title("Sign in")
    phone.sees("Example Shop")
    desktop.sees("Now enter your PIN on the other device")
    seen(desktop, "crossing-matched")
    seen(phone, "crossing-pin")
    phone.log_in("9999")
    phone.alert("That PIN is not right")
    phone.log_in("CANARY-pin-2580")
    phone.title("Signed in over there")
    seen(phone, "crossing-done")
    told = came_back(desktop, provider)
    assert told["state"] == "a-state"
    assert provider.token(told["code"])["id_token"]
    assert phone.context.cookies() == []
    assert "milagro-session" in {cookie["name"] for cookie in desktop.context.cookies()}


def test_the_phone_refuses(desktop: Person, phone: Person, provider: ProviderWorld) -> None:  # noqa: F811
    set_up(phone, "berta")
    link = asked(desktop, provider)
    secret = parse_qs(urlsplit(link).fragment)["crossing"][0]
    with provider.mfa.records.state.write() as connection:  # as if the desktop were elsewhere
        connection.execute(CROSSING.update().values(network=network_hash(secret, "198.51.100.9")))
    phone.page.goto(link)
    phone.sees("Another one than this device's")
    phone.sees("They would be signed in as you.")
    seen(phone, "crossing-far")
    phone.press("That was not me: refuse")
    phone.sees("Refused. Nobody was signed in.")
    seen(phone, "crossing-refused")
    desktop.alert("The other device refused this sign-in.")
    seen(desktop, "crossing-denied")
    desktop.press("Show a new code")
    desktop.title("Sign in with another device")
    second = link_on(desktop)
    desktop.press("Back")
    desktop.title("Set up this browser")
    phone.page.goto(second)  # the page is open: only what stands behind the # changes
    phone.alert("This code is used or too old.")


def test_another_language_is_the_same_crossing(
    desktop: Person,
    phone: Person,
    provider: ProviderWorld,  # noqa: F811
) -> None:
    set_up(phone, "gerd")
    link, shown = asked(desktop, provider), digits_on(desktop)
    desktop.page.get_by_label("Language").select_option("de")
    desktop.title("Mit einem anderen Gerät anmelden")
    assert digits_on(desktop) == shown
    phone.page.goto(link)
    phone.page.get_by_label("Language").select_option("de")
    phone.title("Auf einem anderen Gerät anmelden?")
    phone.write("Ziffern auf dem anderen Bildschirm", shown)
    phone.press("Weiter")
    phone.title("Anmelden")
    desktop.title("Fast geschafft")
    phone.page.get_by_label("Sprache").select_option("en")
    phone.log_in("CANARY-pin-2580", "PIN of gerd")
    phone.title("Signed in over there")
    assert came_back(desktop, provider)["code"]


def test_wrong_digits_three_times(desktop: Person, phone: Person, provider: ProviderWorld) -> None:  # noqa: F811
    set_up(phone, "carl")
    phone.page.goto(asked(desktop, provider))
    for _ in range(2):
        phone.write("Digits on the other screen", "12")
        phone.press("Continue")
        phone.alert("These are not the digits")
    phone.write("Digits on the other screen", "12")
    phone.press("Continue")
    phone.alert("This code is used or too old.")
    desktop.alert("The digits were typed wrong three times.")


def test_a_phone_that_is_not_set_up_and_a_suspended_user(
    desktop: Person,
    phone: Person,
    provider: ProviderWorld,  # noqa: F811
) -> None:
    phone.page.goto(asked(desktop, provider))
    phone.title("Not set up here")
    seen(phone, "crossing-not-set-up")
    phone.open()
    phone.enrol("dirk", device="Phone")
    phone.press("Sign out")
    provider.mfa.records.suspend("dirk", suspended=True)
    phone.log_in("CANARY-pin-2580", "PIN of dirk")
    phone.alert("This account is suspended. Please ask your administrator.")
    seen(phone, "suspended")
    phone.page.goto(asked(desktop, provider))
    phone.write("Digits on the other screen", digits_on(desktop))
    phone.press("Continue")
    phone.log_in("CANARY-pin-2580", "PIN of dirk")
    phone.alert("This account is suspended.")
    provider.mfa.records.suspend("dirk", suspended=False)
    phone.log_in("CANARY-pin-2580", "PIN of dirk")
    phone.title("Signed in over there")
    assert came_back(desktop, provider)["code"]


def test_a_second_device_by_the_first(desktop: Person, phone: Person, provider: ProviderWorld) -> None:  # noqa: F811
    desktop.open("/login")
    desktop.enrol("emma")
    seen(desktop, "account")
    desktop.press("Add a device")
    desktop.title("Add a device")
    seen(desktop, "second-pin")
    desktop.write("PIN", "9999")
    desktop.press("Show the code")
    desktop.alert("That PIN is not right")
    desktop.write("PIN", "CANARY-pin-2580")
    desktop.press("Show the code")
    desktop.title("Set up the new device")
    link = link_on(desktop)
    desktop.page.get_by_text("No camera? Use a link").click()
    seen(desktop, "second-code")
    code = parse_qs(urlsplit(link).fragment)["enrol"][0]
    desktop.sees(code)
    phone.page.goto(link)
    phone.title("Set up this browser")
    assert (phone.page.get_by_label("User name").input_value(), code in phone.page.url) == ("emma", False)
    phone.press("Continue")
    phone.choose("7391")
    phone.title("Confirm this device")
    seen(phone, "second-waiting")
    desktop.title("Is this your device?")
    desktop.sees("Safari · iOS was set up with your code.")
    seen(desktop, "second-confirm")
    desktop.write("Digits on the new device", "000 0000")
    desktop.press("Confirm")
    desktop.alert("These are not the digits")
    desktop.press("Back")
    desktop.sees("to be confirmed")
    seen(desktop, "account-waiting")
    desktop.press("Confirm Safari · iOS")
    desktop.write("Digits on the new device", digits_on(phone))
    desktop.press("Confirm")
    desktop.sees("Safari · iOS can sign in now.")
    phone.sees("This device is confirmed.")
    phone.log_in("7391", "PIN of emma")
    phone.title("Your account")
    seen(phone, "second-account")


def test_a_device_that_is_not_the_owners_is_removed(
    desktop: Person,
    phone: Person,
    provider: ProviderWorld,  # noqa: F811
) -> None:
    desktop.open("/login")
    desktop.enrol("finn")
    desktop.press("Add a device")
    desktop.write("PIN", "CANARY-pin-2580")
    desktop.press("Show the code")
    phone.page.goto(link_on(desktop))
    phone.press("Continue")
    phone.choose("7391")
    phone.title("Confirm this device")
    phone.page.reload()
    phone.log_in("7391", "PIN of finn")
    phone.title("Confirm this device")
    device = provider.mfa.records.pinned("finn", "Safari · iOS")
    assert device is not None
    assert device.state is DeviceState.WAITING
    desktop.title("Is this your device?")
    desktop.press("That is not mine: remove it")
    desktop.press("Yes, remove it")
    desktop.sees("Safari · iOS was removed.")
    phone.alert("The server does not know this browser any more.")
    assert provider.mfa.records.pinned("finn", "Safari · iOS") is None
