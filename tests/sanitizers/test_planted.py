"""The sanitizers are really on: in the native modules, and in code with planted faults. `nox -s sanitize` runs this.

MILAGRO_SANITIZERS holds the compiler and the flags that the modules were built with, the portable ones and, after a
semicolon, those with assembly.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from milagro import _native

BUILDS = [shlex.split(build) for build in os.environ.get("MILAGRO_SANITIZERS", "").split(";") if build]
CALL = "import ctypes, sys; getattr(ctypes.CDLL(sys.argv[1]), sys.argv[2])(int(sys.argv[3]))"

pytestmark = pytest.mark.skipif(not BUILDS, reason="no sanitizer is in use")


@pytest.fixture(scope="session", params=range(len(BUILDS)), ids=lambda at: ("portable", "adx")[at])
def build(request: pytest.FixtureRequest) -> list[str]:
    return BUILDS[request.param]


def planted(command: list[str], folder: Path, name: str, value: int) -> subprocess.CompletedProcess[str]:
    library = folder / "planted.so"
    source = Path(__file__).with_name("planted.c")
    subprocess.run([*command, "-shared", "-fPIC", "-w", str(source), "-o", str(library)], check=True)
    call = [sys.executable, "-c", CALL, str(library), f"planted_{name}", str(value)]
    return subprocess.run(call, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("heap", 24, "heap-buffer-overflow"),
        ("stack", 4, "stack-buffer-overflow|out of bounds"),
        ("overflow", 1, "signed integer overflow"),
        ("alignment", 1, "misaligned address"),
        ("shift", 64, "shift exponent"),
    ],
)
def test_a_planted_fault_ends_the_process(build: list[str], tmp_path: Path, name: str, value: int, told: str) -> None:
    if name == "heap" and not any("address" in flag for flag in build):
        pytest.skip("these flags do not ask for the address sanitizer")
    run = planted(build, tmp_path, name, value)
    assert run.returncode != 0
    assert any(part in run.stderr for part in told.split("|")), run.stderr


@pytest.mark.parametrize(("name", "value"), [("stack", 3), ("overflow", 0), ("alignment", 8), ("shift", 63)])
def test_what_is_right_is_not_reported(build: list[str], tmp_path: Path, name: str, value: int) -> None:
    assert planted(build, tmp_path, name, value).returncode == 0


def test_the_native_modules_are_instrumented(build: list[str]) -> None:
    modules = [_native.w4x, _native.w6x, _native.w8x] if build is BUILDS[-1] else [_native.w4, _native.w6, _native.w8]
    for module in modules:
        octets = Path(str(module.__file__)).read_bytes()
        assert b"__ubsan_handle_" in octets
        assert (b"__asan_report_" in octets) == any("address" in flag for flag in build)
