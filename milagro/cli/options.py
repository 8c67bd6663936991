"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

from milagro.roles.config import FILE_NAME

CONFIG = click.option(
    "--config",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=FILE_NAME,
    show_default=True,
    help="The server's configuration file.",
)
