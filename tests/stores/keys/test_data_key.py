"""The data key: XAES-256-GCM, a file that several share, and older keys that open until they are forgotten."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from milagro import cbor
from milagro.errors import ConfigError, DecryptionFailed, MalformedEnvelope, NotFound, ParameterError, StoreError
from milagro.stores.keys import Argon2Cost, DataKey, Passphrase, PassphraseSealer, SealedFile, reseal, reseal_file
from milagro.stores.keys.data_key import xaes

if TYPE_CHECKING:
    from pathlib import Path

CHEAP = Argon2Cost(memory_kib=32, iterations=1, lanes=1)
SEALER = PassphraseSealer(Passphrase(b"correct horse"), CHEAP)
ROLE = {"role": "dta", "name": "dta-1"}
CONTEXT = {**ROLE, "kind": "run"}


def opened(folder: Path) -> DataKey:
    return DataKey.open_or_create(folder / "data.key", SEALER, ROLE)


@pytest.mark.parametrize(
    ("key", "associated", "expected"),
    [  # C2SP XAES-256-GCM, test vectors
        (1, b"", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        (3, b"c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
    ],
)
def test_vectors_of_xaes(key: int, associated: bytes, expected: str) -> None:
    nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX"
    sealed = xaes(bytes([key]) * 32, nonce).encrypt(nonce[12:], b"XAES-256-GCM", associated)
    assert sealed.hex() == expected


@given(key=st.binary(min_size=32, max_size=32), nonce=st.binary(min_size=24, max_size=24))
def test_xaes_is_three_blocks_of_aes(key: bytes, nonce: bytes) -> None:
    block = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    doubled = int.from_bytes(block.update(bytes(16)), "big") << 1
    K1 = (doubled & (1 << 128) - 1) ^ 0x87 * (doubled >> 128)
    parts = [int.from_bytes(bytes([0, at, 0x58, 0]) + nonce[:12], "big") ^ K1 for at in (1, 2)]
    expected = AESGCM(b"".join(block.update(part.to_bytes(16, "big")) for part in parts))
    assert xaes(key, nonce).encrypt(nonce[12:], b"message", b"") == expected.encrypt(nonce[12:], b"message", b"")


def test_a_record_outlives_the_object(tmp_path: Path) -> None:
    sealed = opened(tmp_path).seal(b"secret", CONTEXT)
    assert opened(tmp_path).unseal(sealed, CONTEXT) == b"secret"
    assert len(sealed) < 200 + len(str(CONTEXT))
    assert SealedFile(tmp_path / "data.key").context() == {**ROLE, "kind": "data-key"}
    assert (tmp_path / "data.key").stat().st_mode & 0o777 == 0o600


def test_the_sealer_works_once_for_many_records(tmp_path: Path) -> None:
    calls = []

    class Counting(PassphraseSealer):
        def unseal(self, octets: bytes, context: object) -> bytes:
            calls.append(context)
            return super().unseal(octets, context)  # type: ignore[arg-type]

    key = DataKey.open_or_create(tmp_path / "a.key", Counting(Passphrase(b"correct horse"), CHEAP), ROLE)
    for _ in range(100):
        key.unseal(key.seal(b"secret", CONTEXT), CONTEXT)
    assert len(calls) == 1


def test_the_file_is_for_its_owner_and_kind(tmp_path: Path) -> None:
    opened(tmp_path)
    with pytest.raises(ConfigError, match=r"data\.key.*dta-1"):
        DataKey.open(tmp_path / "data.key", SEALER, {**ROLE, "name": "dta-2"})
    with pytest.raises(NotFound):
        DataKey.open(tmp_path / "none.key", SEALER, ROLE)
    SealedFile(tmp_path / "share").create(b"secret", SEALER, {**ROLE, "kind": "share"})
    with pytest.raises(ConfigError, match="kind"):
        DataKey.open(tmp_path / "share", SEALER, ROLE)


@pytest.mark.parametrize(
    "content", [[1, []], [2, [[b"1" * 16, b"2" * 32]]], [1, [[b"1", b"2" * 32]]], 5, [1, [[1, 2]]]]
)
def test_another_content_is_refused(tmp_path: Path, content: cbor.Value) -> None:
    SealedFile(tmp_path / "data.key").create(cbor.encode(content), SEALER, {**ROLE, "kind": "data-key"})
    with pytest.raises(StoreError, match="holds no data key"):
        opened(tmp_path)


def test_a_wrong_passphrase_opens_no_data_key(tmp_path: Path) -> None:
    opened(tmp_path)
    with pytest.raises(DecryptionFailed, match=r"data\.key"):
        DataKey.open_or_create(tmp_path / "data.key", PassphraseSealer(Passphrase(b"wrong"), CHEAP), ROLE)


def test_several_make_one_key(tmp_path: Path) -> None:
    ready = threading.Barrier(8)

    def run(_: int) -> str:
        ready.wait()
        return opened(tmp_path).name

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(run, range(8)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["data.key"]


# -- rotation ---------------------------------------------------------------------------------------------------------
def test_a_rotated_key_opens_older_records_until_it_is_forgotten(tmp_path: Path) -> None:
    key = opened(tmp_path)
    old = key.seal(b"secret", CONTEXT)
    before = key.name
    key.rotate()
    assert key.name != before
    assert not key.is_current(old)
    assert key.unseal(old, CONTEXT) == opened(tmp_path).unseal(old, CONTEXT) == b"secret"
    new = reseal(old, key, key)
    assert new is not None
    assert key.is_current(new)
    key.forget_older()
    assert key.unseal(new, CONTEXT) == opened(tmp_path).unseal(new, CONTEXT) == b"secret"
    with pytest.raises(DecryptionFailed, match="which is not here"):
        key.unseal(old, CONTEXT)


def test_another_process_that_rotated_is_followed(tmp_path: Path) -> None:
    here, there = opened(tmp_path), opened(tmp_path)
    there.rotate()
    assert here.unseal(there.seal(b"secret", CONTEXT), CONTEXT) == b"secret"
    assert here.name == there.name
    here.rotate()
    there.rotate()
    assert there.unseal(here.seal(b"secret", CONTEXT), CONTEXT) == b"secret"


def test_there_is_a_limit_to_older_keys(tmp_path: Path) -> None:
    key = opened(tmp_path)
    for _ in range(31):
        key.rotate()
    with pytest.raises(StoreError, match="forget the older"):
        key.rotate()
    key.forget_older()
    key.rotate()


def test_a_new_passphrase_for_the_data_key_leaves_its_records(tmp_path: Path) -> None:
    sealed = opened(tmp_path).seal(b"secret", CONTEXT)
    new = PassphraseSealer(Passphrase(b"another"), CHEAP)
    assert reseal_file(tmp_path / "data.key", new, SEALER)
    assert DataKey.open(tmp_path / "data.key", new, ROLE).unseal(sealed, CONTEXT) == b"secret"
    with pytest.raises(DecryptionFailed):
        opened(tmp_path)


# -- records ----------------------------------------------------------------------------------------------------------
MALFORMED: dict[str, object] = {
    "version": {1: 2},
    "key id": {2: bytes(15)},
    "nonce": {3: bytes(12)},
    "context no map": {4: "run"},
    "context of numbers": {4: {"epoch": 7}},
    "no octets": {5: "text"},
    "a field too many": {6: 1},
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_a_malformed_record_is_refused(tmp_path: Path, fault: str) -> None:
    key = opened(tmp_path)
    record = cbor.decode(key.seal(b"secret", CONTEXT))
    assert isinstance(record, dict)
    with pytest.raises(MalformedEnvelope):
        key.unseal(cbor.encode({**record, **MALFORMED[fault]}), {})  # type: ignore[dict-item]


def test_a_record_may_be_long(tmp_path: Path) -> None:
    key, secret = opened(tmp_path), secrets.token_bytes(15 << 20)
    assert key.unseal(key.seal(secret, CONTEXT), CONTEXT) == secret


def test_it_shows_nothing_and_is_not_copied(tmp_path: Path) -> None:
    key = opened(tmp_path)
    (secret,) = key._keys.values()
    assert repr(secret)[2:-1] not in f"{key!r} {key.name}"
    assert secret.hex() not in f"{key!r} {key.name}"
    with pytest.raises(ParameterError):
        __import__("pickle").dumps(key)
