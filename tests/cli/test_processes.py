"""The commands as a person runs them: real processes, real sockets, real signals, and no secret in any output."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

import milagro
from milagro.cli import main
from milagro.errors import Unavailable
from milagro.roles.clock import unix_now
from milagro.roles.messages import MemberStatusAnswer
from milagro.roles.peer import Peer
from milagro.stores.identities import read_bundle
from milagro.stores.keys import Passphrase
from tests.canaries import plant
from tests.conftest import require_backend
from tests.roles.network.site import free_ports
from tests.roles.settled import settle
from tests.roles.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSPHRASE = "CANARY-passphrase-5d1f"
PIN = "CANARY-pin-80731"
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(Path(milagro.__file__).parent.parent),
    "TEST_PASSPHRASE": PASSPHRASE,
    "TEST_PIN": PIN,
    "TEST_WRONG_PIN": "CANARY-wrong-pin-1",
}


@pytest.fixture(autouse=True)
def native_backend() -> None:
    require_backend("native")
    ENVIRONMENT.pop("MILAGRO_BACKEND", None)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "milagro", *arguments]


class Site:
    """A D-TA and an MFA server in one folder, and everything that their processes ever said.

    The D-TA holds a share of a network of its own. Those of the MFA server's network are in this process.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = ""
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.ports = dict(zip(("mfa", "dta-1"), free_ports(2), strict=True))
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(command(*arguments), capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
        self.said += done.stdout + done.stderr
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stderr

    def config(self, name: str) -> str:
        return str(self.folder / name / "milagro.toml")

    def make_dta(self) -> None:
        self._init("dta", "dta-1", "--name", "dta-1")
        settle(Path(self.config("dta-1")), Passphrase(PASSPHRASE.encode()))

    def make_mfa(self) -> None:
        self.world = World(self.folder / "network", unix_now)
        charter = self.world.found(sockets=True)
        self._init("mfa", "mfa", "--name", "login.test", "--network", str(charter))
        path = Path(self.config("mfa"))
        tables = "[mfa.pins]\ndelay_seconds = 0\n[mfa.network]\npoll_seconds = 1"
        path.write_text(path.read_text().replace("[mfa.network]", tables))
        self.world.trust(read_bundle(self.folder / "mfa" / "identity" / "identity.bundle"))

    def _init(self, role: str, name: str, *options: str) -> None:
        sealed = ("--passphrase-env", "TEST_PASSPHRASE", "--argon2-memory-mib", "8")
        arguments = ["init", role, str(self.folder / name), "--port", str(self.ports[name]), *options, *sealed]
        done = CliRunner(env={"TEST_PASSPHRASE": PASSPHRASE}).invoke(main, arguments)  # quicker than a process
        self.said += done.output
        assert done.exit_code == 0, done.output
        path = Path(self.config(name))
        path.write_text(path.read_text().replace('level = "info"', 'level = "debug"'))

    def start(self, name: str) -> None:
        role = "dta" if name.startswith("dta") else "mfa"
        with (self.folder / f"{name}.log").open("ab") as log:
            arguments = command("serve", role, "--config", self.config(name))
            self.running[name] = subprocess.Popen(arguments, stdout=log, stderr=log, env=ENVIRONMENT)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.urls[name]}/readyz", timeout=1).close()
                return  # noqa: TRY300
            except OSError:
                assert self.running[name].poll() is None, self.log(name)
                time.sleep(0.1)
        pytest.fail(f"{name} did not start: {self.log(name)}")

    def stop(self, name: str, how: int = signal.SIGTERM) -> int:
        process = self.running.pop(name)
        process.send_signal(how)
        return process.wait(20)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def client(self, name: str, pin: str = "TEST_PIN") -> tuple[str, ...]:
        return "client", name, "--folder", str(self.folder / "device"), "--pin-env", pin

    def record(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.folder / "device" / "device.json").read_text())
        return found

    def close(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()
        if hasattr(self, "world"):
            self.world.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


@pytest.fixture
def dta(site: Site) -> Site:
    site.make_dta()
    return site


@pytest.fixture
def mfa(site: Site) -> Site:
    site.make_mfa()
    return site


def test_the_whole_way_with_no_secret_in_any_output(mfa: Site) -> None:
    site, config = mfa, ("--config", mfa.config("mfa"))
    assert "is sealed" in site.run("mfa", "fetch-keys", *config)
    site.start("mfa")
    site.world.take_down(3)
    code = site.run("mfa", "invite", "alice", *config).strip()
    site.said = site.said.replace(code, "")  # showing the code is what that command is for
    enroll = ("client", "enroll", "--folder", str(site.folder / "device"), "--pin-env", "TEST_PIN")
    site.run(*enroll, "--server", site.urls["mfa"], "--user", "alice", "--device", "laptop", "--code", code)
    assert "warning: D-TA dta-3 was passed over: unreachable" in site.said
    assert "logged in as alice" in site.run(*site.client("login"))
    assert "authentication failed" in site.run(*site.client("login", "TEST_WRONG_PIN"), code=3)
    status = site.run("client", "status", "--json", "--folder", str(site.folder / "device"))
    assert json.loads(status)["authorities"] == ["dta-1", "dta-2", "dta-3"]
    (device,) = json.loads(site.run("mfa", "users", "devices", "--json", *config))
    assert (device["state"], device["wrong_pins"], device["locked"]) == ("active", 1, False)
    before = site.record()
    move_over(site, before["key_id"])
    site.run("mfa", "users", "suspend", "alice", *config)
    assert "[suspended]" in site.run(*site.client("login"), code=3)
    site.run("mfa", "users", "resume", "alice", *config)
    for _ in range(3):
        site.run(*site.client("login", "TEST_WRONG_PIN"), code=3)
    assert "[locked]" in site.run(*site.client("login"), code=3)
    assert "locked" in site.run("mfa", "users", "devices", *config)
    site.run("mfa", "users", "remove", "alice", "--device", "laptop", *config)
    site.run("mfa", "users", "suspend", "nobody", *config, code=5)
    assert site.stop("mfa") == 0
    assert "Traceback" not in site.log("mfa")
    check_no_secret(site, code, before["token"])


def move_over(site: Site, key_id: str) -> None:
    """Replaces the network's key; the device moves by itself, once the server has asked for the keys."""
    site.world.rotate()
    for _ in range(20):
        time.sleep(0.5)
        answer = json.loads(site.run(*site.client("login"), "--json"))
        assert set(answer) == {"user", "device", "identity_digest", "at"}
        if site.record()["key_id"] != key_id:
            return
    pytest.fail("the device did not move to the new key")


def check_no_secret(site: Site, code: str, first_token: str) -> None:
    permit = json.loads((site.folder / "device" / "permit.json").read_text())
    key = (site.folder / "device" / "key.pem").read_text().splitlines()[1]
    output, token = site.said + site.log("mfa"), site.record()["token"]
    for label, secret in {"a code": code, "a token": token, "a permit": permit["permit"], "a key": key}.items():
        plant(label, secret)
    assert len(output) > 5000
    secret_words = {PASSPHRASE, PIN, "CANARY", code, code.replace("-", ""), token, permit["permit"], key}
    # Parts as well, so that another framing or a cut does not hide one.
    secret_words |= {token[-40:], permit["permit"][-40:], first_token[-40:]}
    for word in secret_words:
        assert word not in output
    on_disk = [path for path in (site.folder / "mfa").rglob("*") if path.is_file()]
    for path in on_disk:
        for word in (PASSPHRASE, PIN, code):
            assert word.encode() not in path.read_bytes(), path


def test_every_line_of_a_log_is_json(dta: Site) -> None:
    dta.start("dta-1")
    urllib.request.urlopen(f"{dta.urls['dta-1']}/v1/status").close()
    dta.stop("dta-1")
    lines = [json.loads(line) for line in dta.log("dta-1").splitlines()]
    assert {"serving", "request"} <= {line["event"] for line in lines}
    assert all(line["role"] == "dta" for line in lines)


@pytest.mark.parametrize("name", ["dta-1", "mfa"])
def test_what_a_server_shows(site: Site, name: str) -> None:
    (site.make_mfa if name == "mfa" else site.make_dta)()
    site.start(name)
    for path in ("/docs", "/openapi.json", "/healthz", "/readyz", "/metrics", "/v1/status"):
        with urllib.request.urlopen(site.urls[name] + path) as answer:
            assert answer.status == 200
            assert "server" not in {header.lower() for header in answer.headers}


def test_readiness_is_lost_with_the_database(dta: Site) -> None:
    dta.start("dta-1")
    for file in (dta.folder / "dta-1").glob("state.sqlite*"):
        file.unlink()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{dta.urls['dta-1']}/readyz")
    assert caught.value.code == 503
    urllib.request.urlopen(f"{dta.urls['dta-1']}/healthz").close()


def test_a_restarted_mfa_server_needs_no_dta(mfa: Site) -> None:
    mfa.run("mfa", "fetch-keys", "--config", mfa.config("mfa"))
    mfa.world.take_down(1, 2, 3)
    mfa.start("mfa")
    assert mfa.stop("mfa", signal.SIGINT) == 0


def test_an_absent_network(mfa: Site) -> None:
    mfa.world.take_down(2, 3)
    path = Path(mfa.config("mfa"))
    path.write_text(path.read_text().replace("relying_party", "dta_wait_seconds = 0\nrelying_party"))
    assert "dta-3: unreachable" in mfa.run("serve", "mfa", "--config", mfa.config("mfa"), code=6)


def test_a_taken_port(dta: Site) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", dta.ports["dta-1"]))
        other.listen()
        error = dta.run("serve", "dta", "--config", dta.config("dta-1"), code=6)
    assert f"127.0.0.1:{dta.ports['dta-1']} is taken by another program" in error


def test_a_wrong_or_missing_passphrase(dta: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    serve = ("serve", "dta", "--config", dta.config("dta-1"))
    monkeypatch.setitem(ENVIRONMENT, "TEST_PASSPHRASE", "wrong")
    assert "the passphrase is wrong, or the sealed file was altered" in dta.run(*serve, code=3)
    monkeypatch.delitem(ENVIRONMENT, "TEST_PASSPHRASE")
    assert "TEST_PASSPHRASE, which is not set" in dta.run(*serve, code=2)


def test_missing_files(dta: Site) -> None:
    assert "milagro init" in dta.run("serve", "dta", "--config", str(dta.folder / "none.toml"), code=2)
    (dta.folder / "dta-1" / "data-key.sealed").unlink()
    assert "data-key.sealed" in dta.run("serve", "dta", "--config", dta.config("dta-1"), code=5)


def test_the_reference_backend_is_refused(mfa: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "MILAGRO_BACKEND", "reference")
    assert "not constant-time" in mfa.run("serve", "mfa", "--config", mfa.config("mfa"), code=7)


def certificate(folder: Path, name: str) -> tuple[str, str]:
    """A certificate of its own for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(signed.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(paths[0]), str(paths[1])


def test_tls(dta: Site) -> None:
    site = dta
    path = Path(site.config("dta-1"))
    plain = path.read_text()
    chain, key = certificate(site.folder, "good")
    _, other_key = certificate(site.folder, "other")
    secure = plain.replace(
        'public_url = "http:', f'tls_certificate = "{chain}"\ntls_key = "{key}"\npublic_url = "https:'
    )
    path.write_text(secure.replace(key, other_key))
    assert "cannot be used together" in site.run("serve", "dta", "--config", str(path), code=2)
    path.write_text(secure)
    with (site.folder / "dta-1.log").open("ab") as log:
        arguments = command("serve", "dta", "--config", str(path))
        site.running["dta-1"] = subprocess.Popen(arguments, stdout=log, stderr=log, env=ENVIRONMENT)
    url = site.urls["dta-1"].replace("http:", "https:")
    for _ in range(300):
        try:
            status = Peer(url, Path(chain)).get("/v1/status", MemberStatusAnswer)
            break
        except Unavailable:
            time.sleep(0.1)
    assert status.name == "dta-1"
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        Peer(url).get("/v1/status", MemberStatusAnswer)


def test_an_unreachable_server_and_an_empty_device(site: Site) -> None:
    enroll = ("client", "enroll", "--folder", str(site.folder / "device"), "--pin-env", "TEST_PIN", "--user", "a")
    assert "cannot be reached" in site.run(*enroll, "--server", site.urls["mfa"], "--code", "0000-0000", code=6)
    assert "without https" in site.run(*enroll, "--server", "http://login.example", "--code", "0000-0000", code=2)
    assert "enroll" in site.run(*site.client("login"), code=5)


def test_a_server_that_is_told_to_stop_while_it_waits_for_its_passphrase(tmp_path: Path) -> None:
    folder = tmp_path / "dta"
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    options = ("--argon2-memory-mib", "8", "--passphrase-file", str(tmp_path / "passphrase"))
    made = subprocess.run(command("init", "dta", str(folder), "--name", "one", *options), env=ENVIRONMENT)
    assert made.returncode == 0
    (tmp_path / "passphrase").unlink()
    os.mkfifo(tmp_path / "passphrase")
    server = subprocess.Popen(command("serve", "dta", "--config", str(folder / "milagro.toml")), env=ENVIRONMENT)
    # Whoever opens the other end is there as soon as the server reads; the server then waits for what is written.
    with (tmp_path / "passphrase").open("wb"):
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
