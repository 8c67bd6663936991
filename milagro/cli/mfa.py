"""`milagro mfa`: invitations, accounts and the key of an MFA server. Works on its database, while it runs or not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from milagro.cli import prompts
from milagro.cli.oidc import oidc, profile
from milagro.cli.options import CONFIG
from milagro.cli.replicas import replicas
from milagro.cli.upstream import upstream
from milagro.cli.users import open_records, users
from milagro.roles.clock import unix_now
from milagro.roles.mfa.config import read_config
from milagro.roles.mfa.service import invite

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def mfa() -> None:
    """Run the accounts of an MFA server."""


mfa.add_command(oidc)
mfa.add_command(profile)
mfa.add_command(replicas)
mfa.add_command(upstream)
mfa.add_command(users)


@mfa.command("invite")
@click.argument("user")
@click.option("--hours", type=click.IntRange(1, 24 * 30), default=24, show_default=True, help="How long it is good.")
@click.option("--replaces", is_flag=True, help="It may take the place of a device of the same name: for a lost PIN.")
@CONFIG
def invite_user(user: str, hours: int, replaces: bool, path: Path) -> None:
    """Print a one-time code with which USER can enrol a device."""
    with open_records(path) as records:
        click.echo(invite(records, user, unix_now(), timedelta(hours=hours), replaces=replaces))


@mfa.command("fetch-keys")
@CONFIG
def fetch_keys(path: Path) -> None:
    """Fetch the server's key from its D-TAs and seal it, as `serve` does when there is none."""
    from milagro.roles.mfa.network import open_network  # noqa: PLC0415 - the other commands need no D-TA

    config = read_config(path)
    held = open_network(config, config.suite.open(), prompts.sealer(config.common.keys)).held
    click.echo(f"The secret of the network's key {held.ring.current.key_id.hex()} is sealed.")
