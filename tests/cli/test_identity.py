"""`milagro id`, as an owner and as somebody who relies on it use it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from milagro.cli import main
from milagro.protocols import pki
from milagro.stores.identities import IdentityFolder
from tests.protocols.pki.history import key

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

SECRET = ("--passphrase-env", "MILAGRO_TEST_PASSPHRASE", "--argon2-memory-mib", "8")


@pytest.fixture(autouse=True)
def _passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILAGRO_TEST_PASSPHRASE", "correct horse")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["id", *map(str, arguments)])


def good(*arguments: str | Path) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def new(folder: Path, *arguments: str | Path) -> dict[str, Any]:
    return good("new", folder, *arguments, *SECRET)


def test_the_life_of_an_identity(tmp_path: Path) -> None:
    (tmp_path / "bls.pub").write_bytes(bytes(48))
    mine, away = tmp_path / "mine", tmp_path / "away"
    service = ("--service", "dta:MilagroDTA=https://dta.example:8001")
    made = new(
        mine,
        "--without-keys",
        "--next-folder",
        away,
        "--add-key",
        f"bls:BLS12-381-AUG.1:{tmp_path / 'bls.pub'}",
        *service,
    )
    assert made["did"].startswith("did:milagro:bafyrei")
    assert made["services"][0]["endpoint"] == "https://dta.example:8001"
    assert not (mine / "next").exists()
    other = new(tmp_path / "other")["did"]
    assert good("attest", mine, other, "same network", *SECRET)["attestations"][0]["subject"] == other
    assert good("change", mine, "--revoke-key", made["keys"][0]["id"], *SECRET)["keys"] == []
    missing = run("rotate", mine, *SECRET)
    assert missing.exit_code == 5
    assert "not in" in missing.stderr
    rotated = good("rotate", mine, "--next-folder", away, *SECRET)
    assert rotated["milagro"]["epoch"] == 1
    assert good("rotate", mine, "--next-folder", away, *SECRET)["milagro"]["epoch"] == 2
    assert good("change", mine, "--remove-service", "dta", *SECRET)["services"] == []
    assert good("verify", mine / "identity.bundle", "--did", made["did"])["did"] == made["did"]
    assert run("verify", mine / "identity.bundle", "--did", other).exit_code == 3
    assert "control key number 2" in run("show", mine).stdout
    assert run("retire", mine, "--yes", *SECRET).exit_code == 0
    assert run("verify", mine / "identity.bundle").exit_code == 3


def test_two_replicas_that_differ_are_shown(tmp_path: Path) -> None:
    did = new(tmp_path / "a")["did"]
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    good("change", tmp_path / "a", "--service", "x:T=https://a.example", *SECRET)
    good("change", tmp_path / "b", "--service", "x:T=https://b.example", *SECRET)
    bundles = [tmp_path / name / "identity.bundle" for name in "ab"]
    answers = [json.loads(run("resolve", did, *some).stdout) for some in (bundles, bundles[::-1])]
    assert answers[0] == answers[1]
    assert [fork["kind"] for fork in answers[0]["didDocumentMetadata"]["milagro"]["forks"]] == ["changes"]
    for name in "ab":
        good("rotate", tmp_path / name, *SECRET)
    result = run("resolve", did, *bundles)
    assert result.exit_code == 3
    assert "contradict" in result.stderr
    forks = json.loads(result.stdout)["didDocumentMetadata"]["milagro"]["forks"]
    assert {"rotations"} <= {fork["kind"] for fork in forks if not fork["settled"]}


def test_witnesses_from_files(tmp_path: Path) -> None:
    for name in ("w0", "w1"):
        (tmp_path / name).write_bytes(key(name).public.to_bytes())
    options = ("--witness", tmp_path / "w0", "--witness", tmp_path / "w1")
    made = new(tmp_path / "a", *options)
    assert made["milagro"]["unconfirmed"] == made["milagro"]["heads"]
    bundle = tmp_path / "a" / "identity.bundle"
    assert run("verify", bundle, "--confirmed").exit_code == 3
    folder = IdentityFolder.at(tmp_path / "a")
    replica = folder.read()
    for name in ("w0", "w1"):
        replica.add_receipt(pki.give_receipt(replica, replica.identity, key(name), {})[0].to_bytes())
    folder.save(replica)
    assert good("verify", bundle, "--confirmed")["did"] == made["did"]
    assert good("rotate", tmp_path / "a", *SECRET)["milagro"]["unconfirmed"]


def test_a_crash_between_keys_and_bundle_leaves_the_identity_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new(tmp_path / "a")

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(IdentityFolder, "save", crash)
        assert run("rotate", tmp_path / "a", *SECRET).exit_code != 0
    assert good("show", tmp_path / "a")["milagro"]["epoch"] == 0
    assert good("change", tmp_path / "a", "--service", "x:T=https://a.example", *SECRET)
    assert good("rotate", tmp_path / "a", *SECRET)["milagro"]["epoch"] == 1
    assert good("change", tmp_path / "a", "--remove-service", "x", *SECRET)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["show", "nowhere"], 5, "does not exist"),
        (["resolve", "did:key:z6Mk", "nothing"], 2, "did:milagro:"),
        (["new", "x", "--add-key", "sing:S:file"], 2, "PURPOSE"),
        (["new", "x", "--revoke-key", "zz"], 2, "hexadecimal"),
        (["new", "x", "--service", "a b:T=https://x"], 2, "letters"),
        (["new", "x", "--witness", "nowhere"], 5, "does not exist"),
    ],
)
def test_bad_input(arguments: list[str], code: int, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    extra = SECRET if arguments[0] == "new" else ()
    result = run(*arguments, *extra)
    assert result.exit_code == code, result.output
    assert text in result.stderr
    assert not (tmp_path / "x" / "identity.bundle").exists()


def test_a_damaged_bundle_and_a_wrong_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new(tmp_path / "a")
    assert run("new", tmp_path / "a", *SECRET).exit_code == 5
    monkeypatch.setenv("MILAGRO_TEST_PASSPHRASE", "wrong")
    assert run("change", tmp_path / "a", "--service", "x:T=https://a.example", *SECRET).exit_code == 3
    bundle = tmp_path / "a" / "identity.bundle"
    bundle.write_bytes(bundle.read_bytes()[:-1])
    result = run("show", tmp_path / "a")
    assert result.exit_code == 2
    assert "identity.bundle" in result.stderr


def test_resolving_from_a_store_alone_says_that_it_may_be_old(tmp_path: Path) -> None:
    did = new(tmp_path / "a")["did"]
    store = str(tmp_path / "store")
    heads = run("publish", tmp_path / "a", "--content", store).stdout.split()[-1]
    alone = run("resolve", did, "--content", store)
    assert alone.exit_code == 0
    assert "only the first document" in alone.stderr
    for told in ((tmp_path / "a" / "identity.bundle",), ("--content", store, "--heads", heads)):
        assert run("resolve", did, *told).stderr == ""


def test_what_is_revoked_or_removed_and_is_not_there_is_told_of(tmp_path: Path) -> None:
    listed = new(tmp_path / "a", "--service", "s:T=https://a.example")["keys"][0]["id"]
    told = run("change", tmp_path / "a", "--revoke-key", "00" * 16, "--remove-service", "t", *SECRET)
    assert told.exit_code == 0
    assert "no key 0000" in told.stderr
    assert "no service 't'" in told.stderr
    assert (
        "warning" not in run("change", tmp_path / "a", "--revoke-key", listed, "--remove-service", "s", *SECRET).stderr
    )
    assert "no key" in run("rotate", tmp_path / "a", "--revoke-key", listed, *SECRET).stderr
