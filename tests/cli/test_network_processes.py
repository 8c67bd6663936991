"""The commands of an MFA server and a device with a network of D-TAs, as processes; the D-TAs are in this one."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from tests.roles.network_world import NetworkWorld

from milagro.stores.identities import read_bundle
from tests.cli.test_processes import Site, native_backend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["native_backend"]


class NetworkSite(Site):
    """An MFA server and a device in one folder, beside a network of D-TAs."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(folder)
        self.world = NetworkWorld(folder / "network", lambda: int(time.time()))
        self.charter = self.world.found(patch)

    def make(self) -> None:
        shared = ("--passphrase-env", "TEST_PASSPHRASE", "--argon2-memory-mib", "8")
        options = ("--name", "login.test", "--port", str(self.ports["mfa"]), "--network", str(self.charter))
        self.run("init", "mfa", str(self.folder / "mfa"), *options, *shared)
        path = self.folder / "mfa" / "milagro.toml"
        path.write_text(_with_poll(path.read_text()))
        self.world.trust(read_bundle(self.folder / "mfa" / "identity" / "identity.bundle"))


def _with_poll(text: str) -> str:
    return text.replace("[mfa.network]", "[mfa.network]\npoll_seconds = 1").replace('"info"', '"debug"')


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NetworkSite]:
    made = NetworkSite(tmp_path, monkeypatch)
    made.make()
    yield made
    for process in made.running.values():
        process.kill()
        process.wait()
    made.world.close()


def record(site: NetworkSite) -> dict[str, str]:
    found: dict[str, str] = json.loads((site.folder / "device" / "device.json").read_text())
    return found


def test_the_whole_way_with_a_network(site: NetworkSite) -> None:
    mfa = ("--config", site.config("mfa"))
    assert "is sealed" in site.run("mfa", "fetch-keys", *mfa)
    site.start("mfa")
    site.world.take_down(3)
    code = site.run("mfa", "invite", "alice", *mfa).strip()
    site.said = site.said.replace(code, "")
    enroll = ("client", "enroll", "--folder", str(site.folder / "device"), "--pin-env", "TEST_PIN")
    site.run(*enroll, "--server", site.urls["mfa"], "--user", "alice", "--device", "laptop", "--code", code)
    assert "warning: D-TA dta-3 was passed over: unreachable" in site.said
    before = record(site)
    assert "logged in as alice" in site.run(*site.client("login"))
    assert "authentication failed" in site.run(*site.client("login", "TEST_WRONG_PIN"), code=3)
    site.world.rotate()
    for _ in range(10):  # the server asks for the keys every second
        time.sleep(1)
        answer = json.loads(site.run(*site.client("login"), "--json"))
        assert set(answer) == {"user", "device", "identity_digest", "at"}
        after = record(site)
        if after["key_id"] != before["key_id"]:
            break
    else:
        pytest.fail("the device did not move to the new key")
    assert "logged in as alice" in site.run(*site.client("login"))
    assert site.stop("mfa") == 0
    output = site.said + site.log("mfa")
    for secret in ("CANARY", code, before["token"][-40:], after["token"][-40:]):
        assert secret not in output
    assert "Traceback" not in output
