"""The world of a network with the MFA server at an address of its own, so that browsers and Node.js can reach it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from milagro.roles.clock import unix_now
from milagro.roles.mfa import http as mfa_http
from tests.roles.network.site import free_ports
from tests.roles.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

WEB = Path(mfa_http.__file__).parent / "web"
REASON = "{} is missing"


def need(name: str, found: object) -> None:
    """Goes on if what the test works with was found; else skips, and fails where everything must run."""
    if not found:
        if os.environ.get("CI"):
            pytest.fail(REASON.format(name))
        pytest.skip(REASON.format(name))


def node() -> str:
    """Node.js, and the packages of the client beside it."""
    found = shutil.which("node")
    need("node", found)
    need("milagro/roles/mfa/web/node_modules (npm ci)", (WEB / "node_modules").is_dir())
    return str(found)


@contextmanager
def serving_at(app: Any, port: int) -> Iterator[None]:
    """The application on this port of this machine."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    server.config.timeout_graceful_shutdown = 1
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def look_alike(origin: str) -> Starlette:
    """A site that forwards everything, live, to the real one and back."""

    async def forward(request: Request) -> Response:
        async with httpx.AsyncClient(trust_env=False) as client:
            kept = {name: value for name, value in request.headers.items() if name == "content-type"}
            url = origin + request.url.path
            answer = await client.request(request.method, url, content=await request.body(), headers=kept)
        told = {name: value for name, value in answer.headers.items() if name in ("content-type", "cache-control")}
        return Response(answer.content, answer.status_code, told)

    return Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST"])])


class Clock:
    """The real time, and what a test adds to it. Browsers take the server's."""

    ahead = 0

    def __call__(self) -> int:
        return unix_now() + self.ahead


class PagesWorld(World):
    """Three D-TAs, of which two are enough, and an MFA server at an address of its own."""

    @classmethod
    def made(cls, folder: Path) -> PagesWorld:
        (port,) = free_ports(1)
        return cls(folder, Clock(), url=f"http://127.0.0.1:{port}", sockets=True).build()

    def serving(self) -> AbstractContextManager[None]:
        """The MFA server at its address."""
        return serving_at(self.application(), self.config.common.server.port)

    def code(self, user: str) -> str:
        return self.invite(user)


def made(folder: Path) -> Iterator[PagesWorld]:
    """A served world; for fixtures."""
    world = PagesWorld.made(folder)
    try:
        with world.serving():
            yield world
    finally:
        world.close()
