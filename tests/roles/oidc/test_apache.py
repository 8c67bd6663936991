"""Apache with mod_auth_openidc, configured as docs/relying-parties/apache.md says, in front of a page."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import func, select

from milagro.roles.clock import unix_now
from milagro.roles.mfa.oidc.tables import LOGOUT
from tests.conftest import missing
from tests.roles.issuing.network import serving
from tests.roles.oidc.world import Browser, OidcWorld
from tests.roles.world import write

if TYPE_CHECKING:
    from collections.abc import Iterator

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "relying-parties" / "apache.md"
MODULES = Path("/usr/lib/apache2/modules")
LOADED = ("mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc", "dir", "env", "headers")
SECRET = "0123456789abcdef" * 4


def block(language: str) -> str:
    """The guide's only block in this language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.S)
    return str(found)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Lazy:
    """An application that is there later than its address."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@dataclass
class Site:
    """The provider, reached by sockets, and Apache."""

    world: OidcWorld
    url: str

    def browser(self, device: str) -> Visitor:
        return Visitor(self.world, device, httpx.Client(base_url=self.world.url, trust_env=False, timeout=30))


class Visitor(Browser):
    """A browser that goes to Apache, and wherever that sends it."""

    def visit(self, url: str) -> httpx.Response:
        response = self.http.get(url)
        for _ in range(12):
            if response.status_code not in {302, 303}:
                return response
            where = response.headers["location"]
            if urlsplit(where).path == "/login":
                where = self.log_in(where.rpartition("=")[2])
            response = self.http.get(where)
        raise AssertionError("Apache and the provider send the browser in circles")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    program = shutil.which("apache2", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or not (MODULES / "mod_auth_openidc.so").exists():
        missing("Apache with mod_auth_openidc is not here (Debian: apache2 libapache2-mod-auth-openidc)")
    lazy, port = Lazy(), free_port()
    with serving(lazy) as (url,):
        names = {"https://login.example": url, "https://wiki.example": f"http://127.0.0.1:{port}"}
        extra = "[mfa.oidc]\n" + renamed(block("toml"), names).replace("%", "%%")
        world = OidcWorld(tmp_path_factory.mktemp("apache"), unix_now, extra=extra, url=url)
        write(world.folder / "mfa" / "wiki.secret", SECRET + "\n")
        world.build()
        lazy.app = world.http.app
        with running(str(program), port, renamed(block("apache"), names)):
            yield Site(world, names["https://wiki.example"])
        world.close()


def renamed(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text


class Running:
    """Apache in a folder of its own, which its workers can read whoever they are."""

    def __init__(self, program: str, port: int, text: str) -> None:
        self.folder, self.port = Path(tempfile.mkdtemp(prefix="milagro-apache-")), port
        self.folder.chmod(0o755)
        for page in ("index.html", "secure/index.html", "secure/admin/index.html", "bye.html"):
            write(self.folder / "pages" / page, f"the page {page}")
        write(self.folder / "apache.conf", self._text(text))
        command = [program, "-f", str(self.folder / "apache.conf"), "-DFOREGROUND"]
        secrets = {"WIKI_CLIENT_SECRET": SECRET, "WIKI_COOKIE_KEY": SECRET[::-1]}
        self.process = subprocess.Popen(command, env={**os.environ, **secrets}, stderr=subprocess.DEVNULL)

    def _text(self, text: str) -> str:
        loaded = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in LOADED)
        user = "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""
        return (
            f"ServerRoot {self.folder}\nServerName 127.0.0.1\nListen 127.0.0.1:{self.port}\n{loaded}{user}"
            f"PidFile {self.folder}/pid\nErrorLog {self.folder}/error.log\nLogLevel warn\n"
            f"DocumentRoot {self.folder}/pages\nDirectoryIndex index.html\n"
            "StartServers 1\nThreadsPerChild 8\nMinSpareThreads 1\nMaxSpareThreads 8\nMaxRequestWorkers 8\n"
            f"<Directory {self.folder}/pages>\nRequire all granted\n</Directory>\n{text}\n"
            'Header always set X-User "expr=%{REMOTE_USER}"\n'
            'Header always set X-Groups "expr=%{reqenv:OIDC_CLAIM_groups}"\n'
        )

    def wait(self) -> None:
        for _ in range(200):
            if self.process.poll() is not None:
                raise AssertionError((self.folder / "error.log").read_text())
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("Apache does not answer")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        print((self.folder / "error.log").read_text())
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def running(program: str, port: int, text: str) -> Iterator[None]:
    server = Running(program, port, text)
    try:
        server.wait()
        yield
    finally:
        server.close()


def unheard(world: OidcWorld) -> int:
    """How many logouts Apache has not confirmed."""
    with world.mfa.records.state.read() as connection:
        return int(connection.execute(select(func.count()).select_from(LOGOUT)).scalar_one())


@pytest.fixture(scope="module")
def users(site: Site) -> Site:
    site.world.enrol("alice", "laptop")
    site.world.enrol("bob", "desktop")
    profiles = site.world.provider.records
    profiles.keep_profile("alice", {"name": "Alice Arden", "groups": ["ops", "staff"]})
    profiles.keep_profile("bob", {"groups": ["guests"]})
    return site


def test_a_page_is_shown_to_who_has_logged_in_and_is_in_the_group(users: Site) -> None:
    alice = users.browser("laptop")
    assert alice.http.get(f"{users.url}/").text == "the page index.html"
    found = alice.visit(f"{users.url}/secure/index.html")
    assert (found.status_code, found.text) == (200, "the page secure/index.html")
    assert (found.headers["x-user"], found.headers["x-groups"]) == ("alice", "ops,staff")
    assert alice.visit(f"{users.url}/secure/index.html").status_code == 200
    assert alice.logins == 1
    assert alice.visit(f"{users.url}/secure/admin/index.html").status_code in {401, 403}


def test_who_is_not_in_the_group_does_not_see_it(users: Site) -> None:
    found = users.browser("desktop").visit(f"{users.url}/secure/index.html")
    assert found.status_code in {401, 403}
    assert "the page" not in found.text


def test_logout_ends_it_here_and_there(users: Site) -> None:
    alice = users.browser("laptop")
    alice.visit(f"{users.url}/secure/index.html")
    found = alice.visit(f"{users.url}/callback?logout={users.url}/bye.html")
    assert found.text == "the page bye.html"
    assert alice.visit(f"{users.url}/secure/index.html").status_code == 200
    assert alice.logins == 2


def test_suspension_ends_the_session_at_apache(users: Site) -> None:
    alice = users.browser("laptop")
    assert alice.visit(f"{users.url}/secure/index.html").status_code == 200
    users.world.mfa.records.suspend("alice", suspended=True)
    try:
        users.world.provider.notifier.deliver()
        assert unheard(users.world) == 0
        found = alice.http.get(f"{users.url}/secure/index.html")
        assert found.status_code == 302
        assert found.headers["location"].startswith(f"{users.world.url}/oidc/authorize")
    finally:
        users.world.mfa.records.suspend("alice", suspended=False)
