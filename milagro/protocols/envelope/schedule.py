"""From the content secret to the key commitment and the keys of header and body."""

from __future__ import annotations

import hmac

from milagro.errors import DecryptionFailed, ParameterError
from milagro.octets import equal
from milagro.protocols.envelope.labels import DIGEST_OCTETS, digest, labelled
from milagro.protocols.envelope.suites import SECRET_OCTETS
from milagro.secret_value import SecretValue


class Schedule(SecretValue):
    """The keys of one envelope.

    Spec: spec/envelope.md#key-schedule (RFC 5869)
    Secret: all of it but the commitment
    """

    __slots__ = ("_prk",)

    def __init__(self, secret: bytes, outer: bytes) -> None:
        _check(secret)
        self._prk = hmac.digest(digest(outer), secret, "sha256")  # HKDF-Extract(salt = H(outer), ikm = S)

    @property
    def header_key(self) -> bytes:
        """HKDF-Expand(prk, frame(LABEL, "header"), 32)."""
        return self._expand(labelled("header"))

    def body_key(self, header_plaintext: bytes) -> bytes:
        """HKDF-Expand(prk, frame(LABEL, "body", H(header plaintext)), 32)."""
        return self._expand(labelled("body", digest(header_plaintext)))

    def _expand(self, info: bytes) -> bytes:
        # One block of HKDF-Expand: T(1) = HMAC(PRK, info || 01), as long as the hash.
        return hmac.digest(self._prk, info + b"\1", "sha256")[:DIGEST_OCTETS]


def commitment(suite: str, secret: bytes) -> bytes:
    """HMAC-SHA256(S, frame(LABEL, "commitment", suite)): no two secrets have the same.

    Spec: spec/envelope.md#key-schedule
    """
    _check(secret)
    return hmac.digest(secret, labelled("commitment", suite), "sha256")


def check_commitment(suite: str, secret: bytes, expected: bytes) -> None:
    """Nothing, if the content secret is the one that the outer map commits to.

    Spec: spec/envelope.md#key-schedule
    Raises: DecryptionFailed
    """
    if len(secret) != SECRET_OCTETS or not equal(commitment(suite, secret), expected):
        raise DecryptionFailed("the envelope was not sealed for this key, or was altered")


def _check(secret: bytes) -> None:
    # HMAC pads a shorter key with zeros, so only one length makes the commitment binding.
    if len(secret) != SECRET_OCTETS:
        raise ParameterError(f"a content secret has {SECRET_OCTETS} octets")
