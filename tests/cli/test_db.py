"""`milagro db`: it tells what a database is, changes it only when asked to, and never shows a password."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from milagro.cli import main
from milagro.roles.mfa.records import MfaRecords
from tests.roles.world import toml_dta, toml_mfa, write
from tests.stores.databases import KINDS, postgres, store_table

if TYPE_CHECKING:
    from click.testing import Result

__all__ = ["postgres"]  # a fixture
OLD = Path(__file__).resolve().parents[1] / "stores" / "release_0_1" / "mfa.sql"


def run(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["db", *arguments, "--config", str(path)])


@pytest.mark.parametrize("kind", KINDS)
def test_status_changes_nothing_and_upgrade_makes_the_tables(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    path = write(tmp_path / "milagro.toml", toml_dta(store=store_table(kind, request)))
    for _ in range(2):
        assert json.loads(run(path, "status", "--json").output)["schema"] is None
    assert not (tmp_path / "state.sqlite").exists()
    assert run(path, "upgrade").output.endswith("is made with schema 3\n")
    shown = run(path, "status").output
    assert shown.endswith(": schema 3, which is this release's\n")
    assert "milagro@" not in shown
    assert run(path, "upgrade").output == shown


def test_a_file_of_release_0_1_is_upgraded_only_when_asked(tmp_path: Path) -> None:
    store = '[store]\nupgrade = "command"\n'
    path = write(tmp_path / "milagro.toml", toml_mfa(store=store))
    write(tmp_path / "charter", "-")
    with sqlite3.connect(tmp_path / "state.sqlite") as connection:
        connection.executescript(OLD.read_text())
    assert json.loads(run(path, "status", "--json").output)["upgrade"] is True
    assert "upgraded from schema 1" in run(path, "upgrade").output
    assert json.loads(run(path, "status", "--json").output)["upgrade"] is False
    MfaRecords(tmp_path / "state.sqlite").state.close()


def test_another_roles_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "milagro.toml", toml_dta())
    with sqlite3.connect(tmp_path / "state.sqlite") as connection:
        connection.executescript(OLD.read_text())
    for command in ("status", "upgrade"):
        result = run(path, command)
        assert result.exit_code == 5
        assert "belongs to another role" in result.output
