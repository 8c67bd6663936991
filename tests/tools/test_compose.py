"""compose.yaml: every container is locked down, and what sets the servers up makes configurations that they take.

Of the containers none is started here; tests/container runs the image.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import importlib.util
import os
import re
import secrets
import shutil
import ssl
import stat
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from milagro.cli.init import init_dta
from milagro.errors import Unavailable
from milagro.stores import kubo
from tests.conftest import require_backend
from tests.stores.daemons import binary

ROOT = Path(__file__).resolve().parents[2]
DTAS = tuple(f"dta-{number}" for number in range(1, 6))
KEYS = tuple(f"keys-{name}" for name in DTAS)
JOINS = tuple(f"join-{name}" for name in DTAS)
SERVERS = (*DTAS, "login")
ALL = (*SERVERS, *KEYS, *JOINS, "keys-login", "postgres", "kubo")
DTA_OPTIONS = {option.name for option in init_dta.params}
DONE, HEALTHY = "service_completed_successfully", "service_healthy"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(compose["services"])


def test_what_is_there(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == set(ALL)


@pytest.mark.parametrize("name", ALL)
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
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    here = "${MILAGRO_ADDRESS:-127.0.0.1}"
    assert published == {name: [f"{here}:{8000 + number}:8001"] for number, name in enumerate(("login", *DTAS))}
    assert compose["networks"]["peers"] == {"internal": True}
    for name, service in services.items():
        if name in SERVERS:
            assert set(service["networks"]) == {"public", *(("peers",) if name in DTAS else ())}
        else:
            assert service["network_mode"] == "none"


def test_no_dta_sees_anothers_secrets(services: dict[str, dict[str, Any]]) -> None:
    holders: dict[str, set[str]] = {}
    for name, service in services.items():
        for volume in service["volumes"]:
            holders.setdefault(volume.split(":")[0], set()).add(name)
    for name in DTAS:
        assert holders[f"{name}-config"] == holders[f"{name}-state"] == {name, f"keys-{name}", f"join-{name}"}
        assert f"{name}-config:/etc/milagro:ro" in services[name]["volumes"]
    assert holders["login-config"] == holders["login-state"] == {"login", "keys-login"}
    assert "login-config:/etc/milagro:ro" in services["login"]["volumes"]
    assert holders["exchange"] == {*KEYS, *JOINS, "keys-login", "postgres"}
    assert "exchange:/run/milagro:ro" in services["postgres"]["volumes"]
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


def test_what_starts_after_what(services: dict[str, dict[str, Any]]) -> None:
    def needed(name: str) -> dict[str, str]:
        return {other: how["condition"] for other, how in services[name]["depends_on"].items()}

    assert needed("postgres") == dict.fromkeys(KEYS, DONE)
    for name in DTAS:
        assert needed(f"join-{name}") == {f"keys-{name}": DONE, "postgres": HEALTHY}
        assert needed(name) == {f"join-{name}": DONE, "postgres": HEALTHY, "kubo": HEALTHY}
    # Those who join wait for its identity, so it must begin no later than they do.
    assert needed("keys-login") == {**dict.fromkeys(KEYS, DONE), "postgres": HEALTHY}
    assert needed("login") == {"keys-login": DONE, **dict.fromkeys(DTAS, HEALTHY)}


def test_the_environment_of_each_set_up(services: dict[str, dict[str, Any]], set_up: ModuleType) -> None:
    choices = {"MILAGRO_STORE": set_up.STORES, "MILAGRO_CHANNEL": set_up.CHANNELS}
    for step in ("keys", "join"):
        for name in DTAS:
            service = services[f"{step}-{name}"]
            environment = service["environment"]
            assert service["command"] == [step]
            assert (environment["MILAGRO_NODE"], tuple(environment["MILAGRO_DTAS"].split())) == (name, DTAS)
            assert int(environment["MILAGRO_THRESHOLD"]) == 3
            for key, known in choices.items():
                default = re.fullmatch(r"\$\{" + key + r":-(\w+)\}", environment[key])
                assert default is not None
                assert default[1] in known


@pytest.mark.parametrize("script", ["kubo.sh", "postgres.sh"])
def test_the_scripts_are_plain_sh(script: str) -> None:
    subprocess.run(["sh", "-n", ROOT / "tools" / "container" / script], check=True)


def test_kubo_starts_behind_a_socket_for_its_group_alone(tmp_path: Path) -> None:
    folder = Path(tempfile.gettempdir()) / f"kubo-{secrets.token_hex(6)}"  # no capital letter, which pytest's may have
    folder.mkdir(mode=0o700)
    url = f"unix:{folder}/api.sock"
    environment = {
        **os.environ,
        "PATH": f"{binary().parent}:{os.environ['PATH']}",
        "IPFS_PATH": str(tmp_path / "repository"),
        "IPFS_TELEMETRY": "off",
        "KUBO_SOCKET": url.removeprefix("unix:"),
    }
    script = ROOT / "tools" / "container" / "kubo.sh"
    try:
        for _ in range(2):  # the second time over what the first has left
            with (tmp_path / "log").open("wb") as log:
                process = subprocess.Popen(["sh", script], env=environment, stdout=log, stderr=log)
            try:
                until_it_answers(url, tmp_path / "log")
                assert stat.S_IMODE((folder / "api.sock").stat().st_mode) == 0o770
                addresses = kubo.Daemon(url).ask("swarm/addrs/listen")["Strings"] or []
                assert addresses == []
            finally:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder)


def until_it_answers(url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    with contextlib.closing(kubo.Daemon(url)) as daemon:
        while True:
            try:
                daemon.require_pubsub()
            except Unavailable:
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            else:
                return


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


def node(set_up: ModuleType, folder: Path, name: str, dtas: tuple[str, ...] = DTAS, **options: str) -> Any:
    folders = {part: folder / name / part for part in ("config", "state")}
    made = set_up.Node(name, dtas, min(3, len(dtas)), **options, **folders, exchange=folder / "exchange")
    for path in (*folders.values(), made.exchange):
        path.mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture(scope="module")
def keyed(set_up: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Certificates and passwords of all five."""
    folder = tmp_path_factory.mktemp("keyed")
    nodes = {name: node(set_up, folder, name, store="postgresql") for name in DTAS}
    for one in nodes.values():
        set_up.make_certificate(one)
        set_up.make_secret(one.config / "passphrase")
        set_up.make_database_password(one)
    for one in nodes.values():
        set_up.collect_certificates(one)
    return nodes


