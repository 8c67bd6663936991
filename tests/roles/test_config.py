"""One TOML file a server; all its faults at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from milagro.errors import BackendUnavailable, ConfigError
from milagro.roles.dta.member import config as dta_config
from milagro.roles.mfa import config as mfa_config
from milagro.roles.suites import open_suite
from milagro.stores.urls import canonical_origin, is_loopback, url_fault
from tests.roles.world import toml_dta, toml_mfa, write

if TYPE_CHECKING:
    from pathlib import Path


def faults(path: Path, text: str, role: str = "dta") -> tuple[str, ...]:
    read = dta_config.read_config if role == "dta" else mfa_config.read_config
    with pytest.raises(ConfigError) as caught:
        read(write(path / "milagro.toml", text))
    return caught.value.problems


def test_a_good_file_is_read(tmp_path: Path) -> None:
    config = dta_config.read_config(write(tmp_path / "milagro.toml", toml_dta()))
    assert (config.node.name, config.issuing.terms, config.issuing.slots_ahead) == ("dta-1", (), 1)
    assert (config.common.server.host, config.common.server.port) == ("127.0.0.1", 8001)
    assert config.common.store.path == tmp_path / "state.sqlite"
    assert config.sealed_files == (tmp_path / "data-key.sealed",)
    assert config.node.network.identity == tmp_path / "identity"


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    text = """
role = "dtb"
colour = "red"
[server]
prot = 8001
port = 70000
host = "0.0.0.0"
public_url = "http://dta.example"
tls_certificate = "nowhere.pem"
body_limit = "big"
[store]
busy_timeout_ms = true
[log]
level = "loud"
[dta.network]
step_seconds = 0
channel = "post"
[dta.issuing]
slots_ahead = 1.5
[[dta.authorities]]
identity = "abc"
realms = ["login.test"]
[[dta.authorities]]
identity = "abc"
"""
    expected = [
        r"^role is 'dtb'; it can be dta; did you mean 'dta'\?$",
        r"^colour is not a key that is known here$",
        r"^server\.prot is not a key that is known here; did you mean 'port'\?$",
        r"^server\.port is 70000; it must be from 1 to 65535$",
        r"^server\.public_url is 'http://dta\.example'; without https",
        r"^server\.tls_certificate names .*nowhere\.pem, which cannot be read: No such file",
        r"^server\.tls_key and tls_certificate must be given together$",
        r"^server\.body_limit must be a whole number, not a string$",
        r"^store\.busy_timeout_ms must be a whole number, not true or false$",
        r"^log\.level is 'loud'; it can be debug",
        r"^dta\.name is missing$",
        r"^dta\.network\.step_seconds is 0; it must be from 1 to",
        r"^dta\.network\.channel is 'post'; it can be http, ipfs",
        r"^dta\.issuing\.slots_ahead must be a whole number, not a number$",
        r"^dta\.authorities\[0\]\.identity must be the DID of the authority$",
        r"^dta\.authorities\[1\]\.identity must be the DID of the authority$",
        r"^dta\.authorities\[1\]\.identity is that of another authority already$",
        r"^dta\.authorities\[1\]\.realms",
    ]
    found = faults(tmp_path, text)
    for pattern in expected:
        assert sum(bool(re.search(pattern, fault)) for fault in found) == 1, (pattern, found)
    assert len(found) == len(expected), found


def test_a_database_is_a_file_or_a_url(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("CANARY")
    store = """
