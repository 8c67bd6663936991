"""Real processes: the members of a network change until all are others, and a device logs in all the while."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.roles.network.site import ENVIRONMENT, Site, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LONG = os.environ.get("MILAGRO_NETWORK") == "long"
NAMES = ("a", "b", "c")
PIN, WRONG = "CANARY-pin-5512", "CANARY-pin-9904"


@pytest.fixture
def site(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setitem(ENVIRONMENT, "TEST_PIN", PIN)
    monkeypatch.setitem(ENVIRONMENT, "TEST_WRONG", WRONG)
    made = Site(folder)
    yield made
    made.close()


def make_mfa(site: Site, port: int, names: Sequence[str] = NAMES) -> None:
    """An MFA server that the D-TAs trust by the lines that it prints."""
    options = ("--name", "login.test", "--port", str(port), "--network", str(site.folder / "first.charter"))
    sealed = ("--passphrase-env", "TEST_PASSPHRASE", "--argon2-memory-mib", "8")
    said = site.run("init", "mfa", str(site.folder / "mfa"), *options, *sealed)
    lines = re.search(r"^\[\[dta\.authorities\]\]\n(?:.+\n)+", said, re.MULTILINE)
    assert lines is not None
    for name in names:
        shutil.copy(site.folder / "mfa" / "identity" / "identity.bundle", site.folder / name / "login.test.bundle")
        with (site.folder / name / "milagro.toml").open("a") as file:
            file.write("\n" + lines[0])


def serve_mfa(site: Site) -> None:
    with (site.folder / "mfa.log").open("ab") as log:
        command = [sys.executable, "-m", "milagro", "serve", "mfa", "--config", site.config("mfa")]
        site.running["mfa"] = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT)
    deadline = time.monotonic() + 60
    health = [sys.executable, "-m", "milagro", "health", "--config", site.config("mfa")]
    while subprocess.run(health, capture_output=True, env=ENVIRONMENT).returncode:
        assert time.monotonic() < deadline, (site.folder / "mfa.log").read_text()
        time.sleep(0.2)


def device(site: Site, command: str, *arguments: str, pin: str = "TEST_PIN", code: int = 0) -> str:
    return site.run("client", command, "--folder", str(site.folder / "device"), "--pin-env", pin, *arguments, code=code)


# -- other members -----------------------------------------------------------------------------------------------------
def amend(site: Site, by: str, epoch: int, stay: Sequence[str], *options: str, new: Sequence[str] = ()) -> None:
    """A change of members that their operators agree to."""
    site.network(*options[:1], by, *options[1:], "--out", f"{epoch}.charter")
    deadline = time.monotonic() + 60
    for name in stay:
        while not (seen := [one for one in site.status(name)["proposals"] if one["state"] == "seen"]):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        site.network("approve", name, seen[0]["id"])
    for name in new:
        site.network("join", name, f"{epoch}.charter", "--yes")
    site.wait(*stay, *new, by, epoch=epoch)


def in_the_log(site: Site, text: str) -> None:
    deadline = time.monotonic() + 60
    while text not in (site.folder / "mfa.log").read_text():
        assert time.monotonic() < deadline, (site.folder / "mfa.log").read_text()
        time.sleep(0.2)


@pytest.mark.skipif(not LONG, reason="takes a minute or two; MILAGRO_NETWORK=long asks for it")
@pytest.mark.timeout(1500)
def test_logins_go_on_when_all_members_that_the_server_knew_are_gone(site: Site) -> None:
    (port,) = free_ports(1)
    site.init(*"abcde")
    site.found(2, *NAMES)
    make_mfa(site, port, "abcde")
    config = Path(site.config("mfa"))
    config.write_text(config.read_text().replace("[mfa.network]", "[mfa.network]\npoll_seconds = 1"))
    site.serve(*NAMES)
    key = site.wait(*NAMES)[0]["key_id"]
    serve_mfa(site)
    code = site.run("mfa", "invite", "alice", "--config", site.config("mfa")).strip()
    enrolment = ("--server", f"http://127.0.0.1:{port}", "--user", "alice", "--device", "laptop", "--code", code)
    device(site, "enroll", *enrolment)

    def log_in() -> None:
        (site.folder / "device" / "permit.json").unlink(missing_ok=True)
        assert "logged in as alice" in device(site, "login")

    log_in()
    site.serve("d", "e")
    cards = [option for name in "de" for option in ("--add", str(site.folder / name / "dta.card"))]
    amend(site, "b", 1, "c", "reshare", *cards, "--remove", "a", "--threshold", "2", new="de")
    in_the_log(site, '"charter": 2')
    site.kill("a")
    log_in()
    amend(site, "c", 2, "de", "retire", "b")
    in_the_log(site, '"charter": 3')
    site.kill("b", "mfa")
    serve_mfa(site)  # from what it kept
    log_in()
    amend(site, "d", 3, "e", "retire", "c")
    in_the_log(site, '"charter": 4')
    site.kill("c")
    log_in()
    assert {one["key_id"] for one in site.wait("d", "e")} == {key}
    site.stop()
