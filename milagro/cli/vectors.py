"""`milagro vectors`: check vector files by recomputing every value in them, and make the project's own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from milagro.backend import NAMES
from milagro.conformance import Report
from milagro.conformance import check as check_files
from milagro.conformance.make import write_all
from milagro.errors import MilagroError, status_of

_SHOWN = 50  # mismatches in the text output; the JSON output has all


@click.group()
def vectors() -> None:
    """Check vector files, and make the project's own."""


@vectors.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write the whole report as one JSON object.")
@click.option("--backend", type=click.Choice(NAMES), help="The arithmetic that recomputes.  [default: MILAGRO_BACKEND]")
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes to use.  [default: one a processor]")
@click.option("--progress/--no-progress", default=None, help="Show progress on stderr.  [default: on a terminal]")
def check(paths: tuple[Path, ...], as_json: bool, backend: str | None, jobs: int | None, progress: bool | None) -> None:
    """Recompute every value in the files and folders PATHS.

    Exits 1 on any mismatch and on any file that is not understood. Prose (*.md) is listed, not checked.
    """
    shown = sys.stderr.isatty() if progress is None else progress
    try:
        report = check_files(paths, backend, jobs, _show_progress if shown else None)
    except MilagroError as error:
        click.echo(f"milagro vectors check: {error}", err=True)
        sys.exit(status_of(error).exit_code)
    if shown:
        click.echo("\r\033[K", nl=False, err=True)
    click.echo(json.dumps(report.as_json(), indent=1, sort_keys=True) if as_json else _text(report))
    sys.exit(0 if report.ok else 1)


def _show_progress(done: int, total: int, path: str) -> None:
    click.echo(f"\r\033[K{done}/{total} parts, {path}", nl=False, err=True)


def _text(report: Report) -> str:
    lines = [mismatch.text() for mismatch in report.mismatches[:_SHOWN]]
    if len(report.mismatches) > _SHOWN:
        lines.append(f"... and {len(report.mismatches) - _SHOWN} more; --json lists all")
    lines += [f"{file.path}: documentation, not checked" for file in report.files if file.kind == "documentation"]
    lines += ["", report.table(), ""]
    verdict = "every value agrees" if report.ok else f"FAILED: {len(report.mismatches)} mismatches"
    return "\n".join([*lines, f"{report.backend} backend: {verdict}"])


@vectors.command()
@click.option(
    "--out", default="vectors", show_default=True, type=click.Path(file_okay=False, path_type=Path), help="The folder."
)
@click.option("--backend", type=click.Choice(NAMES), help="The arithmetic that computes.  [default: MILAGRO_BACKEND]")
def make(out: Path, backend: str | None) -> None:
    """Write the project's own vectors, the same octets every time."""
    try:
        written = write_all(out, backend)
    except MilagroError as error:
        click.echo(f"milagro vectors make: {error}", err=True)
        sys.exit(status_of(error).exit_code)
    click.echo(f"{len(written)} files in {out}")
