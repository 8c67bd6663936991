"""No secret stays in memory: after its last reference is gone, none of its words is found in the whole process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import missing, require_backend
from tests.native import secrets_in_memory

ROOT = Path(__file__).resolve().parents[2]
WORD = 8
CURVES = ("BN254", "BLS12-381", "BN462")


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.native.secrets_in_memory", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def said(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline()


def tell(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("go\n")
    child.stdin.flush()


def memory(pid: int) -> Iterator[bytes]:
    """What the process can write to, region by region."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as everything:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            start, end, permissions = re.split("[- ]", line)[:3]
            if permissions.startswith("rw") and "[vvar" not in line:
                everything.seek(int(start, 16))
                try:
                    yield everything.read(int(end, 16) - int(start, 16))
                except OSError:  # a region that cannot be read has nothing to find
                    continue


def words_of(pid: int, places: list[list[int]]) -> set[int]:
    """The words of the secrets; those that any number may have are left out."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as everything:
        found: set[int] = set()
        for address, size in places:
            everything.seek(address)
            octets = everything.read(size)
            assert len(octets) == size
            found |= set(memoryview(octets).cast("Q"))
    return {word for word in found if len(set(word.to_bytes(WORD, "big"))) > 4}


def found(pid: int, words: set[int]) -> set[int]:
    """Those of the words that stand somewhere in the process where a word may stand."""
    regions = [region for region in memory(pid) if region]
    assert sum(map(len, regions)) > 1 << 20
    return set().union(*(words.intersection(memoryview(region).cast("Q")) for region in regions))


def left_by(scenario: str, curve: str, implementation: str) -> tuple[int, int]:
    """How many words of secrets there are to be found while they are held, and after they were dropped."""
    require_backend("native")
    if "MILAGRO_SANITIZERS" in os.environ:
        pytest.skip("a sanitizer's shadow memory is too large to be searched")
    if not Path("/proc/self/mem").exists():
        missing("there is no /proc/self/mem to look for secrets in")
    from milagro import _native

    if implementation not in _native.implementations():
        pytest.skip(f"this processor cannot run {implementation}")
    with process(implementation, curve, scenario) as child:
        places = json.loads(said(child))
        words = words_of(child.pid, places)
        before = found(child.pid, words)
        assert before == words
        tell(child)
        assert said(child) == "dropped\n"
        return len(words), len(found(child.pid, words))


@pytest.mark.parametrize("scenario", [name for name in secrets_in_memory.SCENARIOS if name != "kept"])
@pytest.mark.parametrize("curve", CURVES)
def test_nothing_of_a_dropped_secret_is_found(scenario: str, curve: str, implementation: str) -> None:
    held, left = left_by(scenario, curve, implementation)
    assert held >= 50
    assert left == 0


def test_a_kept_copy_is_found(implementation: str) -> None:
    assert left_by("kept", "BN254", implementation)[1] >= 3
