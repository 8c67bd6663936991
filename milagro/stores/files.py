"""Files that are there whole or not at all, and that only their owner reads."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from typing import TYPE_CHECKING

from milagro.errors import AlreadyExists, NotFound, StoreError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_OWNER_ONLY_FILE = 0o600
_OWNER_ONLY_FOLDER = 0o700


def make_folder(path: Path) -> None:
    """A folder that only its owner may enter; one that exists already is left as it is.

    Raises: StoreError if it cannot be made
    """
    try:
        path.mkdir(mode=_OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the folder {path} cannot be made: {error.strerror}") from error


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes, and other threads, that ask for the same lock out of a folder.

    Raises: StoreError
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise StoreError(f"the folder {folder} cannot be locked: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # gives the lock back


def read(path: Path, limit: int = 1 << 20) -> bytes:
    """The content of a file of at most `limit` octets.

    Raises: NotFound, StoreError
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError as error:
        raise NotFound(f"the file {path} does not exist") from error
    except OSError as error:
        raise StoreError(f"the file {path} cannot be read: {error.strerror}") from error
    if len(content) > limit:
        raise StoreError(f"the file {path} is larger than the {limit} octets that it may have")
    return content


def write_new(path: Path, content: bytes) -> None:
    """Writes a file of mode 0600 that did not exist; after a crash it is there whole or not at all.

    Raises: AlreadyExists, Unavailable
    """
    _write(path, content, _link_new)


def replace(path: Path, content: bytes) -> None:
    """Writes a file of mode 0600 over whatever was there; after a crash it is the old one or the new one.

    Raises: Unavailable
    """
    _write(path, content, os.replace)


class PendingFile:
    """A file of mode 0600 that grows under another name and is there, whole, after `commit`; never after `abort`.

    Raises: Unavailable; AlreadyExists from `commit`, unless `overwrite`
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self._path = path
        self._install = os.replace if overwrite else _link_new
        self._temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY_FILE)
        except OSError as error:
            raise Unavailable(f"the file {path} cannot be written: {error.strerror}") from error
        self._file = os.fdopen(descriptor, "wb")

    def write(self, octets: bytes) -> None:
        """Adds octets."""
        with self._errors():
            self._file.write(octets)

    def commit(self) -> None:
        """Puts the file in its place."""
        with self._errors():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._install(self._temporary, self._path)
            sync_folder(self._path.parent)

    def abort(self) -> None:
        """Removes what was written; harmless after `commit`."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except FileExistsError as error:
            self.abort()
            raise AlreadyExists(f"the file {self._path} exists already and is not overwritten") from error
        except OSError as error:
            self.abort()
            raise Unavailable(f"the file {self._path} cannot be written: {error.strerror}") from error


def _link_new(temporary: Path, path: Path) -> None:
    # A hard link, unlike a rename, fails if the name is taken; so of two writers exactly one wins.
    os.link(temporary, path)
    temporary.unlink()


def _write(path: Path, content: bytes, install: Callable[[Path, Path], None]) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_through(temporary, content)
        install(temporary, path)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise AlreadyExists(f"the file {path} exists already and is not overwritten") from error
    except OSError as error:
        raise Unavailable(f"the file {path} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _write_through(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Makes the names in a folder durable: a name is data of the folder, so a crash could lose it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
