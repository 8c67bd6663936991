"""`milagro id` and `milagro envelope` together: envelopes between identities that are found in a content store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from milagro.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

PHRASE = ("--passphrase-env", "TEST_PASSPHRASE")
CHEAP = (*PHRASE, "--argon2-memory-mib", "8")
CONTEXT = ("--context", "cli-test/1")


@pytest.fixture(autouse=True)
def _passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PASSPHRASE", "correct horse")


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)


def good(*arguments: object, stdin: bytes | None = None) -> Result:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result


@dataclass
class Owner:
    """An identity in a folder, and a store that it publishes to."""

    folder: Path
    store: Path
    did: str = ""
    heads: str = ""

    def publish(self) -> None:
        lines = good("id", "publish", self.folder, "--content", self.store).stdout.splitlines()
        self.did, self.heads = lines[0], lines[1].removeprefix("heads: ")

    def new_keys(self) -> None:
        good("id", "change", self.folder, "--new-keys", *CHEAP)
        self.publish()

    def seal(self, other: Owner, *more: object) -> Result:
        names = ("--identity", self.folder, "--to", other.did, "--content", self.store)
        return run("envelope", "seal", *names, *CONTEXT, *PHRASE, *more, stdin=b"the figures")

    def open(self, other: Owner, envelope: bytes, *more: object) -> Result:
        names = ("--identity", self.folder, "--from", other.did, "--content", self.store)
        return run("envelope", "open", *names, *CONTEXT, *PHRASE, *more, stdin=envelope)


@pytest.fixture
def owners(tmp_path: Path) -> tuple[Owner, Owner]:
    both = Owner(tmp_path / "alice", tmp_path / "store"), Owner(tmp_path / "bob", tmp_path / "store")
    for one in both:
        good("id", "new", one.folder, *CHEAP)
        one.publish()
    return both


def test_an_identity_has_envelope_keys_unless_it_is_to_have_none(tmp_path: Path) -> None:
    made = json.loads(good("id", "new", tmp_path / "a", *CHEAP, "--json").stdout)
    assert sorted((key["purpose"], key["suite"]) for key in made["keys"]) == [
        ("encrypt", "MLKEM768-X25519.1"),
        ("sign", "ED25519+MLDSA65.1"),
    ]
    without = json.loads(good("id", "new", tmp_path / "b", "--without-keys", *CHEAP, "--json").stdout)
    assert without["keys"] == []
    again = run("id", "new", tmp_path / "a", *CHEAP)
    assert again.exit_code != 0
    assert len(list((tmp_path / "a" / "envelope").iterdir())) == 1


def test_envelopes_between_identities(owners: tuple[Owner, Owner]) -> None:
    alice, bob = owners
    sealed = alice.seal(bob)
    assert sealed.exit_code == 0, sealed.output
    assert "only the first document" in sealed.stderr
    opened = bob.open(alice, sealed.stdout_bytes)
    assert opened.stdout_bytes == b"the figures"
    assert alice.did in opened.stderr
    assert alice.open(bob, sealed.stdout_bytes).exit_code == 3  # it is not for her


def test_keys_that_were_revoked_are_not_sealed_to_and_not_believed(owners: tuple[Owner, Owner]) -> None:
    alice, bob = owners
    old = alice.seal(bob).stdout_bytes
    bob.new_keys()
    assert bob.open(alice, old).stdout_bytes == b"the figures"  # the private half is still there
    new = alice.seal(bob, "--heads", bob.heads)
    assert "only the first document" not in new.stderr
    assert _recipients(new.stdout_bytes) != _recipients(old)
    # What was learned is kept, so the heads need not be told again.
    assert _recipients(alice.seal(bob).stdout_bytes) == _recipients(new.stdout_bytes)
    alice.new_keys()
    assert bob.open(alice, new.stdout_bytes, "--heads", alice.heads).exit_code == 3
    assert bob.open(alice, old).exit_code == 3
    assert bob.open(alice, alice.seal(bob).stdout_bytes).stdout_bytes == b"the figures"


def test_a_bundle_does_without_a_store(owners: tuple[Owner, Owner]) -> None:
    alice, bob = owners
    bob.new_keys()
    bundle = ("--bundle", bob.folder / "identity.bundle")
    sealed = good(
        "envelope", "seal", "--identity", alice.folder, "--to", bob.did, *bundle, *CONTEXT, *PHRASE, stdin=b"x"
    )
    assert bob.open(alice, sealed.stdout_bytes).stdout_bytes == b"x"
    nowhere = run("envelope", "seal", "--identity", bob.folder, "--to", alice.did, *CONTEXT, *PHRASE, stdin=b"x")
    assert nowhere.exit_code == 0  # he has met her when he opened
    stranger = "did:milagro:bafyrei" + "a" * 52
    result = run("envelope", "seal", "--identity", bob.folder, "--to", stranger, *CONTEXT, *PHRASE, stdin=b"x")
    assert result.exit_code == 5, result.output
    store = ("--content", alice.store)
    neither = run("envelope", "seal", "--to", alice.did, *store, *CONTEXT, *PHRASE, stdin=b"x")
    assert "--key FILE or --identity FOLDER" in neither.stderr


def test_resolve_from_a_content_store(owners: tuple[Owner, Owner]) -> None:
    alice, _ = owners
    alice.new_keys()
    first = json.loads(good("id", "resolve", alice.did, "--content", alice.store).stdout)
    whole = json.loads(good("id", "resolve", alice.did, "--content", alice.store, "--heads", alice.heads).stdout)
    bundle = json.loads(good("id", "resolve", alice.did, alice.folder / "identity.bundle").stdout)
    assert whole == bundle
    assert whole["didDocument"]["keyAgreement"] != first["didDocument"]["keyAgreement"]
    assert run("id", "resolve", alice.did).exit_code == 2


def _recipients(envelope: bytes) -> list[str]:
    lines = good("envelope", "inspect", stdin=envelope).stdout.splitlines()
    return lines[lines.index("recipients, by encryption key id:") + 1 :]
