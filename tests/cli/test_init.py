"""`milagro init`: a new server, or nothing at all."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from milagro.roles.dta.service import open_service
from milagro.roles.mfa.keys import open_authority

from milagro.cli import main, prompts
from milagro.cli.init import to_toml
from milagro.errors import DecryptionFailed
from milagro.protocols import pki
from milagro.roles.charter import Charter, CharterFile, Seat
from milagro.roles.dta import config as dta_config
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa.authority import open_identity
from milagro.roles.mfa.nodes import read_nodes
from milagro.stores.identities import read_bundle
from milagro.stores.keys import Passphrase
from tests.conftest import require_backend
from tests.roles.correspondents import Owner

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

KEY = "00" * 32
PASSPHRASE = "correct horse"


@pytest.fixture(autouse=True)
def setup(monkeypatch: pytest.MonkeyPatch) -> None:
    require_backend("native")
    monkeypatch.delenv("MILAGRO_BACKEND", raising=False)
    monkeypatch.setenv("MILAGRO_TEST_PASSPHRASE", PASSPHRASE)


def init(role: str, folder: Path, *arguments: str, **options: Any) -> Result:
    extra = ("--passphrase-env", "MILAGRO_TEST_PASSPHRASE", "--argon2-memory-mib", "8")
    return CliRunner().invoke(main, ["init", role, str(folder), *extra, *arguments], **options)


def test_a_dta(tmp_path: Path) -> None:
    result = init("dta", tmp_path / "dta", "--name", "dta-1", "--authority", f"login.test={KEY}", "--port", "8101")
    assert result.exit_code == 0, result.stderr
    path = tmp_path / "dta" / "milagro.toml"
    config = dta_config.read_config(path)
    assert (config.name, config.common.server.port, config.authorities) == ("dta-1", 8101, {"login.test": bytes(32)})
    assert {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "dta").iterdir()} == {
        "milagro.toml": 0o600,
        "master-share.sealed": 0o600,
    }
    service = open_service(config, Passphrase(PASSPHRASE.encode()))
    assert service.status().commitment.hex() in result.output
    assert f"milagro serve dta --config {path}" in result.output
    assert PASSPHRASE not in result.output + path.read_text()
    with pytest.raises(DecryptionFailed):
        open_service(config, Passphrase(b"wrong"))


def test_an_mfa_server(tmp_path: Path) -> None:
    dtas = ("--dta", "dta-1=http://127.0.0.1:8101", "--dta", "dta-2=https://dta.example")
    result = init("mfa", tmp_path, "--name", "login.test", "--slot-seconds", "0", *dtas)
    assert result.exit_code == 0, result.stderr
    config = mfa_config.read_config(tmp_path / "milagro.toml")
    assert [(dta.name, dta.url) for dta in config.dtas] == [
        ("dta-1", "http://127.0.0.1:8101"),
        ("dta-2", "https://dta.example"),
    ]
    assert config.suite.slot_seconds == 0
    authority = open_authority(config, Passphrase(PASSPHRASE.encode()))
    assert f"--authority login.test={authority.key.public_key.hex()}" in result.output


@pytest.fixture
def charter(tmp_path: Path) -> Path:
    """The charter of a network of three D-TAs, two of which are enough."""
    owners = [Owner.new() for _ in range(3)]
    seats = tuple(
        Seat(index, f"dta-{index}", owner.identity, f"https://dta-{index}.example")
        for index, owner in enumerate(owners, 1)
    )
    made = Charter("home", "BN462", "sha512", 600, 2, seats, bytes(32))
    bundles = tuple(owner.replica.to_bytes() for owner in owners)
    path = tmp_path / "home.charter"
    path.write_bytes(CharterFile(made, bundles, owners[0].identity, b"-").to_bytes())
    return path


def test_an_mfa_server_with_a_network(tmp_path: Path, charter: Path) -> None:
    result = init("mfa", tmp_path / "mfa", "--name", "login.test", "--network", str(charter))
    assert result.exit_code == 0, result.stderr
    config = mfa_config.read_config(tmp_path / "mfa" / "milagro.toml")
    assert config.network is not None
    assert config.dtas == ()
    assert (config.suite.curve, config.suite.hash, config.suite.slot_seconds) == ("BN462", "sha512", 600)
    nodes = read_nodes(config.network.charter, config.network.bundles, config.suite)
    assert [node.name for node in nodes.nodes] == ["dta-1", "dta-2", "dta-3"]
    assert (nodes.nodes[0].name, nodes.nodes[0].url) == ("dta-1", "https://dta-1.example")
    authority = open_identity(config.network, Passphrase(PASSPHRASE.encode()))
    lines = result.output[result.output.index("[[dta.authorities]]") :]
    table = tomllib.loads(lines[: lines.index("\nTake")])["dta"]["authorities"][0]
    assert table == {
        "identity": pki.did_of(authority.identity),
        "bundle": "login.test.bundle",
        "realms": ["login.test"],
    }
    assert read_bundle(config.network.identity / "identity.bundle").identity == authority.identity
    assert PASSPHRASE not in result.output


def test_an_mfa_server_has_either_kind_of_dtas(tmp_path: Path, charter: Path) -> None:
    both = ("--network", str(charter), "--dta", "dta-1=http://127.0.0.1:8101")
    for arguments in ((), both):
        result = init("mfa", tmp_path / "mfa", "--name", "login.test", *arguments)
        assert result.exit_code == 2
        assert "--network" in result.stderr


def test_what_is_no_charter_leaves_nothing_behind(tmp_path: Path, charter: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(charter.read_bytes()[:-1])
    alone = tmp_path / "alone"
    whole = CharterFile.from_bytes(charter.read_bytes())
    alone.write_bytes(CharterFile(whole.charter, whole.bundles[:1], whole.signer, b"-").to_bytes())
    for path, text in ((short, "no charter"), (alone, "only 1 of its members"), (tmp_path / "none", "no charter")):
        result = init("mfa", tmp_path / "new", "--name", "login.test", "--network", str(path))
        assert result.exit_code != 0
        assert text in result.stderr
        assert not list((tmp_path / "new").glob("*"))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    arguments = ("--name", "dta-1", "--authority", f"login.test={KEY}")
    assert init("dta", tmp_path, *arguments).exit_code == 0
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    result = init("dta", tmp_path, *arguments)
    assert result.exit_code == 5
    assert "not overwritten" in result.stderr
    (tmp_path / "milagro.toml").unlink()
    assert init("dta", tmp_path, *arguments).exit_code == 5  # the sealed share is still there
    del before["milagro.toml"]
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--name", "dta-1", "--authority", "login.test=abc"), "public_key"),
        (("--name", "dta-1", "--authority", KEY), "NAME=VALUE"),
        (("--name", "dta-1", "--authority", f"a={KEY}", "--host", "0.0.0.0"), "no TLS"),
        (("--name", "dta-1", "--authority", f"a={KEY}", "--curve", "BN999"), "BN999"),
        (("--name", "x" * 65, "--authority", f"a={KEY}"), "64 characters"),
        (("--name", "dta-1", "--authority", f"a={KEY}", "--passphrase-env", "MILAGRO_TEST_UNSET"), "not set"),
        (("--name", "dta-1", "--authority", f"a={KEY}", "--tls-certificate", "none.pem"), "cannot be read"),
    ],
)
def test_a_failed_init_leaves_nothing_behind(tmp_path: Path, arguments: tuple[str, ...], text: str) -> None:
    result = init("dta", tmp_path / "new", *arguments)
    assert result.exit_code != 0
    assert text in result.stderr
    assert result.stderr.startswith("error: ")
    assert not list((tmp_path / "new").glob("*"))


def test_a_person_is_asked_for_the_passphrase_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "is_terminal", lambda: True)
    arguments = ["init", "dta", str(tmp_path), "--name", "dta-1", "--authority", f"a={KEY}", "--argon2-memory-mib", "8"]
    result = CliRunner().invoke(main, arguments, input="typed one\ntyped one\n")
    assert result.exit_code == 0, result.stderr
    assert "typed one" not in result.output
    open_service(dta_config.read_config(tmp_path / "milagro.toml"), Passphrase(b"typed one"))


def test_nobody_is_asked_where_nobody_sits(tmp_path: Path) -> None:
    arguments = ["init", "dta", str(tmp_path), "--name", "dta-1", "--authority", f"a={KEY}"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "there is no passphrase" in result.stderr


def test_a_server_behind_a_proxy_or_with_tls(tmp_path: Path) -> None:
    arguments = ("--name", "dta-1", "--authority", f"a={KEY}", "--host", "0.0.0.0", "--behind-proxy")
    assert init("dta", tmp_path, *arguments, "--public-url", "https://dta.example").exit_code == 0
    server = dta_config.read_config(tmp_path / "milagro.toml").common.server
    assert (server.host, server.public_url) == ("0.0.0.0", "https://dta.example")


@pytest.mark.parametrize("role", ["dta", "mfa"])
def test_the_configuration_alone_where_nothing_else_may_be_written(tmp_path: Path, role: str) -> None:
    """What changes lies in a folder of its own, as in a container whose configuration is mounted read-only."""
    folder, state = tmp_path / "etc", tmp_path / "var"
    others = (
        ("--authority", f"a={KEY}")
        if role == "dta"
        else ("--dta", "d=https://d.example", "--dta", "e=https://e.example")
    )
    assert init(role, folder, "--name", "one", *others, "--state-folder", str(state)).exit_code == 0
    assert [path.name for path in folder.iterdir()] == ["milagro.toml"]
    if role == "dta":
        config = dta_config.read_config(folder / "milagro.toml")
        assert config.common.store.path == state / "state.sqlite"
        assert [path.name for path in state.iterdir()] == ["master-share.sealed"]
        open_service(config, Passphrase(PASSPHRASE.encode())).close()
    else:
        mfa = mfa_config.read_config(folder / "milagro.toml")
        assert (mfa.common.store.path, mfa.server_secret) == (state / "state.sqlite", state / "server-secret.sealed")
        assert [path.name for path in state.iterdir()] == ["registration-key.sealed"]


def test_toml_text() -> None:
    tables: list[tuple[str, dict[str, Any]]] = [
        ("", {"role": 'a "quoted" \\ name\n'}),
        ("empty", {"a": None}),
        ("[list]", {"n": 5}),
        ("[list]", {"n": 6}),
    ]
    assert tomllib.loads(to_toml(tables)) == {"role": 'a "quoted" \\ name\n', "list": [{"n": 5}, {"n": 6}]}
