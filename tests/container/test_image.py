"""The image as an operator runs it: as nobody, on a file system that nothing writes to, watched, stopped by SIGTERM.

`nox -s container` runs this; it takes minutes the first time, so the session `test` leaves it out.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.container import engine
from tests.container.engine import IMAGE, locked_down, podman

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = 10001
SECONDS = 60.0
PASSPHRASE = "CANARY-container-passphrase"
VERSION = tomllib.loads((engine.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")

pytestmark = [
    pytest.mark.skipif(not os.environ.get("MILAGRO_CONTAINER"), reason="`nox -s container` builds and runs the image"),
    pytest.mark.timeout(3600),
]


@pytest.fixture(scope="module", autouse=True)
def image() -> None:
    obstacle = engine.obstacle()
    if obstacle is not None:
        pytest.skip(obstacle)
    started = time.monotonic()
    engine.build()
    ours, base = engine.size_of(IMAGE), engine.size_of(engine.base_name())
    print(f"\nimage: {(ours - base) / 1e6:.0f} MB on a base of {base / 1e6:.0f} MB", end=", ")
    print(f"built in {time.monotonic() - started:.0f} s")


class Site:
    """The two folders of one D-TA, and the containers that use them."""

    def __init__(self, folder: Path) -> None:
        self.config, self.state = folder / "etc", folder / "var"
        for path in (self.config, self.state):
            path.mkdir(mode=0o700)
        self.started: list[str] = []

    def give_away(self) -> None:
        """Makes the image's user the owner of everything."""
        for top in (self.config, self.state):
            for path in (top, *top.rglob("*")):
                os.chown(path, USER, USER)

    def mounts(self, config: str = "ro") -> tuple[str, ...]:
        return f"--volume={self.config}:/etc/milagro:{config}", f"--volume={self.state}:/var/lib/milagro"

    def start(self, *options: str) -> str:
        name = f"milagro-test-{secrets.token_hex(4)}"
        self.started.append(name)
        podman("run", "--detach", "--name", name, *options, IMAGE)
        return name


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A D-TA that `milagro init`, in a container too, has made: TLS, a private certificate, a passphrase in a file."""
    made = Site(tmp_path)
    (made.config / "passphrase").write_text(PASSPHRASE)
    write_certificate(made.config)
    made.give_away()
    options = (
        *("--name", "dta-1", "--host", "0.0.0.0", "--public-url", "https://dta-1:8001"),
        *("--state-folder", "/var/lib/milagro", "--argon2-memory-mib", "8"),
        *("--tls-certificate", "/etc/milagro/tls.pem", "--tls-key", "/etc/milagro/tls.key"),
        *("--passphrase-file", "/etc/milagro/passphrase"),
    )
    podman("run", "--rm", *locked_down(*made.mounts("rw")), IMAGE, "init", "dta", "/etc/milagro", *options)
    yield made
    for name in made.started:
        podman("rm", "--force", "--time=0", name, check=False)


def write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dta-1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("dta-1")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "tls.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def until_it_answers(name: str) -> None:
    """Asks for its health until the server itself answers: that it is not ready, as it is in no network."""
    deadline = time.monotonic() + SECONDS
    while True:
        asked = podman("exec", name, "milagro", "health", "--config", "/etc/milagro/milagro.toml", check=False)
        if asked.stdout.startswith("not ready:") and "nothing answers" not in asked.stdout:
            return
        state = engine.inspect(name)["State"]["Status"]
        if state != "running" or time.monotonic() > deadline:
            pytest.fail(f"{name} is {state}: {asked.stdout} {asked.stderr} {podman('logs', name).stderr}")
        time.sleep(0.3)


def stop(name: str) -> int:
    """The exit code after `podman stop`: 137 if SIGTERM was not enough."""
    podman("stop", "--time=20", name)
    return int(engine.inspect(name)["State"]["ExitCode"])


def shell(command: str, *options: str) -> str:
    return podman("run", "--rm", *locked_down(*options), "--entrypoint=/bin/sh", IMAGE, "-c", command).stdout


def test_it_says_its_version() -> None:
    assert podman("run", "--rm", *locked_down(), IMAGE, "--version").stdout == f"milagro, version {VERSION}\n"


def test_what_the_image_says_of_itself() -> None:
    described = engine.image()
    config = described["Config"]
    assert config["User"] == f"{USER}:{USER}"
    assert config["StopSignal"] in ("SIGTERM", "15")
    assert config["Entrypoint"] == ["milagro"]
    assert config["Cmd"] == ["serve", "dta", "--config", "/etc/milagro/milagro.toml"]
    assert list(config["Volumes"]) == ["/var/lib/milagro"]
    assert described["Healthcheck"]["Test"] == ["CMD", "milagro", "health", "--config", "/etc/milagro/milagro.toml"]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.version"] == VERSION
    assert labels["org.opencontainers.image.revision"] == "test"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_the_user_is_nobody_in_particular() -> None:
    shown = shell("id -u; id -g; cat /proc/self/status; stat -c '%u:%g %a' /etc/milagro /var/lib/milagro")
    assert shown.splitlines()[:2] == [str(USER), str(USER)]
    assert f"CapEff:\t{0:016x}\n" in shown
    assert "NoNewPrivs:\t1\n" in shown
    assert shown.count(f"{USER}:{USER} 700") == 2


def test_no_tool_of_the_build_and_no_source_is_left() -> None:
    tools = "gcc g++ cc c++ cpp as ld make clang cython"
    assert shell(f"for tool in {tools}; do command -v $tool; done; true") == ""
    names = " -o ".join(f"-name '{name}'" for name in ("*.pyx", "*.c", "*.h"))
    package = "/opt/milagro/lib/python3*/site-packages/milagro"
    assert (
        shell(rf"find {package} \( {names} \); ls -d {package}/../Cython /opt/milagro/bin/pip 2>/dev/null; true") == ""
    )
    assert shell("ls -d /build /tools /wheel 2>/dev/null; true") == ""


def test_no_setting_of_the_builder_is_left() -> None:
    environment = " ".join(engine.image()["Config"]["Env"])
    assert not any(word in environment for word in ("PIP_", "CERT", "proxy", "PROXY"))
    history = podman("history", "--no-trunc", IMAGE).stdout
    assert "BEGIN CERTIFICATE" not in history
    assert shell("ls /run/secrets; ls /etc/pip.conf; true") == ""


def test_the_native_backend_is_there() -> None:
    program = (
        "from milagro.groups import curve; E = curve('BLS12-381', backend='native'); "
        "print(E.pairing(E.g1 + E.g1, E.g2) == E.pairing(E.g1, E.g2 + E.g2))"
    )
    done = podman("run", "--rm", *locked_down(), "--entrypoint=python3", IMAGE, "-c", program, check=False)
    assert done.stdout == "True\n", done.stderr


def test_a_dta_writes_nothing_beside_its_state_and_ends_at_sigterm(site: Site) -> None:
    name = site.start(*locked_down(*site.mounts()))
    until_it_answers(name)
    asked = podman("healthcheck", "run", name, check=False)  # as Docker would, by what the image names
    assert asked.returncode == 1
    first = podman("exec", name, "cat", "/proc/1/cmdline").stdout
    assert "milagro" in first.split("\0")[1]  # no shell in front, which would keep SIGTERM to itself
    assert stop(name) == 0
    said = podman("logs", name).stderr
    assert '"stopped"' in said
    assert PASSPHRASE not in said
    found = sorted(path.name for path in site.config.iterdir())
    assert found == ["dta.card", "milagro.toml", "passphrase", "tls.key", "tls.pem"]
    assert {"data-key.sealed", "identity", "state.sqlite"} <= {path.name for path in site.state.iterdir()}


def test_it_would_not_write_elsewhere_even_if_it_could(site: Site) -> None:
    writable = [option for option in locked_down(*site.mounts()) if not option.startswith("--read-only")]
    name = site.start(*writable)
    until_it_answers(name)
    changed = podman("diff", name).stdout.split("\n")
    mounted = ("/etc", "/etc/milagro", "/var", "/var/lib", "/var/lib/milagro", "/run/.containerenv", "/run")
    assert [line for line in changed if line and line.split()[1] not in mounted] == []


def test_health_tells_the_truth(site: Site) -> None:
    waiting = ("--entrypoint=python3", *locked_down(*site.mounts()))
    name = f"milagro-test-{secrets.token_hex(4)}"
    site.started.append(name)
    podman("run", "--detach", "--name", name, *waiting, IMAGE, "-c", "import time; time.sleep(600)")
    asked = podman("healthcheck", "run", name, check=False)
    assert asked.returncode == 1
    said = podman("exec", name, "milagro", "health", "--config", "/etc/milagro/milagro.toml", check=False)
    assert (said.returncode, said.stdout[:10]) == (1, "not ready:")


def test_it_can_be_stopped_before_it_serves(site: Site) -> None:
    """The first process of a container is not ended by a signal that it does not handle, so it handles it early."""
    (site.config / "passphrase").unlink()
    os.mkfifo(site.config / "passphrase")  # nobody writes: the server waits for its passphrase
    site.give_away()
    name = site.start(*locked_down(*site.mounts()))
    deadline = time.monotonic() + SECONDS
    while not handles_sigterm(name):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert stop(name) in (0, 143)  # 137 would be SIGKILL


def handles_sigterm(name: str) -> bool:
    status = Path(f"/proc/{engine.inspect(name)['State']['Pid']}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) & 1 << signal.SIGTERM - 1)


def test_a_missing_configuration_is_one_line() -> None:
    done = podman("run", "--rm", *locked_down(), IMAGE, check=False)
    assert done.returncode == 2
    assert "error: there is no configuration file /etc/milagro/milagro.toml" in done.stderr


def test_a_pkcs11_module_is_not_inside_but_can_be_mounted(tmp_path: Path) -> None:
    assert shell("find / -xdev -name '*softhsm*' 2>/dev/null; true") == ""
    if not SOFTHSM.is_file():
        pytest.skip(f"there is no {SOFTHSM} to mount; apt-get install softhsm2")
    program = "import pkcs11; print(pkcs11.lib('/usr/local/lib/pkcs11/module.so').cryptoki_version)"
    (tmp_path / "softhsm2.conf").write_text("directories.tokendir = /var/lib/milagro\n")
    os.chown(tmp_path, USER, USER)
    mounts = [f"--volume={SOFTHSM}:/usr/local/lib/pkcs11/module.so:ro", f"--volume={tmp_path}:/var/lib/milagro"]
    settings = ("--env=SOFTHSM2_CONF=/var/lib/milagro/softhsm2.conf", "--entrypoint=python3")
    done = podman("run", "--rm", *locked_down(*mounts, *settings), IMAGE, "-c", program, check=False)
    assert done.stdout.startswith("(2,"), done.stderr
