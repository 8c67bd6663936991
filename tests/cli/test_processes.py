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
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

import milagro
from milagro.errors import Unavailable
from milagro.roles.messages import DtaStatusAnswer
from milagro.roles.peer import Peer
from tests.conftest import require_backend

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
    """Two D-TAs and an MFA server in one folder, and everything that their processes ever said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = ""
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        with socket.socket() as a, socket.socket() as b, socket.socket() as c:
            for listener in (a, b, c):
                listener.bind(("127.0.0.1", 0))
            ports = [listener.getsockname()[1] for listener in (a, b, c)]
        self.ports = dict(zip(("mfa", "dta-1", "dta-2"), ports, strict=True))
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(command(*arguments), capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
        self.said += done.stdout + done.stderr
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stderr

    def config(self, name: str) -> str:
        return str(self.folder / name / "milagro.toml")

    def make(self) -> None:
        shared = ("--passphrase-env", "TEST_PASSPHRASE", "--argon2-memory-mib", "8")
        dtas = [f"--dta={name}={self.urls[name]}" for name in ("dta-1", "dta-2")]
        options = ("--name", "login.test", "--port", str(self.ports["mfa"]))
        said = self.run("init", "mfa", str(self.folder / "mfa"), *options, *dtas, *shared)
        authority = said.split("--authority ")[1].split()[0]
        for name in ("dta-1", "dta-2"):
            options = ("--name", name, "--port", str(self.ports[name]), "--authority", authority)
            self.run("init", "dta", str(self.folder / name), *options, *shared)
        for name in self.ports:
            path = Path(self.config(name))
            path.write_text(path.read_text().replace('level = "info"', 'level = "debug"'))

    def start(self, name: str) -> None:
        role = "mfa" if name == "mfa" else "dta"
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


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    site.make()
    yield site
    for process in site.running.values():
        process.kill()
        process.wait()


def test_the_whole_way_with_no_secret_in_any_output(site: Site) -> None:
    for name in ("dta-1", "dta-2", "mfa"):
        site.start(name)
    mfa = ("--config", site.config("mfa"))
    code = site.run("mfa", "invite", "alice", *mfa).strip()
    site.said = site.said.replace(code, "")  # showing the code is what that command is for
    enroll = ("client", "enroll", "--folder", str(site.folder / "device"), "--pin-env", "TEST_PIN")
    site.run(*enroll, "--server", site.urls["mfa"], "--user", "alice", "--device", "laptop", "--code", code)
    assert "logged in as alice" in site.run(*site.client("login"))
    assert "authentication failed" in site.run(*site.client("login", "TEST_WRONG_PIN"), code=3)
    status = site.run("client", "status", "--json", "--folder", str(site.folder / "device"))
    assert json.loads(status)["authorities"] == ["dta-1", "dta-2"]
    (device,) = json.loads(site.run("mfa", "users", "--json", *mfa))
    assert (device["state"], device["wrong_pins"], device["locked"]) == ("active", 1, False)
    site.run("mfa", "suspend", "alice", *mfa)
    assert "[suspended]" in site.run(*site.client("login"), code=3)
    site.run("mfa", "resume", "alice", *mfa)
    for _ in range(2):
        site.run(*site.client("login", "TEST_WRONG_PIN"), code=3)
    assert "[locked]" in site.run(*site.client("login"), code=3)
    assert "locked" in site.run("mfa", "users", *mfa)
    site.run("mfa", "remove", "alice", "laptop", *mfa)
    site.run("mfa", "suspend", "nobody", *mfa, code=5)
    for name in ("mfa", "dta-1", "dta-2"):
        assert site.stop(name) == 0
    assert "Traceback" not in "".join(map(site.log, site.ports))
    check_no_secret(site, code)


def check_no_secret(site: Site, code: str) -> None:
    device = json.loads((site.folder / "device" / "device.json").read_text())
    permit = json.loads((site.folder / "device" / "permit.json").read_text())
    key = (site.folder / "device" / "key.pem").read_text().splitlines()[1]
    output = site.said + "".join(map(site.log, site.ports))
    assert len(output) > 5000
    secret_words = {PASSPHRASE, PIN, "CANARY", code, code.replace("-", ""), device["token"], permit["permit"], key}
    # Parts as well, so that another framing or a cut does not hide one.
    secret_words |= {device["token"][-40:], permit["permit"][-40:], "eyJ"}  # every ticket begins with eyJ
    for word in secret_words:
        assert word not in output
    on_disk = [path for path in site.folder.rglob("*") if path.is_file() and "device" not in path.parts]
    for path in on_disk:
        for word in (PASSPHRASE, PIN, code, "eyJ"):
            assert word.encode() not in path.read_bytes(), path


def test_every_line_of_a_log_is_json(site: Site) -> None:
    site.start("dta-1")
    urllib.request.urlopen(f"{site.urls['dta-1']}/v1/status").close()
    site.stop("dta-1")
    lines = [json.loads(line) for line in site.log("dta-1").splitlines()]
    assert {"serving", "request"} <= {line["event"] for line in lines}
    assert all(line["role"] == "dta" for line in lines)


def test_what_a_server_shows(site: Site) -> None:
    for name in ("dta-1", "dta-2", "mfa"):
        site.start(name)
        for path in ("/docs", "/openapi.json", "/healthz", "/readyz", "/metrics", "/v1/status"):
            with urllib.request.urlopen(site.urls[name] + path) as answer:
                assert answer.status == 200
                assert "server" not in {header.lower() for header in answer.headers}
    with urllib.request.urlopen(f"{site.urls['dta-1']}/metrics") as answer:
        assert 'milagro_dta_issued_total{purpose="server-share"} 1.0' in answer.read().decode()


def test_readiness_is_lost_with_the_database(site: Site) -> None:
    site.start("dta-1")
    for file in (site.folder / "dta-1").glob("state.sqlite*"):
        file.unlink()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{site.urls['dta-1']}/readyz")
    assert caught.value.code == 503
    urllib.request.urlopen(f"{site.urls['dta-1']}/healthz").close()


def test_a_restarted_mfa_server_needs_no_dta(site: Site) -> None:
    for name in ("dta-1", "dta-2", "mfa"):
        site.start(name)
    for name in ("mfa", "dta-1", "dta-2"):
        site.stop(name)
    site.start("mfa")
    assert site.stop("mfa", signal.SIGINT) == 0


def test_fetch_keys_is_serves_first_step(site: Site) -> None:
    for name in ("dta-1", "dta-2"):
        site.start(name)
    assert "fit" in site.run("mfa", "fetch-keys", "--config", site.config("mfa"))
    site.run("mfa", "fetch-keys", "--config", site.config("mfa"), code=5)  # what is there is not overwritten


def test_a_taken_port(site: Site) -> None:
    site.start("dta-1")
    error = site.run("serve", "dta", "--config", site.config("dta-1"), code=6)
    assert f"127.0.0.1:{site.ports['dta-1']} is taken by another program" in error


def test_a_wrong_passphrase(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "TEST_PASSPHRASE", "wrong")
    error = site.run("serve", "dta", "--config", site.config("dta-1"), code=3)
    assert "master-share.sealed: the passphrase is wrong, or the sealed file was altered" in error


def test_a_missing_passphrase(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(ENVIRONMENT, "TEST_PASSPHRASE")
    assert "TEST_PASSPHRASE, which is not set" in site.run("serve", "mfa", "--config", site.config("mfa"), code=2)


def test_missing_files(site: Site) -> None:
    assert "milagro init" in site.run("serve", "dta", "--config", str(site.folder / "none.toml"), code=2)
    (site.folder / "dta-1" / "master-share.sealed").unlink()
    assert "master-share.sealed" in site.run("serve", "dta", "--config", site.config("dta-1"), code=5)


def test_an_absent_dta(site: Site) -> None:
    path = Path(site.config("mfa"))
    path.write_text(path.read_text().replace("relying_party", "dta_wait_seconds = 0\nrelying_party"))
    assert "D-TA 'dta-1'" in site.run("serve", "mfa", "--config", site.config("mfa"), code=6)


def test_the_reference_backend_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "MILAGRO_BACKEND", "reference")
    assert "not constant-time" in site.run("serve", "dta", "--config", site.config("dta-1"), code=7)


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


def test_tls(site: Site) -> None:
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
            status = Peer(url, Path(chain)).get("/v1/status", DtaStatusAnswer)
            break
        except Unavailable:
            time.sleep(0.1)
    assert status.name == "dta-1"
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        Peer(url).get("/v1/status", DtaStatusAnswer)


def test_an_unreachable_server_and_an_empty_device(site: Site) -> None:
    enroll = ("client", "enroll", "--folder", str(site.folder / "device"), "--pin-env", "TEST_PIN", "--user", "a")
    assert "cannot be reached" in site.run(*enroll, "--server", site.urls["mfa"], "--code", "0000-0000", code=6)
    assert "without https" in site.run(*enroll, "--server", "http://login.example", "--code", "0000-0000", code=2)
    assert "enroll" in site.run(*site.client("login"), code=5)


def test_a_server_that_is_told_to_stop_while_it_waits_for_its_passphrase(tmp_path: Path) -> None:
    folder = tmp_path / "dta"
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    options = ("--authority", f"login={'00' * 32}", "--passphrase-file", str(tmp_path / "passphrase"))
    made = subprocess.run(command("init", "dta", str(folder), "--name", "one", *options), env=ENVIRONMENT)
    assert made.returncode == 0
    (tmp_path / "passphrase").unlink()
    os.mkfifo(tmp_path / "passphrase")
    server = subprocess.Popen(command("serve", "dta", "--config", str(folder / "milagro.toml")), env=ENVIRONMENT)
    # Whoever opens the other end is there as soon as the server reads; the server then waits for what is written.
    with (tmp_path / "passphrase").open("wb"):
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
