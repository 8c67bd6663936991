"""The envelope keys of an identity: the private ones are files in its folder, the public ones stand in its log.

    DIR/envelope/<fingerprint>.key     PrivateKeys, sealed; a file of `milagro envelope keygen` under another name

A key that was revoked stays in the folder: what was sealed to it earlier still opens.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from milagro.errors import EncodingError, NotFound, ParameterError
from milagro.protocols import pki
from milagro.protocols.envelope import EncryptionPublicKey, PrivateKeys, PublicKeys, VerifyingKey
from milagro.protocols.envelope.signatures import HYBRID
from milagro.protocols.envelope.suites import DEFAULT_SUITE
from milagro.stores import files
from milagro.stores.keys import SealedFile

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.protocols.envelope import EncryptionKey
    from milagro.stores.keys import Argon2Cost, SealingKey

FOLDER: Final = "envelope"
_ROLE: Final = {"role": "envelope"}
_NAME_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class EnvelopeKeys:
    """All private keys that an owner has for an identity, of which the identity's state says which count now."""

    pairs: tuple[PrivateKeys, ...]

    @classmethod
    def create(cls, folder: Path, key: SealingKey, cost: Argon2Cost | None = None) -> PrivateKeys:
        """New keys, sealed in the folder; `listed` is what the identity has to list.

        Raises: StoreError, Unavailable
        """
        keys = PrivateKeys.generate(secrets.token_bytes)
        fingerprint = keys.public.fingerprint.hex()
        files.make_folder(folder / FOLDER)
        path = folder / FOLDER / f"{fingerprint[:_NAME_DIGITS]}.key"
        SealedFile(path).create(keys.to_bytes(), key, {**_ROLE, "fingerprint": fingerprint}, cost)
        return keys

    @classmethod
    def read(cls, folder: Path, key: SealingKey) -> EnvelopeKeys:
        """The keys in an identity's folder.

        Raises: NotFound if there are none, and what SealedFile.open raises
        """
        paths = sorted((folder / FOLDER).glob("*.key"))
        if not paths:
            raise NotFound(
                f"there are no envelope keys in {folder / FOLDER}; `milagro id change --new-keys` makes some"
            )
        return cls(tuple(PrivateKeys.from_bytes(SealedFile(path).open(key, _ROLE)) for path in paths))

    def signing(self, state: pki.State) -> PrivateKeys:
        """The keys to sign with now: the first signing key in the identity's list that is here.

        Raises: ParameterError if the identity lists none of them
        """
        here = {_signing(keys.public).id: keys for keys in self.pairs}
        for key in state.keys_for(pki.Purpose.SIGN):
            if key.id in here:
                return here[key.id]
        raise ParameterError("none of the signing keys here is one of the identity's; add one, or restore its file")

    @property
    def opening(self) -> Sequence[EncryptionKey]:
        """The keys to open with, older ones too."""
        return [keys.encryption for keys in self.pairs]


def listed(keys: PublicKeys) -> tuple[pki.Key, pki.Key]:
    """Both public keys as an identity lists them."""
    return _signing(keys), pki.Key(pki.Purpose.ENCRYPT, keys.encryption.suite, keys.encryption.octets)


def recipients_of(state: pki.State, suite: str = DEFAULT_SUITE) -> list[EncryptionPublicKey]:
    """The keys to seal to for an identity in this state: all that it lists for encryption, of this suite.

    Raises: ParameterError if there is none
    """
    keys = [
        EncryptionPublicKey(key.suite, key.public) for key in state.keys_for(pki.Purpose.ENCRYPT) if key.suite == suite
    ]
    if not keys:
        raise ParameterError(f"the identity lists no encryption key of {suite}; nothing can be sealed to it")
    return keys


def senders_of(keys: Iterable[pki.Key]) -> Mapping[bytes, VerifyingKey]:
    """The signing keys among them that this release knows, by the id that an envelope's header has."""
    known = {}
    for key in keys:
        if key.purpose is pki.Purpose.SIGN:
            try:
                verifying = VerifyingKey(key.suite, key.public)
            except EncodingError:  # of a suite that is newer than this release, or nonsense: nobody's key here
                continue
            known[verifying.id] = verifying
    return known


def _signing(keys: PublicKeys) -> pki.Key:
    if keys.signing.suite != HYBRID:
        raise ParameterError(f"an identity signs its letters with {HYBRID}")
    return pki.Key(pki.Purpose.SIGN, keys.signing.suite, keys.signing.octets)
