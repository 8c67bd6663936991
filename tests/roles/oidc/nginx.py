"""nginx and oauth2-proxy, configured as docs/relying-parties/nginx.md says, in front of an application."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from milagro.roles.clock import unix_now
from tests.canaries import collect, plant
from tests.conftest import missing
from tests.roles.network.site import free_ports
from tests.roles.oidc.guides import Guide, Visitor, provided
from tests.roles.world import write
from tools.oauth2_proxy import OAUTH2_PROXY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.roles.oidc.world import OidcWorld

SECRET = "00112233445566778899aabbccddeeff" * 2
COOKIE_SECRET = "ffeeddccbbaa99887766554433221100"
SECONDS, LATE = 30, 26  # by a clock that is late, tokens of the shortest time there is are over in 4 seconds


@dataclass
class Board:
    """The provider, reached by sockets, and the site."""

    world: OidcWorld
    url: str

    def browser(self, device: str = "laptop") -> Visitor:
        return Visitor(self.world, device)


class _Application(http.server.BaseHTTPRequestHandler):
    """Tells which headers it got."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps([self.path, *map(list, self.headers.items())]).encode())

    def log_message(self, *_arguments: Any) -> None:
        pass


@contextmanager
def board(folder: Path) -> Iterator[Board]:
    """The guide's site, open. Skips, or fails in CI, where nginx or oauth2-proxy is missing."""
    nginx, proxy = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin"), OAUTH2_PROXY.find()
    if nginx is None:
        missing("nginx is not here (Debian: nginx-light)")
    if proxy is None:
        missing("oauth2-proxy is not here; `python tools/oauth2_proxy.py` builds one")
    port, asked = free_ports(2)
    own = Path(tempfile.mkdtemp(prefix="milagro-nginx-"))
    own.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, own, ignore_errors=True)
        application = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Application)
        threading.Thread(target=application.serve_forever, args=(0.02,), daemon=True).start()
        stack.callback(application.server_close)
        stack.callback(application.shutdown)
        guide = Guide("nginx", _addresses(own, port, asked, application.server_port))
        options = {"more": f"access_seconds = {SECONDS}", "clock": lambda: unix_now() - LATE}
        world = stack.enter_context(provided(folder, guide, {"board.secret": SECRET}, **options))
        guide.addresses['"login.example"'] = f'"{urlsplit(world.url).netloc}"'
        environment = {
            **os.environ,
            "OAUTH2_PROXY_CLIENT_SECRET": SECRET,
            "OAUTH2_PROXY_COOKIE_SECRET": plant("a cookie key", COOKIE_SECRET),
            "NO_PROXY": "127.0.0.1",
        }
        config = write(own / "oauth2-proxy.cfg", guide.block("ini"))
        stack.enter_context(
            _running([str(proxy), "--config", str(config)], asked, own / "oauth2-proxy.log", environment)
        )
        config = write(own / "nginx.conf", _whole(own, guide.block("nginx")))
        command = [nginx, "-p", str(own), "-e", str(own / "error.log"), "-c", str(config), "-g", "daemon off;"]
        stack.enter_context(_running(command, port, own / "nginx.log", environment))
        yield Board(world, f"http://127.0.0.1:{port}")
        collect(own / "error.log", own / "access.log")


def _addresses(own: Path, port: int, asked: int, application: int) -> dict[str, str]:
    """What stands in the guide, and what is there in a test: no TLS, other ports, and tokens that are soon over."""
    return {
        "https://board.example": f"http://127.0.0.1:{port}",
        "listen 443 ssl;": f"listen 127.0.0.1:{port};",
        "    ssl_certificate /etc/ssl/board.pem;\n": "",
        "    ssl_certificate_key /etc/ssl/board.key;\n": "",
        "/var/log/nginx/board.log": str(own / "access.log"),
        "127.0.0.1:4180": f"127.0.0.1:{asked}",
        "127.0.0.1:8080": f"127.0.0.1:{application}",
        "cookie_secure = true": "cookie_secure = false",
        'cookie_refresh = "1m"': 'cookie_refresh = "1s"',
    }


def _whole(own: Path, server: str) -> str:
    user = "user www-data;\n" if os.getuid() == 0 else ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {own}/{kind};\n" for kind in kinds)
    return (
        f"{user}pid {own}/nginx.pid;\nworker_processes 1;\nevents {{}}\nhttp {{\n{places}access_log off;\n{server}}}\n"
    )


@contextmanager
def _running(command: list[str], port: int, log: Path, environment: dict[str, str]) -> Iterator[None]:
    """The process, once it listens."""
    with log.open("ab") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
    try:
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise AssertionError(f"{command[0]} does not answer: {log.read_text()}")
        yield
    finally:
        process.terminate()
        process.wait(30)
