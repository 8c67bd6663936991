"""`milagro keys`: what a server's secrets are sealed under, and moving them to another passphrase or token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from milagro.cli import prompts
from milagro.cli.options import CONFIG
from milagro.cli.servers import server_of
from milagro.errors import ConfigError, NotFound
from milagro.roles.sealing import KeysConfig, open_token
from milagro.stores import files
from milagro.stores.keys import context_of, reseal_file
from milagro.stores.keys.header import sealed_under

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def keys() -> None:
    """Look at a server's sealed secrets, and move them to another key."""


@keys.command("show")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@CONFIG
def show(as_json: bool, path: Path) -> None:
    """List the sealed files of a server: what seals them, and what they say that they hold. Opens none."""
    sealed = server_of(path).sealed_files
    rows = [_row(file) for file in sealed]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        click.echo(f"{row['file']}\t{row['sealed_under']}")
        for name, value in sorted(row["context"].items()):
            click.echo(f"    {name}: {value}")


@keys.command("generate")
@CONFIG
def generate(path: Path) -> None:
    """Make the key that [keys] names, inside the token: AES-256, never out of it."""
    common = server_of(path).common
    token = common.keys.token
    if token is None:
        raise ConfigError(f"{path} has no [keys] of kind 'pkcs11', so there is no token to make a key in")
    key_id = open_token(token).generate_key(token.key)
    click.echo(f"The token {token.token!r} has the key {token.key!r} now; its id is {key_id.hex()}.")


@keys.command("reseal")
@CONFIG
def reseal(path: Path) -> None:
    """Seal a server's secrets under [keys]. What sealed them before is [keys.previous], or an older key of the token.

    Each file is the old one or the new one at any time, so this can be stopped and called again.
    """
    server = server_of(path)
    common, sealed = server.common, server.sealed_files
    before = common.keys.previous
    current = prompts.sealer(KeysConfig(common.keys.passphrase, common.keys.token))
    previous = current if before is None else prompts.sealer(before)
    for file in sealed:
        try:
            moved = reseal_file(file, current, previous)
        except NotFound:
            click.echo(f"{file}: is not there yet")
            continue
        click.echo(f"{file}: {'sealed under' if moved else 'was already under'} the {current.name}")
    if before is not None:
        click.echo(f"Now remove [keys.previous] from {path} and start the server again.")


def _row(file: Path) -> dict[str, Any]:
    try:
        content = files.read(file)
    except NotFound:
        return {"file": str(file), "sealed_under": "is not there yet", "context": {}}
    return {"file": str(file), "sealed_under": sealed_under(content), "context": context_of(content)}
