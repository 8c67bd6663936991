"""Signatures on messages: Ed25519 and ML-DSA-65 together, so that a break of either alone forges nothing.

    public key   Ed25519 (32) || ML-DSA-65 (1952)          signature   Ed25519 (64) || ML-DSA-65 (3309)
    both sign frame(label, suite, purpose, fields ..), ML-DSA-65 with the label as its context; both must hold

Label and purpose keep a signature for one thing from being one for another. Ed25519 is that of RFC 8032, ML-DSA-65
that of FIPS 204 in its hedged form: two signatures of the same fields differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidSignature as Refused
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey

from milagro.errors import InvalidSignature, NonCanonical, ParameterError, WrongLength
from milagro.octets import frame
from milagro.secret_value import SecretValue

SUITE: Final = "ED25519+MLDSA65.1"
SEED_OCTETS: Final = 64
_ED25519_OCTETS = 32
_ED25519_SIGNATURE = 64
PUBLIC_OCTETS: Final = _ED25519_OCTETS + 1952
SIGNATURE_OCTETS: Final = _ED25519_SIGNATURE + 3309
_MAX_LABEL = 255


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key of both algorithms.

    Spec: spec/signatures.md#keys, spec/signatures.md#signing
    Shape: 1984 octets
    """

    ed25519: bytes
    ml_dsa: bytes

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The key with these octets.

        Spec: spec/signatures.md#keys
        Raises: WrongLength, NonCanonical
        """
        if len(octets) != PUBLIC_OCTETS:
            raise WrongLength(f"a public key of {SUITE} has {PUBLIC_OCTETS} octets, got {len(octets)}")
        key = cls(octets[:_ED25519_OCTETS], octets[_ED25519_OCTETS:])
        key._load()
        return key

    def _load(self) -> tuple[Ed25519PublicKey, MLDSA65PublicKey]:
        try:
            return Ed25519PublicKey.from_public_bytes(self.ed25519), MLDSA65PublicKey.from_public_bytes(self.ml_dsa)
        except ValueError:
            raise NonCanonical(f"the octets are no public key of {SUITE}") from None

    def to_bytes(self) -> bytes:
        """The octets."""
        return self.ed25519 + self.ml_dsa

    def verify(self, signature: bytes, label: str, purpose: str, *fields: bytes) -> None:
        """Nothing, if both signatures over the fields hold.

        Spec: spec/signatures.md#signing
        Raises: InvalidSignature, ParameterError for a label that is empty or over 255 octets
        """
        self.verify_octets(signature, signed_octets(label, purpose, *fields), label.encode())

    def verify_octets(self, signature: bytes, octets: bytes, context: bytes) -> None:
        """Nothing, if both signatures hold, that of ML-DSA-65 with the context.

        Raises: InvalidSignature
        """
        if len(signature) != SIGNATURE_OCTETS:
            raise InvalidSignature(f"a signature of {SUITE} has {SIGNATURE_OCTETS} octets, got {len(signature)}")
        ed25519, ml_dsa = self._load()
        try:
            ed25519.verify(signature[:_ED25519_SIGNATURE], octets)
            ml_dsa.verify(signature[_ED25519_SIGNATURE:], octets, context)
        except Refused:
            raise InvalidSignature("the signature does not match the key and what is signed") from None


class SigningKey(SecretValue):
    """A private key of both algorithms.

    Spec: spec/signatures.md#keys, spec/signatures.md#signing
    Secret: all of it
    """

    __slots__ = ("_ed25519", "_ml_dsa", "_seed", "public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_OCTETS:
            raise WrongLength(f"the seed of a signing key has {SEED_OCTETS} octets, got {len(seed)}")
        self._seed = seed
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(seed[:32])
        self._ml_dsa = MLDSA65PrivateKey.from_seed_bytes(seed[32:])
        self.public = VerifyingKey(
            self._ed25519.public_key().public_bytes_raw(), self._ml_dsa.public_key().public_bytes_raw()
        )

    @classmethod
    def generate(cls, random: Callable[[int], bytes]) -> Self:
        """A new key; draws 64 octets.

        Spec: spec/signatures.md#keys
        """
        return cls(random(SEED_OCTETS))

    def to_bytes(self) -> bytes:
        """The seed, 64 octets: 32 of Ed25519, 32 of ML-DSA-65.

        Secret: the result
        """
        return self._seed

    def sign(self, label: str, purpose: str, *fields: bytes) -> bytes:
        """Both signatures over the fields, 3373 octets.

        Spec: spec/signatures.md#signing
        Raises: ParameterError for a label that is empty or over 255 octets
        """
        return self.sign_octets(signed_octets(label, purpose, *fields), label.encode())

    def sign_octets(self, octets: bytes, context: bytes) -> bytes:
        """Both signatures over octets that say themselves what they are, that of ML-DSA-65 with the context."""
        return self._ed25519.sign(octets) + self._ml_dsa.sign(octets, context)


def signed_octets(label: str, purpose: str, *fields: bytes) -> bytes:
    """frame(label, suite, purpose, fields ..): what both algorithms sign.

    Spec: spec/signatures.md#signing
    Raises: ParameterError for a label that is empty or over 255 octets
    """
    if not 1 <= len(label.encode()) <= _MAX_LABEL:
        raise ParameterError(f"a label has between 1 and {_MAX_LABEL} octets, not {len(label.encode())}")
    return frame(label.encode(), SUITE.encode(), purpose.encode(), *fields)
