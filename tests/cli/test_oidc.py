"""`milagro mfa oidc` and `milagro mfa profile`, as an operator types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from milagro.cli import main
from milagro.roles.mfa.config import read_config
from milagro.roles.mfa.oidc.keys import ProviderKeys
from milagro.roles.mfa.records import MfaRecords
from milagro.stores.keys import Passphrase
from tests.roles.world import CHEAP, toml_mfa, write

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

OIDC = """
[passphrase]
file = "passphrase"
[mfa.oidc]
registration = true
[[mfa.oidc.clients]]
id = "rp"
name = "Example"
redirect_uris = ["https://rp.test/callback"]
secret_file = "secret"
"""


@pytest.fixture
def server(tmp_path: Path) -> Path:
    write(tmp_path / "charter", "")
    write(tmp_path / "secret", "s" * 40)
    passphrase = write(tmp_path / "passphrase", "a passphrase of a test")
    passphrase.chmod(0o600)
    path = write(tmp_path / "milagro.toml", toml_mfa() + OIDC)
    config = read_config(path)
    ProviderKeys(config, Passphrase(b"a passphrase of a test"), 1_700_000_000, CHEAP)
    records = MfaRecords(config.common.store)
    with records.state.write() as connection:
        connection.exec_driver_sql("INSERT INTO account (\"user\", suspended, created) VALUES ('alice', 0, 0)")
    records.state.close()
    return path


def run(server: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["mfa", *arguments, "--config", str(server)])


def test_keys_are_rotated(server: Path) -> None:
    before = run(server, "oidc", "keys").output.splitlines()
    assert [line.split("\t")[:2] for line in before] == [
        ["ES256", "2023-11-14T22:13:20+00:00"],
        ["RS256", "2023-11-14T22:13:20+00:00"],
    ]
    made = run(server, "oidc", "rotate")
    assert (made.exit_code, len(made.output.splitlines())) == (0, 2)
    assert len(run(server, "oidc", "keys").output.splitlines()) == 4
    sealed = CliRunner().invoke(main, ["keys", "show", "--json", "--config", str(server)])
    kinds = sorted(row["context"]["kind"] for row in json.loads(sealed.output) if "oidc" in row["file"])
    assert kinds == ["oidc-signing-key"] * 4 + ["oidc-subjects"]


def test_clients_are_listed_and_initial_tokens_made(server: Path) -> None:
    assert run(server, "oidc", "clients").output == "rp\tconfigured\tExample\thttps://rp.test/callback\n"
    assert len(run(server, "oidc", "allow", "--uses", "3").output.strip()) == 43
    refused = run(server, "oidc", "remove", "rp")
    assert (refused.exit_code, "no client 'rp' has registered itself" in refused.output) == (5, True)


def test_profiles(server: Path) -> None:
    changed = run(server, "profile", "alice", "--set", "name=Alice", "--set", "email_verified=true", "--group", "ops")
    assert json.loads(changed.output) == {"email_verified": True, "groups": ["ops"], "name": "Alice"}
    assert json.loads(run(server, "profile", "alice", "--unset", "groups").output) == {
        "email_verified": True,
        "name": "Alice",
    }
    assert json.loads(run(server, "profile", "alice", "--set", "birthdate=1990").output)["birthdate"] == "1990"
    for wrong, said in (
        (("--set", "nick=x"), "no claim 'nick'"),
        (("--set", "name"), "CLAIM=VALUE"),
        (("--set", "email_verified=yes"), "cannot have this value"),
    ):
        refused = run(server, "profile", "alice", *wrong)
        assert (refused.exit_code, said in refused.output) == (2, True)


def test_a_profile_waits_for_its_user(server: Path) -> None:
    set_before = run(server, "profile", "bob", "--set", "name=Bob")
    assert json.loads(set_before.stdout) == {"name": "Bob"}
    assert set_before.stderr == "bob has not enrolled yet; the profile holds from then on.\n"
    assert run(server, "profile", "bob").stderr == ""
    gone = run(server, "profile", "bob", "--unset", "name")
    assert (json.loads(gone.stdout), gone.stderr) == ({}, "")


def test_a_server_that_is_no_provider_says_so(server: Path) -> None:
    write(server, toml_mfa())
    refused = run(server, "oidc", "clients")
    assert (refused.exit_code, "is no OpenID Provider" in refused.output) == (2, True)
