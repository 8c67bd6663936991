"""A party's two keys together, as files hold them: one to sign with, one to open with.

The decentralized PKI gives keys an identity, rotation and revocation; these files are what works without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from milagro import cbor
from milagro.cbor import Fields
from milagro.errors import MalformedEnvelope
from milagro.protocols.envelope.labels import digest
from milagro.protocols.envelope.signatures import (
    DEFAULT_SIGNATURES,
    HYBRID,
    BlsSigningKey,
    HybridSigningKey,
    VerifyingKey,
    signing_key,
)
from milagro.protocols.envelope.suites import DEFAULT_SUITE, EncryptionKey, EncryptionPublicKey
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from milagro.groups import Random

_FORMAT: Final = 1
_VERSION, _SIGNATURES, _SIGNING, _SUITE, _ENCRYPTION = range(5)


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """What others need to write to a party and to know its signature.

    Spec: spec/envelope.md#key-files
    """

    signing: VerifyingKey
    encryption: EncryptionPublicKey

    def to_bytes(self) -> bytes:
        """The public keys in CBOR."""
        return _encode(self.signing.suite, self.signing.octets, self.encryption.suite, self.encryption.octets)

    @classmethod
    def from_bytes(cls, octets: bytes, backend: str | None = None) -> Self:
        """The public keys with these octets.

        Raises: MalformedEnvelope, and what the keys raise
        """
        signatures, signing, suite, encryption = _decode(octets)
        return cls(VerifyingKey(signatures, signing, backend), EncryptionPublicKey(suite, encryption))

    @property
    def fingerprint(self) -> bytes:
        """H(public keys), 32 octets, to be compared over a channel that one trusts."""
        return digest(self.to_bytes())


class PrivateKeys(SecretValue):
    """A party's own keys.

    Spec: spec/envelope.md#key-files
    """

    __slots__ = ("encryption", "signing")

    def __init__(self, signing: HybridSigningKey | BlsSigningKey, encryption: EncryptionKey) -> None:
        self.signing, self.encryption = signing, encryption

    @classmethod
    def generate(
        cls,
        random: Random,
        signatures: str = DEFAULT_SIGNATURES,
        suite: str = DEFAULT_SUITE,
        backend: str | None = None,
    ) -> Self:
        """New keys of these suites."""
        signing = HybridSigningKey.generate(random) if signatures == HYBRID else BlsSigningKey.generate(random, backend)
        return cls(signing, EncryptionKey.generate(random, suite))

    @property
    def public(self) -> PublicKeys:
        """The public halves."""
        return PublicKeys(self.signing.public, self.encryption.public)

    def to_bytes(self) -> bytes:
        """The private keys in CBOR.

        Secret: the result
        """
        return _encode(self.signing.suite, self.signing.to_bytes(), self.encryption.suite, self.encryption.to_bytes())

    @classmethod
    def from_bytes(cls, octets: bytes, backend: str | None = None) -> Self:
        """The private keys with these octets.

        Raises: MalformedEnvelope, and what the keys raise
        Secret: octets
        """
        signatures, signing, suite, encryption = _decode(octets)
        return cls(signing_key(signatures, signing, backend), EncryptionKey(suite, encryption))


def _encode(signatures: str, signing: bytes, suite: str, encryption: bytes) -> bytes:
    return cbor.encode(
        {_VERSION: _FORMAT, _SIGNATURES: signatures, _SIGNING: signing, _SUITE: suite, _ENCRYPTION: encryption}
    )


def _decode(octets: bytes) -> tuple[str, bytes, str, bytes]:
    fields = Fields(cbor.decode(octets), "the key file")
    if fields.integer(_VERSION) != _FORMAT:
        raise MalformedEnvelope("the key file has a version that this release does not read")
    result = fields.text(_SIGNATURES), fields.octets(_SIGNING), fields.text(_SUITE), fields.octets(_ENCRYPTION)
    fields.finish()
    return result
