"""Secrets in files: under a passphrase, from which Argon2id makes a key for AES-256-GCM, or under any other sealer."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from milagro.errors import ConfigError, DecryptionFailed, MalformedEnvelope
from milagro.stores import files
from milagro.stores.keys import header as form
from milagro.stores.keys.passphrase import Passphrase

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from milagro.stores.keys.sealer import Sealer

SealingKey: TypeAlias = "Passphrase | Sealer"

_KDF = "argon2id"
_KEY_OCTETS = 32
_SALT_OCTETS = 16
_COST_FIELDS = ("memory_kib", "iterations", "lanes")


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

    Raises: ParameterError if it is too long
    Secret: the passphrase and the secret; the context is readable by anyone
    """
    cost = cost or Argon2Cost()
    salt, nonce = secrets.token_bytes(_SALT_OCTETS), secrets.token_bytes(form.NONCE_OCTETS)
    header: dict[str, Any] = {
        "version": form.PASSPHRASE,
        "kdf": {
            "name": _KDF,
            "memory_kib": cost.memory_kib,
            "iterations": cost.iterations,
            "lanes": cost.lanes,
            "salt": salt.hex(),
        },
        "cipher": form.CIPHER,
        "nonce": nonce.hex(),
        "context": dict(context),
    }
    sealed = AESGCM(_key(passphrase, salt, cost)).encrypt(nonce, secret, form.associated_data(header))
    return form.write(header, sealed)


def unseal(content: bytes, passphrase: Passphrase, context: Mapping[str, str]) -> bytes:
    """The secret in a sealed file, whose header must hold every entry of `context`.

    Raises: MalformedEnvelope, ConfigError if the file is for something else, DecryptionFailed
    Secret: the result
    """
    header = form.parse(content)
    form.check_version(header, form.PASSPHRASE, "[keys] of the configuration names a passphrase")
    form.check_context(header["context"], context)
    cost = _cost(header)
    key = _key(passphrase, form.octets(header["kdf"]["salt"], _SALT_OCTETS), cost)
    nonce, ciphertext = form.octets(header["nonce"], form.NONCE_OCTETS), form.octets(header["ciphertext"])
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, form.associated_data(header))
    except InvalidTag:
        raise DecryptionFailed("the passphrase is wrong, or the sealed file was altered") from None


class PassphraseSealer:
    """Seals under a passphrase, by Argon2id at every sealing and opening.

    Secret: the passphrase
    """

    def __init__(self, passphrase: Passphrase, cost: Argon2Cost | None = None) -> None:
        self._passphrase = passphrase
        self._cost = cost or Argon2Cost()

    @property
    def name(self) -> str:
        """That it is a passphrase."""
        return "passphrase"

    def seal(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """As `Sealer.seal`."""
        return seal(secret, self._passphrase, context, self._cost)

    def unseal(self, octets: bytes, context: Mapping[str, str]) -> bytes:
        """As `Sealer.unseal`.

        Secret: the result
        """
        return unseal(octets, self._passphrase, context)

    def is_current(self, octets: bytes) -> bool:
        """Whether a passphrase sealed them, at the cost that this one has."""
        if octets[:1] != b"{":
            return False
        header = form.parse(octets)
        return header["version"] == form.PASSPHRASE and _cost(header) == self._cost


def sealer_of(key: SealingKey, cost: Argon2Cost | None = None) -> Sealer:
    """A sealer as it is, or one that uses this passphrase."""
    return PassphraseSealer(key, cost) if isinstance(key, Passphrase) else key


@dataclass(frozen=True, slots=True)
class SealedFile:
    """One sealed secret on disk."""

    path: Path

    def exists(self) -> bool:
        """Whether something stands under the path."""
        return self.path.exists()

    def create(
        self, secret: bytes, key: SealingKey, context: Mapping[str, str], cost: Argon2Cost | None = None
    ) -> None:
        """Seals `secret` into a new file of mode 0600.

        Raises: AlreadyExists, Unavailable, and what the sealer raises
        """
        files.write_new(self.path, sealer_of(key, cost).seal(secret, context))

    def replace(
        self, secret: bytes, key: SealingKey, context: Mapping[str, str], cost: Argon2Cost | None = None
    ) -> None:
        """Seals `secret` over whatever was there; after a crash the file is the old one or the new one.

        Raises: Unavailable, and what the sealer raises
        """
        files.replace(self.path, sealer_of(key, cost).seal(secret, context))

    def open(self, key: SealingKey, context: Mapping[str, str]) -> bytes:
        """The secret, if the key and every entry of `context` fit.

        Raises: NotFound, MalformedEnvelope, ConfigError, DecryptionFailed; each names the file
        Secret: the result
        """
        content = files.read(self.path)
        try:
            return sealer_of(key).unseal(content, context)
        except (MalformedEnvelope, ConfigError, DecryptionFailed) as error:
            raise type(error)(f"{self.path}: {error}") from error

    def context(self) -> dict[str, str]:
        """The readable header entries.

        Raises: NotFound, MalformedEnvelope
        """
        return form.context_of(files.read(self.path))


def _cost(header: Mapping[str, Any]) -> Argon2Cost:
    cost = Argon2Cost(*(header["kdf"][name] for name in _COST_FIELDS))
    cost.check()
    return cost


def _key(passphrase: Passphrase, salt: bytes, cost: Argon2Cost) -> bytes:
    kdf = Argon2id(
        salt=salt, length=_KEY_OCTETS, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory_kib
    )
    return kdf.derive(passphrase.reveal())
