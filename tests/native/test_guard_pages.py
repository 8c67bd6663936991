"""No word function reads or writes outside its operands: each operand stands beside a page that may not be touched."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.conftest import missing

SOURCE = Path(__file__).with_name("guard_pages.c")
NATIVE = Path(__file__).resolve().parents[2] / "milagro" / "_native"
NO_SUCH_INSTRUCTIONS = 3


def run(folder: Path, words: int, implementation: str, *defined: str) -> int:
    """The exit code of the program for this word count and implementation."""
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(command[0]) is None:
        missing("no C compiler to build the test of the word functions with")
    flags = ["-O3", "-w", f"-I{NATIVE}", f"-DMONT_WORDS={words}", *(f"-D{name}" for name in defined)]
    program = folder / "guard_pages"
    asked = ["-DMONT_X86=1"] if implementation == "adx" else []
    subprocess.run([*command, *flags, *asked, str(SOURCE), "-o", str(program)], check=True)
    # By itself: a sanitizer's library that was preloaded for Python would catch the fault and say something else
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    return subprocess.run([str(program)], env=environment, check=False).returncode


@pytest.mark.parametrize("words", [4, 6, 8])
def test_nothing_outside_the_operands_is_touched(tmp_path: Path, words: int, implementation: str) -> None:
    code = run(tmp_path, words, implementation)
    if code == NO_SUCH_INSTRUCTIONS:
        pytest.skip(f"this processor cannot run {implementation}")
    assert code == 0


@pytest.mark.parametrize("planted", [1, 2], ids=["in C", "in assembly"])
def test_a_planted_read_behind_an_operand_is_seen(tmp_path: Path, planted: int) -> None:
    assert run(tmp_path, 4, "portable", f"PLANTED={planted}") == -signal.SIGSEGV
