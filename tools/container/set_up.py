"""Sets up one server of compose.yaml: its keys, its certificate, its database password and its configuration.

It runs in a container of its own before the server, with the server's volumes, so no other server ever sees its
secrets. What others must know goes into a folder that all share: certificates, the public key of the authority, and
a verifier of the database password, from which nobody learns the password. A step whose result is there is skipped,
so a run that was cut short can be repeated, and so can `docker compose up`.

    MILAGRO_NODE     the server: one of MILAGRO_DTAS, or the MFA server, which is their registration authority
    MILAGRO_DTAS     the names of all D-TAs
    MILAGRO_STORE    `sqlite`, or `postgresql`: a database named like the server, behind a socket
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

CERTIFICATE_DAYS = 825
WAIT_SECONDS = 120.0
SCRAM_ROUNDS = 4096
DTA_PORT, MFA_PORT = 8001, 8000
DATABASE_SOCKETS = "/run/postgresql"
AUTHORITY = "authority"
STORES = SQLITE, POSTGRESQL = "sqlite", "postgresql"


@dataclass(frozen=True)
class Node:
    """One server and its folders."""

    name: str
    dtas: tuple[str, ...]
    store: str = SQLITE
    config: Path = Path("/etc/milagro")
    state: Path = Path("/var/lib/milagro")
    exchange: Path = Path("/run/milagro")

    @property
    def is_dta(self) -> bool:
        """Whether it is a D-TA, and not the MFA server."""
        return self.name in self.dtas

    @property
    def port(self) -> int:
        """Where it listens."""
        return DTA_PORT if self.is_dta else MFA_PORT

    @property
    def database(self) -> str:
        """The name of its database, and of its role there."""
        return self.name.replace("-", "_")


def set_up(node: Node) -> None:
    """Makes everything that the node lacks."""
    make_certificate(node)
    make_secret(node.config / "passphrase")
    configuration = node.config / "milagro.toml"
    if not configuration.exists():
        said = subprocess.run(init_command(node), check=True, stdout=subprocess.PIPE, text=True).stdout
        print(said, end="")
        if not node.is_dta:
            publish(node.exchange / AUTHORITY, said.split("--authority ")[1].split()[0])
    if node.store == POSTGRESQL:
        make_database_password(node)
        publish(configuration, with_database(node, configuration.read_text(encoding="utf-8")), 0o600)
    collect_certificates(node)


def init_command(node: Node) -> list[str]:
    """The call of `milagro init` for the node."""
    milagro = [sys.executable, "-P", "-m", "milagro", "init", "dta" if node.is_dta else "mfa", str(node.config)]
    common = [
        *("--name", node.name, "--host", "0.0.0.0", "--port", str(node.port)),  # noqa: S104 - all of the container's
        *("--public-url", f"https://{node.name}:{node.port}", "--state-folder", str(node.state)),
        *("--tls-certificate", str(node.config / "tls.pem"), "--tls-key", str(node.config / "tls.key")),
        *("--passphrase-file", str(node.config / "passphrase")),
    ]
    if node.is_dta:
        return [*milagro, *common, "--authority", wait_for(node.exchange / AUTHORITY)]
    return [*milagro, *common, *(f"--dta={dta}=https://{dta}:{DTA_PORT}" for dta in node.dtas)]


def make_secret(path: Path) -> None:
    """256 random bits in a file that only its owner reads."""
    if not path.exists():
        publish(path, secrets.token_urlsafe(32), 0o600)


def make_certificate(node: Node) -> None:
    """A certificate that nobody but its own key vouches for; the others get it by hand, so no CA is needed."""
    path = node.config / "tls.pem"
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        publish(node.config / "tls.key", _pem_of(key), 0o600)
        publish(path, _signed(node.name, key))
    publish(node.exchange / f"{node.name}.pem", path.read_text())


def _pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _signed(name: str, key: ec.EllipticCurvePrivateKey) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.DNSName("localhost")])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def collect_certificates(node: Node) -> None:
    """The certificates of all D-TAs in one file, which $SSL_CERT_FILE names: these are trusted, and no others."""
    found = [wait_for(node.exchange / f"{dta}.pem") for dta in node.dtas]
    publish(node.config / "trusted.pem", "".join(f"{certificate}\n" for certificate in found))


def make_database_password(node: Node) -> None:
    """A password, and for the database its verifier as RFC 5803 writes it."""
    path = node.config / "database-password"
    make_secret(path)
    verifier = scram_verifier(path.read_text(encoding="utf-8").strip(), secrets.token_bytes(16))
    publish(node.exchange / f"{node.database}.scram", verifier)


def scram_verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL stores for the password: SCRAM-SHA-256$rounds:salt$StoredKey:ServerKey."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ROUNDS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    keys = hashlib.sha256(client).digest(), hmac.digest(salted, b"Server Key", "sha256")
    encoded, stored, server = (base64.b64encode(octets).decode() for octets in (salt, *keys))
    return f"SCRAM-SHA-256${SCRAM_ROUNDS}:{encoded}${stored}:{server}"


def with_database(node: Node, text: str) -> str:
    """The configuration with the PostgreSQL database in place of the SQLite file."""
    name = node.database
    store = (
        "[store]\n"
        f'url = "postgresql+psycopg://{name}@/{name}?host={DATABASE_SOCKETS}"\n'
        f'password_file = "{node.config / "database-password"}"\n'
        f'epoch_file = "{node.state / "state.epoch"}"\n'
    )
    return re.sub(r"(?ms)^\[store\]\n.*?(?=^\[|\Z)", store + "\n", text, count=1)


def publish(path: Path, text: str, mode: int = 0o644) -> None:
    """Writes a file that is there whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(f"{text.strip()}\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def wait_for(path: Path) -> str:
    """What another server publishes, as soon as it has."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            sys.exit(f"set_up: {path.name} was not published within {WAIT_SECONDS:g} s; is its server set up?")
        time.sleep(0.2)
    return path.read_text(encoding="utf-8").strip()


def main() -> None:
    """Sets up the server that the environment names."""
    node = Node(os.environ["MILAGRO_NODE"], tuple(os.environ["MILAGRO_DTAS"].split()), os.environ["MILAGRO_STORE"])
    if node.store not in STORES:
        sys.exit(f"set_up: MILAGRO_STORE is {node.store!r}; it can be {' or '.join(STORES)}")
    set_up(node)
    print(f"{node.name} is set up.")


if __name__ == "__main__":
    main()
