"""`milagro dta backup|restore`: a D-TA of a network in one file, and out of it again."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import click

from milagro.cli import prompts
from milagro.cli.options import CONFIG
from milagro.roles.dta.member.backup import Manifest, back_up
from milagro.roles.dta.member.config import read_config, require_network
from milagro.roles.dta.member.restoring import restore as put_back


@click.command("backup")
@click.argument("file", type=prompts.FILE)
@CONFIG
def backup(file: Path, path: Path) -> None:
    """Write a backup of this D-TA to a new FILE, while it runs or not. Secrets in it are sealed as they are here."""
    following = require_network(path).network.identity / "next"
    _show(back_up(read_config(path), path, file))
    with file.open("rb") as written:
        click.echo(f"sha256   {hashlib.file_digest(written, 'sha256').hexdigest()}")
    if following.is_dir():
        click.echo(f"{following} is not in it: take it away and keep it elsewhere.", err=True)


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@CONFIG
def restore(file: Path, path: Path) -> None:
    """Put the D-TA in FILE back, with its configuration at --config. What is in the way is not overwritten."""
    _show(put_back(file, path))
    click.echo(f"Restored. Next: milagro serve dta --config {path}")
    click.echo("It issues nothing until other members have said where the network is: milagro dta network status.")
    click.echo("If that says that this node has no share: milagro dta network repair.")


def _show(manifest: Manifest) -> None:
    made = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(manifest.made))
    click.echo(f"D-TA     {manifest.name}  {manifest.identity}")
    click.echo(f"network  {manifest.network or 'none yet'}")
    click.echo(f"made     {made}; {len(manifest.files)} files, schema {manifest.schema}, {manifest.kind}")
