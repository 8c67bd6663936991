"""The pages in a real Chromium against real D-TAs and a real MFA server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.people import Person
from tests.roles.network.site import free_ports
from tests.roles.web.pages_world import look_alike, serving_at

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.roles.web.pages_world import PagesWorld


def test_enrol_log_in_wrong_pin_and_another_pin(person: Person, pages: PagesWorld) -> None:
    person.open()
    person.title("Set up this browser")
    person.looks("enrol")
    person.application("alice", "AAAA-BBBB-CCCC-DDDD")
    person.title("Choose a PIN")
    person.choose("1234")
    person.alert("too easy to guess")
    person.choose("CANARY-pin-2580", "CANARY-pin-2581")
    person.alert("not the same")
    person.looks("pin")
    person.choose("CANARY-pin-2580")
    person.title("Set up this browser")
    person.alert("This code does not fit the user name")
    person.looks("enrol-refused")
    person.page.reload()
    person.enrol()
    person.looks("account")

    person.press("Sign out")
    person.log_in("CANARY-pin-9999")
    person.alert("That PIN is not right")
    person.looks("wrong-pin")
    assert pages.attempts("alice", "Laptop") == 1
    person.log_in("CANARY-pin-2580")
    person.title("Your account")
    assert pages.attempts("alice", "Laptop") == 0

    person.press("Change PIN")
    person.title("Change your PIN")
    person.looks("change")
    person.write("Your PIN now", "CANARY-pin-2580")
    person.choose("CANARY-pin-7391", button="Save the new PIN")
    person.sees("Your new PIN holds from now on.")
    person.page.reload()
    person.log_in("CANARY-pin-2580")
    person.alert("That PIN is not right")
    person.log_in("CANARY-pin-7391")
    person.title("Your account")


def test_two_users_on_one_browser_and_their_devices(person: Person, pages: PagesWorld) -> None:
    person.open("/")
    person.enrol("anna", "CANARY-pin-2580")
    person.press("Sign out")
    person.press("Use another account")
    person.enrol("bert", "CANARY-pin-8642", "Desk")
    person.page.reload()
    person.title("Sign in")
    person.page.get_by_label("bert").check()
    person.looks("two-users")
    person.log_in("CANARY-pin-8642", "PIN")
    person.title("Your account")
    assert pages.mfa.records.pinned("bert", "Desk")
    person.sees("bert")

    person.press("Remove Desk")
    person.sees("Remove Desk? It cannot sign in any more.")
    person.looks("remove")
    person.press("Keep it")
    person.press("Remove Desk")
    person.press("Yes, remove it")
    person.sees("Desk was removed.")
    person.log_in("CANARY-pin-2580", "PIN of anna")
    person.title("Your account")
    assert pages.mfa.records.pinned("bert", "Desk") is None


def test_locked_and_afresh(person: Person, pages: PagesWorld) -> None:
    person.open()
    person.enrol("dora")
    person.press("Sign out")
    for _ in range(3):
        person.log_in("0000x", "PIN of dora")
        person.alert("That PIN is not right")
    person.log_in("CANARY-pin-2580", "PIN of dora")
    person.alert("Locked after three wrong PINs")
    person.press("Forgot your PIN, or locked out?")
    person.title("Get back in")
    person.looks("recover")
    pages.mfa.records.remove("dora", "Laptop")
    person.press("I have a new code")
    person.title("Set up this browser")
    assert person.page.get_by_label("User name").input_value() == "dora"
    person.enrol("dora", "CANARY-pin-4826")
    person.press("Sign out")
    person.log_in("CANARY-pin-4826", "PIN of dora")
    person.title("Your account")
    person.press("Sign out")
    person.press("Forgot your PIN, or locked out?")
    person.press("Forget dora in this browser")
    person.press("Yes, forget it")
    person.sees("dora was removed from this browser.")
    person.title("Set up this browser")


def test_german_dark_small_and_by_keyboard_alone(chromium: Browser, pages: PagesWorld) -> None:
    context = chromium.new_context(
        locale="de-DE", color_scheme="dark", reduced_motion="reduce", viewport={"width": 360, "height": 740}
    )
    person = Person(context, pages)
    person.open()
    person.title("Diesen Browser einrichten")
    assert person.page.locator("html").get_attribute("lang") == "de"
    keys = person.page.keyboard
    for text in ("carol", pages.code("carol"), ""):  # the first field has the focus
        keys.type(text)
        keys.press("Tab")
    keys.press("Enter")
    person.title("PIN wählen")
    person.looks("german-dark")
    keys.type("CANARY-pin-2580")
    keys.press("Tab")  # to what shows the PIN
    keys.press("Tab")
    keys.type("CANARY-pin-2580")
    keys.press("Enter")
    person.title("Ihr Konto")
    person.looks("german-dark-account")
    person.page.get_by_label("Sprache").select_option("en")
    person.title("Your account")
    width = person.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360
    person.check()
    person.close()


def test_nothing_else_gets_into_the_page(person: Person, pages: PagesWorld) -> None:
    person.open()
    person.title("Set up this browser")
    page = person.page
    answer = page.request.get(pages.url + "/login")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    refused = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
            fetch("http://127.0.0.1:9/").catch(() => undefined);
        })"""
    )
    assert refused == "connect-src"
    page.evaluate("document.querySelector('label').remove()")
    assert "label" in [name for name, _ in person.axe()]  # so axe does look
    person.complaints.clear()
    person.strangers.clear()


def test_what_is_kept_cannot_be_taken_away(person: Person) -> None:
    person.open()
    person.enrol("emil", "CANARY-pin-4417")
    kept = person.page.evaluate(
        """async () => {
            const open = indexedDB.open("milagro-mfa");
            await new Promise((done) => (open.onsuccess = done));
            const all = open.result.transaction("devices").objectStore("devices").getAll();
            await new Promise((done) => (all.onsuccess = done));
            const [row] = all.result;
            const tried = [row.client.privateKey, row.sealing].map((key) => crypto.subtle.exportKey("jwk", key));
            const said = await Promise.allSettled(tried);
            return [all.result.length, row.client.privateKey.extractable, row.sealing.extractable,
                    said.map((one) => one.status), JSON.stringify(row.record.about) + Object.keys(localStorage)];
        }"""
    )
    assert kept[:4] == [1, False, False, ["rejected", "rejected"]]
    assert "CANARY" not in kept[4]


def test_a_look_alike_that_forwards_everything_gets_neither_device_nor_login(person: Person, pages: PagesWorld) -> None:
    person.open()
    person.enrol("fred")
    (port,) = free_ports(1)
    other = f"http://127.0.0.1:{port}"
    with serving_at(look_alike(pages.url), port):
        person.page.goto(f"{other}/login")
        person.title("Set up this browser")  # the browser keeps the device for the real site
        person.application("gina", pages.code("gina"))
        person.choose("CANARY-pin-2580")
        person.alert("That did not work (holder-not-proven)")
    assert pages.mfa.records.pinned("gina", "Laptop") is None
    person.strangers.clear()
