"""`milagro demo web` from end to end in a real Chromium: mailbox, e-mail, PIN, the example site, and out again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.people import Person
from tests.cli.test_demo import web_demo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

USER = "alice@demo.example"


@dataclass
class Place:
    """What a person knows of the demo."""

    url: str


class Visitor(Person):
    """Somebody who goes between the sites of the demo; what they ask of each other is the demo's business."""

    def _asked(self, url: str) -> None:
        if not re.match(r"http://127\.0\.0\.1:\d+/", url):
            self.strangers.append(url)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with web_demo(tmp_path_factory.mktemp("demo")) as said:
        yield said


def looks(visitor: Visitor, name: str) -> None:
    """On a desk in light colours, and on a phone in dark ones."""
    for where, colours, width in (("desktop", "light", 1100), ("phone", "dark", 360)):
        visitor.page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
        visitor.page.set_viewport_size({"width": width, "height": 860})
        visitor.looks(f"demo-{name}-{where}-{colours}")
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width


def test_from_the_mailbox_to_the_site_and_out(chromium: Browser, demo: dict[str, Any]) -> None:
    visitor = Visitor(chromium.new_context(locale="en-GB"), Place(demo["login"]))  # type: ignore[arg-type]
    page, mailbox = visitor.page, visitor.context.new_page()
    page.goto(demo["site"])
    visitor.title("Welcome")
    looks(visitor, "welcome")
    page.get_by_role("link", name="Log in").click()

    visitor.title("Set up this browser")
    visitor.sees("Example site")
    looks(visitor, "ways")
    visitor.write("E-mail address", USER)
    visitor.press("Send me a code")
    visitor.title("Look into your mailbox")
    visitor.write("Code in the e-mail", letter(mailbox, demo))
    visitor.press("Continue")
    visitor.write("Name of this browser", "Laptop")
    visitor.choose("2580")

    visitor.title("Example site wants to know who you are")
    visitor.sees("The groups that you are in")
    looks(visitor, "consent")
    visitor.press("Allow")
    visitor.title("Hello, Alice Arden")
    visitor.sees("staff, gardeners")
    looks(visitor, "known")
    visitor.press("Log out")
    visitor.title("Welcome")
    page.get_by_role("link", name="Log in").click()  # and there, too
    visitor.log_in("2580", f"PIN of {USER}")
    visitor.title("Hello, Alice Arden")
    visitor.page = mailbox
    looks(visitor, "mailbox")
    visitor.check()
    visitor.close()


def letter(mailbox: Any, demo: dict[str, Any]) -> str:
    """The code in the letter, once it is there."""
    mailbox.goto(demo["mailbox"])
    letters = mailbox.get_by_role("article").filter(has_text="Your code for")
    for _ in range(300):
        if letters.count():
            break
        mailbox.get_by_role("link", name="Look again").click()
    found = re.search(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", letters.first.inner_text())
    assert found is not None
    return found[0]
