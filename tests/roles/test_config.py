"""One TOML file a server; all its faults at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from milagro.errors import BackendUnavailable, ConfigError
from milagro.roles.config import canonical_origin
from milagro.roles.dta import config as dta_config
from milagro.roles.mfa import config as mfa_config
from milagro.roles.suites import open_suite
from milagro.stores.urls import is_loopback, url_fault
from tests.roles.world import toml_dta, toml_mfa, write

if TYPE_CHECKING:
    from pathlib import Path

KEY = bytes(range(32))


def faults(path: Path, text: str, role: str = "dta") -> tuple[str, ...]:
    read = dta_config.read_config if role == "dta" else mfa_config.read_config
    with pytest.raises(ConfigError) as caught:
        read(write(path / "milagro.toml", text))
    return caught.value.problems


def test_a_good_file_is_read(tmp_path: Path) -> None:
    config = dta_config.read_config(write(tmp_path / "milagro.toml", toml_dta("dta-1", KEY)))
    assert (config.name, config.authorities, config.slots_ahead) == ("dta-1", {"login.test": KEY}, 1)
    assert (config.common.server.host, config.common.server.port) == ("127.0.0.1", 8001)
    assert (config.suite.curve, config.suite.hash, config.suite.slot_seconds) == ("BLS12-381", "sha256", 3600)
    assert config.common.store.path == tmp_path / "state.sqlite"
    assert config.sealed_share == tmp_path / "master-share.sealed"


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
[suite]
curve = "BLS12-318"
hash = "sha1"
slot_seconds = -1
[store]
busy_timeout_ms = true
[log]
level = "loud"
[dta]
slots_ahead = 1.5
[[dta.authorities]]
name = "a"
public_key = "abc"
[[dta.authorities]]
name = "a"
public_key = "abcd"
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
        r"^suite\.curve is 'BLS12-318'",
        r"^suite\.hash is 'sha1'; it can be sha256, sha384, sha512",
        r"^suite\.slot_seconds is -1; it must be from 0 to",
        r"^store\.busy_timeout_ms must be a whole number, not true or false$",
        r"^log\.level is 'loud'; it can be debug",
        r"^dta\.name is missing$",
        r"^dta\.slots_ahead must be a whole number, not a number$",
        r"^dta\.authorities\[0\]\.public_key is not hexadecimal$",
        r"^dta\.authorities\[1\]\.public_key must have 32 octets",
        r"^dta\.authorities\[1\]\.name is 'a', which another authority has already$",
    ]
    found = faults(tmp_path, text)
    for pattern in expected:
        assert sum(bool(re.search(pattern, fault)) for fault in found) == 1, (pattern, found)
    assert len(found) == len(expected), found


def test_the_message_lists_all_faults(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)has \d+ faults:.*dta\.name is missing.*") as caught:
        dta_config.read_config(write(tmp_path / "milagro.toml", 'role = "dta"\n[server]\n[dta]\n'))
    assert str(caught.value).count("\n  - ") == len(caught.value.problems) >= 4


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (('role = "mfa"', 'role = "dta"'), r"^role is 'dta'"),
        (("http://127.0.0.1:8001", "http://127.0.0.1:8002"), r"dtas\[1\]\.url is the address of D-TA 'dta-1' as well"),
        (("http://127.0.0.1:8001", "http://127.0.0.1:8000"), r"dtas\[0\]\.url has port 8000, on which this server"),
        (("http://127.0.0.1:8001", "http://localhost:8000"), r"dtas\[0\]\.url has port 8000, on which this server"),
        (('"dta-1"', '"dta-2"'), r"dtas\[1\]\.name is 'dta-2', which another D-TA has already"),
        (("http://127.0.0.1:8001", "http://dta.example:8001"), r"dtas\[0\]\.url .*without https"),
        (("http://127.0.0.1:8001", "https://dta.example/v1"), r"dtas\[0\]\.url .*nothing may follow"),
        (("http://127.0.0.1:8001", "ftp://dta.example"), r"dtas\[0\]\.url .*must be like https"),
        (("http://127.0.0.1:8001", "https://dta.example:99999"), r"dtas\[0\]\.url .*not a URL"),
        (("[[mfa.dtas]]", "[[mfa.dta]]"), r"mfa\.dta is not a key that is known here; did you mean 'dtas'\?"),
        (("dta_wait_seconds = 0", "dta_wait_seconds = 9999"), r"mfa\.dta_wait_seconds is 9999"),
    ],
)
def test_a_fault_of_an_mfa_server(tmp_path: Path, change: tuple[str, str], pattern: str) -> None:
    found = faults(tmp_path, toml_mfa().replace(*change), "mfa")
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
    assert "dta.authorities must be at least one table [[dta.authorities]]" in found


def test_others_are_not_served_without_tls(tmp_path: Path) -> None:
    text = toml_dta("dta-1", KEY).replace("[server]", '[server]\nhost = "0.0.0.0"')
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


def test_an_mfa_server_has_single_dtas_or_a_network(tmp_path: Path) -> None:
    (tmp_path / "charter").write_bytes(b"any")
    single = toml_mfa()
    network = single[: single.index("[[mfa.dtas]]")] + '[mfa.network]\ncharter = "charter"\nbundles = ["none"]\n'
    assert faults(tmp_path, network, "mfa") == (f"mfa.network.bundles names {tmp_path / 'none'}, which is not there",)
    good = network.replace('bundles = ["none"]\n', "")
    config = mfa_config.read_config(write(tmp_path / "milagro.toml", good))
    assert config.network is not None
    assert (config.network.identity, config.network.keys) == (tmp_path / "identity", tmp_path / "network-keys")
    both = good + single[single.index("[[mfa.dtas]]") :]
    assert faults(tmp_path, both, "mfa") == (
        "mfa.network and [[mfa.dtas]] exclude each other: name single D-TAs, or a network of them",
    )
    neither = single[: single.index("[[mfa.dtas]]")]
    assert faults(tmp_path, neither, "mfa") == ("mfa.dtas is missing",)
    assert faults(tmp_path, good.replace('"charter"', '"gone"'), "mfa")[0].startswith("mfa.network.charter names")
