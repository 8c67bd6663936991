"""`milagro mfa`: the accounts and the key of an MFA server. Works on its database, while it runs or not."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from milagro.cli import prompts
from milagro.cli.oidc import oidc, profile
from milagro.cli.options import CONFIG
from milagro.roles.clock import unix_now
from milagro.roles.mfa.config import read_config
from milagro.roles.mfa.records import Device, MfaRecords
from milagro.roles.mfa.service import canonical_name, invite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@click.group()
def mfa() -> None:
    """Run the accounts of an MFA server."""


mfa.add_command(oidc)
mfa.add_command(profile)


@contextmanager
def _records(path: Path) -> Iterator[MfaRecords]:
    records = MfaRecords(read_config(path).common.store)
    try:
        yield records
    finally:
        records.state.close()


@mfa.command("invite")
@click.argument("user")
@click.option("--hours", type=click.IntRange(1, 24 * 30), default=24, show_default=True, help="How long it is good.")
@CONFIG
def invite_user(user: str, hours: int, path: Path) -> None:
    """Print a one-time code with which USER can enrol a device."""
    with _records(path) as records:
        click.echo(invite(records, user, unix_now(), timedelta(hours=hours)))


@mfa.command("suspend")
@click.argument("user")
@CONFIG
def suspend_user(user: str, path: Path) -> None:
    """Refuse USER permits and logins from now on."""
    with _records(path) as records:
        records.suspend(canonical_name(user), suspended=True)
    click.echo(f"{user} is suspended")


@mfa.command("resume")
@click.argument("user")
@CONFIG
def resume_user(user: str, path: Path) -> None:
    """Undo a suspension."""
    with _records(path) as records:
        records.suspend(canonical_name(user), suspended=False)
    click.echo(f"{user} may log in again")


@mfa.command("remove")
@click.argument("user")
@click.argument("device")
@CONFIG
def remove_device(user: str, device: str, path: Path) -> None:
    """Unpin USER's DEVICE, for instance when it is lost or locked; it can then be enrolled anew."""
    with _records(path) as records:
        records.remove(canonical_name(user), canonical_name(device))
    click.echo(f"{user}'s device {device} is removed; its identity never works again")


@mfa.command("users")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@CONFIG
def list_users(as_json: bool, path: Path) -> None:
    """List all users and their devices."""
    with _records(path) as records:
        devices = records.devices()
    if as_json:
        click.echo(json.dumps([_row(device) for device in devices], indent=1))
        return
    for device in devices:
        row = _row(device)
        marks = [mark for mark in ("suspended", "locked") if row[mark]]
        click.echo(
            f"{row['user']}\t{row['device']}\t{', '.join([str(row['state']), *marks])}\t{row['last_login'] or '-'}"
        )


@mfa.command("fetch-keys")
@CONFIG
def fetch_keys(path: Path) -> None:
    """Fetch the server's key from its D-TAs and seal it, as `serve` does when there is none."""
    from milagro.roles.mfa.network import open_network  # noqa: PLC0415 - the other commands need no D-TA

    config = read_config(path)
    held = open_network(config, config.suite.open(), prompts.sealer(config.common.keys)).held
    click.echo(f"The secret of the network's key {held.ring.current.key_id.hex()} is sealed.")


def _row(device: Device) -> dict[str, str | int | bool | None]:
    login = device.last_login
    return {
        "user": device.identity.user,
        "device": device.identity.device,
        "identity_digest": device.identity.digest().hex(),
        "state": device.state.value,
        "suspended": device.suspended,
        "locked": device.locked,
        "wrong_pins": device.attempts,
        "last_login": None if login is None else datetime.fromtimestamp(login, UTC).isoformat(),
    }
