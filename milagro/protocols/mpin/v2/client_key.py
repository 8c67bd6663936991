"""The client key: an ordinary signature key, in software, in WebCrypto, in a TPM or in an HSM.

`ClientKey` is all that the protocol asks of it. `Ed25519Key` and `P256Key` are the software forms.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, Protocol, Self

from cryptography.exceptions import InvalidSignature as CryptographyInvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from milagro.errors import (
    InvalidFlags,
    InvalidSignature,
    NonCanonical,
    NotInSubgroup,
    NotOnCurve,
    ParameterError,
    WrongLength,
)
from milagro.octets import i2osp, os2ip
from milagro.protocols.mpin.v2.suite import draw
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from milagro.groups import Random

ED25519: Literal["ed25519"] = "ed25519"
P256: Literal["ecdsa-p256-sha256"] = "ecdsa-p256-sha256"
ALGORITHMS = (ED25519, P256)
SIGNATURE_OCTETS = 64

_PUBLIC_OCTETS = {ED25519: 32, P256: 65}
_P25519 = 2**255 - 19
_D25519 = -121665 * pow(121666, -1, _P25519) % _P25519
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_MAX_DRAWS = 64  # one draw in 2**32 is not below the order


class ClientKey(Protocol):
    """A signature key that can sign and show its public half; where the private half is, is its own affair.

    Spec: spec/mpin.md#client-key
    """

    @property
    def algorithm(self) -> str:
        """One of ALGORITHMS."""

    @property
    def public_key(self) -> bytes:
        """The public key in the octets of its algorithm."""

    def sign(self, octets: bytes) -> bytes:
        """The 64 octets of the signature over `octets`."""


def check_public_key(algorithm: str, public_key: bytes) -> None:
    """Nothing, if the octets are a public key of the algorithm.

    Spec: spec/mpin.md#client-key
    Raises: ParameterError for an unknown algorithm, WrongLength, InvalidFlags, NonCanonical, NotOnCurve, NotInSubgroup
    """
    if algorithm not in ALGORITHMS:
        raise ParameterError(f"a client key is one of {', '.join(ALGORITHMS)}")
    if len(public_key) != _PUBLIC_OCTETS[algorithm]:
        raise WrongLength(f"a public key for {algorithm} has {_PUBLIC_OCTETS[algorithm]} octets")
    if algorithm == ED25519:
        _check_ed25519(public_key)
    else:
        _p256_public(public_key)


@lru_cache(maxsize=4096)
def _check_ed25519(public_key: bytes) -> None:
    y = int.from_bytes(public_key, "little") & (2**255 - 1)
    if y >= _P25519:
        raise NonCanonical("the y of an Ed25519 key is not below 2^255 - 19")
    # y = +-1: orders 1, 2; y = 0: order 4; the last factor: order 8. Under such a key some signatures fit any message.
    if y * (y * y - 1) * (_D25519 * y**4 + 2 * y * y - 1) % _P25519 == 0:
        raise NotInSubgroup("an Ed25519 key is a point of small order")
    y2 = y * y % _P25519
    x2 = (y2 - 1) * pow(_D25519 * y2 + 1, -1, _P25519) % _P25519
    if pow(x2, (_P25519 - 1) // 2, _P25519) != 1:
        raise NotOnCurve("the octets of an Ed25519 key are no point")


@lru_cache(maxsize=4096)
def _p256_public(public_key: bytes) -> ec.EllipticCurvePublicKey:
    if public_key[0] != 4:
        raise InvalidFlags("a P-256 key is an uncompressed point, 04 || x || y")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    except ValueError:
        raise NotOnCurve("the octets of a P-256 key are no point") from None


def verify_signature(algorithm: str, public_key: bytes, signature: bytes, octets: bytes) -> None:
    """Nothing, if `signature` is one over `octets` under the key.

    Spec: spec/mpin.md#client-key
    Raises: InvalidSignature; WrongLength for a signature of another length; what check_public_key raises
    """
    check_public_key(algorithm, public_key)
    if len(signature) != SIGNATURE_OCTETS:
        raise WrongLength(f"a client signature has {SIGNATURE_OCTETS} octets")
    try:
        if algorithm == ED25519:
            ed25519.Ed25519PublicKey.from_public_bytes(public_key).verify(signature, octets)
        else:
            der = encode_dss_signature(os2ip(signature[:32]), os2ip(signature[32:]))
            _p256_public(public_key).verify(der, octets, ec.ECDSA(hashes.SHA256()))
    except CryptographyInvalidSignature:
        raise InvalidSignature("the client's signature does not fit this server, origin and message") from None


class Ed25519Key(SecretValue):
    """An Ed25519 client key in software.

    Spec: spec/mpin.md#client-key (RFC 8032)
    """

    __slots__ = ("_key",)
    algorithm: Literal["ed25519"] = ED25519

    def __init__(self, key: ed25519.Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls, random: Random) -> Self:
        """A new key from 32 random octets."""
        return cls.from_bytes(draw(random, 32))

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The key with this seed of 32 octets.

        Raises: WrongLength
        """
        if len(octets) != 32:
            raise WrongLength("an Ed25519 private key has 32 octets")
        return cls(ed25519.Ed25519PrivateKey.from_private_bytes(octets))

    def to_bytes(self) -> bytes:
        """The seed of 32 octets.

        Secret: the result
        """
        return self._key.private_bytes_raw()

    @property
    def public_key(self) -> bytes:
        """The public key, 32 octets."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, octets: bytes) -> bytes:
        """The signature over `octets`, 64 octets."""
        return self._key.sign(octets)


class P256Key(SecretValue):
    """An ECDSA P-256 client key with SHA-256 in software; deterministic nonces (RFC 6979).

    Spec: spec/mpin.md#client-key
    """

    __slots__ = ("_key",)
    algorithm: Literal["ecdsa-p256-sha256"] = P256

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls, random: Random) -> Self:
        """A new key from random octets, drawn until they are a number in [1, n - 1]."""
        for _ in range(_MAX_DRAWS):
            try:
                return cls.from_bytes(draw(random, 32))
            except NonCanonical:
                continue
        raise ParameterError("the source of randomness returns nothing below the order of P-256; it is broken")

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The key with this private number, 32 octets.

        Raises: WrongLength, NonCanonical
        """
        if len(octets) != 32:
            raise WrongLength("a P-256 private key has 32 octets")
        if not 0 < os2ip(octets) < _P256_ORDER:
            raise NonCanonical("a P-256 private key is a number from 1 to n - 1")
        return cls(ec.derive_private_key(os2ip(octets), ec.SECP256R1()))

    def to_bytes(self) -> bytes:
        """The private number, 32 octets.

        Secret: the result
        """
        return i2osp(self._key.private_numbers().private_value, 32)

    @property
    def public_key(self) -> bytes:
        """The public key, 04 || x || y, 65 octets."""
        numbers = self._key.public_key().public_numbers()
        return b"\x04" + i2osp(numbers.x, 32) + i2osp(numbers.y, 32)

    def sign(self, octets: bytes) -> bytes:
        """The signature over `octets`, r || s, 64 octets."""
        r, s = decode_dss_signature(self._key.sign(octets, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        return i2osp(r, 32) + i2osp(s, 32)
