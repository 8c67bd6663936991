"""memcheck sees no branch and no address that depends on a secret, and sees every leak that is planted.

One curve for each way through the code: FP256BN (4 words, none of their bits to spare), BN254 (the small curve of the
login server), BLS12-381 (6 words, the other family, maps with isogenies), BN462 (8 words). MILAGRO_EXHAUSTIVE runs all.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from milagro import backend, params
from tests.conftest import missing, require_backend
from tests.constant_time import operations, probe

ROOT = Path(__file__).resolve().parents[2]
SUPPRESSIONS = Path(__file__).with_name("verdicts.supp")
REPORTED = 9  # the exit code that valgrind is told to use after a report
EVERY_PATH = ("BN254", "FP256BN", "BLS12-381", "BN462")
EXHAUSTIVE = bool(os.environ.get("MILAGRO_EXHAUSTIVE"))
CURVES = params.NAMES if EXHAUSTIVE else EVERY_PATH
ONE_A_SIZE = ("FP256BN", "BLS12-381", "BN462")


def each_module(curves: Sequence[str]) -> list[tuple[str, str]]:
    """Each curve with each native module that serves it; with no name at all where the backend is not built."""
    try:
        return [(name, module) for name in curves for module in operations.modules(params.get(name).words)]
    except ImportError:
        return [(name, "") for name in curves]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_backend("native")
    cc = probe.compiler()
    if cc is None:
        missing("no C compiler to build the probe of the constant-time tests with")
    if shutil.which("valgrind") is None or not probe.has_memcheck_header(cc):
        missing("valgrind or its header valgrind/memcheck.h is not installed (Debian: apt-get install valgrind)")
    return probe.build(cc, tmp_path_factory.mktemp("probe"), memcheck=True)


def watch(library: Path, curve_name: str, module: str, what: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, what was found for each operation, and valgrind's log."""
    log, out = (library.with_name(f"{what}-{curve_name}-{module}.{kind}") for kind in ("log", "json"))
    command = ["valgrind", "-q", "--num-callers=20", "--error-limit=no", f"--error-exitcode={REPORTED}"]
    command += [
        f"--suppressions={SUPPRESSIONS}",
        f"--log-file={log}",
        sys.executable,
        "-m",
        "tests.constant_time.watch",
    ]
    command += [str(library), curve_name, module, what, str(out)]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    # Python's own pools would hide from memcheck where one object ends and the next begins
    environment = os.environ | {"LD_PRELOAD": str(library), "PYTHONMALLOC": "malloc", "PYTHONPATH": path}
    environment.pop("DEBUGINFOD_URLS", None)  # valgrind would ask the network for line numbers
    run = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode in (0, REPORTED), run.stderr
    return run.returncode, json.loads(out.read_text()), log.read_text()


def told(log: str, name: str) -> str:
    """What the log says of one operation, without process numbers."""
    parts = re.split(r"^\*\*\d+\*\* === ", log, flags=re.MULTILINE)
    part = next((part for part in parts if part.splitlines()[:1] == [name]), f"{name}: only stacks that are above")
    return re.sub(r"^==\d+== ?", "", part, flags=re.MULTILINE)


def assert_nothing_leaks(library: Path, curve_name: str, module: str, what: str) -> None:
    code, found, log = watch(library, curve_name, module, what)
    leaks = [told(log, each["name"])[:6000] for each in found if each["reports"]]
    assert not leaks, "\n".join(leaks)
    assert code == 0, log
    # The secret was really there: it went through to every result
    assert [each["name"] for each in found if each["hidden"] == 0] == []


@pytest.mark.parametrize(("curve_name", "module"), each_module(CURVES))
def test_nothing_depends_on_a_secret(library: Path, curve_name: str, module: str) -> None:
    assert_nothing_leaks(library, curve_name, module, "operations")


@pytest.mark.parametrize(
    ("what", "curve_name"),
    [("shares", "BLS12-381"), ("login", "BLS12-381"), ("login_v1", "BN254"), *[("login_v1", "BLS12-381")] * EXHAUSTIVE],
)
def test_nothing_in_a_protocol_depends_on_a_master_a_share_or_a_pin(library: Path, what: str, curve_name: str) -> None:
    assert_nothing_leaks(library, curve_name, operations.modules(params.get(curve_name).words)[0], what)


def test_nothing_in_sharing_depends_on_a_secret_or_a_share(library: Path) -> None:
    assert_nothing_leaks(library, "BLS12-381", operations.modules(6)[0], "sharing")


def test_every_operation_is_watched_or_public(library: Path) -> None:
    # Outside valgrind nothing is hidden: only the names count
    plain = probe.Probe(library)
    secrets = operations.Secrets("BN254", "w4", plain)
    watched = {case.method for case in operations.boundary(secrets)}
    offered = {name for name in dir(backend.load("native").curve("BN254")) if not name.startswith("_")} - {"name"}
    public = {name for name in offered if name in operations.PUBLIC or name.endswith(operations.VARIABLE_TIME)}
    assert watched & public == set()
    assert offered - public - watched == set(), "put them into tests/constant_time/operations.py"
    assert operations.PUBLIC - offered == set()


@pytest.mark.parametrize(("curve_name", "module"), each_module(ONE_A_SIZE))
def test_planted_leaks_are_seen(library: Path, curve_name: str, module: str) -> None:
    code, found, _ = watch(library, curve_name, module, "controls")
    assert code == REPORTED
    assert len(found) >= 7
    assert [each["name"] for each in found if not each["reports"]] == []
