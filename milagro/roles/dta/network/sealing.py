"""What seals a node's secrets: its data key, which lies in a file sealed with the server's key, and seals every row.

One data key, so that not every step of a run pays for Argon2id or a token.

Spec: spec/dta-network.md, What a node keeps
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from milagro.stores.keys import DataKey, sealer_of

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.stores.keys import Argon2Cost, SealingKey

_CONTEXT: Final = {"role": "dta"}


def create_data_key(path: Path, key: SealingKey, cost: Argon2Cost | None = None) -> None:
    """Seals a new data key into a file. Raises: AlreadyExists, Unavailable."""
    DataKey.create(path, sealer_of(key, cost), _CONTEXT)


def open_data_key(path: Path, key: SealingKey) -> DataKey:
    """The data key in a file. Raises: NotFound, MalformedEnvelope, ConfigError, DecryptionFailed."""
    return DataKey.open(path, sealer_of(key), _CONTEXT)


def context(curve: str, kind: str, **of: str) -> dict[str, str]:
    """{role, curve, kind, what it is of}: what a sealed row is bound to."""
    return {**_CONTEXT, "curve": curve, "kind": kind, **of}