def test_secrets_are_their_owners_and_differ(keyed: dict[str, Any]) -> None:
    for name in ("passphrase", "database-password", "tls.key"):
        paths = [one.config / name for one in keyed.values()]
        assert len({path.read_text() for path in paths}) == len(DTAS)
        assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    shared = "".join(path.read_text() for path in keyed["dta-1"].exchange.iterdir())
    assert "PRIVATE" not in shared
    for one in keyed.values():
        assert (one.config / "database-password").read_text().strip() not in shared


def test_a_second_run_changes_no_secret(keyed: dict[str, Any], set_up: ModuleType) -> None:
    one = keyed["dta-2"]
    before = {path: path.read_bytes() for path in one.config.iterdir()}
    set_up.make_certificate(one)
    set_up.make_secret(one.config / "passphrase")
    set_up.make_database_password(one)
    set_up.collect_certificates(one)
    assert {path: path.read_bytes() for path in one.config.iterdir()} == before


def test_the_certificates_hold_for_each_other_and_for_nothing_else(
    keyed: dict[str, Any], set_up: ModuleType, tmp_path: Path
) -> None:
    for flags in (ssl.VERIFY_DEFAULT, ssl.VERIFY_X509_STRICT):  # the second is what Python 3.13 does by itself
        assert handshake(keyed["dta-4"], keyed["dta-1"], "dta-1", flags) is None
    assert "mismatch" in str(handshake(keyed["dta-4"], keyed["dta-1"], "dta-2", ssl.VERIFY_DEFAULT))
    stranger = node(set_up, tmp_path, "dta-1")
    set_up.make_certificate(stranger)
    assert "self-signed" in str(handshake(keyed["dta-4"], stranger, "dta-1", ssl.VERIFY_DEFAULT))


def handshake(client: Any, server: Any, name: str, flags: ssl.VerifyFlags) -> ssl.SSLError | None:
    """What a client, which expects `name`, has against the server."""
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(server.config / "tls.pem", server.config / "tls.key")
    here = ssl.create_default_context(cafile=str(client.config / "trusted.pem"))
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


WRITTEN = """role = "dta"

[server]
port = 8001

[store]
path = "state.sqlite"
busy_timeout_ms = 100

[dta]
name = "dta-3"

[dta.network]
identity = "identity"
approve = ["refresh"]

[dta.issuing]
slots_ahead = 1
"""


