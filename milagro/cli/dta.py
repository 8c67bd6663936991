"""`milagro dta`: the work of those who run a D-TA."""

from __future__ import annotations

import click

from milagro.cli.audit import audit


@click.group()
def dta() -> None:
    """Run a D-TA of a network."""


dta.add_command(audit)
