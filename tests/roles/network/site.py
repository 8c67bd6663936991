"""D-TAs and an MFA server as real processes on this machine, and their operators at the command line."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

import milagro
from milagro.cli import main
from milagro.roles.dta.member.config import require_network
from milagro.roles.dta.network.operator import Operator
from tests.canaries import plant

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(Path(milagro.__file__).parent.parent),
    "TEST_PASSPHRASE": "CANARY-passphrase-77aa",
}
ENVIRONMENT.pop("MILAGRO_BACKEND", None)
SEALED = ("--passphrase-env", "TEST_PASSPHRASE", "--argon2-memory-mib", "8")
STEP = int(os.environ.get("MILAGRO_NETWORK_STEP", "8"))  # a busy machine needs more
APPROVE = ("refresh", "repair", "rotate")


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@dataclass
class Site:
    """D-TAs by name."""

    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    step_seconds: int = STEP

    def config(self, name: str) -> str:
        return str(self.folder / name / "milagro.toml")

    def run(self, *arguments: str, code: int = 0) -> str:
        """What a command says, run in this process: a new one for each would take longer than all the rest."""
        with contextlib.chdir(self.folder):
            done = CliRunner().invoke(main, arguments, env=ENVIRONMENT)
        assert done.exit_code == code, (arguments, done.output, done.exception)
        if arguments[:2] == ("mfa", "invite") and code == 0:
            plant("an invitation code", done.stdout.strip())
        return done.stdout if code == 0 else done.stderr

    def network(self, command: str, name: str, *arguments: str, code: int = 0) -> str:
        return self.run("dta", "network", command, *arguments, "--config", self.config(name), code=code)

    def init(self, *names: str, approve: tuple[str, ...] = APPROVE) -> None:
        plant("a passphrase", ENVIRONMENT["TEST_PASSPHRASE"])
        for name, port in zip(names, free_ports(len(names)), strict=True):
            self.ports[name] = port
            consents = [option for kind in approve for option in ("--approve", kind)]
            self.run(
                "init", "dta", str(self.folder / name), "--name", name, "--port", str(port), *SEALED,
                "--step-seconds", str(self.step_seconds), *consents, *self.listening(name),
            )  # fmt: skip

    def listening(self, name: str) -> tuple[str, ...]:
        """Options of `init dta` for where it listens, and how."""
        del name
        return ()

    def inside(self, name: str) -> list[str]:
        """The command that runs another where this member is."""
        del name
        return []

    def found(self, threshold: int, *names: str) -> None:
        cards = [str(self.folder / name / "dta.card") for name in names[1:]]
        options = ("--name", "test", "--threshold", str(threshold), "--curve", "BN254", "--out", "first.charter")
        self.network("create", names[0], *options, *cards)
        for name in names[1:]:
            self.network("join", name, "first.charter", "--yes")

    def serve(self, *names: str, role: str = "dta") -> None:
        for name in names:
            with (self.folder / f"{name}.log").open("ab") as log:
                serve = [sys.executable, "-m", "milagro", "serve", role, "--config", self.config(name)]
                command = [*self.inside(name), *serve]
                self.running[name] = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT)

    def init_mfa(self, *names: str) -> str:
        """The URL of an MFA server that these D-TAs trust by the lines that it prints."""
        (self.ports["mfa"],) = free_ports(1)
        options = ("--name", "login.test", "--port", str(self.ports["mfa"]), *SEALED)
        charter = ("--network", str(self.folder / "first.charter"))
        said = self.run("init", "mfa", str(self.folder / "mfa"), *options, *charter)
        lines = re.search(r"^\[\[dta\.authorities\]\]\n(?:.+\n)+", said, re.MULTILINE)
        assert lines is not None
        for name in names:
            self.trust(name, "login.test", self.folder / "mfa" / "identity" / "identity.bundle", lines[0])
        return f"http://127.0.0.1:{self.ports['mfa']}"

    def trust(self, name: str, authority: str, bundle: Path, lines: str) -> None:
        """Has a D-TA take the tickets of an authority."""
        shutil.copy(bundle, self.folder / name / f"{authority}.bundle")
        with (self.folder / name / "milagro.toml").open("a") as file:
            file.write("\n" + lines)

    def ready(self, name: str) -> bool:
        """Whether a server says that it can do its work."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[name], timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def await_ready(self, *names: str, seconds: float = 120) -> dict[str, float]:
        """After how many seconds each of them was ready."""
        began, found = time.monotonic(), dict[str, float]()
        while len(found) < len(names):
            for name in names:
                if name not in found and self.ready(name):
                    found[name] = time.monotonic() - began
            missing = [name for name in names if name not in found]
            late = time.monotonic() >= began + seconds
            assert not late, [self.network("status", name) for name in missing if name != "mfa"]
            time.sleep(0.05)
        return found

    def kill(self, *names: str) -> None:
        for name in names:
            process = self.running.pop(name)
            process.kill()
            process.wait()

    def stop(self) -> None:
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for process in self.running.values():
            assert process.wait(30) == 0

    def status(self, name: str) -> dict[str, Any]:
        """As `status --json` says it, without a process for each look."""
        operator = Operator.at(require_network(Path(self.config(name))))
        try:
            return operator.status().as_json()
        finally:
            operator.close()

    def wait(self, *names: str, epoch: int = 0, key_id: str | None = None, share: bool = True) -> list[dict[str, Any]]:
        """The states of these once all are at the epoch, with a share."""
        deadline, found = time.monotonic() + 240, dict[str, dict[str, Any]]()
        while True:
            for name in [one for one in names if one not in found]:
                one = self.status(name)
                there = one["epoch"] is not None and one["epoch"] >= epoch and one["holds_share"] == share
                if there and (key_id is None or one["key_id"] != key_id):
                    found[name] = one
            if len(found) == len(names):
                return [found[name] for name in names]
            assert time.monotonic() < deadline, [self.network("status", name) for name in names]
            time.sleep(0.5)

    def close(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()
