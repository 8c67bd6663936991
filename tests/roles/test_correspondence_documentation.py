"""The example of the guide runs as it stands, on a real daemon, but for the daemon's address."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stores.daemons import make_swarm
from tests.stores.test_content import ipfs_library

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "correspondence.md"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ipfs_library()
    (daemon,) = make_swarm(tmp_path, 1)
    try:
        text = GUIDE.read_text(encoding="utf-8")
        (shell,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        monkeypatch.setenv("PASSPHRASE", "correct horse")
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        milagro = f'milagro() {{ "{sys.executable}" -m milagro "$@"; }}\n'
        shell = shell.replace("--content ipfs", f"--content {daemon.url}")
        subprocess.run(["sh", "-eu"], input=(milagro + shell).encode(), cwd=tmp_path, check=True, env={**os.environ})
        assert (tmp_path / "received.txt").read_text() == "the figures\n"
        for name in ("IpfsStore", "Pubsub"):
            program = program.replace(f"{name}()", f"{name}({daemon.url!r})")
        ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True, text=True)
        assert ran.stdout == "b'ten of each' from True\n"
    finally:
        daemon.kill()
