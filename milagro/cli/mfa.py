"""`milagro mfa`: invitations, accounts and the key of an MFA server. Works on its database, while it runs or not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

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
from milagro.stores.keys import Argon2Cost


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


@mfa.command("split")
@click.argument("replicas", nargs=-1, required=True, metavar="NAME=URL...")
@click.option("--threshold", type=click.IntRange(2, 32), required=True, help="How many verify a login together.")
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder for all the shares."
)
@click.option(
    "--argon2-memory-mib", type=click.IntRange(8, 2048), default=64, show_default=True, help="Cost of a guess."
)
@click.option("--current-only", is_flag=True, help="After a rotation: the replicas have the shares of older keys.")
@CONFIG
def split(
    replicas: tuple[str, ...], threshold: int, into: Path, argon2_memory_mib: int, current_only: bool, path: Path
) -> None:
    """Deal the server's secret out to replicas, NAME at URL, and remove it here. Stop the server before.

    Any THRESHOLD of the replicas verify a login; fewer learn nothing that a PIN could be searched with.
    """
    from milagro.roles.mfa.split.dealt import Replica  # noqa: PLC0415 - the other commands need none of it
    from milagro.roles.mfa.split.splitting import split_secrets  # noqa: PLC0415

    config = read_config(path)
    named = [Replica(index=i, name=name, url=url) for i, (name, url) in enumerate(map(_named, replicas), 1)]
    cost = Argon2Cost(memory_kib=argon2_memory_mib * 1024)
    sealer = prompts.sealer(config.common.keys)
    for key_id in split_secrets(config, sealer, threshold, named, into, cost, current_only=current_only):
        click.echo(f"The secret of the network's key {key_id.hex()} is dealt to {len(named)} replicas, {threshold} of")
        click.echo("which are needed, and is removed here. Copies of it in backups are for you to destroy.")
    click.echo(f"Take each folder in {into} to its replica, as 'split' beside its milagro.toml, and add to that file:")
    click.echo("\n[mfa.split]\n")
    click.echo(f"Then remove {into}, and have the D-TAs issue no server share any more to this authority:")
    click.echo('purposes = ["client-share", "permit"] in their [[dta.authorities]], until the next rotation.')


def _named(text: str) -> tuple[str, str]:
    name, equals, url = text.partition("=")
    if not equals or not name.isprintable() or "/" in name or name.startswith("."):
        raise click.BadParameter(f"{text!r} is not NAME=URL, with a name that can be a folder's")
    return name, url.rstrip("/")
