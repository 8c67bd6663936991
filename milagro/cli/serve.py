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
from milagro.roles.dta.network import config as dta_network
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa import keys as mfa_keys
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
    """Run a D-TA; one that was made with --network takes part in its network."""
    if dta_network.is_network(path):
        _serve_member(path)
        return
    config = dta_config.read_config(path)
    listener = serving.listen(config.common.server)
    service = dta_service.open_service(config, prompts.passphrase(config.common.passphrase))
    _start(config.common, "dta", config.name)
    try:
        serving.run(dta_http.create_app(service, config.common.server), config.common.server, listener)
    finally:
        service.close()


def _serve_member(path: Path) -> None:
    from milagro.roles.dta.network.http import create_app  # noqa: PLC0415 - only where there is a network
    from milagro.roles.dta.network.node import Node  # noqa: PLC0415

    config = dta_network.read_config(path)
    listener = serving.listen(config.common.server)
    node = Node(config, prompts.passphrase(config.common.passphrase))
    _start(config.common, "dta", config.name)
    with node:
        serving.run(create_app(node, config.common.server), config.common.server, listener)


@serve.command("mfa")
@CONFIG
def serve_mfa(path: Path) -> None:
    """Run an MFA server; the first time, its key is fetched from all its D-TAs."""
    config = mfa_config.read_config(path)
    listener = serving.listen(config.common.server)
    passphrase = prompts.passphrase(config.common.passphrase)
    _start(config.common, "mfa", config.name)
    suite = config.suite.open()
    authority = mfa_keys.open_authority(config, passphrase)
    secret = mfa_keys.open_or_fetch_server_secret(config, suite, authority, passphrase)
    service = MfaService(config, suite, authority, secret)
    try:
        serving.run(mfa_http.create_app(service, config.common.server), config.common.server, listener)
    finally:
        service.close()


def _start(config: CommonConfig, role: str, name: str) -> None:
    logs.configure(config.log, role)
    logs.logger(__name__).info("serving", name=name, url=config.server.public_url)
