"""Sets up the servers of compose.yaml, each in containers of its own before the server's.

    keys    certificate, passphrase, database password, identity and configuration, in the D-TA's own volumes
    join    the first D-TA founds the network with the others' cards; the others join it; all trust the MFA server
    login   the same for the MFA server, once there is a charter

Only a D-TA's own containers have its volumes, so no other ever sees its secrets. What others must know goes into a
folder that all share: certificates, cards, the charter, the MFA server's identity, and a verifier of the database
password, from which nobody learns the password. A step whose result is there is skipped, so a run that was cut short
can be repeated, and so can `docker compose up`.

    MILAGRO_NODE        the D-TA, one of MILAGRO_DTAS; or MILAGRO_LOGIN
    MILAGRO_LOGIN       the name of the MFA server, whose tickets all D-TAs take; nothing for none
    MILAGRO_DTAS        the names of all of them; the first one founds the network
    MILAGRO_THRESHOLD   how many of them are needed
    MILAGRO_STORE       `sqlite`, or `postgresql`: a database named like the D-TA, behind a socket
    MILAGRO_CHANNEL     `http`, or `ipfs`: letters are announced through the Kubo daemon behind a socket
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
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
PORT = 8001
NETWORK = "site"
DATABASE_SOCKETS = "/run/postgresql"
KUBO_URL = "unix:/run/kubo/api.sock"
STORES = SQLITE, POSTGRESQL = "sqlite", "postgresql"
CHANNELS = HTTP, IPFS = "http", "ipfs"
_WORDS = ("NODE", "DTAS", "THRESHOLD", "STORE", "CHANNEL", "LOGIN")


@dataclass(frozen=True)
class Node:
    """One D-TA and its folders."""

    name: str
    dtas: tuple[str, ...]
    threshold: int = 3
    store: str = SQLITE
    channel: str = HTTP
    login: str = ""
    config: Path = Path("/etc/milagro")
    state: Path = Path("/var/lib/milagro")
    exchange: Path = Path("/run/milagro")

    @property
    def database(self) -> str:
        """The name of its database, and of its role there."""
        return self.name.replace("-", "_")

    @property
    def configuration(self) -> Path:
        """What the server reads."""
        return self.config / "milagro.toml"

    @property
    def charter(self) -> Path:
        """Where the founder puts the charter for the others."""
        return self.exchange / f"{NETWORK}.charter"


def make_keys(node: Node) -> None:
    """Everything of the node that needs no other node."""
    make_certificate(node)
    make_secret(node.config / "passphrase")
    if node.store == POSTGRESQL:
        make_database_password(node)
    draft = node.state / "milagro.toml"
    if not node.configuration.exists():
        if not draft.exists():
            milagro(*init_arguments(node))
        publish(node.configuration, completed(node, draft.read_text(encoding="utf-8")).encode(), 0o600)
    draft.unlink(missing_ok=True)  # `init` writes it beside the keys; the server has it where it cannot write
    publish(node.exchange / f"{node.name}.card", (node.state / "dta.card").read_bytes())
    collect_certificates(node)


def join(node: Node) -> None:
    """The node's consent to the network, which the first one founds, and to the MFA server."""
    take_part(node)
    if node.login:
        trust(node)


def take_part(node: Node) -> None:
    """Founds the network, or joins it."""
    config = ("--config", str(node.configuration))
    if node.name == node.dtas[0]:
        if not node.charter.exists():
            cards = [wait_for(node.exchange / f"{name}.card") for name in node.dtas[1:]]
            terms = ("--name", NETWORK, "--threshold", str(node.threshold), "--out", str(node.charter))
            milagro("dta", "network", "create", *config, *terms, *map(str, cards))
        return
    milagro(
        "dta", "network", "join", str(wait_for(node.charter)), *config, "--yes", accept="has joined a network already"
    )


