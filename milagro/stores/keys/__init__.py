"""Secrets at rest. A `Sealer` makes octets of a secret that nobody else opens; files and databases keep the octets.

    PassphraseSealer   Argon2id and AES-256-GCM: each sealing costs what a guess at the passphrase costs
    TokenSealer        AES-256-GCM under a key that never leaves a PKCS#11 token (`milagro.stores.keys.token_sealer`)
    DataKey            a random key in a file that one of those seals; then many records, fast
    Succession         two of them, while secrets move from one to the other

`reseal` and `reseal_file` move a secret; a process that dies on the way leaves the old sealing or the new one.
"""

from __future__ import annotations

from milagro.stores.keys.data_key import DataKey
from milagro.stores.keys.passphrase import Passphrase, PassphraseSource, Pin, PinSource
from milagro.stores.keys.resealing import context_of, reseal, reseal_file
from milagro.stores.keys.sealed_file import (
    Argon2Cost,
    PassphraseSealer,
    SealedFile,
    SealingKey,
    seal,
    sealer_of,
    unseal,
)
from milagro.stores.keys.sealer import Sealer, Succession

__all__ = [
    "Argon2Cost",
    "DataKey",
    "Passphrase",
    "PassphraseSealer",
    "PassphraseSource",
    "Pin",
    "PinSource",
    "SealedFile",
    "Sealer",
    "SealingKey",
    "Succession",
    "context_of",
    "reseal",
    "reseal_file",
    "seal",
    "sealer_of",
    "unseal",
]
