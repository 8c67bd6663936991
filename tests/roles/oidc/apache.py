"""Apache with mod_auth_openidc, configured as docs/relying-parties/apache.md says, in front of pages."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from milagro.roles.mfa.oidc.tables import LOGOUT
from tests.canaries import collect, plant
from tests.conftest import missing
from tests.roles.network.site import free_ports
from tests.roles.oidc.guides import Guide, Visitor, provided
from tests.roles.world import write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.roles.oidc.world import OidcWorld

MODULES = Path("/usr/lib/apache2/modules")
LOADED = ("mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc", "dir", "env", "headers")
SECRET = "0123456789abcdef" * 4


@dataclass
class ApacheSite:
    """The provider, reached by sockets, and Apache."""

    world: OidcWorld
    url: str

    def browser(self, device: str) -> Visitor:
        return Visitor(self.world, device)

    def unheard(self) -> int:
        """How many logouts Apache has not confirmed."""
        with self.world.mfa.records.state.read() as connection:
            return int(connection.execute(select(func.count()).select_from(LOGOUT)).scalar_one())


@contextmanager
def apache_site(folder: Path, *, sockets: bool = False) -> Iterator[ApacheSite]:
    """The guide's site, open. Skips, or fails in CI, where Apache or its module is missing."""
    program = shutil.which("apache2", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or not (MODULES / "mod_auth_openidc.so").exists():
        missing("Apache with mod_auth_openidc is not here (Debian: apache2 libapache2-mod-auth-openidc)")
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    guide = Guide("apache", {"https://wiki.example": url})
    with provided(folder, guide, {"wiki.secret": SECRET}, sockets=sockets) as world:
        server = _Apache(program, port, guide.block("apache"))
        try:
            server.wait()
            yield ApacheSite(world, url)
        finally:
            server.close()


class _Apache:
    """Apache in a folder of its own, which its workers can read whoever they are."""

    def __init__(self, program: str, port: int, text: str) -> None:
        self.folder, self.port = Path(tempfile.mkdtemp(prefix="milagro-apache-")), port
        self.folder.chmod(0o755)
        for page in ("index.html", "secure/index.html", "secure/admin/index.html", "bye.html"):
            write(self.folder / "pages" / page, f"the page {page}")
        write(self.folder / "apache.conf", self._text(text))
        command = [program, "-f", str(self.folder / "apache.conf"), "-DFOREGROUND"]
        secrets = {
            "WIKI_CLIENT_SECRET": SECRET,
            "WIKI_COOKIE_KEY": plant("a cookie key", SECRET[::-1]),
            "APACHE_LOG_DIR": str(self.folder),
        }
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
        for _ in range(600):
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
        collect(self.folder / "error.log", self.folder / "access.log")
        shutil.rmtree(self.folder, ignore_errors=True)
