"""Secrets in files, sealed under a passphrase: Argon2id makes the key, AES-256-GCM seals.

A sealed file is one JSON object. Everything in it except the ciphertext is its header, and all of the header is
authenticated, so that a file cannot be passed off as another role's, another curve's or another key's:

    {"version": 1, "kdf": {"name": "argon2id", "memory_kib": .., "iterations": .., "lanes": .., "salt": hex},
     "cipher": "aes-256-gcm", "nonce": hex, "context": {"role": .., "curve": .., "key_id": ..}, "ciphertext": hex}
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from milagro.errors import ConfigError, DecryptionFailed, MalformedEnvelope, MilagroError
from milagro.stores import files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

VERSION = 1
_CIPHER = "aes-256-gcm"
_MAX_OCTETS = 16384
_KDF = "argon2id"
_KEY_OCTETS = 32
_SALT_OCTETS = 16
_NONCE_OCTETS = 12
_HEADER_FIELDS = {"version", "kdf", "cipher", "nonce", "context", "ciphertext"}
_PASSPHRASE_LIMIT = 4096


class Passphrase:
    """The octets that seal a file. Shows nothing of itself and is not pickled.

    Secret: all of it
    """

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        if not octets:
            raise ConfigError("the passphrase is empty; choose one of at least a few words")
        self._octets = octets

    @classmethod
    def generate(cls) -> Self:
        """A passphrase of 192 random bits, in characters that every shell and file keeps."""
        return cls(secrets.token_urlsafe(24).encode())

    def reveal(self) -> bytes:
        """The octets, for the file they are kept in or the key they make."""
        return self._octets

    def __repr__(self) -> str:
        return "Passphrase(<secret>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a passphrase is not pickled")


@dataclass(frozen=True, slots=True)
class PassphraseSource:
    """Where a passphrase comes from: a file, else an environment variable, else a prompt."""

    file: Path | None = None
    env: str | None = None

    def read(self, prompt: Callable[[], str] | None = None) -> Passphrase:
        """The passphrase; a file's last line end is not part of it.

        Raises: ConfigError if the source has none
        """
        if self.file is not None:
            return Passphrase(_strip(_read_file(self.file)))
        if self.env is not None:
            return Passphrase(_read_env(self.env))
        if prompt is not None:
            return Passphrase(prompt().encode())
        raise ConfigError(
            "there is no passphrase: name a file or an environment variable in [passphrase], or start at a terminal"
        )


def _read_file(path: Path) -> bytes:
    try:
        return files.read(path, _PASSPHRASE_LIMIT)
    except MilagroError as error:
        raise ConfigError(f"the passphrase cannot be read: {error}") from error


def _strip(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _read_env(name: str) -> bytes:
    if not os.environ.get(name):
        raise ConfigError(f"the passphrase is expected in the environment variable {name}, which is not set")
    return os.environb[name.encode()]


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """How much work a guess at the passphrase is; the default is the second choice of RFC 9106, section 4."""

    memory_kib: int = 65536
    iterations: int = 3
    lanes: int = 4

    def check(self) -> None:
        """Refuses costs that no honest file has, before they are paid.

        Raises: MalformedEnvelope
        """
        # bool is an int in Python and not a number in JSON.
        whole = all(type(value) is int for value in (self.memory_kib, self.iterations, self.lanes))
        if not whole or not (1 <= self.iterations <= 64 and 1 <= self.lanes <= 64):
            raise MalformedEnvelope("the sealed file asks for an impossible Argon2id cost")
        if not 8 * self.lanes <= self.memory_kib <= 1 << 21:
            raise MalformedEnvelope("the sealed file asks for an impossible amount of Argon2id memory")


def seal(secret: bytes, passphrase: Passphrase, context: Mapping[str, str], cost: Argon2Cost | None = None) -> bytes:
    """The content of a sealed file that holds `secret` and authenticates `context`.

    Secret: the passphrase and the secret; the context is readable by anyone
    """
    cost = cost or Argon2Cost()
    salt, nonce = secrets.token_bytes(_SALT_OCTETS), secrets.token_bytes(_NONCE_OCTETS)
    header: dict[str, Any] = {
        "version": VERSION,
        "kdf": {
            "name": _KDF,
            "memory_kib": cost.memory_kib,
            "iterations": cost.iterations,
            "lanes": cost.lanes,
            "salt": salt.hex(),
        },
        "cipher": _CIPHER,
        "nonce": nonce.hex(),
        "context": dict(context),
    }
    sealed = AESGCM(_key(passphrase, salt, cost)).encrypt(nonce, secret, _associated_data(header))
    return json.dumps({**header, "ciphertext": sealed.hex()}, sort_keys=True, indent=1).encode() + b"\n"


def unseal(content: bytes, passphrase: Passphrase, context: Mapping[str, str]) -> bytes:
    """The secret in a sealed file, whose header must hold every entry of `context`.

    Raises: MalformedEnvelope, ConfigError if the file is for something else, DecryptionFailed
    Secret: the result
    """
    header = _parse(content)
    for name, value in context.items():
        if header["context"].get(name) != value:
            raise ConfigError(f"the sealed file was made for {name} {header['context'].get(name)!r}, not for {value!r}")
    ciphertext, nonce, salt = header.pop("ciphertext"), header["nonce"], header["kdf"]["salt"]
    cost = Argon2Cost(*(header["kdf"][name] for name in ("memory_kib", "iterations", "lanes")))
    cost.check()
    key = _key(passphrase, _hex(salt, _SALT_OCTETS), cost)
    try:
        return AESGCM(key).decrypt(_hex(nonce, _NONCE_OCTETS), _hex(ciphertext), _associated_data(header))
    except InvalidTag:
        raise DecryptionFailed("the passphrase is wrong, or the sealed file was altered") from None


def context_of(content: bytes) -> dict[str, str]:
    """The readable header entries of a sealed file. They are proven only by `unseal`.

    Raises: MalformedEnvelope
    """
    return dict(_parse(content)["context"])


@dataclass(frozen=True, slots=True)
class SealedFile:
    """One sealed secret on disk."""

    path: Path

    def exists(self) -> bool:
        """Whether something stands under the path."""
        return self.path.exists()

    def create(
        self, secret: bytes, passphrase: Passphrase, context: Mapping[str, str], cost: Argon2Cost | None = None
    ) -> None:
        """Seals `secret` into a new file of mode 0600.

        Raises: AlreadyExists, Unavailable
        """
        files.write_new(self.path, seal(secret, passphrase, context, cost))

    def open(self, passphrase: Passphrase, context: Mapping[str, str]) -> bytes:
        """The secret, if the passphrase and every entry of `context` fit.

        Raises: NotFound, MalformedEnvelope, ConfigError, DecryptionFailed; each names the file
        Secret: the result
        """
        content = files.read(self.path)
        try:
            return unseal(content, passphrase, context)
        except (MalformedEnvelope, ConfigError, DecryptionFailed) as error:
            raise type(error)(f"{self.path}: {error}") from error

    def context(self) -> dict[str, str]:
        """The readable header entries.

        Raises: NotFound, MalformedEnvelope
        """
        return context_of(files.read(self.path))


def _key(passphrase: Passphrase, salt: bytes, cost: Argon2Cost) -> bytes:
    kdf = Argon2id(
        salt=salt, length=_KEY_OCTETS, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory_kib
    )
    return kdf.derive(passphrase.reveal())


def _associated_data(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _parse(content: bytes) -> dict[str, Any]:
    if len(content) > _MAX_OCTETS:  # also bounds the nesting, which the parser meets with the C stack
        raise MalformedEnvelope("this is not a sealed file")
    try:
        header = json.loads(content)
        fits = set(header) == _HEADER_FIELDS and set(header["kdf"]) == {
            "name",
            "memory_kib",
            "iterations",
            "lanes",
            "salt",
        }
        fits = fits and header["kdf"]["name"] == _KDF and header["cipher"] == _CIPHER
        fits = fits and all(isinstance(value, str) for value in header["context"].values())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise MalformedEnvelope("this is not a sealed file") from None
    if not fits:
        raise MalformedEnvelope("this is not a sealed file")
    if header["version"] != VERSION:
        raise MalformedEnvelope(f"the sealed file has version {header['version']!r}; this release reads {VERSION}")
    parsed: dict[str, Any] = header
    return parsed


def _hex(text: object, length: int | None = None) -> bytes:
    try:
        octets = bytes.fromhex(text) if isinstance(text, str) else None
    except ValueError:
        octets = None
    if octets is None or (length is not None and len(octets) != length):
        raise MalformedEnvelope("the sealed file has a damaged hexadecimal field")
    return octets
