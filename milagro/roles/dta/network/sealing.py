"""Secrets of a node in its database, sealed under one data key, which a sealed file holds.

    row = nonce (12) || AES-256-GCM(data key, nonce, secret, context)        context: role, curve, kind, what it is of

One data key, so that not every step of a run pays for Argon2id or a token.

Spec: spec/dta-network.md, What a node keeps
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from milagro.errors import DecryptionFailed
from milagro.octets import frame
from milagro.secret_value import SecretValue
from milagro.stores.keys import SealedFile

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.stores.keys import Argon2Cost, SealingKey

_NONCE_OCTETS: Final = 12
_KEY_OCTETS: Final = 32
_CONTEXT: Final = {"role": "dta", "kind": "network data key"}


class Sealing(Protocol):
    """What seals the secrets in a node's database."""

    def seal(self, octets: bytes, context: bytes) -> bytes:
        """The octets, so that only `open` with the same context gives them back."""

    def open(self, octets: bytes, context: bytes) -> bytes:
        """What was sealed with this context. Raises: DecryptionFailed."""


class DataKey(SecretValue):
    """AES-256-GCM with a random nonce a row.

    Secret: the key
    """

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, octets: bytes, context: bytes) -> bytes:
        """nonce || ciphertext."""
        nonce = secrets.token_bytes(_NONCE_OCTETS)
        return nonce + self._cipher.encrypt(nonce, octets, context)

    def open(self, octets: bytes, context: bytes) -> bytes:
        """What was sealed. Raises: DecryptionFailed."""
        try:
            return self._cipher.decrypt(octets[:_NONCE_OCTETS], octets[_NONCE_OCTETS:], context)
        except (InvalidTag, ValueError):
            raise DecryptionFailed("a secret in the database is of another data key or row, or was altered") from None


def create_data_key(path: Path, key: SealingKey, cost: Argon2Cost | None = None) -> None:
    """Seals a new data key into a file. Raises: AlreadyExists, Unavailable."""
    SealedFile(path).create(secrets.token_bytes(_KEY_OCTETS), key, _CONTEXT, cost)


def open_data_key(path: Path, key: SealingKey) -> DataKey:
    """The data key in a file. Raises: NotFound, MalformedEnvelope, ConfigError, DecryptionFailed."""
    return DataKey(SealedFile(path).open(key, _CONTEXT))


def context(curve: str, kind: str, name: bytes) -> bytes:
    """frame("milagro dta network", "dta", curve, kind, name): what a sealed row is bound to."""
    return frame(b"milagro dta network", b"dta", curve.encode(), kind.encode(), name)
