"""Real Kubo daemons in a private swarm: a shared swarm key, no bootstrap peers, loopback only, ports that are free."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import missing
from tools.kubo import KUBO

_START_SECONDS = 60
_SETTINGS: dict[str, Any] = {
    "Bootstrap": [],
    "AutoConf.Enabled": False,
    "AutoTLS.Enabled": False,
    "AutoNAT.ServiceMode": "disabled",
    "Provide.Enabled": False,
    "Routing.Type": "none",
    "DNS.Resolvers": {},
    "Swarm.RelayClient.Enabled": False,
    "Swarm.RelayService.Enabled": False,
    "Swarm.EnableHolePunching": False,
    "Swarm.Transports.Network.QUIC": False,
    "Swarm.Transports.Network.Relay": False,
    "Swarm.Transports.Network.WebTransport": False,
    "Swarm.Transports.Network.WebRTCDirect": False,
    "Swarm.Transports.Network.Websocket": False,
    "Addresses.Swarm": ["/ip4/127.0.0.1/tcp/0"],
    "Addresses.API": "/ip4/127.0.0.1/tcp/0",
    "Addresses.Gateway": [],
}


def binary() -> Path:
    """The daemon's program; without one the test is skipped, and fails in CI."""
    found = KUBO.find()
    if found is None:
        missing("there is no `ipfs` on PATH; `python tools/kubo.py` builds one")
    return found


@dataclass
class Daemon:
    """One daemon with a repository of its own."""

    repository: Path
    swarm_key: str
    pubsub: bool = True
    url: str = ""
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def initialise(self) -> None:
        """Makes the repository and its configuration."""
        self._run("init", "--empty-repo", "--profile=test")
        config = json.loads((self.repository / "config").read_text())
        for name, value in {**_SETTINGS, "Pubsub.Enabled": self.pubsub}.items():
            table = config
            *path, last = name.split(".")
            for part in path:
                table = table.setdefault(part, {})
            table[last] = value
        (self.repository / "config").write_text(json.dumps(config))
        (self.repository / "swarm.key").write_text(self.swarm_key)

    def start(self) -> None:
        """Starts the daemon and waits until its API answers."""
        (self.repository / "api").unlink(missing_ok=True)
        with (self.repository / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary(), "daemon"], env=self._environment(), stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.05)
        raise RuntimeError((self.repository / "log").read_text()[-3000:])

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, httpx.HTTPError, ValueError):
            _, _, host, _, port = (self.repository / "api").read_text().strip().split("/")
            self.url = f"http://{host}:{port}"
            self.ask("id")
            return True
        return False

    def kill(self) -> None:
        """kill -9."""
        self.stop(signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ends the daemon and waits for it."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def pin_address(self) -> None:
        """Keeps the API's port over a restart, as an operator's daemon does."""
        config = json.loads((self.repository / "config").read_text())
        config["Addresses"]["API"] = f"/ip4/127.0.0.1/tcp/{self.url.rsplit(':', 1)[1]}"
        (self.repository / "config").write_text(json.dumps(config))

    def peer_with(self, other: Daemon) -> None:
        """From the next start on stays connected to the other, as an operator's daemon does; once is not for ever."""
        about = other.ask("id")
        address = next(one for one in about["Addresses"] if "127.0.0.1" in one)
        config = json.loads((self.repository / "config").read_text())
        config["Peering"] = {"Peers": [{"ID": about["ID"], "Addrs": [address.rsplit("/p2p/", 1)[0]]}]}
        (self.repository / "config").write_text(json.dumps(config))

    def ask(self, path: str, **parameters: str) -> Any:
        """The answer of the daemon's HTTP API."""
        answer = httpx.post(f"{self.url}/api/v0/{path}", params=parameters, timeout=20, trust_env=False)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def connect(self, other: Daemon) -> None:
        """Connects the two, as often as it takes."""
        address = next(address for address in other.ask("id")["Addresses"] if "127.0.0.1" in address)
        for _ in range(40):
            with contextlib.suppress(httpx.HTTPError):
                self.ask("swarm/connect", arg=address)
                return
            time.sleep(0.1)
        raise RuntimeError(f"{self.url} and {other.url} do not connect")

    def _run(self, *arguments: str) -> None:
        subprocess.run([binary(), *arguments], env=self._environment(), check=True, capture_output=True)

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "IPFS_PATH": str(self.repository),
            "LIBP2P_FORCE_PNET": "1",  # refuse to start without the swarm key
            "IPFS_TELEMETRY": "off",
            "GOMAXPROCS": "2",
        }


def new_swarm_key() -> str:
    """A swarm key file: daemons without it cannot join."""
    return f"/key/swarm/psk/1.0.0/\n/base16/\n{secrets.token_hex(32)}\n"


def make_swarm(folder: Path, count: int) -> list[Daemon]:
    """`count` daemons that run and are all connected."""
    key = new_swarm_key()
    daemons = [Daemon(folder / f"daemon-{number}", key) for number in range(count)]
    for daemon in daemons:
        daemon.initialise()
        daemon.start()
    for index, daemon in enumerate(daemons):
        for other in daemons[:index]:
            daemon.connect(other)
    return daemons