def trust(node: Node) -> None:
    """Takes tickets of the MFA server from now on."""
    lines = wait_for(node.exchange / f"{node.login}.toml").read_text(encoding="utf-8")
    publish(node.config / f"{node.login}.bundle", (node.exchange / f"{node.login}.bundle").read_bytes())
    text = node.configuration.read_text(encoding="utf-8")
    if lines not in text:
        publish(node.configuration, f"{text}\n{lines}".encode(), 0o600)


def make_login(node: Node) -> None:
    """Everything of the MFA server, and for the D-TAs who it is."""
    make_certificate(node)
    make_secret(node.config / "passphrase")
    charter = wait_for(node.charter)
    draft = node.state / "milagro.toml"
    if not node.configuration.exists():
        if not draft.exists():
            milagro(*login_arguments(node, charter))
        publish(node.configuration, completed_login(node, draft.read_text(encoding="utf-8")).encode(), 0o600)
    draft.unlink(missing_ok=True)
    bundle = (node.state / "identity" / "identity.bundle").read_bytes()
    publish(node.exchange / f"{node.name}.bundle", bundle)
    publish(node.exchange / f"{node.name}.toml", authority(node, bundle).encode())
    collect_certificates(node)


def login_arguments(node: Node, charter: Path) -> list[str]:
    """The call of `milagro init` for the MFA server."""
    return ["init", "mfa", str(node.state), "--network", str(charter), "--name", node.name, *server_arguments(node)]


def completed_login(node: Node, text: str) -> str:
    """The configuration that `init` wrote for the MFA server, for a place of its own."""
    state = {"charter": "network.charter", "identity": "identity", "keys": "network-keys"}
    network = {key: str(node.state / name) for key, name in state.items()}
    network["ca_certificate"] = str(node.config / "trusted.pem")
    return with_entries(with_entries(text, "store", store_entries(node)), "mfa.network", network)


def authority(node: Node, bundle: bytes) -> str:
    """The table with which a D-TA trusts the MFA server."""
    from milagro.protocols import pki  # noqa: PLC0415 - what the image is for, and slow to begin

    entries = {
        "identity": pki.did_of(pki.Replica.from_bytes(bundle).identity),
        "bundle": f"{node.name}.bundle",
        "realms": [node.name],
    }
    return "".join(["[[dta.authorities]]\n", *(f"{key} = {json.dumps(value)}\n" for key, value in entries.items())])


def milagro(*arguments: str, accept: str | None = None) -> None:
    """Runs a command; ends with its failure, unless that is only that it was done before."""
    command = [sys.executable, "-P", "-m", "milagro", *arguments]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0 and not (accept and accept in done.stderr):
        sys.exit(f"set_up: milagro {' '.join(arguments[:3])}: {done.stderr.strip()}")


def init_arguments(node: Node) -> list[str]:
    """The call of `milagro init` for the node."""
    return [
        *("init", "dta", str(node.state), "--name", node.name),
        *server_arguments(node),
    ]


def server_arguments(node: Node) -> list[str]:
    """Where a server listens, and with which certificate and passphrase."""
    return [
        *("--host", "0.0.0.0", "--port", str(PORT), "--public-url", f"https://{node.name}:{PORT}"),  # noqa: S104
        *("--tls-certificate", str(node.config / "tls.pem"), "--tls-key", str(node.config / "tls.key")),
        *("--passphrase-file", str(node.config / "passphrase")),
    ]


def completed(node: Node, text: str) -> str:
    """The configuration that `init` wrote, for a place of its own: state is elsewhere, and the database may be."""
    state = {"identity": "identity", "data_key": "data-key.sealed", "blocks": "blocks"}
    network = {key: str(node.state / name) for key, name in state.items()}
    network["ca_certificate"] = str(node.config / "trusted.pem")
    if node.channel == IPFS:
        network |= {"channel": IPFS, "ipfs_url": KUBO_URL}
    text = with_entries(with_entries(text, "store", store_entries(node)), "dta.network", network)
    return with_entries(text, "dta.issuing", {"watermark": str(node.state / "issuing.mark")})