def test_a_configuration_whose_state_is_elsewhere(set_up: ModuleType, tmp_path: Path) -> None:
    one = node(set_up, tmp_path, "dta-3")
    table = tomllib.loads(set_up.completed(one, WRITTEN))
    assert table["store"] == {
        "path": str(one.state / "state.sqlite"),
        "epoch_file": str(one.state / "state.epoch"),
        "busy_timeout_ms": 100,
    }
    assert table["dta"]["issuing"] == {"slots_ahead": 1, "watermark": str(one.state / "issuing.mark")}
    assert table["dta"]["network"] == {
        "identity": str(one.state / "identity"),
        "data_key": str(one.state / "data-key.sealed"),
        "blocks": str(one.state / "blocks"),
        "ca_certificate": str(one.config / "trusted.pem"),
        "approve": ["refresh"],
    }
    assert (table["role"], table["server"], table["dta"]["name"]) == ("dta", {"port": 8001}, "dta-3")


def test_a_configuration_with_postgresql_and_kubo(set_up: ModuleType, tmp_path: Path) -> None:
    one = node(set_up, tmp_path, "dta-3", store="postgresql", channel="ipfs")
    text = set_up.completed(one, WRITTEN)
    table = tomllib.loads(text)
    assert table["store"] == {
        "url": "postgresql+psycopg://dta_3@/dta_3?host=/run/postgresql",
        "password_file": str(one.config / "database-password"),
        "epoch_file": str(one.state / "state.epoch"),
        "busy_timeout_ms": 100,
    }
    network = table["dta"]["network"]
    assert (network["channel"], network["ipfs_url"]) == ("ipfs", "unix:/run/kubo/api.sock")
    assert set_up.completed(one, text) == text


@pytest.mark.skipif("network" not in DTA_OPTIONS, reason="this release has no `milagro dta network`")
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_dtas_are_set_up_and_join(set_up: ModuleType, tmp_path: Path, store: str) -> None:
    """As compose does it, side by side; the readers of the servers take what comes out."""
    require_backend("native")
    if store == "postgresql" and importlib.util.find_spec("milagro.stores.state.database") is None:
        pytest.skip("this release has no PostgreSQL")
    from milagro.roles.dta.member.config import require_network
    from milagro.roles.dta.network.operator import Operator

    names = DTAS[: 3 if store == "sqlite" else 1]  # five take longer and show nothing more
    nodes = [node(set_up, tmp_path, name, names, store=store, login="login") for name in names]
    login = node(set_up, tmp_path, "login", names)
    with ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(set_up.make_keys, nodes))
        list(pool.map(set_up.make_keys, nodes))  # as `docker compose up` does it a second time
    for one in nodes:
        config = require_network(one.configuration)
        server = config.common.server
        assert (config.name, server.host, server.port) == (one.name, "0.0.0.0", 8001)
        assert server.public_url == f"https://{one.name}:8001"
        assert config.network.identity.parent == config.network.data_key.parent == one.state
        assert config.network.data_key.is_file()
        assert stat.S_IMODE(one.configuration.stat().st_mode) == 0o600
        assert not (one.state / "milagro.toml").exists()
    if store == "postgresql":
        return  # joining needs the database
    with ThreadPoolExecutor(1 + len(nodes)) as pool:
        for _ in range(2):
            made = pool.submit(set_up.make_login, login)
            list(pool.map(set_up.join, nodes))
            made.result()
    check_trust(nodes, login)
    for one in nodes:
        operator = Operator.at(require_network(one.configuration))
        with operator.database.state.read() as connection:
            intents = list(operator.database.network.intents(connection))
        operator.close()
        assert [kind for _, kind, _ in intents] == ["join"]


def check_trust(nodes: list[Any], login: Any) -> None:
    """The MFA server is one that these D-TAs issue for."""
    from milagro.roles.dta.member.config import read_config
    from milagro.roles.mfa.config import read_config as read_login
    from milagro.stores.identities import read_bundle

    server = read_login(login.configuration)
    assert server.network is not None
    assert server.common.server.public_url == "https://login:8001"
    assert server.network.identity.parent == server.network.keys.parent == login.state
    identity = read_bundle(server.network.identity / "identity.bundle").identity
    for one in nodes:
        (terms,) = read_config(one.configuration).issuing.terms
        (bundle,) = read_config(one.configuration).issuing.bundles
        assert (terms.identity, terms.realms) == (identity, frozenset({"login"}))
        assert read_bundle(bundle).identity == identity
        assert stat.S_IMODE(one.configuration.stat().st_mode) == 0o600