[store]
url = "postgresql+psycopg://dta@db.example:5433/dta?sslmode=verify-full"
password_file = "password"
pool_size = 4
connect_timeout_seconds = 3
statement_timeout_seconds = 7
epoch_file = "away/state.epoch"
upgrade = "command"
"""
    config = dta_config.read_config(write(tmp_path / "milagro.toml", toml_dta(store=store)))
    found = config.common.store
    assert (found.path, found.url[:14], found.shown) == (None, "postgresql+psy", "dta on db.example:5433")
    assert (found.pool_size, found.connect_timeout_seconds, found.statement_timeout_seconds) == (4, 3, 7)
    assert (found.epoch_file, found.upgrade) == (tmp_path / "away" / "state.epoch", False)
    assert found.password is not None
    assert found.password.read().reveal() == b"CANARY"
    assert "CANARY" not in repr(config)


@pytest.mark.parametrize(
    ("lines", "pattern"),
    [
        ('url = "postgresql+psycopg://a:CANARY@localhost/a"', "must not have a password in it"),
        ('url = "postgresql+psycopg://a@localhost/a?password=CANARY"', "must not have a password in it"),
        ('url = "postgresql+psycopg://a@db.example/a"', "leads over a network"),
        ('url = "postgresql+psycopg://a@/a?host=/run/pg,db.example"', "leads over a network"),
        ('url = "postgresql+psycopg://a@localhost/a?hostaddr=10.0.0.1"', "leads over a network"),
        ('url = "postgresql+psycopg://a@localhost:CANARY/a"', "is not one"),
        ('url = "mysql://a@localhost/a"', r"must begin with postgresql\+psycopg"),
        ('url = "postgresql+psycopg://a@localhost"', "names no database"),
        ('url = "CANARY"', "is not one"),
        ('url = "postgresql+psycopg://a@localhost/a"\npath = "b"', r"store\.path and url are two databases"),
        ('password_env = "A"', r"store\.url is missing"),
        (
            'url = "postgresql+psycopg://a@localhost/a"\npassword_file = "none"',
            r"password_file names .* cannot be read",
        ),
        ('upgrade = "never"', r"store\.upgrade is 'never'"),
    ],
)
def test_a_fault_of_a_store(tmp_path: Path, lines: str, pattern: str) -> None:
    found = faults(tmp_path, toml_dta(store=f"[store]\n{lines}\n"))
    assert [fault for fault in found if re.search(pattern, fault)] == list(found)
    assert "CANARY" not in " ".join(found)


def test_the_message_lists_all_faults(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)has \d+ faults:.*dta\.name is missing.*") as caught:
        dta_config.read_config(write(tmp_path / "milagro.toml", 'role = "dta"\n[server]\n[dta]\n'))
    assert str(caught.value).count("\n  - ") == len(caught.value.problems) >= 4


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (('role = "mfa"', 'role = "dta"'), r"^role is 'dta'"),
        (
            ("[mfa.network]", "[mfa.networks]"),
            r"mfa\.networks is not a key .*did you mean 'network'",
        ),
        (("[mfa.network]", "[mfa.networks]"), r"mfa\.network is missing"),
        (('curve = "BLS12-381"', 'curve = "BLS12-318"'), r"suite\.curve is 'BLS12-318'"),
        (('curve = "BLS12-381"', 'hash = "sha1"'), r"suite\.hash is 'sha1'; it can be sha256, sha384, sha512"),
        (("slot_seconds = 3600", "slot_seconds = -1"), r"suite\.slot_seconds is -1; it must be from 0 to"),
        (("dta_wait_seconds = 0", "dta_wait_seconds = 9999"), r"mfa\.dta_wait_seconds is 9999"),
    ],
)
def test_a_fault_of_an_mfa_server(tmp_path: Path, change: tuple[str, str], pattern: str) -> None:
    text = toml_mfa().replace("[suite]", '[suite]\ncurve = "BLS12-381"')
    assert change[0] in text
    found = faults(tmp_path, text.replace(*change), "mfa")
    assert any(re.search(pattern, fault) for fault in found), found


@pytest.mark.parametrize("text", ["role = ", "role = 'dta'\nrole = 'dta'", "\xff"])
def test_a_file_that_is_not_toml(tmp_path: Path, text: str) -> None:
    path = tmp_path / "milagro.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match="is not TOML"):
        dta_config.read_config(path)


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="milagro init"):
        dta_config.read_config(tmp_path / "milagro.toml")


def test_tables_of_the_wrong_kind(tmp_path: Path) -> None:
    found = faults(tmp_path, 'role = "dta"\nserver = 5\n[dta]\nname = "a"\nauthorities = ["x"]\n')
    assert "server must be a table, not a whole number" in found
    assert any(fault.startswith("dta.authorities must be") for fault in found), found


def test_others_are_not_served_without_tls(tmp_path: Path) -> None:
    text = toml_dta().replace("[server]", '[server]\nhost = "0.0.0.0"')
    (fault,) = faults(tmp_path, text)
    assert fault.startswith("server.host is 0.0.0.0, which others can reach, and there is no TLS")
    behind = text.replace("[server]", '[server]\ntls = "proxy"')
    assert dta_config.read_config(write(tmp_path / "milagro.toml", behind)).common.server.host == "0.0.0.0"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("HTTPS://Login.Example", "https://login.example"),
        ("https://login.example:443", "https://login.example"),
        ("https://login.example:444/", "https://login.example:444"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_origins_have_one_spelling(url: str, origin: str) -> None:
    assert url_fault(url) is None
    assert canonical_origin(url) == origin


def test_what_is_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "10.0.0.1", "localhost.example", "127.0.0.1.example", "")))


def test_a_role_refuses_the_reference_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILAGRO_BACKEND", "reference")
    with pytest.raises(BackendUnavailable, match="not constant-time"):
        open_suite("BLS12-381", "sha256", 0)


# -- how a server is reached ----------------------------------------------------------------------------------------
def with_tables(server: str = "", tables: str = "") -> str:
    return toml_dta(store=tables).replace("[dta]", f"{server}\n[dta]")


def test_tables_of_the_transports_are_read(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem", "ca.pem", "keys.json"):
        write(tmp_path / name, "x")
    server = 'tls_certificate = "cert.pem"\ntls_key = "key.pem"\ntls_client_ca = "ca.pem"\ndrain_seconds = 5'
    tables = """
