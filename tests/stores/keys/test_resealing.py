"""Moving secrets to another key: at every moment, after a kill -9 too, a file opens under the old or the new one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import milagro
from milagro.errors import DecryptionFailed, NotFound, StoreError
from milagro.stores.keys import (
    Argon2Cost,
    DataKey,
    Passphrase,
    PassphraseSealer,
    SealedFile,
    Sealer,
    reseal,
    reseal_file,
)
from milagro.stores.keys.header import OtherKind
from tests.stores.keys.moving import CHEAP, CONTEXT, NAMES, sealer
from tests.stores.keys.softhsm import KEY, SoftHsm, module

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = bytes(range(32))
RECORD = b"a record"
ROOT = Path(milagro.__file__).parent.parent

# Written by the release before this one, with the passphrase "correct horse".
EARLIER = b"""{
 "cipher": "aes-256-gcm",
 "ciphertext": "66f31c36d6380416a252717bfb0a632a7a2de4c0078a17126c08692329a07c728e0a2334d66d5794ec149c99e9f3fbf3",
 "context": {
  "curve": "BLS12-381",
  "name": "dta-1",
  "role": "dta"
 },
 "kdf": {
  "iterations": 1,
  "lanes": 1,
  "memory_kib": 32,
  "name": "argon2id",
  "salt": "b4bc3171c9baf3ff5d7d0c8d708b5913"
 },
 "nonce": "c324ac8b35018616cb9730f0",
 "version": 1
}
"""


def test_a_file_of_an_earlier_release_opens_and_moves(tmp_path: Path) -> None:
    path = tmp_path / "share"
    path.write_bytes(EARLIER)
    old, new = PassphraseSealer(Passphrase(b"correct horse")), sealer(tmp_path, "new")
    context = {"role": "dta", "curve": "BLS12-381", "name": "dta-1"}
    assert SealedFile(path).open(Passphrase(b"correct horse"), context) == SECRET
    assert reseal_file(path, new, old)
    assert SealedFile(path).open(new, context) == SECRET
    assert path.stat().st_mode & 0o777 == 0o600


def test_moving_twice_is_moving_once(tmp_path: Path) -> None:
    old, new = sealer(tmp_path, "old"), sealer(tmp_path, "new")
    SealedFile(tmp_path / "share").create(SECRET, old, CONTEXT)
    assert reseal_file(tmp_path / "share", new, old)
    content = (tmp_path / "share").read_bytes()
    assert not reseal_file(tmp_path / "share", new, old)
    assert (tmp_path / "share").read_bytes() == content


def test_a_dearer_cost_seals_again(tmp_path: Path) -> None:
    cheap, dearer = (PassphraseSealer(Passphrase(b"old"), Argon2Cost(memory, 1, 1)) for memory in (32, 64))
    SealedFile(tmp_path / "share").create(SECRET, cheap, CONTEXT)
    assert reseal_file(tmp_path / "share", dearer, cheap)
    assert not reseal_file(tmp_path / "share", dearer, dearer)
    assert SealedFile(tmp_path / "share").open(dearer, CONTEXT) == SECRET


def test_what_neither_opens_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "share"
    with pytest.raises(NotFound):
        reseal_file(path, sealer(tmp_path, "new"), sealer(tmp_path, "old"))
    SealedFile(path).create(SECRET, sealer(tmp_path, "other"), CONTEXT)
    content = path.read_bytes()
    with pytest.raises(DecryptionFailed, match="share"):
        reseal_file(path, sealer(tmp_path, "new"), sealer(tmp_path, "old"))
    assert path.read_bytes() == content


def test_a_key_that_does_not_give_back_what_it_sealed_replaces_nothing(tmp_path: Path) -> None:
    class Broken(PassphraseSealer):
        def unseal(self, octets: bytes, context: Mapping[str, str]) -> bytes:
            return bytes(len(super().unseal(octets, context)))

    sealed = sealer(tmp_path, "old").seal(SECRET, CONTEXT)
    with pytest.raises(StoreError, match="nothing was replaced"):
        reseal(sealed, Broken(Passphrase(b"new"), CHEAP), sealer(tmp_path, "old"))


# -- kill -9 ----------------------------------------------------------------------------------------------------------
def start(place: Path, old: Sealer) -> bytes:
    """The files that are moved, and a record under the data key that is one of them."""
    folder = place / "start"
    folder.mkdir()
    SealedFile(folder / "share").create(SECRET, old, CONTEXT)
    return DataKey.open_or_create(folder / "data.key", old, CONTEXT).seal(RECORD, CONTEXT)


def run(place: Path, what: str, environment: Mapping[str, str]) -> int:
    arguments = [sys.executable, "-m", "tests.stores.keys.dying_reseal", str(place), what]
    variables = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        arguments, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    return int(result.stdout)


def opens(file: SealedFile, key: Sealer) -> bool:
    try:
        file.open(key, CONTEXT)
    except (DecryptionFailed, OtherKind):
        return False
    return True


@pytest.mark.parametrize("what", ["old-new", "old-token", "token-old", "token-token2"])
def test_a_killed_move_leaves_the_old_or_the_new(tmp_path: Path, what: str, request: pytest.FixtureRequest) -> None:
    environment = {}
    if "token" in what:
        module()
        hsm: SoftHsm = request.getfixturevalue("hsm")
        environment = hsm.environment
        for name in {name for name in what.split("-") if name.startswith("token")}:
            hsm.token().generate_key(KEY + name)
    previous, current = (sealer(tmp_path, name) for name in what.split("-"))
    record = start(tmp_path, previous)
    deaths = run(tmp_path, what, environment)
    seen: Counter[tuple[bool, ...]] = Counter()
    for number in range(1, deaths + 1):
        files = [SealedFile(tmp_path / str(number) / name) for name in NAMES]
        moved = tuple(current.is_current(file.path.read_bytes()) and opens(file, current) for file in files)
        assert all(now or opens(file, previous) for file, now in zip(files, moved, strict=True))
        seen[moved] += 1
        for file in files:  # called again, it comes to its end
            reseal_file(file.path, current, previous)
            assert current.is_current(file.path.read_bytes())
        assert files[0].open(current, CONTEXT) == SECRET
        assert DataKey.open(files[1].path, current, CONTEXT).unseal(record, CONTEXT) == RECORD
    assert set(seen) == {(False, False), (True, False), (True, True)}  # it died at all the moments that matter


def test_a_killed_rotation_of_the_data_key_loses_no_record(tmp_path: Path) -> None:
    old = sealer(tmp_path, "old")
    record = start(tmp_path, old)
    first = DataKey.open(tmp_path / "start" / "data.key", old, CONTEXT).name
    names = set()
    for number in range(1, run(tmp_path, "rotate", {}) + 1):
        key = DataKey.open(tmp_path / str(number) / "data.key", old, CONTEXT)
        assert key.unseal(record, CONTEXT) == RECORD
        assert key.unseal(key.seal(b"new", CONTEXT), CONTEXT) == b"new"
        names.add(key.name == first)
    assert names == {True, False}
