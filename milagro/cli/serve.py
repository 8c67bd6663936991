"""`milagro serve dta|mfa`: runs a server until it is told to stop."""

from __future__ import annotations

from pathlib import Path

import click

from milagro.cli import prompts
from milagro.roles import logs, serving
from milagro.roles.config import FILE_NAME, CommonConfig
from milagro.roles.dta import config as dta_config
from milagro.roles.dta import http as dta_http
from milagro.roles.dta import service as dta_service
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa import keys as mfa_keys
from milagro.roles.mfa import network as mfa_network
from milagro.roles.mfa.service import MfaService

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
    """Run a D-TA."""
    config = dta_config.read_config(path)
    listener = serving.listen(config.common.server)
    service = dta_service.open_service(config, prompts.passphrase(config.common.passphrase))
    _start(config.common, "dta", config.name)
    try:
        serving.run(dta_http.create_app(service, config.common.server), config.common.server, listener)
    finally:
        service.close()


@serve.command("mfa")
@CONFIG
def serve_mfa(path: Path) -> None:
    """Run an MFA server; the first time, its key is fetched from its D-TAs."""
    config = mfa_config.read_config(path)
    listener = serving.listen(config.common.server)
    passphrase = prompts.passphrase(config.common.passphrase)
    _start(config.common, "mfa", config.name)
    suite = config.suite.open()
    opened = mfa_network.open_network if config.network else mfa_keys.open_additive
    service = MfaService(config, suite, opened(config, suite, passphrase))
    service.issuers.start()
    try:
        serving.run(mfa_http.create_app(service, config.common.server), config.common.server, listener)
    finally:
        service.close()


def _start(config: CommonConfig, role: str, name: str) -> None:
    logs.configure(config.log, role)
    logs.logger(__name__).info("serving", name=name, url=config.server.public_url)
