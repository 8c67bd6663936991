"""`milagro client devices`: the devices of the user, for one of them. Each command logs in with the PIN first."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from milagro.cli import prompts
from milagro.roles.client.device import DeviceFolder
from milagro.roles.client.devices import OwnDevices
from milagro.roles.client.service import open_client
from milagro.roles.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from milagro.roles.device_messages import DeviceAnswer

_HALVES = {("0", "0"): " ", ("1", "0"): "▀", ("0", "1"): "▄", ("1", "1"): "█"}
_QUIET = 2
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the device is, its PIN, and whom it trusts."""
    folder = Path("~/.config/milagro/device")
    for option in (
        click.option("--ca-certificate", type=prompts.FILE, help="Trust this CA instead of the system's."),
        click.option("--pin-env", help="Environment variable that holds the PIN."),
        click.option("--pin-file", type=prompts.FILE, help="File that holds the PIN."),
        click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=folder, show_default=True),
    ):
        command = option(command)
    return command


def own_devices(folder: Path, ca_certificate: Path | None) -> OwnDevices:
    """The devices of the user whose device is in this folder."""
    return OwnDevices(DeviceFolder(folder), lambda url: Peer(url, ca_certificate))


def _logged_in(folder: Path, pin_file: Path | None, pin_env: str | None, ca_certificate: Path | None) -> OwnDevices:
    place = folder.expanduser()
    open_client(place, ca_certificate).login(lambda: prompts.pin(pin_file, pin_env, choose=False))
    return own_devices(place, ca_certificate)


@click.group()
def devices() -> None:
    """List, add, confirm and remove your devices."""


@devices.command("list")
@_JSON
@_options
def list_devices(as_json: bool, **options: Any) -> None:
    """List your devices."""
    found = _logged_in(**options).devices()
    if as_json:
        click.echo(found.model_dump_json(exclude_none=True))
        return
    for device in found.devices:
        click.echo(f"{device.name}: {_about(device)}")


@devices.command("add")
@_JSON
@_options
def add(folder: Path, pin_file: Path | None, pin_env: str | None, ca_certificate: Path | None, as_json: bool) -> None:
    """Make a code for another device of yours. It is good once, for ten minutes."""
    found = open_client(folder.expanduser(), ca_certificate).invite_device(
        lambda: prompts.pin(pin_file, pin_env, choose=False)
    )
    if as_json:
        click.echo(found.model_dump_json(exclude={"move"}, exclude_none=True))
        return
    if prompts.is_terminal():
        click.echo(drawn(found.qr))
    click.echo(f"Open {found.link}")
    click.echo(f"or enrol {found.user} with the code {found.code}, until {_time(found.expires)}.")
    click.echo("Next: milagro client devices confirm NAME CODE, with the code that the new device shows")


@devices.command("confirm")
@click.argument("name")
@click.argument("code")
@_options
def confirm(name: str, code: str, **options: Any) -> None:
    """Let your new device NAME log in, which shows CODE."""
    _logged_in(**options).confirm(name, code)
    click.echo(f"{name} may log in now")


@devices.command("remove")
@click.argument("name")
@_options
def remove(name: str, **options: Any) -> None:
    """Remove your device NAME for good."""
    _logged_in(**options).remove(name)
    click.echo(f"{name} is removed")


def drawn(rows: Sequence[str]) -> str:
    """A QR code in half blocks. Its light modules are drawn: most terminals have a dark ground."""
    width = len(rows[0]) + 2 * _QUIET
    blank = ["0" * width] * _QUIET
    whole = [*blank, *("0" * _QUIET + row + "0" * _QUIET for row in rows), *blank]
    turned = ["".join("1" if module == "0" else "0" for module in row) for row in whole]
    turned += ["0" * width] * (len(turned) % 2)
    pairs = zip(turned[::2], turned[1::2], strict=True)
    return "\n".join("".join(_HALVES[pair] for pair in zip(upper, lower, strict=True)) for upper, lower in pairs)


def _about(device: DeviceAnswer) -> str:
    last = "never logged in" if device.last_login is None else f"last login {_time(device.last_login)}"
    marks = [device.state, *(["locked"] if device.locked else []), *(["this device"] if device.current else [])]
    return ", ".join([*marks, last])


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