def store_entries(node: Node) -> dict[str, str]:
    """[store]"""
    if node.store == SQLITE:
        return {"path": str(node.state / "state.sqlite"), "epoch_file": str(node.state / "state.epoch")}
    return {
        "url": f"postgresql+psycopg://{node.database}@/{node.database}?host={DATABASE_SOCKETS}",
        "password_file": str(node.config / "database-password"),
        "epoch_file": str(node.state / "state.epoch"),
    }


def with_entries(text: str, table: str, entries: dict[str, str]) -> str:
    """The TOML text with these entries in a table; `path` and `url` of [store] are one or the other."""
    gone = {*entries, *(("path",) if "url" in entries else ())}
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line == f"[{table}]"
        if inside and line.partition("=")[0].strip() in gone:
            continue
        kept.append(line)
        if line == f"[{table}]":
            kept += [f"{key} = {json.dumps(value)}" for key, value in entries.items()]
    return "\n".join(kept) + "\n"


def make_secret(path: Path) -> None:
    """256 random bits in a file that only its owner reads."""
    if not path.exists():
        publish(path, secrets.token_urlsafe(32).encode() + b"\n", 0o600)


def make_certificate(node: Node) -> None:
    """A certificate that nobody but its own key vouches for; the others get it by hand, so no CA is needed."""
    path = node.config / "tls.pem"
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        publish(node.config / "tls.key", _pem_of(key), 0o600)
        publish(path, _signed(node.name, key))
    publish(node.exchange / f"{node.name}.pem", path.read_bytes())


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _signed(name: str, key: ec.EllipticCurvePrivateKey) -> bytes:
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
    return made.public_bytes(Encoding.PEM)


def collect_certificates(node: Node) -> None:
    """The certificates of all D-TAs in one file, which $SSL_CERT_FILE names: these are trusted, and no others.

    The MFA server trusts its own as well: a client in its container can try it.
    """
    names = node.dtas if node.name in node.dtas else (*node.dtas, node.name)
    found = [wait_for(node.exchange / f"{name}.pem").read_bytes() for name in names]
    publish(node.config / "trusted.pem", b"".join(found))


def make_database_password(node: Node) -> None:
    """A password, and for the database its verifier as RFC 5803 writes it."""
    path = node.config / "database-password"
    make_secret(path)
    verifier = scram_verifier(path.read_text(encoding="utf-8").strip(), secrets.token_bytes(16))
    publish(node.exchange / f"{node.database}.scram", verifier.encode())


def scram_verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL stores for the password: SCRAM-SHA-256$rounds:salt$StoredKey:ServerKey."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ROUNDS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    keys = hashlib.sha256(client).digest(), hmac.digest(salted, b"Server Key", "sha256")
    encoded, stored, server = (base64.b64encode(octets).decode() for octets in (salt, *keys))
    return f"SCRAM-SHA-256${SCRAM_ROUNDS}:{encoded}${stored}:{server}"


def publish(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Writes a file that is there whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def wait_for(path: Path) -> Path:
    """The file of another node, as soon as it is there."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            sys.exit(f"set_up: {path.name} is not there after {WAIT_SECONDS:g} s; is the D-TA that writes it set up?")
        time.sleep(0.2)
    return path


def from_environment() -> Node:
    """The node that compose.yaml describes."""
    words = {key: os.environ[f"MILAGRO_{key}"] for key in _WORDS}
    for key, choices in (("STORE", STORES), ("CHANNEL", CHANNELS)):
        if words[key] not in choices:
            sys.exit(f"set_up: MILAGRO_{key} is {words[key]!r}; it can be {' or '.join(choices)}")
    dtas, threshold = tuple(words["DTAS"].split()), int(words["THRESHOLD"])
    return Node(words["NODE"], dtas, threshold, words["STORE"], words["CHANNEL"], words["LOGIN"])


if __name__ == "__main__":
    {"keys": make_keys, "join": join, "login": make_login}[sys.argv[1]](from_environment())
