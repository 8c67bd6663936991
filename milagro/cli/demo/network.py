"""The network of the demo: three D-TAs and an MFA server, made by the commands that operators would type."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from typing import TYPE_CHECKING, Final

from milagro.cli.demo.processes import DemoFailed

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.cli.demo.processes import Servers

USER: Final = "alice"
MFA_NAME: Final = "login.demo"
DTA_NAMES: Final = ("dta-one", "dta-two", "dta-three")
_THRESHOLD: Final = 2
_STEP_SECONDS: Final = 5  # a bound that is reached only if one of the D-TAs is away
_ARGON2_MIB: Final = 8  # what a guess at the demo's own, random passphrase costs does not matter


class Network:
    """D-TAs and an MFA server in a folder, and what their operators do."""

    def __init__(self, folder: Path, servers: Servers) -> None:
        self.folder, self._servers = folder, servers
        ports = free_ports(1 + len(DTA_NAMES))
        self._ports = dict(zip((MFA_NAME, *DTA_NAMES), ports, strict=True))
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in self._ports.items()}
        self._passphrase = folder / "passphrase"
        self._charter = folder / "network.charter"

    def make_identities(self) -> None:
        """Configuration, identity and sealed keys of each, and the charter that names them all."""
        write_private(self._passphrase, secrets.token_urlsafe(24))
        pace = ("--step-seconds", str(_STEP_SECONDS))
        self.command(*(("init", "dta", *self._new(name), *pace) for name in DTA_NAMES))
        first, *others = DTA_NAMES
        cards = [str(self.folder / name / "dta.card") for name in others]
        options = ("--name", "demo", "--threshold", str(_THRESHOLD), "--out", str(self._charter))
        self.command(("dta", "network", "create", *options, *self.config(first), *cards))
        joins = [("dta", "network", "join", str(self._charter), "--yes", *self.config(name)) for name in others]
        (said, *_) = self.command(("init", "mfa", *self._new(MFA_NAME), "--network", str(self._charter)), *joins)
        self._make_trusted(said)

    def _make_trusted(self, said: str) -> None:
        """Does what `init mfa` says: its bundle beside each D-TA's configuration, and its lines at the end of that."""
        lines = said[said.index("[[dta.authorities]]") :].split("\n\n", maxsplit=1)[0]
        bundle = (self.folder / MFA_NAME / "identity" / "identity.bundle").read_bytes()
        for name in DTA_NAMES:
            (self.folder / name / f"{MFA_NAME}.bundle").write_bytes(bundle)
            with (self.folder / name / "milagro.toml").open("a") as file:
                file.write(f"\n{lines}\n")

    def make_key(self) -> None:
        """Starts the D-TAs, and waits until they have a key."""
        for name in DTA_NAMES:
            self._servers.start(name, "dta", self._path(name))
        for name in DTA_NAMES:
            self._servers.await_ready(name, self.urls[name])

    def start_mfa(self) -> None:
        """Starts the MFA server, and waits until it has its secret."""
        self._servers.start(MFA_NAME, "mfa", self._path(MFA_NAME))
        self._servers.await_ready(MFA_NAME, self.urls[MFA_NAME])

    def invite(self, count: int, user: str = USER) -> list[str]:
        """So many codes with which a device can be enrolled."""
        return [said.strip() for said in self.command(*count * [("mfa", "invite", user, *self.config(MFA_NAME))])]

    def command(self, *lines: tuple[str, ...], **environment: str) -> list[str]:
        """What each of these commands says, which run at the same time."""
        done = self._servers.commands(*lines, **environment)
        for line, each in zip(lines, done, strict=True):
            if each.code != 0:
                raise DemoFailed(f"'milagro {' '.join(line[:3])}' failed: {each.complained}")
        return [each.said for each in done]

    def _new(self, name: str) -> tuple[str, ...]:
        sealed = ("--passphrase-file", str(self._passphrase), "--argon2-memory-mib", str(_ARGON2_MIB))
        return str(self.folder / name), "--name", name, "--port", str(self._ports[name]), *sealed

    def config(self, name: str) -> tuple[str, ...]:
        """The options that name a server's configuration."""
        return "--config", self._path(name)

    def _path(self, name: str) -> str:
        return str(self.folder / name / "milagro.toml")


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def write_private(path: Path, text: str) -> None:
    """Writes a new file that only its owner can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
