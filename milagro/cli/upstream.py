"""`milagro mfa upstream`: whose the accounts are at the upstream provider. Works on the server's database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from milagro.cli.options import CONFIG
from milagro.cli.users import open_records
from milagro.errors import ConfigError
from milagro.roles.clock import unix_now
from milagro.roles.mfa.config import read_config
from milagro.roles.mfa.service import canonical_name
from milagro.roles.mfa.upstream.enrolments import Pinned, Subjects

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def upstream() -> None:
    """Look at whose accounts enrol by the upstream provider, and change it."""


@upstream.command("list")
@CONFIG
def list_subjects(path: Path) -> None:
    """List users with the issuer, its name for them (sub), and since when."""
    with open_records(path) as records:
        for one in Subjects(records.state).all():
            click.echo(
                f"{one.user}\t{one.issuer}\t{one.subject}\t{datetime.fromtimestamp(one.pinned, UTC).isoformat()}"
            )


@upstream.command("link")
@click.argument("user")
@click.argument("subject")
@CONFIG
def link(user: str, subject: str, path: Path) -> None:
    """Give USER's account to SUBJECT, the provider's `sub` for a person, whoever had it before."""
    config = read_config(path).upstream
    if config is None:
        raise ConfigError(f"{path} has no table [mfa.upstream]")
    pinned = Pinned(canonical_name(user), config.issuer, subject, unix_now())
    with open_records(path) as records:
        Subjects(records.state).link(pinned)
    click.echo(f"{pinned.user} enrols as {subject} of {config.issuer}, and nobody else there does")


@upstream.command("unlink")
@click.argument("user")
@CONFIG
def unlink(user: str, path: Path) -> None:
    """Let nobody of the provider enrol as USER, until somebody is linked. Devices stay."""
    with open_records(path) as records:
        Subjects(records.state).unlink(canonical_name(user))
    click.echo(f"{user} is nobody's at the provider any more")
