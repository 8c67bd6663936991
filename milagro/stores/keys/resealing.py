"""Moving sealed secrets to another key: a new passphrase, a new key of the token, from passphrase to token or back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.errors import DecryptionFailed, MilagroError, StoreError
from milagro.octets import equal
from milagro.stores import files
from milagro.stores.keys import data_key, header

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.stores.keys.sealer import Sealer


def context_of(content: bytes) -> dict[str, str]:
    """The readable context of a sealed file or record. It is proven only when it is unsealed.

    Raises: MalformedEnvelope
    """
    return data_key.record_context(content) if content[:1] == header.RECORD else header.context_of(content)


def reseal(octets: bytes, current: Sealer, previous: Sealer) -> bytes | None:
    """The same secret in the same context, sealed under `current`; None if it is so already.

    Raises: as `Sealer` for either; StoreError if the new sealing does not open
    """
    if current.is_current(octets) and _opens(current, octets):
        return None
    context = context_of(octets)
    secret = previous.unseal(octets, context)
    sealed = current.seal(secret, context)
    # The old sealing is about to go: a key that seals and does not open must show now.
    if not equal(current.unseal(sealed, context), secret):
        raise StoreError(f"{current.name} gave another secret back than it sealed; nothing was replaced")
    return sealed


def reseal_file(path: Path, current: Sealer, previous: Sealer) -> bool:
    """Seals the secret in a file under `current`; False if it was so. A crash leaves the old file or the new one.

    Raises: NotFound, Unavailable, and what `reseal` raises, with the file's name
    """
    with files.locked(path.parent):
        try:
            sealed = reseal(files.read(path), current, previous)
        except MilagroError as error:
            raise type(error)(f"{path}: {error}") from error
        if sealed is not None:
            files.replace(path, sealed)
    return sealed is not None


def _opens(sealer: Sealer, octets: bytes) -> bool:
    try:
        sealer.unseal(octets, {})
    except DecryptionFailed:
        return False
    return True
