"""Signature suites and keys: Ed25519 and ML-DSA-65 together, or BLS where signatures are to be added up.

`SigningKey` is all that the envelope asks of a signer, so a key may live elsewhere. `HybridSigningKey` and
`BlsSigningKey` are the software forms. ML-DSA hedges its signatures with randomness of `cryptography`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from milagro import groups
from milagro.errors import EncodingError, InvalidSignature, MalformedEnvelope, WrongLength
from milagro.groups import Encoding
from milagro.protocols import signatures as hybrid
from milagro.protocols.bls import ietf
from milagro.protocols.envelope.labels import LABEL, digest, draw, labelled
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milagro.groups import Random

HYBRID: Final = hybrid.SUITE
BLS: Final = "BLS12-381-AUG.1"
DEFAULT_SIGNATURES: Final = HYBRID
SIGNATURE_OCTETS: Final = {HYBRID: hybrid.SIGNATURE_OCTETS, BLS: 96}
_PUBLIC_OCTETS = {HYBRID: hybrid.PUBLIC_OCTETS, BLS: 48}
_IKM_OCTETS = 32
_SALT = b"milagro envelope v1 BLS key generation salt"


def signed_octets(suite: str, purpose: str, *fields: bytes) -> bytes:
    """frame(LABEL, suite, purpose, fields ..): what a signature is over.

    Spec: spec/envelope.md#signatures
    """
    return labelled(suite, purpose, *fields)


class SigningKey(Protocol):
    """A key that signs and shows its public half; where the private half is, is its own affair.

    Spec: spec/envelope.md#signatures
    """

    @property
    def public(self) -> VerifyingKey:
        """The public half."""

    def sign(self, octets: bytes) -> bytes:
        """The signature over `octets`, as long as the suite says."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A key to verify with. `backend` is the arithmetic of a BLS key, the default one if it is None.

    Spec: spec/envelope.md#signatures
    Raises: MalformedEnvelope for an unknown suite; WrongLength, NonCanonical, NotOnCurve, NotInSubgroup, ..
    """

    suite: str
    octets: bytes
    backend: str | None = field(default=None, repr=False, compare=False)
    id: bytes = field(init=False, repr=False, compare=False)
    """H(frame(LABEL, "signing key", suite, public key)), 32 octets."""
    _key: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.suite not in _PUBLIC_OCTETS:
            raise MalformedEnvelope(f"no signature suite is called {self.suite[:60]!r} in this release")
        if len(self.octets) != _PUBLIC_OCTETS[self.suite]:
            raise WrongLength(f"a signing key of {self.suite} has {_PUBLIC_OCTETS[self.suite]} octets")
        object.__setattr__(self, "_key", self._parse())
        object.__setattr__(self, "id", digest(labelled("signing key", self.suite, self.octets)))

    def _parse(self) -> Any:
        if self.suite == BLS:
            return ietf.public_key_from_bytes(bls_suite(self.backend), self.octets)
        return hybrid.VerifyingKey.from_bytes(self.octets)

    @property
    def signature_octets(self) -> int:
        """The length of a signature."""
        return SIGNATURE_OCTETS[self.suite]

    def verify(self, signature: bytes, octets: bytes) -> None:
        """Nothing, if `signature` is one over `octets`; under the default suite, if both parts are.

        Raises: InvalidSignature, also for a signature that does not decode
        """
        try:
            if len(signature) != self.signature_octets:
                raise WrongLength(f"a signature of {self.suite} has {self.signature_octets} octets")
            if self.suite == BLS:
                suite = bls_suite(self.backend)
                ietf.verify(suite, self._key, octets, ietf.signature_from_bytes(suite, signature))
            else:
                self._key.verify_octets(signature, octets, LABEL)
        except (EncodingError, InvalidSignature):
            raise InvalidSignature("the sender's signature does not verify") from None


class HybridSigningKey(SecretValue):
    """An Ed25519 and an ML-DSA-65 key that sign together.

    Spec: spec/envelope.md#signatures (RFC 8032, FIPS 204)
    Shape: two seeds of 32 octets
    Raises: WrongLength
    """

    __slots__ = ("_key", "public")
    suite: Final = HYBRID

    def __init__(self, octets: bytes) -> None:
        self._key = hybrid.SigningKey(octets)
        self.public = VerifyingKey(HYBRID, self._key.public.to_bytes())

    @classmethod
    def generate(cls, random: Random) -> Self:
        """A new key from 64 random octets."""
        return cls(draw(random, hybrid.SEED_OCTETS))

    def to_bytes(self) -> bytes:
        """The two seeds.

        Secret: the result
        """
        return self._key.to_bytes()

    def sign(self, octets: bytes) -> bytes:
        """Ed25519(octets) || ML-DSA-65(octets, context = LABEL)."""
        return self._key.sign_octets(octets, LABEL)


class BlsSigningKey(SecretValue):
    """A BLS key whose signatures can be added up.

    Spec: spec/envelope.md#signatures
    Shape: 32 octets, a number from 1 to r - 1
    Raises: WrongLength, NonCanonical, ParameterError for 0
    Secret: constant time on the native backend
    """

    __slots__ = ("_scalar", "_suite", "public")
    suite: Final = BLS

    def __init__(self, octets: bytes, backend: str | None = None) -> None:
        self._suite = bls_suite(backend)
        self._scalar = ietf.secret_key_from_bytes(self._suite.curve, octets)
        point = ietf.public_key(self._suite, self._scalar)
        self.public = VerifyingKey(BLS, point.to_bytes(Encoding.ZCASH), backend)

    @classmethod
    def generate(cls, random: Random, backend: str | None = None) -> Self:
        """A new key from 32 random octets, by KeyGen of the BLS draft."""
        curve = bls_suite(backend).curve
        return cls(ietf.key_gen_draft05(curve, draw(random, _IKM_OCTETS), _SALT).to_bytes(), backend)

    def to_bytes(self) -> bytes:
        """The private key.

        Secret: the result
        """
        return self._scalar.to_bytes()

    def sign(self, octets: bytes) -> bytes:
        """s * H(PK || octets), 96 octets; the same every time."""
        return ietf.sign(self._suite, self._scalar, octets).to_bytes(Encoding.ZCASH)


def bls_suite(backend: str | None = None) -> ietf.Suite:
    """The suite of the BLS draft that this format uses: keys in G1, message augmentation."""
    return ietf.Suite(groups.curve("BLS12-381", backend), ietf.Placement.MIN_PK, ietf.Scheme.MESSAGE_AUGMENTATION)


def aggregate(signatures: Sequence[bytes], backend: str | None = None) -> bytes:
    """The sum of BLS signatures, 96 octets.

    Spec: spec/envelope.md#signatures
    Raises: EncodingError for octets that are no signature, ParameterError for none
    """
    suite = bls_suite(backend)
    return ietf.aggregate(suite, [ietf.signature_from_bytes(suite, one) for one in signatures]).to_bytes(Encoding.ZCASH)


def verify_aggregate(keys: Sequence[VerifyingKey], messages: Sequence[bytes], signature: bytes) -> None:
    """Nothing, if `signature` is the sum of a signature under each key over its message.

    Spec: spec/envelope.md#signatures
    Raises: InvalidSignature; ParameterError unless there is one message for each key
    """
    if not keys or any(key.suite != BLS for key in keys):
        raise InvalidSignature(f"an aggregate is verified with keys of {BLS}")
    backend = keys[0].backend
    suite = bls_suite(backend)
    points = [ietf.public_key_from_bytes(suite, key.octets) for key in keys]
    try:
        ietf.aggregate_verify(suite, points, messages, ietf.signature_from_bytes(suite, signature))
    except EncodingError:
        raise InvalidSignature("the aggregate signature does not verify") from None


def signing_key(suite: str, octets: bytes, backend: str | None = None) -> HybridSigningKey | BlsSigningKey:
    """The private key of a suite.

    Raises: MalformedEnvelope for an unknown suite; what the key raises
    """
    if suite == HYBRID:
        return HybridSigningKey(octets)
    if suite == BLS:
        return BlsSigningKey(octets, backend)
    raise MalformedEnvelope(f"no signature suite is called {suite[:60]!r} in this release")
