"""The demo, end to end, and what it leaves behind: nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import milagro
from tests.conftest import require_backend

if TYPE_CHECKING:
    from collections.abc import Iterator

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(milagro.__file__).parent.parent)}
DEMO = [sys.executable, "-m", "milagro", "demo"]
STEPS = 9


@pytest.fixture(autouse=True)
def native_backend() -> None:
    require_backend("native")
    ENVIRONMENT.pop("MILAGRO_BACKEND", None)


def servers_under(folder: Path) -> list[int]:
    """The processes whose command line names `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in line and b"serve" in line:
            found.append(int(entry.parent.name))
    return found


@contextlib.contextmanager
def web_demo(folder: Path) -> Iterator[dict[str, Any]]:
    """What `milagro demo web` says when it is up. At the end it is interrupted, and must leave nothing behind."""
    process = subprocess.Popen(
        [*DEMO, "web", "--json", "--no-open"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, "TMPDIR": str(folder)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        assert servers_under(folder) != []
        yield json.loads(line)
    finally:
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, "")
    assert servers_under(folder) == []
    assert list(folder.iterdir()) == []


def test_it_ends_well(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    done = subprocess.run([*DEMO, "--keep", str(kept)], capture_output=True, text=True, env=ENVIRONMENT, timeout=270)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" ... ok ") == STEPS
    assert "Everything behaved" in done.stdout
    names = {path.name for path in kept.iterdir()}
    assert {"dta-one", "dta-two", "dta-three", "login.demo", "laptop", "phone", "logs"} <= names
    assert servers_under(kept) == []
    again = subprocess.run([*DEMO, "--keep", str(kept)], capture_output=True, text=True, env=ENVIRONMENT, timeout=270)
    assert again.returncode == 1
    assert "exists already" in again.stderr


def test_a_step_that_misbehaves_fails_the_demo(tmp_path: Path) -> None:
    # The reference backend is refused by the roles, so the very first step cannot succeed.
    environment = {**ENVIRONMENT, "MILAGRO_BACKEND": "reference", "TMPDIR": str(tmp_path)}
    done = subprocess.run([*DEMO, "--json"], capture_output=True, text=True, env=environment, timeout=270)
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert not report["ok"]
    assert [(step["step"], step["ok"]) for step in report["steps"]] == [("keys", False)]
    assert "not constant-time" in report["error"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    environment = {**ENVIRONMENT, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        DEMO,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        # A shell starts what it puts in the background with SIGINT ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    for _ in range(600):
        if servers_under(tmp_path):
            break
        time.sleep(0.05)
    process.send_signal(how)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error == b"stopped\n"
    assert servers_under(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
