"""Passphrases and PINs, and where they come from: a file, an environment variable, or a person; never an argument."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self

from milagro.errors import ConfigError, MilagroError
from milagro.stores import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LIMIT = 4096


class Passphrase:
    """The octets that seal a file. Shows nothing of itself and is not pickled.

    Secret: all of it
    """

    __slots__ = ("_octets",)
    _EMPTY: ClassVar[str] = "the passphrase is empty; choose one of at least a few words"

    def __init__(self, octets: bytes) -> None:
        if not octets:
            raise ConfigError(self._EMPTY)
        self._octets = octets

    @classmethod
    def generate(cls) -> Self:
        """A passphrase of 192 random bits, in characters that every shell and file keeps."""
        return cls(secrets.token_urlsafe(24).encode())

    def reveal(self) -> bytes:
        """The octets, for the file they are kept in or the key they make."""
        return self._octets

    def __repr__(self) -> str:
        return f"{type(self).__name__}(<secret>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__.lower()} is not pickled")


class Pin(Passphrase):
    """The PIN of a token's user.

    Secret: all of it
    """

    __slots__ = ()
    _EMPTY: ClassVar[str] = "the token's PIN is empty"

    def text(self) -> str:
        """The PIN as PKCS#11 takes it.

        Raises: ConfigError if it is not UTF-8
        """
        try:
            return self.reveal().decode()
        except UnicodeDecodeError:
            raise ConfigError("the token's PIN is not UTF-8 text") from None


@dataclass(frozen=True, slots=True)
class PassphraseSource:
    """Where a passphrase comes from: a file, else an environment variable, else a prompt."""

    file: Path | None = None
    env: str | None = None

    def read(self, prompt: Callable[[], str] | None = None) -> Passphrase:
        """The passphrase; a file's last line end is not part of it.

        Raises: ConfigError if the source has none
        """
        found = _find("passphrase", self.file, self.env, prompt)
        if found is None:
            raise ConfigError(
                "there is no passphrase: name a file or an environment variable in [passphrase], or start at a terminal"
            )
        return Passphrase(found)


@dataclass(frozen=True, slots=True)
class PinSource:
    """Where a token's PIN comes from: a file, else an environment variable, else a prompt. Read at every login."""

    file: Path | None = None
    env: str | None = None

    def read(self, prompt: Callable[[], str] | None = None) -> Pin:
        """The PIN; a file's last line end is not part of it.

        Raises: ConfigError if the source has none
        """
        found = _find("token's PIN", self.file, self.env, prompt)
        if found is None:
            raise ConfigError("there is no PIN for the token: give pin_file or pin_env in [keys]")
        return Pin(found)


def _find(what: str, file: Path | None, env: str | None, prompt: Callable[[], str] | None) -> bytes | None:
    if file is not None:
        return _strip(_read_file(what, file))
    if env is not None:
        return _read_env(what, env)
    return None if prompt is None else prompt().encode()


def _read_file(what: str, path: Path) -> bytes:
    try:
        return files.read(path, _LIMIT)
    except MilagroError as error:
        raise ConfigError(f"the {what} cannot be read: {error}") from error


def _strip(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _read_env(what: str, name: str) -> bytes:
    if not os.environ.get(name):
        raise ConfigError(f"the {what} is expected in the environment variable {name}, which is not set")
    return os.environb[name.encode()]
