"""compose.yaml: every container is locked down, and what sets the servers up makes configurations that they take.

Nothing is started here; tests/container runs the image.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import re
import ssl
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from milagro.roles.dta import config as dta_config
from milagro.roles.mfa import config as mfa_config
from tests.conftest import require_backend

ROOT = Path(__file__).resolve().parents[2]
DTAS = tuple(f"dta-{number}" for number in range(1, 6))
SERVERS = (*DTAS, "login")
SETUPS = tuple(f"setup-{name}" for name in SERVERS)
PUBLISHED = {**{name: f"{8000 + number}:8001" for number, name in enumerate(DTAS, 1)}, "login": "8000:8000"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(compose["services"])


def test_what_is_there(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {*SERVERS, *SETUPS, "postgres", "kubo"}


@pytest.mark.parametrize("name", [*SERVERS, *SETUPS, "postgres", "kubo"])
def test_every_container_is_locked_down(services: dict[str, dict[str, Any]], name: str) -> None:
    service = services[name]
    assert re.search(r":v?[0-9]", service["image"].rpartition("/")[2]), "a version, not whatever is newest"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"cap_add", "privileged", "pid", "ipc", "devices", "userns_mode"} & set(service)
    user, group = service["user"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert {"cpus", "memory", "pids"} == set(service["deploy"]["resources"]["limits"])
    assert service["logging"]["options"]["max-size"]
    assert not any("docker.sock" in volume or volume.startswith("/") for volume in service["volumes"])


@pytest.mark.parametrize("name", [*SERVERS, "postgres", "kubo"])
def test_every_server_is_watched_and_comes_back(services: dict[str, dict[str, Any]], name: str) -> None:
    service = services[name]
    assert service["restart"] == "unless-stopped"
    check = service["healthcheck"]
    assert {"test", "interval", "timeout", "start_period", "retries"} == set(check)
    if name in SERVERS:
        assert check["test"] == ["CMD", "milagro", "health", "--config", "/etc/milagro/milagro.toml"]


def test_only_what_clients_need_is_published(compose: dict[str, Any], services: dict[str, dict[str, Any]]) -> None:
    here = "${MILAGRO_ADDRESS:-127.0.0.1}"
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {name: [f"{here}:{ports}"] for name, ports in PUBLISHED.items()}
    assert compose["networks"]["peers"] == {"internal": True}
    for name, service in services.items():
        if name in SERVERS:
            assert set(service["networks"]) == ({"public", "peers"} if name in DTAS else {"public"})
        else:
            assert service["network_mode"] == "none"


def test_no_server_sees_another_servers_secrets(services: dict[str, dict[str, Any]]) -> None:
    holders: dict[str, set[str]] = {}
    for name, service in services.items():
        for volume in service["volumes"]:
            holders.setdefault(volume.split(":")[0], set()).add(name)
    for server in SERVERS:
        assert holders[f"{server}-config"] == holders[f"{server}-state"] == {server, f"setup-{server}"}
        assert f"{server}-config:/etc/milagro:ro" in services[server]["volumes"]
    assert holders["exchange"] == {*SETUPS, "postgres"}
    assert holders["postgres-data"] == {"postgres"}
    assert holders["kubo-data"] == {"kubo"}


def test_every_volume_and_file_is_there(compose: dict[str, Any], services: dict[str, dict[str, Any]]) -> None:
    used = {volume.split(":")[0] for service in services.values() for volume in service["volumes"]}
    assert {name for name in used if not name.startswith("./")} == set(compose["volumes"])
    assert all((ROOT / name).is_file() for name in used if name.startswith("./"))


def test_no_secret_is_in_an_environment(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        for key, value in service.get("environment", {}).items():
            assert not re.search("PASS|SECRET|TOKEN|KEY", key) or key.endswith("_FILE"), (key, value)


def test_servers_start_after_what_they_need(services: dict[str, dict[str, Any]]) -> None:
    for name in SERVERS:
        needed = {other: how["condition"] for other, how in services[name]["depends_on"].items()}
        assert needed[f"setup-{name}"] == "service_completed_successfully"
        assert needed["postgres"] == needed["kubo"] == "service_healthy"
    assert set(DTAS) < set(services["login"]["depends_on"])
    assert set(services["postgres"]["depends_on"]) == set(SETUPS)


@pytest.mark.parametrize("script", ["kubo.sh", "postgres.sh"])
def test_the_scripts_are_plain_sh(script: str) -> None:
    subprocess.run(["sh", "-n", ROOT / "tools" / "container" / script], check=True)


# ---- set_up.py


@pytest.fixture(scope="module")
def set_up() -> ModuleType:
    path = ROOT / "tools" / "container" / "set_up.py"
    spec = importlib.util.spec_from_file_location("set_up", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["set_up"] = module
    spec.loader.exec_module(module)
    return module


def node(set_up: ModuleType, folder: Path, name: str, store: str) -> Any:
    folders = {part: folder / name / part for part in ("config", "state")}
    made = set_up.Node(name, DTAS, store, **folders, exchange=folder / "exchange")
    for path in (*folders.values(), made.exchange):
        path.mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture(scope="module")
def site(set_up: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All six servers, set up side by side as compose does it."""
    require_backend("native")
    folder = tmp_path_factory.mktemp("site")
    nodes = {name: node(set_up, folder, name, "sqlite") for name in SERVERS}
    with ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(set_up.set_up, nodes.values()))
    return nodes


