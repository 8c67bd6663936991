"""Encryption suites and keys: HPKE with a hybrid KEM carries the content secret to one recipient.

    EncryptionKey --public--> EncryptionPublicKey --seal_slot--> slot --EncryptionKey.open_slot--> content secret

The encapsulation draws its randomness inside `cryptography`; it cannot be given from outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from milagro.errors import (
    DecryptionFailed,
    MalformedEnvelope,
    NonCanonical,
    NotInSubgroup,
    NotOnCurve,
    ParameterError,
    RetiredSuite,
    WrongLength,
)
from milagro.octets import os2ip
from milagro.protocols.envelope.labels import digest, draw, labelled
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from milagro.groups import Random

SECRET_OCTETS: Final = 32
_SEED_OCTETS = 64
_TAG_OCTETS = 16
_P384_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
_MAX_DRAWS = 64
_PROBE = x25519.X25519PrivateKey.from_private_bytes(bytes([7] * 32))  # only to meet points of small order


@dataclass(frozen=True, slots=True)
class EncryptionSuite:
    """One row of the table: names, sizes, and how the octets of keys become keys of the library."""

    name: str
    hpke: hpke.Suite
    encapsulation_octets: int
    lattice_octets: int
    point_octets: int
    scalar_octets: int
    read_private: Callable[[bytes, bytes], Any]
    read_public: Callable[[bytes, bytes], Any]
    public_of: Callable[[bytes, bytes], bytes]
    retired: bool = False

    @property
    def public_octets(self) -> int:
        """The length of a public key."""
        return self.lattice_octets + self.point_octets

    @property
    def private_octets(self) -> int:
        """The length of a private key."""
        return _SEED_OCTETS + self.scalar_octets

    @property
    def slot_octets(self) -> int:
        """The length of a slot."""
        return self.encapsulation_octets + SECRET_OCTETS + _TAG_OCTETS


@dataclass(frozen=True, slots=True)
class Policy:
    """Which suites are retired besides those of the table, and whether retired ones may be opened at all.

    Spec: spec/envelope.md#suites
    """

    retired: frozenset[str] = frozenset()
    allow_retired: bool = False

    def is_retired(self, name: str) -> bool:
        """Whether the suite is retired, by the table or by this policy.

        Raises: MalformedEnvelope
        """
        return suite_named(name).retired or name in self.retired

    def for_sealing(self, name: str) -> None:
        """Nothing, if the suite may seal.

        Raises: RetiredSuite, MalformedEnvelope
        """
        if self.is_retired(name):
            raise RetiredSuite(f"the suite {name} is retired; nothing is sealed with it any more")

    def for_opening(self, name: str) -> None:
        """Nothing, if the suite may open: it is not retired, or this policy says that such suites are wanted.

        Raises: RetiredSuite, MalformedEnvelope
        """
        if self.is_retired(name) and not self.allow_retired:
            raise RetiredSuite(f"the suite {name} is retired: what it sealed may have been read, or made, by others")


DEFAULT_POLICY: Final = Policy()


# -- the two hybrids ----------------------------------------------------------------------------------------------
def _private_768(seed: bytes, scalar: bytes) -> hpke.MLKEM768X25519PrivateKey:
    return hpke.MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.from_seed_bytes(seed), x25519.X25519PrivateKey.from_private_bytes(scalar)
    )


def _public_of_768(seed: bytes, scalar: bytes) -> bytes:
    lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()
    return lattice + x25519.X25519PrivateKey.from_private_bytes(scalar).public_key().public_bytes_raw()


def _public_768(lattice: bytes, point: bytes) -> hpke.MLKEM768X25519PublicKey:
    if int.from_bytes(point, "little") >= 2**255 - 19:
        raise NonCanonical("the u of an X25519 key is not below 2^255 - 19")
    key = x25519.X25519PublicKey.from_public_bytes(point)
    try:
        _PROBE.exchange(key)
    except ValueError:
        raise NotInSubgroup("an X25519 key is a point of small order") from None
    return hpke.MLKEM768X25519PublicKey(_lattice(mlkem.MLKEM768PublicKey, lattice), key)


def _p384(scalar: bytes) -> ec.EllipticCurvePrivateKey:
    if not 0 < os2ip(scalar) < _P384_ORDER:
        raise NonCanonical("a P-384 private key is a number from 1 to n - 1")
    return ec.derive_private_key(os2ip(scalar), ec.SECP384R1())


def _private_1024(seed: bytes, scalar: bytes) -> hpke.MLKEM1024P384PrivateKey:
    return hpke.MLKEM1024P384PrivateKey(mlkem.MLKEM1024PrivateKey.from_seed_bytes(seed), _p384(scalar))


def _public_of_1024(seed: bytes, scalar: bytes) -> bytes:
    lattice = mlkem.MLKEM1024PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()
    return lattice + _p384(scalar).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _public_1024(lattice: bytes, point: bytes) -> hpke.MLKEM1024P384PublicKey:
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)
    except ValueError:
        raise NotOnCurve("the octets of a P-384 key are no point") from None
    return hpke.MLKEM1024P384PublicKey(_lattice(mlkem.MLKEM1024PublicKey, lattice), key)


def _lattice(kind: Any, octets: bytes) -> Any:
    """An ML-KEM key; one with a coefficient that is not reduced is refused (FIPS 203, section 7.2)."""
    vector = int.from_bytes(octets[:-32], "little")  # the last 32 octets are the seed of the matrix
    # Coefficients have 12 bits each. Every second one is taken at a time: each then has a bit above it that is free,
    # and that bit is set by the addition exactly if the coefficient is 3329 or more.
    mask, gap, above = _columns(len(octets) - 32)
    for half in (vector, vector >> 12):
        if (half & mask) + gap & above:
            raise NonCanonical("a coefficient of an ML-KEM key is not below its modulus")
    return kind.from_public_bytes(octets)


@cache
def _columns(length: int) -> tuple[int, int, int]:
    """In every 24 bits of `length` octets: 0xFFF, 2^12 - 3329, and 2^12."""
    one = sum(1 << at for at in range(0, 8 * length, 24))
    return 0xFFF * one, (0x1000 - 3329) * one, 0x1000 * one


MLKEM768_X25519: Final = "MLKEM768-X25519.1"
MLKEM1024_P384: Final = "MLKEM1024-P384.1"
DEFAULT_SUITE: Final = MLKEM768_X25519
SUITES: Final = MappingProxyType(
    {
        MLKEM768_X25519: EncryptionSuite(
            MLKEM768_X25519,
            hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
            encapsulation_octets=1120,
            lattice_octets=1184,
            point_octets=32,
            scalar_octets=32,
            read_private=_private_768,
            read_public=_public_768,
            public_of=_public_of_768,
        ),
        MLKEM1024_P384: EncryptionSuite(
            MLKEM1024_P384,
            hpke.Suite(hpke.KEM.MLKEM1024_P384, hpke.KDF.HKDF_SHA384, hpke.AEAD.AES_256_GCM),
            encapsulation_octets=1665,
            lattice_octets=1568,
            point_octets=97,
            scalar_octets=48,
            read_private=_private_1024,
            read_public=_public_1024,
            public_of=_public_of_1024,
        ),
    }
)
"""The suites by name. Spec: spec/envelope.md#suites"""


