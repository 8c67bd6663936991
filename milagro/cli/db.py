"""`milagro db status|upgrade`: the schema of a server's database, by the server's configuration file."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from milagro.cli.options import CONFIG
from milagro.cli.servers import server_of
from milagro.stores.state import Database, Schema, Standing, State, look

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def db() -> None:
    """Look at a server's database and upgrade it."""


@db.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@CONFIG
def status(as_json: bool, path: Path) -> None:
    """Say which schema the database has and which one this release needs; changes nothing."""
    database, schema = _read(path)
    found = look(database, schema.application)
    if found is not None:
        found.check(schema, database.shown)
    fields = {
        "database": database.shown,
        "schema": None if found is None else found.version,
        "release": schema.version,
        "compatible_from": None if found is None else found.compatible_from,
        "upgrade": _needs_upgrade(found, schema),
    }
    if as_json:
        click.echo(json.dumps(fields, indent=1))
        return
    click.echo(f"{database.shown}: {_describe(found, schema)}")


@db.command("upgrade")
@CONFIG
def upgrade(path: Path) -> None:
    """Run the migrations that are missing, all or none; servers of the release before may go on meanwhile."""
    database, schema = _read(path)
    before = look(database, schema.application)
    state = State(replace(database, upgrade=True), schema)
    try:
        after = state.standing()
    finally:
        state.close()
    if _needs_upgrade(before, schema):
        made = "made with" if before is None else f"upgraded from schema {before.version} to"
        click.echo(f"{database.shown} is {made} schema {after.version}")
    else:
        click.echo(f"{database.shown}: {_describe(after, schema)}")


def _read(path: Path) -> tuple[Database, Schema]:
    server = server_of(path)
    return server.common.store, server.schema


def _needs_upgrade(found: Standing | None, schema: Schema) -> bool:
    return found is None or not found.recorded or found.version < schema.version


def _describe(found: Standing | None, schema: Schema) -> str:
    if found is None:
        return f"new; it will be made with schema {schema.version} when the server starts, or by 'milagro db upgrade'"
    if found.version > schema.version:
        return f"schema {found.version}, of a newer release, with which this one (schema {schema.version}) works"
    if _needs_upgrade(found, schema):
        return f"schema {found.version}; this release upgrades it to {schema.version}"
    return f"schema {found.version}, which is this release's"
