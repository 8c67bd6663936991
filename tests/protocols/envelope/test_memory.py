"""Payloads larger than the memory that they pass through: 256 MiB here, 4 GiB in the exhaustive session."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.protocols.envelope.parties import EXHAUSTIVE

ROOT = Path(__file__).resolve().parents[3]
MEBIBYTES = 4096 if EXHAUSTIVE else 256
LIMIT_KIB = 100 * 1024


@pytest.mark.timeout(1800)
def test_the_memory_is_constant() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.protocols.envelope.stream_through", str(MEBIBYTES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < LIMIT_KIB