def suite_named(name: str) -> EncryptionSuite:
    """The suite with this name, retired or not.

    Raises: MalformedEnvelope
    """
    if name not in SUITES:
        raise MalformedEnvelope(f"no encryption suite is called {name[:60]!r} in this release")
    return SUITES[name]


# -- keys ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class EncryptionPublicKey:
    """A key to seal to.

    Spec: spec/envelope.md#suites
    Raises: MalformedEnvelope for an unknown suite; WrongLength, NonCanonical, NotOnCurve, NotInSubgroup
    """

    suite: str
    octets: bytes
    id: bytes = field(init=False, repr=False, compare=False)
    """H(frame(LABEL, "encryption key", suite, public key)), 32 octets."""
    _key: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        suite = suite_named(self.suite)
        if len(self.octets) != suite.public_octets:
            raise WrongLength(f"an encryption key of {self.suite} has {suite.public_octets} octets")
        lattice, point = self.octets[: suite.lattice_octets], self.octets[suite.lattice_octets :]
        object.__setattr__(self, "_key", suite.read_public(lattice, point))
        object.__setattr__(self, "id", digest(labelled("encryption key", self.suite, self.octets)))

    def seal_slot(self, secret: bytes) -> bytes:
        """The slot that carries the content secret to the holder of this key.

        Secret: the content secret
        """
        slot: bytes = suite_named(self.suite).hpke.encrypt(secret, self._key, info=_slot_info(self.suite, self.id))
        return slot


class EncryptionKey(SecretValue):
    """A key to open with.

    Spec: spec/envelope.md#suites
    Raises: MalformedEnvelope for an unknown suite; WrongLength, NonCanonical
    """

    __slots__ = ("_key", "_octets", "id", "public", "suite")

    def __init__(self, suite: str, octets: bytes) -> None:
        row = suite_named(suite)
        if len(octets) != row.private_octets:
            raise WrongLength(f"a private key of {suite} has {row.private_octets} octets")
        parts = octets[:_SEED_OCTETS], octets[_SEED_OCTETS:]
        self._octets, self._key = octets, row.read_private(*parts)
        self.suite = suite
        self.public = EncryptionPublicKey(suite, row.public_of(*parts))
        self.id = self.public.id

    @classmethod
    def generate(cls, random: Random, suite: str = DEFAULT_SUITE) -> Self:
        """A new key."""
        row = suite_named(suite)
        for _ in range(_MAX_DRAWS):
            try:
                return cls(suite, draw(random, row.private_octets))
            except NonCanonical:  # a scalar above the order of P-384: one draw in 2^194
                continue
        raise ParameterError("the source of randomness returns nothing below the order of P-384; it is broken")

    def to_bytes(self) -> bytes:
        """The private key.

        Secret: the result
        """
        return self._octets

    def open_slot(self, slot: bytes) -> bytes:
        """The content secret.

        Raises: DecryptionFailed for any slot that was not made for this key
        Secret: the result
        """
        suite = suite_named(self.suite)
        try:
            if len(slot) == suite.slot_octets:
                secret: bytes = suite.hpke.decrypt(slot, self._key, info=_slot_info(self.suite, self.id))
                return secret
        except (InvalidTag, ValueError):
            pass
        raise DecryptionFailed("the envelope was not sealed for this key, or was altered")


def _slot_info(suite: str, key_id: bytes) -> bytes:
    return labelled("slot", suite, key_id)
