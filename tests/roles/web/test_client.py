"""The browser's client, run by Node.js, against real D-TAs and a real MFA server over HTTP."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.roles.issuing import byzantine
from tests.roles.network.site import free_ports
from tests.roles.web import pages_world
from tests.roles.web.pages_world import look_alike, serving_at
from tests.roles.world import PIN, WRONG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.roles.web.pages_world import PagesWorld

WHO = ("alice", "browser")


class Refused(Exception):
    """What the client was refused with."""


class Browser:
    """A process with the client in it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.told: list[Any] = []

    def call(self, method: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        self.told = said["told"]
        if "refused" in said:
            raise Refused(said["refused"], said["message"])
        return said["done"]

    def refused(self, method: str, *arguments: Any) -> str:
        try:
            self.call(method, *arguments)
        except Refused as error:
            return str(error.args[0])
        raise AssertionError(f"{method} was not refused")

    def enrol(self, world: PagesWorld, user: str = "alice", device: str = "browser") -> None:
        self.call("enrol", {"user": user, "device": device, "code": world.code(user)}, PIN)


@contextmanager
def browsing(origin: str, patience: float = 20) -> Iterator[Browser]:
    """A client that waits so many seconds for D-TAs: long, because machines that run tests may be busy."""
    script = str(pages_world.WEB / "test" / "visit.mjs")
    command = [pages_world.node(), "--no-warnings", script, origin, str(patience)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Browser(process)
    finally:
        process.kill()
        process.communicate()


def test_enrol_log_in_and_change_the_pin(pages: PagesWorld) -> None:
    with browsing(pages.url) as browser:
        browser.enrol(pages)
        assert browser.call("accounts") == [{"user": "alice", "device": "browser"}]
        said = browser.call("login", *WHO, PIN)
        assert (said["user"], said["device"], said.get("move")) == ("alice", "browser", None)
        assert browser.refused("login", *WHO, WRONG) == "authentication-failed"
        assert browser.refused("changePin", *WHO, WRONG, "9753") == "authentication-failed"
        assert pages.attempts(*WHO) == 2
        browser.call("changePin", *WHO, PIN, "9753")
        assert browser.call("login", *WHO, "9753")["user"] == "alice"
        assert browser.refused("login", *WHO, PIN) == "authentication-failed"
        assert browser.told == []


def test_three_wrong_pins_lock(pages: PagesWorld) -> None:
    with browsing(pages.url) as browser:
        browser.enrol(pages)
        assert [browser.refused("login", *WHO, WRONG) for _ in range(3)] == ["authentication-failed"] * 3
        assert browser.refused("login", *WHO, PIN) == "locked"


def test_bad_dtas_are_named_and_not_needed(pages: PagesWorld) -> None:
    with browsing(pages.url, 4) as browser:
        pages.fronts[0].misdeed = byzantine.wrong_share
        browser.enrol(pages)
        assert [(one["name"], one["reason"]) for one in browser.told] == [("dta-1", "wrong-share")]
        assert browser.call("login", *WHO, PIN)["user"] == "alice"
        pages.take_down(2)
        code = pages.code("bob")
        application = {"user": "bob", "device": "browser", "code": code}
        assert browser.refused("enrol", application, PIN) == "too-few-answers"
        assert {(one["name"], one["reason"]) for one in browser.told} == {
            ("dta-1", "wrong-share"),
            ("dta-2", "unreachable"),
        }
        pages.fronts[0].misdeed = None
        browser.call("enrol", application, PIN)  # the same code goes on
        assert browser.call("login", "bob", "browser", PIN)["user"] == "bob"


def test_the_network_goes_to_another_epoch_and_to_another_key(pages: PagesWorld) -> None:
    with browsing(pages.url) as browser:
        pages.reshare()  # the server has not heard of it
        browser.enrol(pages)
        assert browser.call("login", *WHO, PIN)["user"] == "alice"
        pages.rotate(60)
        pages.refresh()
        assert browser.call("login", *WHO, PIN)["user"] == "alice"  # and moves over
        assert browser.told == []
        pages.clock.ahead += 61
        pages.refresh()
        assert browser.call("login", *WHO, PIN)["user"] == "alice"


def test_a_login_for_another_origin_is_no_login_here(pages: PagesWorld) -> None:
    """The same server, reached by another name: what is signed for that name does not count."""
    with browsing(pages.url.replace("127.0.0.1", "localhost")) as browser:
        application = {"user": "alice", "device": "browser", "code": pages.code("alice")}
        assert browser.refused("enrol", application, PIN) == "holder-not-proven"


def test_a_login_that_a_look_alike_relays_is_no_login(pages: PagesWorld) -> None:
    (port,) = free_ports(1)
    with browsing(pages.url) as browser, serving_at(look_alike(pages.url), port):
        browser.enrol(pages)
        browser.call("login", *WHO, PIN)
        assert browser.refused("loginAt", f"http://127.0.0.1:{port}", *WHO, PIN) == "invalid-signature"
        assert pages.attempts(*WHO) == 0
        assert browser.call("loginAt", pages.url, *WHO, PIN)["user"] == "alice"  # so it was the address


def test_devices_are_shown_and_removed_after_a_login(pages: PagesWorld) -> None:
    with browsing(pages.url) as browser:
        browser.enrol(pages)
        assert browser.refused("devices", *WHO) == "login-needed"
        browser.call("login", *WHO, PIN)
        browser.enrol(pages, device="phone")
        browser.enrol(pages, "bob")
        shown = browser.call("devices", *WHO)
        assert [(one["name"], one["current"], one["locked"]) for one in shown["devices"]] == [
            ("browser", True, False),
            ("phone", False, False),
        ]
        browser.call("removeDevice", *WHO, "phone")
        assert browser.refused("removeDevice", *WHO, "phone") == "not-found"
        browser.call("removeDevice", *WHO, "browser")
        assert pages.mfa.records.pinned(*WHO) is None
        assert browser.call("accounts") == [{"user": "alice", "device": "phone"}, {"user": "bob", "device": "browser"}]
        browser.call("login", "bob", "browser", PIN)
        assert [one["name"] for one in browser.call("devices", "bob", "browser")["devices"]] == ["browser"]
        pages.clock.ahead += 700
        assert browser.refused("devices", "bob", "browser") == "login-needed"
