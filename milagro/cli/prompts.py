"""Where the command line gets a passphrase or a PIN from: a file, an environment variable, or a terminal.

Never from an argument, which every user of the machine can read.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from milagro.errors import ConfigError, MilagroError
from milagro.stores import files
from milagro.stores.keys import PassphraseSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from milagro.roles.sealing import KeysConfig
    from milagro.stores.keys import Passphrase, Sealer

_PIN_LIMIT = 4096
FILE = click.Path(dir_okay=False, path_type=Path)


def ask_passphrase() -> str:
    """The passphrase that opens something."""
    return str(click.prompt("Passphrase", hide_input=True, err=True))


def choose_passphrase() -> str:
    """A new passphrase, typed twice."""
    return str(click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True))


def passphrase_by_options(file: Path | None, env: str | None, ask: Callable[[], str] = ask_passphrase) -> Passphrase:
    """The passphrase that the options of a command name, or that is asked for.

    Raises: ConfigError
    """
    if file is None and env is None and not is_terminal():
        raise ConfigError(
            "there is no terminal to ask for the passphrase at; give --passphrase-file or --passphrase-env"
        )
    return passphrase(PassphraseSource(file, env), ask)


def passphrase(source: PassphraseSource, ask: Callable[[], str] = ask_passphrase) -> Passphrase:
    """The passphrase from its source, or asked for if a person sits there.

    Raises: ConfigError
    """
    return source.read(ask if is_terminal() else None)


def sealer(keys: KeysConfig) -> Sealer:
    """What a server seals with; a passphrase without a source is asked for if a person sits there.

    Raises: ConfigError
    """
    from milagro.roles.sealing import open_sealer  # noqa: PLC0415 - commands without a server need none of it

    return open_sealer(keys, ask_passphrase if is_terminal() else None)


def pin(file: Path | None, env: str | None, *, choose: bool) -> str:
    """The PIN or passphrase of a user. `choose` asks for it twice.

    Raises: ConfigError
    """
    if file is not None:
        return _decode(_read(file))
    if env is not None:
        if not os.environ.get(env):
            raise ConfigError(f"the PIN is expected in the environment variable {env}, which is not set")
        return os.environ[env]
    if not is_terminal():
        raise ConfigError("there is no terminal to ask for the PIN at; give --pin-file or --pin-env")
    return str(click.prompt("Choose a PIN" if choose else "PIN", hide_input=True, confirmation_prompt=choose, err=True))


def is_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()  # None where it was closed


def _read(path: Path) -> bytes:
    try:
        return files.read(path, _PIN_LIMIT)
    except MilagroError as error:
        raise ConfigError(f"the PIN cannot be read: {error}") from error


def _decode(content: bytes) -> str:
    try:
        return content.removesuffix(b"\n").removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise ConfigError("the PIN file is not UTF-8 text") from None
