"""What a server seals its secrets with, by its configuration.

    [keys]                              [keys.previous], while secrets move from one to the other
    kind = "file"   [passphrase]        kind = "file"   passphrase_file or passphrase_env, else [passphrase]
    kind = "pkcs11" module, token, key, pin_file or pin_env, timeout_seconds

What a server has in files is sealed under the passphrase or the token's key itself. A node of a network keeps much, and
changes it at every step of a run: so one of those files is its data key, and that seals the rows of its database.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from milagro.errors import ConfigError
from milagro.stores.keys import (
    PassphraseSealer,
    PassphraseSource,
    PinSource,
    Sealer,
    Succession,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from milagro.roles.config import Reader
    from milagro.stores.keys.token import Token

FILE: Final = "file"
PKCS11: Final = "pkcs11"


@dataclass(frozen=True, slots=True)
class TokenConfig:
    """A key in a PKCS#11 token."""

    module: Path
    token: str
    key: str
    pin: PinSource
    timeout_seconds: int


@dataclass(frozen=True, slots=True)
class KeysConfig:
    """[keys]: a passphrase, or a key in a token; and what was used before, while `milagro keys reseal` is not done."""

    passphrase: PassphraseSource
    token: TokenConfig | None = None
    previous: KeysConfig | None = None

    @property
    def kind(self) -> str:
        """`file` or `pkcs11`."""
        return FILE if self.token is None else PKCS11


def read_keys(reader: Reader, passphrase: PassphraseSource) -> KeysConfig:
    """[keys], which may be missing: then secrets are sealed under the passphrase."""
    previous = None
    if "previous" in reader:
        before = reader.table("previous")
        previous = KeysConfig(_read_passphrase(before, passphrase), _read_token(before))
    keys = KeysConfig(passphrase, _read_token(reader), previous)
    if previous == KeysConfig(passphrase, keys.token):
        reader.fault("previous", "is the same as [keys]; remove it, or say what sealed the secrets before")
    return keys


def _read_passphrase(reader: Reader, passphrase: PassphraseSource) -> PassphraseSource:
    source = PassphraseSource(
        reader.path("passphrase_file") if "passphrase_file" in reader else None,
        reader.text("passphrase_env") if "passphrase_env" in reader else None,
    )
    return passphrase if source == PassphraseSource() else source


def _read_token(reader: Reader) -> TokenConfig | None:
    if reader.choice("kind", (FILE, PKCS11), FILE) != PKCS11:
        return None
    if ("pin_file" in reader) == ("pin_env" in reader):
        reader.fault("pin_file", "or pin_env must say where the token's PIN is, and not both")
    return TokenConfig(
        module=reader.file("module") or Path("-"),
        token=reader.text("token", limit=32),
        key=reader.text("key", limit=64),
        pin=PinSource(
            reader.path("pin_file") if "pin_file" in reader else None,
            reader.text("pin_env") if "pin_env" in reader else None,
        ),
        timeout_seconds=reader.integer("timeout_seconds", 1, 600, 30),
    )


def open_token(config: TokenConfig) -> Token:
    """The token, which is opened when it is first used, by the process that uses it.

    Raises: ConfigError if the library for tokens is not installed
    """
    try:
        from milagro.stores.keys.token import Token  # noqa: PLC0415 - needs the extra hsm
    except ModuleNotFoundError as error:
        raise ConfigError("keys in a token need a library; pip install 'milagro[hsm]'") from error
    return Token(config.module, config.token, config.pin, config.timeout_seconds)


def open_sealer(config: KeysConfig, ask: Callable[[], str] | None = None) -> Sealer:
    """What seals, and opens what was sealed before too. `ask` asks a person for a passphrase that has no other source.

    Raises: ConfigError
    """
    current = _open_one(config, ask)
    return current if config.previous is None else Succession(current, _open_one(config.previous, ask))


def _open_one(config: KeysConfig, ask: Callable[[], str] | None) -> Sealer:
    if config.token is None:
        return PassphraseSealer(config.passphrase.read(ask))
    token = open_token(config.token)
    from milagro.stores.keys.token_sealer import TokenSealer  # noqa: PLC0415

    return TokenSealer(token, config.token.key)