[grpc]
port = 9001
reflection = false
[limits]
running = 8
per_second = 50
proxies = ["10.0.0.0/8", "::1"]
address_header = "x-forwarded-for"
[operators]
issuer = "https://login.example"
audience = "dta-1"
jwks_file = "keys.json"
algorithms = ["ES256"]
[traces]
endpoint = "http://127.0.0.1:4318/v1/traces"
percent = 10
"""
    found = dta_config.read_config(write(tmp_path / "milagro.toml", with_tables(server, tables))).common.server
    assert (found.tls_client_ca, found.tls_client, found.drain_seconds) == (tmp_path / "ca.pem", "required", 5)
    assert found.grpc is not None
    assert (found.grpc.port, found.grpc.reflection) == (9001, False)
    assert (found.limits.running, found.limits.per_second, found.limits.burst) == (8, 50, 100)
    assert [str(network) for network in found.limits.proxies] == ["10.0.0.0/8", "::1/128"]
    assert found.operators is not None
    assert (found.operators.jwks_file, found.operators.algorithms) == (tmp_path / "keys.json", ("ES256",))
    assert found.operators.scope == "milagro.operator"
    assert found.traces is not None
    assert found.traces.ratio == 0.1


def test_without_the_tables_there_is_http_with_limits_alone(tmp_path: Path) -> None:
    found = dta_config.read_config(write(tmp_path / "milagro.toml", toml_dta())).common.server
    assert (found.grpc, found.operators, found.traces, found.tls_client) == (None, None, None, "none")
    assert (found.limits.per_second, found.limits.burst, found.limits.running) == (200, 400, 32)


OPERATORS = '[operators]\nissuer = "https://login.example"\naudience = "dta-1"\n'


@pytest.mark.parametrize(
    ("server", "tables", "pattern"),
    [
        ("", "[grpc]\nport = 8001\n", r"grpc\.port is 8001, on which this server speaks HTTP"),
        ("", "[grpc]\n", r"grpc\.port is missing"),
        ("", '[grpc]\nport = 9\nreflection = "yes"\n', r"grpc\.reflection must be true or false"),
        ("", '[limits]\nproxies = ["10.0.0.1/8"]\n', r"limits\.proxies has something that is no network"),
        ("", "[limits]\nproxies = [5]\n", r"limits\.proxies must be an array of strings"),
        ("", '[limits]\naddress_header = "x-evil"\n', r"limits\.address_header is 'x-evil'"),
        ("", "[limits]\nrunnin = 5\n", r"limits\.runnin .* did you mean 'running'"),
        ("", OPERATORS, r"operators\.jwks_file or jwks_url must be given"),
        ("", OPERATORS + 'jwks_url = "http://login.example/keys"\n', r"operators\.jwks_url .* without https"),
        ("", OPERATORS + 'jwks_url = "https://login.example/keys"\nalgorithms = ["HS256"]\n', "must be some of"),
        ("", OPERATORS + 'jwks_url = "https://login.example/keys"\nalgorithms = []\n', "must be some of"),
        ("", OPERATORS + 'jwks_url = "https://login.example/keys"\nscope = "a b"\n', r"operators\.scope is one scope"),
        ("", '[operators]\njwks_url = "https://login.example/keys"\n', r"operators\.issuer is missing"),
        ("", '[traces]\nendpoint = "collector:4318"\n', r"traces\.endpoint must be the http or https URL"),
        ('tls_client = "required"', "", r"server\.tls_client_ca says whose"),
        ('tls_client_ca = "milagro.toml"', "", r"server\.tls_client needs TLS here"),
        (
            'tls_client_ca = "milagro.toml"\ntls_client = "optional"',
            "[grpc]\nport = 9001\n",
            r"server\.tls_client can be 'required' or 'none' beside \[grpc\]",
        ),
    ],
)
def test_a_fault_of_how_a_server_is_reached(tmp_path: Path, server: str, tables: str, pattern: str) -> None:
    found = "\n".join(faults(tmp_path, with_tables(server, tables)))
    assert re.search(pattern, found), found


def test_an_mfa_server_has_a_network(tmp_path: Path) -> None:
    (tmp_path / "charter").write_bytes(b"any")
    config = mfa_config.read_config(write(tmp_path / "milagro.toml", toml_mfa()))
    assert (config.network.identity, config.network.keys) == (tmp_path / "identity", tmp_path / "network-keys")
    text = toml_mfa().replace("[mfa.network]", '[mfa.network]\nbundles = ["none"]')
    assert faults(tmp_path, text, "mfa") == (f"mfa.network.bundles names {tmp_path / 'none'}, which is not there",)
    assert faults(tmp_path, toml_mfa().replace('"charter"', '"gone"'), "mfa")[0].startswith("mfa.network.charter names")
