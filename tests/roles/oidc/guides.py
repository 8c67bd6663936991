"""Guides for relying parties, as their tests read them: the configuration is the page's own, addresses apart."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx

from milagro.roles.clock import unix_now
from tests.canaries import plant
from tests.roles.issuing.network import serving
from tests.roles.oidc.world import Browser, OidcWorld
from tests.roles.world import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GUIDES = Path(__file__).resolve().parents[3] / "docs" / "relying-parties"
LOGIN = "https://login.example"  # the provider, in all guides


class Guide:
    """One page, whose addresses are those of a test."""

    def __init__(self, name: str, addresses: dict[str, str]) -> None:
        self._text, self.addresses = (GUIDES / f"{name}.md").read_text(encoding="utf-8"), addresses

    def block(self, language: str) -> str:
        """The page's only block in this language."""
        (found,) = re.findall(rf"```{language}\n(.*?)```", self._text, re.S)
        for written, used in self.addresses.items():
            found = found.replace(written, used)
        return str(found)


class _Lazy:
    """An application that is there later than its address."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@contextmanager
def provided(
    folder: Path,
    guide: Guide,
    secrets: dict[str, str],
    *,
    more: str = "",
    clock: Callable[[], int] = unix_now,
    sockets: bool = False,
) -> Iterator[OidcWorld]:
    """A provider that listens and has the guide's client; `sockets`: so do the D-TAs, as browsers need it."""
    lazy = _Lazy()
    with serving(lazy) as (url,):
        guide.addresses[LOGIN] = url
        extra = f"[mfa.oidc]\n{more}\n" + guide.block("toml").replace("%", "%%")
        world = OidcWorld(folder, clock, extra=extra, url=url, sockets=sockets)
        for name, secret in secrets.items():
            write(folder / "mfa" / name, plant("a client secret", secret) + "\n")
        world.build()
        lazy.app = world.http.app
        try:
            yield world
        finally:
            world.close()


class Visitor(Browser):
    """A browser that goes to the site, and wherever that sends it."""

    def __init__(self, world: OidcWorld, device: str) -> None:
        super().__init__(world, device, httpx.Client(base_url=world.url, trust_env=False, timeout=30))

    def visit(self, url: str) -> httpx.Response:
        """What is there in the end."""
        return self.go_on(self.http.get(url))

    def answer(self, response: httpx.Response, site: str) -> str:
        """Follows to where the browser would come back to the site with a code, and does not go there."""
        return str(self.go_on(response, f"{site}/callback?").headers["location"])

    def go_on(self, response: httpx.Response, before: str = "nowhere") -> httpx.Response:
        """Follows, and logs in when asked to; not to addresses that begin with `before`."""
        for _ in range(12):
            if response.status_code not in {302, 303, 307} or response.headers["location"].startswith(before):
                return response
            where = urlsplit(str(response.url.join(response.headers["location"])))
            address = where.geturl()
            if where.path == "/login" and address.startswith(self.world.url):
                address = self.log_in(parse_qs(where.query)["interaction"][0])
            response = self.http.get(address)
        raise AssertionError("the site and the provider send the browser in circles")


def add_people(world: OidcWorld) -> None:
    """Alice, who is of the staff, and Bob, who is not."""
    world.enrol("alice", "laptop")
    world.enrol("bob", "desktop")
    world.provider.records.keep_profile("alice", {"name": "Alice Arden", "groups": ["ops", "staff"]})
    world.provider.records.keep_profile("bob", {"groups": ["guests"]})
