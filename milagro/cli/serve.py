"""`milagro serve dta|mfa`: runs a server until it is told to stop."""

from __future__ import annotations

import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from milagro.cli import prompts
from milagro.roles import logs, serving
from milagro.roles.config import FILE_NAME, CommonConfig
from milagro.roles.dta import config as dta_config
from milagro.roles.dta import http as dta_http
from milagro.roles.dta import service as dta_service
from milagro.roles.dta.network.config import is_network
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa import keys as mfa_keys
from milagro.roles.mfa import network as mfa_network
from milagro.roles.mfa.oidc.provider import open_provider
from milagro.roles.mfa.service import MfaService
from milagro.stores import memory

if TYPE_CHECKING:
    from types import FrameType

CONFIG = click.option(
    "--config",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=FILE_NAME,
    show_default=True,
    help="The server's configuration file.",
)


@click.group()
def serve() -> None:
    """Run a server."""


@serve.command("dta")
@CONFIG
def serve_dta(path: Path) -> None:
    """Run a D-TA; one that was made with --network takes part in its network."""
    _stop_on_sigterm()
    protection = memory.protect()
    if is_network(path):
        _serve_member(path, protection)
        return
    config = dta_config.read_config(path)
    listener = serving.listen(config.common.server)
    service = dta_service.open_service(config, prompts.sealer(config.common.keys))
    _start(config.common, "dta", config.name, protection)
    try:
        serving.run(dta_http.create_app(service, config.common.server), config.common.server, listener)
    finally:
        service.close()


def _serve_member(path: Path, protection: memory.Protection) -> None:
    from milagro.roles.dta.member.config import read_config  # noqa: PLC0415 - only where there is a network
    from milagro.roles.dta.member.http import create_app  # noqa: PLC0415
    from milagro.roles.dta.member.service import Member  # noqa: PLC0415

    config = read_config(path)
    common = config.node.common
    listener = serving.listen(common.server)
    member = Member(config, prompts.sealer(common.keys))
    _start(common, "dta", member.name, protection)
    with member:
        serving.run(create_app(member, common.server), common.server, listener)


@serve.command("mfa")
@CONFIG
def serve_mfa(path: Path) -> None:
    """Run an MFA server; the first time, its key is fetched from its D-TAs."""
    _stop_on_sigterm()
    protection = memory.protect()
    config = mfa_config.read_config(path)
    listener = serving.listen(config.common.server)
    sealer = prompts.sealer(config.common.keys)
    _start(config.common, "mfa", config.name, protection)
    suite = config.suite.open()
    opened = mfa_network.open_network if config.network else mfa_keys.open_additive
    service = MfaService(config, suite, opened(config, suite, sealer))
    service.issuers.start()
    provider = open_provider(service, sealer)
    try:
        if provider is not None:
            provider.start()
        serving.run(mfa_http.create_app(service, config.common.server, provider), config.common.server, listener)
    finally:
        if provider is not None:
            provider.close()
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