def test_the_environment_of_each_set_up(services: dict[str, dict[str, Any]], set_up: ModuleType) -> None:
    for name in SERVERS:
        environment = services[f"setup-{name}"]["environment"]
        assert (environment["MILAGRO_NODE"], tuple(environment["MILAGRO_DTAS"].split())) == (name, DTAS)
        default = re.fullmatch(r"\$\{MILAGRO_STORE:-(\w+)\}", environment["MILAGRO_STORE"])
        assert default is not None
        assert default[1] in set_up.STORES


def test_the_servers_take_their_configurations(site: dict[str, Any]) -> None:
    for name in DTAS:
        config = dta_config.read_config(site[name].config / "milagro.toml")
        server = config.common.server
        assert (config.name, server.host, server.port) == (name, "0.0.0.0", 8001)
        assert server.public_url == f"https://{name}:8001"
        assert list(config.authorities) == ["login"]
        assert config.sealed_share.parent == site[name].state
        assert config.sealed_share.is_file()
    login = mfa_config.read_config(site["login"].config / "milagro.toml")
    assert [(dta.name, dta.url) for dta in login.dtas] == [(name, f"https://{name}:8001") for name in DTAS]
    assert login.common.server.port == 8000


def test_secrets_are_their_owners_and_differ(site: dict[str, Any]) -> None:
    secrets = [(one.config / "passphrase").read_text() for one in site.values()]
    assert len({*secrets}) == len(SERVERS)
    for one in site.values():
        for name in ("passphrase", "tls.key", "milagro.toml"):
            assert stat.S_IMODE((one.config / name).stat().st_mode) == 0o600
    shared = "".join(path.read_text() for path in site["login"].exchange.iterdir())
    assert "PRIVATE" not in shared
    assert not any(secret.strip() in shared for secret in secrets)


def test_a_second_run_changes_no_secret(site: dict[str, Any], set_up: ModuleType) -> None:
    one = site["dta-2"]
    before = {path: path.read_bytes() for folder in (one.config, one.state) for path in folder.iterdir()}
    set_up.set_up(one)
    assert {path: path.read_bytes() for folder in (one.config, one.state) for path in folder.iterdir()} == before


def test_the_certificates_hold_for_each_other_and_for_nothing_else(site: dict[str, Any]) -> None:
    for flags in (ssl.VERIFY_DEFAULT, ssl.VERIFY_X509_STRICT):  # the second is what Python 3.13 does by itself
        assert handshake(site, "dta-1", "dta-1", flags) is None
    assert "mismatch" in str(handshake(site, "dta-1", "dta-2", ssl.VERIFY_DEFAULT))
    assert "self-signed" in str(handshake(site, "login", "login", ssl.VERIFY_DEFAULT))  # no D-TA, so nobody's to trust


def handshake(site: dict[str, Any], server: str, name: str, flags: ssl.VerifyFlags) -> ssl.SSLError | None:
    """What a client, which expects `name`, has against the server."""
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(site[server].config / "tls.pem", site[server].config / "tls.key")
    here = ssl.create_default_context(cafile=str(site["login"].config / "trusted.pem"))
    here.verify_flags |= flags
    one, two = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = here.wrap_bio(one, two, server_hostname=name), there.wrap_bio(two, one, server_side=True)
    for _ in range(10):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return error
    return None


def test_a_verifier_as_postgresql_computes_it(set_up: ModuleType) -> None:
    """RFC 7677's example: user "user", password "pencil", this salt and nonces give this ServerSignature."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    head, keys = set_up.scram_verifier("pencil", salt).rsplit("$", 1)
    assert head == "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    stored, server = (base64.b64decode(key) for key in keys.split(":"))
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    message = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s={base64.b64encode(salt).decode()},i=4096,c=biws,r={nonce}"
    signature = hmac.digest(server, message.encode(), "sha256")
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client = bytes(a ^ b for a, b in zip(proof, hmac.digest(stored, message.encode(), "sha256"), strict=True))
    assert hashlib.sha256(client).digest() == stored


def test_the_database_in_a_configuration(site: dict[str, Any], set_up: ModuleType, tmp_path: Path) -> None:
    one = node(set_up, tmp_path, "dta-3", "postgresql")
    text = set_up.with_database(one, (site["dta-3"].config / "milagro.toml").read_text())
    import tomllib

    table = tomllib.loads(text)
    assert table["store"] == {
        "url": "postgresql+psycopg://dta_3@/dta_3?host=/run/postgresql",
        "password_file": str(one.config / "database-password"),
        "epoch_file": str(one.state / "state.epoch"),
    }
    assert set(table) == set(tomllib.loads((site["dta-3"].config / "milagro.toml").read_text()))
    assert set_up.with_database(one, text) == text
