"""`milagro mfa replicas`: the processes of an MFA server that keep journals of attempts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from milagro.cli.options import CONFIG
from milagro.cli.users import open_records
from milagro.roles.mfa.attempts import roll

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.roles.mfa.attempts.guard import Replica


@click.group()
def replicas() -> None:
    """See which replicas keep journals of attempts, and give one up."""


@replicas.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@CONFIG
def list_replicas(path: Path, *, as_json: bool) -> None:
    """List the replicas, and which of them everybody waits for after a restore."""
    with open_records(path) as records:
        found, awaited = roll.replicas(records.state)
    rows = [_row(one, awaited=one.id in awaited) for one in found]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo("\t".join([row["replica"], row["state"], f"{row['records']} records", row["seen"] or "-"]))


@replicas.command("forget")
@click.argument("replica")
@click.option("--yes", is_flag=True, help="Do not ask.")
@CONFIG
def forget_replica(replica: str, path: Path, *, yes: bool) -> None:
    """Give a replica up whose journal will not come back; its id, or how it begins.

    If it is awaited after a restore, every device keeps at most mfa.pins.attempts_after_restore attempts until it logs
    in; with 0 all have to be enrolled anew.
    """
    with open_records(path) as records:
        _, awaited = roll.replicas(records.state)
        limited = any(one.hex().startswith(replica.lower()) for one in awaited)
        text = "It is awaited after a restore: devices will be limited. Give it up?"
        if limited and not yes:
            click.confirm(text, abort=True)
        found = roll.forget(records.state, replica)
    click.echo(f"The replica {found.id.hex()} is given up.")


def _row(one: Replica, *, awaited: bool) -> dict[str, Any]:
    state = "given up" if one.gone else "awaited" if awaited else "known"
    seen = datetime.fromtimestamp(one.seen, UTC).isoformat() if one.seen else None
    return {"replica": one.id.hex(), "state": state, "starts": one.start, "records": one.mark, "seen": seen}
