"""`milagro client`: a device that enrols once and then logs in with a PIN."""

from __future__ import annotations

import contextlib
import json
import platform
from pathlib import Path

import click

from milagro.cli import prompts
from milagro.cli.devices import devices, own_devices
from milagro.errors import Unavailable
from milagro.roles.client.device import DeviceFolder
from milagro.roles.client.service import Application, open_client

_FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("~/.config/milagro/device"),
    show_default=True,
    help="Where the device keeps its key and its token.",
)
_PIN_FILE = click.option("--pin-file", type=prompts.FILE, help="File that holds the PIN.")
_PIN_ENV = click.option("--pin-env", help="Environment variable that holds the PIN.")
_CA = click.option("--ca-certificate", type=prompts.FILE, help="Trust this CA instead of the system's.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@click.group()
def client() -> None:
    """Enrol this device and log in with a PIN."""


@client.command("enroll")
@click.option("--server", required=True, metavar="URL", help="The MFA server.")
@click.option("--user", required=True, help="Who you are there.")
@click.option("--code", required=True, help="The invitation's code; it works once.")
@click.option("--device", default=platform.node() or "device", show_default="this machine's name")
@click.option("--replace", is_flag=True, help="Take the place of your device of this name, if the code allows that.")
@click.option("--key", "algorithm", type=click.Choice(("ed25519", "ecdsa-p256-sha256")), default="ed25519")
@_FOLDER
@_PIN_FILE
@_PIN_ENV
@_CA
def enroll(
    server: str,
    user: str,
    code: str,
    device: str,
    replace: bool,
    algorithm: str,
    folder: Path,
    pin_file: Path | None,
    pin_env: str | None,
    ca_certificate: Path | None,
) -> None:
    """Make this device one of USER's and choose its PIN."""
    application = Application(server, user, device, code, algorithm, replace)
    record = open_client(folder.expanduser(), ca_certificate, _tell).enrol(
        application, lambda: prompts.pin(pin_file, pin_env, choose=True)
    )
    click.echo(f"{record.user} is enrolled at {record.server_name} with the device {record.device}.")
    own = own_devices(folder.expanduser(), ca_certificate)
    with contextlib.suppress(Unavailable):  # it is enrolled, whether the server says how it stands or not
        if own.standing() == "waiting":
            click.echo(f"Confirm it on the device that invited it, with the code {own.own_code()}.")
    click.echo("Next: milagro client login")


@client.command("login")
@_FOLDER
@_PIN_FILE
@_PIN_ENV
@_CA
@_JSON
def login(folder: Path, pin_file: Path | None, pin_env: str | None, ca_certificate: Path | None, as_json: bool) -> None:
    """Log in with the PIN."""
    answer = open_client(folder.expanduser(), ca_certificate, _tell).login(
        lambda: prompts.pin(pin_file, pin_env, choose=False)
    )
    if as_json:
        click.echo(answer.model_dump_json(exclude_none=True))
    else:
        click.echo(f"logged in as {answer.user} with the device {answer.device}")


@client.command("status")
@_FOLDER
@_CA
@_JSON
def status(folder: Path, ca_certificate: Path | None, as_json: bool) -> None:
    """Show what this device is enrolled for, and whether its server answers."""
    device = DeviceFolder(folder.expanduser())
    record = device.record()
    server = open_client(device.path, ca_certificate).server_status()
    shown = {
        "user": record.user,
        "device": record.device,
        "server": record.server,
        "server_name": server.name,
        "relying_party": record.relying_party,
        "suite": server.suite,
        "authorities": record.issuers,
    }
    if as_json:
        click.echo(json.dumps(shown))
    else:
        click.echo("\n".join(f"{name.replace('_', ' ')}: {_text(value)}" for name, value in shown.items()))


client.add_command(devices)


def _tell(text: str) -> None:
    shown = "".join(character if character.isprintable() else "?" for character in text)  # servers have a part in it
    click.echo(f"warning: {shown}", err=True)


def _text(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
