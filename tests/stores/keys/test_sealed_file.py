"""Sealed files: what goes in comes out for the right passphrase and context, and for nothing else."""

from __future__ import annotations

import io
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from milagro.errors import AlreadyExists, ConfigError, DecryptionFailed, MalformedEnvelope, MilagroError, NotFound
from milagro.stores import keys
from milagro.stores.keys import Argon2Cost, Passphrase, PassphraseSource, SealedFile, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHEAP = Argon2Cost(memory_kib=32, iterations=1, lanes=1)
RIGHT = Passphrase(b"correct horse")
CONTEXT = {"role": "dta", "curve": "BLS12-381", "key_id": "aa"}
SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return seal(SECRET, RIGHT, CONTEXT, CHEAP)


def test_round_trip(sealed: bytes) -> None:
    assert unseal(sealed, RIGHT, CONTEXT) == SECRET
    assert unseal(sealed, RIGHT, {"role": "dta"}) == SECRET
    assert keys.context_of(sealed) == CONTEXT


def test_the_default_cost_is_that_of_rfc_9106() -> None:
    header = json.loads(seal(SECRET, RIGHT, CONTEXT))
    assert (header["kdf"]["memory_kib"], header["kdf"]["iterations"], header["kdf"]["lanes"]) == (65536, 3, 4)


def test_no_two_files_are_alike(sealed: bytes) -> None:
    again = json.loads(seal(SECRET, RIGHT, CONTEXT, CHEAP))
    first = json.loads(sealed)
    assert first["nonce"] != again["nonce"]
    assert first["kdf"]["salt"] != again["kdf"]["salt"]
    assert first["ciphertext"] != again["ciphertext"]


def test_the_secret_is_not_in_the_file(sealed: bytes) -> None:
    assert SECRET.hex().encode() not in sealed
    assert SECRET not in sealed


@pytest.mark.parametrize("wrong", [b"correct hors", b"correct horse ", b"Correct horse", b"x" * 1000])
def test_a_wrong_passphrase_is_said_to_be_wrong(sealed: bytes, wrong: bytes) -> None:
    with pytest.raises(DecryptionFailed, match="passphrase is wrong, or the sealed file was altered"):
        unseal(sealed, Passphrase(wrong), CONTEXT)


@pytest.mark.parametrize("name", CONTEXT)
def test_a_file_of_something_else_is_refused(sealed: bytes, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        unseal(sealed, RIGHT, {**CONTEXT, name: "other"})


def flip(text: str) -> str:
    return f"{int(text[0], 16) ^ 1:x}{text[1:]}"


TAMPERED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "ciphertext": lambda h: h.update(ciphertext=flip(h["ciphertext"])),
    "tag": lambda h: h.update(ciphertext=h["ciphertext"][:-1] + flip(h["ciphertext"][-1])),
    "shorter": lambda h: h.update(ciphertext=h["ciphertext"][:-2]),
    "empty": lambda h: h.update(ciphertext=""),
    "nonce": lambda h: h.update(nonce=flip(h["nonce"])),
    "salt": lambda h: h["kdf"].update(salt=flip(h["kdf"]["salt"])),
    "key id": lambda h: h["context"].update(key_id="bb"),
    "another entry in the context": lambda h: h["context"].update(more="x"),
    "iterations": lambda h: h["kdf"].update(iterations=2),
}


@pytest.mark.parametrize("fault", TAMPERED)
def test_every_part_is_authenticated(sealed: bytes, fault: str) -> None:
    header = json.loads(sealed)
    TAMPERED[fault](header)
    with pytest.raises(DecryptionFailed):
        unseal(json.dumps(header).encode(), RIGHT, {"role": "dta"})


