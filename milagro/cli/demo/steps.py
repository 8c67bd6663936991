"""The steps of `milagro demo`."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from milagro.cli.demo.network import DTA_NAMES, MFA_NAME, USER, Network
from milagro.cli.demo.processes import DemoFailed
from milagro.errors import AuthenticationFailed, status_of

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.cli.demo.processes import Servers
    from milagro.cli.demo.report import Report

_REFUSED = status_of(AuthenticationFailed()).exit_code


class Demo(Network):
    """The steps."""

    def __init__(self, folder: Path, servers: Servers, report: Report) -> None:
        super().__init__(folder, servers)
        self._step = report.step
        digits = secrets.randbelow(10000)
        self._pin, self._wrong_pin = f"{digits:04d}", f"{(digits + 1) % 10000:04d}"

    def show(self) -> None:
        """All steps.

        Raises: DemoFailed, Unavailable
        """
        with self._step("keys", "Give three D-TAs and an MFA server an identity each"):
            self.make_identities()
        with self._step("network", "Start the D-TAs, which make a key together that takes two of them to use"):
            self.make_key()
        with self._step("mfa", "Start the MFA server, which gets its secret from the D-TAs"):
            self.start_mfa()
        with self._step("invite", f"Invite {USER}, for a laptop and for a phone"):
            laptop, phone = self.invite(2)
        with self._step("enrol", f"Enrol {USER}'s laptop: a client secret from the D-TAs, and a PIN"):
            self._enrol("laptop", laptop)
        with self._step("login", "Log in with the PIN"):
            self._log_in("laptop")
        with self._step("refusal", "Try a wrong PIN: it must be refused, and counted"):
            self._be_refused()
        with self._step("kill", f"Kill {DTA_NAMES[-1]}"):
            self._servers.kill(DTA_NAMES[-1])
        with self._step("again", f"Enrol {USER}'s phone and log in with it: the other two D-TAs are enough"):
            self._enrol("phone", phone)
            self._log_in("phone")

    # -- devices -----------------------------------------------------------------------------------------------
    def _enrol(self, device: str, code: str) -> None:
        options = ("--server", self.urls[MFA_NAME], "--user", USER, "--code", code, "--device", device)
        self.command(("client", "enroll", *options, *self._device(device)), MILAGRO_DEMO_PIN=self._pin)

    def _log_in(self, device: str) -> None:
        (said,) = self.command(("client", "login", "--json", *self._device(device)), MILAGRO_DEMO_PIN=self._pin)
        who = json.loads(said)
        if (who["user"], who["device"]) != (USER, device):
            raise DemoFailed("the server greeted somebody else")

    def _be_refused(self) -> None:
        line = ("client", "login", *self._device("laptop"))
        (done,) = self._servers.commands(line, MILAGRO_DEMO_PIN=self._wrong_pin)
        if done.code != _REFUSED or "authentication failed" not in done.complained:
            raise DemoFailed(f"a wrong PIN was not refused as it should be; the client said: {done.complained}")
        (said,) = self.command(("mfa", "users", "devices", "--json", *self.config(MFA_NAME)))
        (device,) = json.loads(said)
        if device["wrong_pins"] != 1:
            raise DemoFailed(f"the server counts {device['wrong_pins']} wrong PINs instead of 1")

    def _device(self, device: str) -> tuple[str, ...]:
        return "--folder", str(self.folder / device), "--pin-env", "MILAGRO_DEMO_PIN"
