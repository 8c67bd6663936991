"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from milagro.errors import AlreadyExists, NotFound, StoreError, Unavailable
from milagro.stores import files

if TYPE_CHECKING:
    from pathlib import Path


def test_of_many_writers_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def write(number: int) -> bool:
        try:
            files.write_new(path, b"%04d" % number * 1000)
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = [number for number, result in enumerate(pool.map(write, range(16))) if result]
    assert len(won) == 1
    assert path.read_bytes() == b"%04d" % won[0] * 1000
    assert list(tmp_path.iterdir()) == [path]


def test_replace(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.replace(path, b"one")
    files.replace(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    files.replace(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        files.replace(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_reading(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(NotFound):
        files.read(path)
    path.write_bytes(b"x" * 11)
    assert files.read(path, 11) == b"x" * 11
    with pytest.raises(StoreError, match="larger"):
        files.read(path, 10)
    with pytest.raises(StoreError):
        files.read(tmp_path)


def test_folders_are_private(tmp_path: Path) -> None:
    files.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        files.make_folder(tmp_path / "file" / "b")


def test_a_pending_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "result"
    pending = files.PendingFile(path)
    pending.write(b"half")
    assert not path.exists()
    pending.abort()
    assert list(tmp_path.iterdir()) == []
    pending = files.PendingFile(path)
    pending.write(b"whole")
    pending.commit()
    pending.abort()
    assert path.read_bytes() == b"whole"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_pending_file_does_not_replace_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "result"
    path.write_bytes(b"old")
    pending = files.PendingFile(path)
    with pytest.raises(AlreadyExists):
        pending.commit()
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"old", [path])
    pending = files.PendingFile(path, overwrite=True)
    pending.write(b"new")
    pending.commit()
    assert path.read_bytes() == b"new"
    with pytest.raises(Unavailable):
        files.PendingFile(tmp_path / "missing" / "result")
