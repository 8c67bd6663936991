"""`milagro init`: a new server, or nothing at all."""

from __future__ import annotations

import tomllib
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from milagro.cli import main, prompts
from milagro.cli.init import to_toml
from milagro.errors import DecryptionFailed
from milagro.protocols import pki
from milagro.roles.charter import Card, Charter, CharterFile, Seat
from milagro.roles.dta.member import config as dta_config
from milagro.roles.dta.member.service import Member
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
    result = init("dta", tmp_path / "dta", "--name", "dta-1", "--port", "8101", "--approve", "repair")
    assert result.exit_code == 0, result.stderr
    path = tmp_path / "dta" / "milagro.toml"
    config = dta_config.read_config(path)
    assert (config.node.name, config.common.server.port, config.issuing.terms) == ("dta-1", 8101, ())
    assert config.node.network.settings.approve == {"repair"}
    assert {entry.name: entry.stat().st_mode & 0o777 for entry in path.parent.iterdir()} == {
        "milagro.toml": 0o600,
        "data-key.sealed": 0o600,
        "dta.card": 0o600,
        "identity": 0o700,
    }
    with closing(open_member(path)) as member:
        assert pki.did_of(member.node.identity) in result.output
    card = Card.from_bytes((path.parent / "dta.card").read_bytes())
    assert (card.name, card.replica.identity) == ("dta-1", member.node.identity)
    assert f"milagro serve dta --config {path}" in result.output
    assert PASSPHRASE not in result.output + path.read_text()
    with pytest.raises(DecryptionFailed):
        Member(config, Passphrase(b"wrong"))


def open_member(path: Path, passphrase: str = PASSPHRASE) -> Member:
    return Member(dta_config.read_config(path), Passphrase(passphrase.encode()))


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


def test_an_mfa_server(tmp_path: Path, charter: Path) -> None:
    result = init("mfa", tmp_path / "mfa", "--name", "login.test", "--network", str(charter))
    assert result.exit_code == 0, result.stderr
    config = mfa_config.read_config(tmp_path / "mfa" / "milagro.toml")
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


def test_an_mfa_server_needs_a_network(tmp_path: Path) -> None:
    result = init("mfa", tmp_path / "mfa", "--name", "login.test")
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
    arguments = ("--name", "dta-1")
    assert init("dta", tmp_path, *arguments).exit_code == 0
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    result = init("dta", tmp_path, *arguments)
    assert result.exit_code == 5
    assert "not overwritten" in result.stderr
    (tmp_path / "milagro.toml").unlink()
    assert init("dta", tmp_path, *arguments).exit_code == 5  # the identity is still there
    del before[tmp_path / "milagro.toml"]
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--name", "dta-1", "--host", "0.0.0.0"), "no TLS"),
        (("--name", "x" * 65), "64 characters"),
        (("--name", "dta-1", "--passphrase-env", "MILAGRO_TEST_UNSET"), "not set"),
        (("--name", "dta-1", "--tls-certificate", "none.pem"), "cannot be read"),
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
    arguments = ["init", "dta", str(tmp_path), "--name", "dta-1", "--argon2-memory-mib", "8"]
    result = CliRunner().invoke(main, arguments, input="typed one\ntyped one\n")
    assert result.exit_code == 0, result.stderr
    assert "typed one" not in result.output
    open_member(tmp_path / "milagro.toml", "typed one").close()


def test_nobody_is_asked_where_nobody_sits(tmp_path: Path) -> None:
    arguments = ["init", "dta", str(tmp_path), "--name", "dta-1"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "there is no passphrase" in result.stderr


def test_a_server_behind_a_proxy_or_with_tls(tmp_path: Path) -> None:
    arguments = ("--name", "dta-1", "--host", "0.0.0.0", "--behind-proxy")
    assert init("dta", tmp_path, *arguments, "--public-url", "https://dta.example").exit_code == 0
    server = dta_config.read_config(tmp_path / "milagro.toml").common.server
    assert (server.host, server.public_url) == ("0.0.0.0", "https://dta.example")


@pytest.mark.parametrize("role", ["dta", "mfa"])
def test_what_changes_lies_in_a_folder_of_its_own(tmp_path: Path, charter: Path, role: str) -> None:
    """As in a container whose configuration is mounted read-only."""
    folder, state = tmp_path / "etc", tmp_path / "var"
    others = () if role == "dta" else ("--network", str(charter))
    assert init(role, folder, "--name", "one", *others, "--state-folder", str(state)).exit_code == 0
    if role == "dta":
        config = dta_config.read_config(folder / "milagro.toml")
        assert {path.name for path in folder.iterdir()} == {"milagro.toml", "dta.card"}
        assert {path.name for path in state.iterdir()} == {"data-key.sealed", "identity"}
        open_member(folder / "milagro.toml").close()
        assert (config.common.store.path, config.issuing.watermark) == (state / "state.sqlite", state / "issuing.mark")
    else:
        mfa = mfa_config.read_config(folder / "milagro.toml")
        assert {path.name for path in folder.iterdir()} == {"milagro.toml", "network.charter"}
        assert [path.name for path in state.iterdir()] == ["identity"]
        assert (mfa.common.store.path, mfa.network.keys) == (state / "state.sqlite", state / "network-keys")


def test_toml_text() -> None:
    tables: list[tuple[str, dict[str, Any]]] = [
        ("", {"role": 'a "quoted" \\ name\n'}),
        ("empty", {"a": None}),
        ("[list]", {"n": 5}),
        ("[list]", {"n": 6}),
    ]
    assert tomllib.loads(to_toml(tables)) == {"role": 'a "quoted" \\ name\n', "list": [{"n": 5}, {"n": 6}]}
