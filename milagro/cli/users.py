"""`milagro mfa users`: the accounts of an MFA server and their devices. Works on its database, while it runs or not."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from milagro.cli.options import CONFIG
from milagro.roles.mfa.accounts import Accounts, User
from milagro.roles.mfa.config import read_config
from milagro.roles.mfa.records import Device, DeviceState, MfaRecords
from milagro.roles.mfa.service import canonical_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@contextmanager
def open_records(path: Path) -> Iterator[MfaRecords]:
    """The database of the server with this configuration."""
    records = MfaRecords(read_config(path).common.store)
    try:
        yield records
    finally:
        records.state.close()


@click.group()
def users() -> None:
    """Look at users and their devices, stop and remove them. A server that runs obeys at once."""


@users.command("list")
@JSON
@CONFIG
def list_users(as_json: bool, path: Path) -> None:
    """List all users."""
    with open_records(path) as records:
        _show([_user_row(user) for user in Accounts(records.state).users()], as_json)


@users.command("devices")
@click.argument("user", required=False)
@click.option("--all", "removed", is_flag=True, help="Removed ones, too.")
@JSON
@CONFIG
def list_devices(user: str | None, removed: bool, as_json: bool, path: Path) -> None:
    """List the devices of USER, or of all users."""
    name = None if user is None else canonical_name(user)
    with open_records(path) as records:
        if name is not None:
            Accounts(records.state).user(name)
        devices = [one for one in records.devices(name) if removed or one.state is not DeviceState.REMOVED]
    _show([_device_row(device) for device in devices], as_json)


def _command_that_suspends(name: str, told: str, described: str, *, suspended: bool) -> None:
    @users.command(name, help=described)
    @click.argument("user")
    @JSON
    @CONFIG
    def suspend(user: str, as_json: bool, path: Path) -> None:
        with open_records(path) as records:
            records.suspend(canonical_name(user), suspended=suspended)
        _done({"user": canonical_name(user), "suspended": suspended}, told.format(user), as_json)


_command_that_suspends(
    "suspend",
    "{} is suspended",
    "Refuse USER permits and logins from now on, and end all sessions and tokens.",
    suspended=True,
)
_command_that_suspends(
    "resume", "{} may log in again", "Undo a suspension. Sessions that it ended stay ended.", suspended=False
)


@users.command("remove")
@click.argument("user")
@click.option("--device", help="Remove this device only, for instance when it is lost or locked.")
@click.option("--yes", is_flag=True, help="Do not ask before a whole account is removed.")
@JSON
@CONFIG
def remove_user(user: str, device: str | None, yes: bool, as_json: bool, path: Path) -> None:
    """Remove USER with all devices, or one of them. What was removed never works again; it can be enrolled anew."""
    with open_records(path) as records:
        if device is not None:
            records.remove(canonical_name(user), canonical_name(device))
            said = f"{user}'s device {device} is removed; its identity never works again"
        else:
            found = Accounts(records.state).user(canonical_name(user))
            if not yes:
                click.confirm(f"Remove {found.name} and all devices ({found.devices})?", abort=True, err=True)
            Accounts(records.state).remove(found.name)
            said = f"{user} is removed; the identities of all devices never work again"
    name = None if device is None else canonical_name(device)
    _done({"user": canonical_name(user), "device": name, "removed": True}, said, as_json)


def _show(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        marks = [mark for mark in ("suspended", "locked") if row.get(mark)]
        names = [str(row[key]) for key in ("user", "device") if key in row]
        state = row.get("state") or f"{row['devices']} device{'s' if row['devices'] != 1 else ''}"
        click.echo("\t".join([*names, ", ".join([state, *marks]), row["last_login"] or "-"]))


def _done(row: dict[str, Any], said: str, as_json: bool) -> None:
    click.echo(json.dumps(row) if as_json else said)


def _user_row(user: User) -> dict[str, Any]:
    return {
        "user": user.name,
        "suspended": user.suspended,
        "devices": user.devices,
        "created": _time(user.created),
        "last_login": _time(user.last_login),
    }


def _device_row(device: Device) -> dict[str, Any]:
    return {
        "user": device.identity.user,
        "device": device.identity.device,
        "identity_digest": device.identity.digest().hex(),
        "state": device.state.value,
        "suspended": device.suspended,
        "locked": device.locked,
        "wrong_pins": device.attempts,
        "last_login": _time(device.last_login),
    }


def _time(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()
