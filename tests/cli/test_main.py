"""The top of the command line: names, exit codes, one line an error."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import milagro
from milagro import cli
from milagro.cli import main
from milagro.errors import AuthenticationFailed, ConfigError, NotFound, Replay, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

NAMES = ("client", "content", "demo", "envelope", "health", "id", "init", "mfa", "serve", "vectors")


def run(*arguments: str, **options: object) -> Result:
    return CliRunner().invoke(main, list(arguments), **options)  # type: ignore[arg-type]


def test_version_and_help() -> None:
    assert run("--version").output == f"milagro, version {milagro.__version__}\n"
    shown = run("--help")
    assert shown.exit_code == 0
    assert all(f"\n  {name} " in shown.output for name in NAMES)
    assert run("nonsense").exit_code == 2


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name: str) -> None:
    shown = run(name, "--help")
    assert shown.exit_code == 0, shown.output
    assert "Usage:" in shown.output


@pytest.mark.parametrize(
    ("error", "code"),
    [(AuthenticationFailed(), 3), (Replay("x"), 4), (NotFound("x"), 5), (Unavailable("x"), 6), (ConfigError("x"), 2)],
)
def test_an_error_is_one_line_and_its_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("milagro.cli.client.open_client", fail)
    arguments = ("client", "login", "--folder", str(tmp_path))
    result = run(*arguments)
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == f"error: {error}\n"
    debug = run("--debug", *arguments)
    assert debug.exit_code == code
    assert "Traceback" in debug.stderr
    assert debug.stderr.endswith(f"error: {error}\n")


def test_a_missing_library_is_an_error_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> None:
        raise ModuleNotFoundError("No module named 'sqlalchemy'", name="sqlalchemy.orm")

    monkeypatch.setattr("milagro.cli.importlib.import_module", missing)
    result = run("serve", "dta")
    assert result.exit_code == 2
    assert "pip install 'milagro[server]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_module_of_our_own_that_is_missing_is_not_blamed_on_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> None:
        raise ModuleNotFoundError("No module named 'milagro.nowhere'", name="milagro.nowhere")

    monkeypatch.setattr("milagro.cli.importlib.import_module", missing)
    assert isinstance(run("serve", "dta").exception, ModuleNotFoundError)


def test_the_top_needs_none_of_the_servers_libraries() -> None:
    code = "import sys, milagro.cli; print([name for name in milagro.cli._SERVER_LIBRARIES if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    assert len(cli._SERVER_LIBRARIES) == 8


def test_python_m_milagro_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "milagro", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("milagro, version ")
