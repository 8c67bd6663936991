"""What the pages on stores say can be typed is typed here."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

from milagro.cli import main
from tests.stores.daemons import Daemon, binary, new_swarm_key
from tests.stores.test_content import ipfs_library

if TYPE_CHECKING:
    import pytest

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "stores.md"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "operators" / "ipfs.md"


def commands() -> list[list[str]]:
    """The lines that set a daemon up."""
    blocks = re.findall(r"```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("ipfs ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def test_a_daemon_set_up_by_the_page_serves(tmp_path: Path) -> None:
    ipfs_library()
    daemon = Daemon(tmp_path / "daemon", new_swarm_key())
    for command in commands():
        done = subprocess.run([binary(), *command], env=daemon._environment(), capture_output=True, text=True)
        if command[:2] != ["config", "Peering.Peers"] and "Peering.Peers" not in command:  # its id is an example
            assert done.returncode == 0, (command, done.stderr)
    path = daemon.repository / "config"
    config = json.loads(path.read_text())
    config["Addresses"].update(API="/ip4/127.0.0.1/tcp/0", Swarm=["/ip4/127.0.0.1/tcp/0"])
    config["Peering"] = {}
    path.write_text(json.dumps(config))
    (daemon.repository / "swarm.key").write_text(daemon.swarm_key)
    try:
        daemon.start()
        result = CliRunner().invoke(main, ["content", "check", "--pubsub", "--ipfs", daemon.url])
        assert (result.exit_code, result.output) == (0, "ok\n")
        assert daemon.ask("swarm/peers")["Peers"] is None
        log = (daemon.repository / "log").read_text()
        assert "private network of peers with the swarm key" in log
        assert all("127.0.0.1" in line for line in re.findall(r"listening on (.*)", log))
    finally:
        daemon.kill()


def test_the_example_of_the_reference_runs(capsys: pytest.CaptureFixture[str]) -> None:
    [example] = re.findall(r"```python\n(.*?)```", REFERENCE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(example, str(REFERENCE), "exec"), {"__name__": "example"})
    assert capsys.readouterr().out == "1 b'a sealed envelope'\n"
