"""An MFA server as a process, with devices that can log in at it, for `bench.logging_in`.

The server is made and run by the commands that an operator uses. What only its D-TAs could give it, their key's public
part and the server secret, is dealt here and put into its folder, so that no D-TA has to run; and the devices are
enrolled in its database before it starts, each with an ECDSA P-256 key as browsers have.
"""

from __future__ import annotations

import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bench import serving
from milagro.protocols import sharing
from milagro.protocols.mpin import v2
from milagro.protocols.sharing import KeyRing, deal
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa.network_keys import NetworkKeys
from milagro.roles.mfa.nodes import read_nodes
from milagro.roles.mfa.records import MfaRecords
from milagro.roles.mfa.service import code_hash, invite
from milagro.stores.keys import Argon2Cost, Passphrase

NAME, PIN = "login.example", "2580"
CHEAP = Argon2Cost(memory_kib=8 * 1024)
SEALED = ("--passphrase-env", "BENCH_PASSPHRASE", "--argon2-memory-mib", "8")


@dataclass(eq=False)
class Device:
    """An enrolled device, with the permit of the slot that it logged in in last. Secret: its token and key."""

    credential: v2.Credential
    permit: v2.Permit | None = None


@dataclass
class LoginSite:
    """An MFA server's folder, its process, and its devices."""

    folder: Path
    curve: str
    store: str = ""  # the URL of a PostgreSQL database; none: the file that is the default
    max_requests: int = 256
    devices: list[Device] = field(default_factory=list)
    running: subprocess.Popen[bytes] | None = None

    def make(self, devices: int) -> None:
        """Folders of two D-TAs and the server, a key, and the devices."""
        of = serving.Site(self.folder, self.curve)
        names = serving.NAMES[:2]
        for name, port in zip(names, of.ports, strict=False):
            of.milagro("init", "dta", str(self.folder / name), "--name", name, "--port", str(port), *SEALED)
        founded = ("--name", "bench", "--threshold", "2", "--curve", self.curve, "--out", "first.charter")
        card = str(self.folder / names[1] / "dta.card")
        of.milagro("dta", "network", "create", *founded, "--config", str(of.config(names[0])), card)
        self.port = of.ports[2]
        options = ("--name", NAME, "--port", str(self.port), "--network", "first.charter", *SEALED)
        of.milagro("init", "mfa", str(self.folder / "mfa"), *options)
        self._configure()
        self._deal()
        self._enrol(devices)

    def _configure(self) -> None:
        self.path = self.folder / "mfa" / "milagro.toml"
        text = self.path.read_text(encoding="utf-8")
        if self.store:
            text = re.sub(r"(?m)^path = .*state\.sqlite.*$", f'url = "{self.store}"', text)
        # All of the load comes from one address, and the D-TAs do not run.
        text = text.replace("[mfa.network]\n", "[mfa.network]\npoll_seconds = 86400\n", 1)
        text = text.replace("[mfa]\n", "[mfa]\nmax_sessions = 20000\n", 1)
        text = text.replace("[server]\n", f"[server]\nmax_requests = {self.max_requests}\n", 1)
        self.path.write_text(text + "\n[limits]\nper_second = 0\n", encoding="utf-8")
        self.config = mfa_config.read_config(self.path)
        self.suite = self.config.suite.open()
        self.context = v2.Context(self.config.name, self.config.origin, self.config.relying_party)

    def _deal(self) -> None:
        E, suite, network = self.suite.curve, self.config.suite, self.config.network
        self._master = E.random_scalar(secrets.token_bytes)
        key = deal(sharing.Suite(E), self._master, 2, 2, secrets.token_bytes)[0].key
        self.key_id, self.secret = key.key_id, v2.ServerSecret(self.suite, self._master * E.g2)
        named = str(read_nodes(network.charter, network.bundles, suite).network)
        context = {"role": "mfa", "name": self.config.name, "kind": "server-secret"}
        context |= {"curve": suite.curve, "hash": suite.hash, "network": named}
        keys = NetworkKeys(network.keys, self.suite, context, Passphrase(b"bench"), CHEAP)
        keys.seal(key.key_id, self.secret)
        keys.keep(KeyRing(key))

    def _enrol(self, devices: int) -> None:
        records = MfaRecords(self.config.common.store, rules=self.config.pins)
        with ThreadPoolExecutor(16) as pool:
            self.devices += pool.map(lambda number: self._device(records, f"user-{number}"), range(devices))
        records.state.close()

    def _device(self, records: MfaRecords, user: str) -> Device:
        key, now = v2.P256Key.generate(secrets.token_bytes), int(time.time())
        identity = v2.Identity.create(self.suite, NAME, user, "browser", key, now, secrets.token_bytes)
        records.enrol(code_hash(invite(records, user, now, timedelta(hours=1))), identity, now)
        secret = v2.ClientSecret(self.suite, identity, self._master * self.suite.hash_identity(identity))
        return Device(v2.Credential(secret.token(PIN), key))

    def start(self, device: Device) -> v2.LoginStarted:
        """A login of the device, with its permit of now."""
        now = int(time.time())
        slot = self.suite.slot_at(now)
        if slot is not None and (device.permit is None or device.permit.slot != slot):
            identity = device.credential.identity
            point = self._master * self.suite.permit_point(identity, slot)
            device.permit = v2.Permit(self.suite, identity, slot, point)
        return v2.start_login(device.credential, self.context, now, secrets.token_bytes, device.permit)

    def serve(self) -> None:
        """Starts the server, and waits until it answers."""
        command = [sys.executable, "-m", "milagro", "serve", "mfa", "--config", str(self.path)]
        self.log = self.folder / "mfa.log"
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(command, stdout=log, stderr=log, env=serving.ENVIRONMENT)
        deadline = time.monotonic() + 60
        while not self._answers():
            if self.running.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the MFA server does not serve:\n" + self.log.read_text(encoding="utf-8"))
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return bool(serving.get(self.port, "/v1/status")["role"] == "mfa")
        except (OSError, KeyError):
            return False

    def stop(self) -> None:
        """Ends the server."""
        if self.running is not None:
            self.running.send_signal(signal.SIGTERM)
            self.running.wait(60)

    @property
    def process(self) -> int:
        """The server's process."""
        assert self.running is not None  # for the type checker
        return self.running.pid


@contextmanager
def login_site(curve: str, devices: int, store: str = "", max_requests: int = 256) -> Iterator[LoginSite]:
    """An MFA server that serves, and devices that are enrolled at it."""
    with tempfile.TemporaryDirectory() as folder:
        made = LoginSite(Path(folder), curve, store, max_requests)
        made.make(devices)
        try:
            made.serve()
            yield made
        finally:
            made.stop()
