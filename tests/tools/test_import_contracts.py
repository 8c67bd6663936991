"""The import contracts must fail when one is broken: each is broken here, in a copy of the package."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("importlinter", reason="import-linter is in the lint extra")

BREACHES = {
    "a lower layer imports a higher one": ("milagro/octets.py", "from milagro import groups"),
    "a slice imports another": ("milagro/protocols/wcc.py", "from milagro.protocols import mpin"),
    "one M-Pin profile imports the other": (
        "milagro/protocols/mpin/v2/__init__.py",
        "from milagro.protocols.mpin import v1",
    ),
    "a role imports another": ("milagro/roles/dta/__init__.py", "import milagro.roles.mfa"),
    "a protocol reads the clock": ("milagro/protocols/wcc.py", "import time"),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "milagro", tmp_path / "milagro", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(folder)}, check=False
    )


def test_the_contracts_hold(copy: Path) -> None:
    result = lint_imports(copy)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_is_reported(copy: Path, breach: str) -> None:
    name, line = BREACHES[breach]
    with (copy / name).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}  # noqa\n")
    result = lint_imports(copy)
    assert result.returncode == 1, result.stdout
    assert "BROKEN" in result.stdout
