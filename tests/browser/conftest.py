from __future__ import annotations

import importlib.util
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.browser.people import Person
from tests.roles.web import pages_world
from tests.roles.web.pages_world import PagesWorld

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser
# `nox -s browser` brings it along; without it there is nothing to collect here.
collect_ignore_glob = [] if importlib.util.find_spec("playwright") else ["test_*.py"]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    pages_world.need("chromium", path)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PagesWorld]:
    """One world for all tests of a module; each has users of its own, and a browser."""
    # Playwright has an event loop running in this thread, and the world starts some of its own.
    with ThreadPoolExecutor(1) as elsewhere:
        world = elsewhere.submit(PagesWorld.made, tmp_path_factory.mktemp("pages")).result()
        try:
            with world.serving():
                yield world
        finally:
            elsewhere.submit(world.close).result()


@pytest.fixture
def person(chromium: Browser, pages: PagesWorld) -> Iterator[Person]:
    """Somebody at a browser of their own."""
    someone = Person(chromium.new_context(locale="en-GB", viewport={"width": 1100, "height": 860}), pages)
    yield someone
    someone.check()
    someone.close()
