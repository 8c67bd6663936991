"""D-TAs of a network, and an MFA server, in this process: the commands and the sockets are real, the processes are not.

A token's module belongs to one process, so here one test sees what all members seal, and all that they keep.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from click.testing import CliRunner

from milagro.cli import main
from milagro.roles.dta.member.config import read_config
from milagro.roles.dta.member.http import create_app
from milagro.roles.dta.member.service import Member
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa.network import open_network
from milagro.roles.mfa.service import MfaService
from milagro.roles.sealing import open_sealer
from tests.roles.network.site import Site

if TYPE_CHECKING:
    from fastapi import FastAPI

    from milagro.roles.config import ServerConfig


@dataclass
class House(Site):
    """As `Site`. `sealing` replaces the passphrase where a server is made, by its name."""

    sealing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    _served: dict[str, ExitStack] = field(default_factory=dict)

    def run(self, *arguments: str, code: int = 0) -> str:
        given = list(arguments)
        if given[0] == "init" and (sealing := self.sealing.get(Path(given[2]).name)):
            at = given.index("--passphrase-env")
            given[at : at + 2] = sealing
        done = CliRunner().invoke(main, given, catch_exceptions=False)
        assert done.exit_code == code, done.output
        return done.stdout if code == 0 else done.stderr

    def serve(self, *names: str) -> None:
        for name in names:
            with ExitStack() as stack:
                config = read_config(Path(self.config(name)))
                member = stack.enter_context(Member(config, open_sealer(config.common.keys)))
                self._start(stack, create_app(member, config.common.server), config.common.server)
                self.members[name], self._served[name] = member, stack.pop_all()

    def serve_mfa(self, name: str = "mfa") -> None:
        config = mfa_config.read_config(Path(self.config(name)))
        suite = config.suite.open()
        with ExitStack() as stack:
            service = MfaService(config, suite, open_network(config, suite, open_sealer(config.common.keys)))
            stack.callback(service.close)
            service.issuers.start()
            self._start(stack, mfa_http.create_app(service, config.common.server), config.common.server)
            self._served[name] = stack.pop_all()

    def _start(self, stack: ExitStack, app: FastAPI, config: ServerConfig) -> None:
        settings = uvicorn.Config(app, port=config.port, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(setattr, server, "should_exit", True)
        deadline = time.monotonic() + 60
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stop(self, *names: str) -> None:
        for name in names or tuple(self._served):
            self.members.pop(name, None)
            self._served.pop(name).close()

    def close(self) -> None:
        self.stop()
