"""The examples of the guide run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs" / "envelope.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    programs = blocks("python")
    assert len(programs) == 2
    exec("\n".join(programs), {})
    assert capsys.readouterr().out == "seen before\n"


def test_the_commands_run(tmp_path: Path) -> None:
    (commands,) = blocks("sh")
    # A script is not asked for a passphrase, so it says where it is.
    asking = r"^(milagro envelope (?:keygen|seal|open)\b[^#\n]*)"
    commands = re.sub(asking, r"\1 --passphrase-env PASSPHRASE ", commands, flags=re.MULTILINE)
    milagro = f'milagro() {{ "{sys.executable}" -m milagro "$@"; }}\n'
    environment = {**os.environ, "PASSPHRASE": "correct horse", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        ["sh", "-eu"],
        input=(milagro + commands).encode(),
        cwd=tmp_path,
        check=True,
        capture_output=True,
        env=environment,
    )
    assert (tmp_path / "received.txt").read_text() == "the figures\n"
    assert b"verified: 12 octets from the owner of alice.pub" in ran.stderr
    assert b"2 slots" in ran.stdout
