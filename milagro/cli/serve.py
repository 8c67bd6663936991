"""`milagro serve dta|mfa`: runs a server until it is told to stop."""

from __future__ import annotations

import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from milagro.cli import prompts
from milagro.cli.options import CONFIG
from milagro.roles import logs, serving
from milagro.roles.config import CommonConfig
from milagro.stores import memory

if TYPE_CHECKING:
    from types import FrameType


@click.group()
def serve() -> None:
    """Run a server."""


@serve.command("dta")
@CONFIG
def serve_dta(path: Path) -> None:
    """Run a D-TA: it takes part in its network, and issues."""
    from milagro.roles.dta.member import config as dta_config  # noqa: PLC0415 - one role has no use for the other's
    from milagro.roles.dta.member import http as dta_http  # noqa: PLC0415
    from milagro.roles.dta.member.service import Member  # noqa: PLC0415

    _stop_on_sigterm()
    protection = memory.protect()
    config = dta_config.read_config(path)
    common = config.common
    listener = serving.listen(common.server)
    member = Member(config, prompts.sealer(common.keys))
    _start(common, "dta", member.name, protection)
    with member:
        serving.run(dta_http.create_app(member, common.server), common.server, listener)


@serve.command("mfa")
@CONFIG
def serve_mfa(path: Path) -> None:
    """Run an MFA server; the first time, its key is fetched from its network of D-TAs."""
    from milagro.roles.mfa import config as mfa_config  # noqa: PLC0415
    from milagro.roles.mfa import http as mfa_http  # noqa: PLC0415
    from milagro.roles.mfa.mail.operations import open_mail  # noqa: PLC0415
    from milagro.roles.mfa.network import open_network  # noqa: PLC0415
    from milagro.roles.mfa.oidc.provider import open_provider  # noqa: PLC0415
    from milagro.roles.mfa.service import MfaService  # noqa: PLC0415
    from milagro.roles.mfa.upstream.routes import open_upstream  # noqa: PLC0415

    _stop_on_sigterm()
    protection = memory.protect()
    config = mfa_config.read_config(path)
    listener = serving.listen(config.common.server)
    sealer = prompts.sealer(config.common.keys)
    _start(config.common, "mfa", config.name, protection)
    suite = config.suite.open()
    service = MfaService(config, suite, open_network(config, suite, sealer))
    service.start()
    parts = provider, mail, upstream = open_provider(service, sealer), open_mail(service), open_upstream(service)
    try:
        for part in parts:
            if part is not None:
                part.start()
        app = mfa_http.create_app(service, config.common.server, provider, mail, upstream)
        serving.run(app, config.common.server, listener)
    finally:
        for part in parts:
            if part is not None:
                part.close()
        service.close()


def _stop_on_sigterm() -> None:
    """Ends the process with 0 if it is told to stop before it serves; while it serves, `serving.run` listens."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)


def _start(config: CommonConfig, role: str, name: str, protection: memory.Protection) -> None:
    logs.configure(config.log, role)
    log = logs.logger(__name__)
    (log.info if protection.locked == "all" else log.warning)("memory", **asdict(protection))
    log.info("serving", name=name, url=config.server.public_url)