MALFORMED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "version": lambda h: h.update(version=2),
    "cipher": lambda h: h.update(cipher="aes-128-cbc"),
    "kdf": lambda h: h["kdf"].update(name="pbkdf2"),
    "kdf missing": lambda h: h.pop("kdf"),
    "kdf of another kind": lambda h: h.update(kdf=[1]),
    "field too many": lambda h: h.update(more=1),
    "nonce not hex": lambda h: h.update(nonce="zz" * 12),
    "nonce too short": lambda h: h.update(nonce="00" * 11),
    "nonce no text": lambda h: h.update(nonce=5),
    "salt too long": lambda h: h["kdf"].update(salt="00" * 17),
    "context no table": lambda h: h.update(context="dta"),
    "memory for a fool": lambda h: h["kdf"].update(memory_kib=1 << 40),
    "no memory": lambda h: h["kdf"].update(memory_kib=1),
    "endless": lambda h: h["kdf"].update(iterations=1 << 31),
    "no lanes": lambda h: h["kdf"].update(lanes=0),
    "a true cost": lambda h: h["kdf"].update(iterations=True),
    "a cost in text": lambda h: h["kdf"].update(lanes="1"),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_a_malformed_header_is_refused_before_any_work(sealed: bytes, fault: str) -> None:
    header = json.loads(sealed)
    MALFORMED[fault](header)
    with pytest.raises(MalformedEnvelope):
        unseal(json.dumps(header).encode(), RIGHT, {})


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"5", b"\xff", b'{"version": 1', b"[" * 16000, b"[" * 100000])
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(MalformedEnvelope):
        unseal(content, RIGHT, {})


def test_a_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    file = SealedFile(tmp_path / "a.sealed")
    assert not file.exists()
    file.create(SECRET, RIGHT, CONTEXT, CHEAP)
    assert file.exists()
    assert file.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(AlreadyExists):
        file.create(b"other", RIGHT, CONTEXT, CHEAP)
    assert file.open(RIGHT, CONTEXT) == SECRET
    assert file.context() == CONTEXT
    assert [path.name for path in tmp_path.iterdir()] == ["a.sealed"]


def test_errors_name_the_file(tmp_path: Path) -> None:
    file = SealedFile(tmp_path / "a.sealed")
    with pytest.raises(NotFound, match=r"a\.sealed"):
        file.open(RIGHT, CONTEXT)
    file.create(SECRET, RIGHT, CONTEXT, CHEAP)
    with pytest.raises(DecryptionFailed, match=r"a\.sealed"):
        file.open(Passphrase(b"wrong"), CONTEXT)
    file.path.write_bytes(b"{}")
    with pytest.raises(MalformedEnvelope, match=r"a\.sealed"):
        file.open(RIGHT, CONTEXT)


# -- passphrases ----------------------------------------------------------------------------------------------------
def test_a_passphrase_comes_from_a_file_an_environment_variable_or_a_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(b" with spaces \r\n")
    assert PassphraseSource(file=path).read().reveal() == b" with spaces "
    monkeypatch.setenv("MILAGRO_TEST_PASSPHRASE", "from the environment")
    assert PassphraseSource(env="MILAGRO_TEST_PASSPHRASE").read().reveal() == b"from the environment"
    assert PassphraseSource().read(lambda: "typed").reveal() == b"typed"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (PassphraseSource(), "no passphrase"),
        (PassphraseSource(env="MILAGRO_TEST_UNSET"), "MILAGRO_TEST_UNSET, which is not set"),
    ],
)
def test_a_missing_passphrase_is_a_clear_error(source: PassphraseSource, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        source.read()


def test_a_missing_or_empty_passphrase_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        PassphraseSource(file=tmp_path / "none").read()
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ConfigError, match="empty"):
        PassphraseSource(file=tmp_path / "empty").read()
    (tmp_path / "long").write_text("x" * 5000)
    with pytest.raises(MilagroError, match="larger"):
        PassphraseSource(file=tmp_path / "long").read()


def test_a_passphrase_shows_nothing() -> None:
    assert "horse" not in f"{RIGHT} {RIGHT!r} {PassphraseSource()!r}"
    with pytest.raises(TypeError):
        pickle.dump(RIGHT, io.BytesIO())
    assert Passphrase.generate().reveal() != Passphrase.generate().reveal()
