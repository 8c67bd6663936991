"""What people do on the pages, by what they see and hear: labels, roles and texts, no ids and no classes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.canaries import SHORTEST, heard, plant
from tests.roles.web.pages_world import WEB

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

    from tests.roles.web.pages_world import PagesWorld

SHOTS = os.environ.get("MILAGRO_SCREENSHOTS")
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass
class Person:
    """A browser with a page of the MFA server, and everything that the page complained of."""

    context: BrowserContext
    world: PagesWorld
    page: Page = field(init=False)
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(30_000)
        # axe is put in as an extension would be: past the page's policy, in a world of its own.
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _heard(self, kind: str, text: str) -> None:
        heard("a page's console", text)
        # A refusal of the API shows as an error of the network; it is the page's business.
        if kind in ("error", "warning") and "Failed to load resource" not in text:
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        known = [self.world.url, *(dta.url for dta in self.world.issuers.names())]
        if not url.startswith(tuple(f"{one}/" for one in known)):
            self.strangers.append(url)

    def check(self) -> None:
        """Nothing in the console, and no request to anybody but the server and the D-TAs."""
        assert self.complaints == []
        assert self.strangers == []

    def close(self) -> None:
        self.context.close()

    # -- what one sees -------------------------------------------------------------------------------------------------
    def title(self, text: str) -> None:
        self.page.get_by_role("heading", level=1, name=text).wait_for()

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def alert(self, text: str) -> None:
        self.page.get_by_role("alert").filter(has_text=text).wait_for()

    def looks(self, name: str) -> None:
        """A picture for people, if they want one, and what axe says of the view."""
        # What is still fading in has less contrast than it is going to have.
        self.page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished)).then(() => null)")
        if SHOTS:
            self.page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True, animations="disabled")
        assert self.axe() == []

    def axe(self) -> list[Any]:
        session = self.context.new_cdp_session(self.page)
        frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
        world = session.send("Page.createIsolatedWorld", {"frameId": frame})["executionContextId"]
        session.send("Runtime.evaluate", {"expression": AXE.read_text(), "contextId": world})
        run = f"axe.run(document, {{runOnly: {_RULES}}}).then((found) => JSON.stringify(found.violations.map("
        run += "(one) => [one.id, one.nodes.map((node) => node.html)])))"
        said = session.send(
            "Runtime.evaluate",
            {"expression": run, "contextId": world, "awaitPromise": True, "returnByValue": True},
        )
        session.detach()
        assert "exceptionDetails" not in said, said
        found: list[Any] = json.loads(said["result"]["value"])
        return found

    # -- what one does -------------------------------------------------------------------------------------------------
    def open(self, path: str = "/login") -> None:
        self.page.goto(self.world.url + path)

    def write(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def enrol(self, user: str = "alice", pin: str = "CANARY-pin-2580", device: str = "Laptop") -> None:
        """From the first view to the account."""
        self.title("Set up this browser")
        self.application(user, self.world.code(user), device)
        self.choose(pin)
        self.title("Your account")
        self.sees("This browser is set up.")

    def application(self, user: str, code: str, device: str = "Laptop") -> None:
        self.write("User name", user)
        self.write("Enrolment code", code)
        self.write("Name of this browser", device)
        self.press("Continue")

    def choose(self, pin: str, again: str | None = None, button: str = "Set up") -> None:
        self.write("New PIN", plant("a PIN", pin) if len(pin) >= SHORTEST else pin)
        self.write("The same PIN again", pin if again is None else again)
        self.press(button)

    def log_in(self, pin: str, label: str = "PIN of alice") -> None:
        self.title("Sign in")
        self.write(label, pin)
        self.press("Sign in")
