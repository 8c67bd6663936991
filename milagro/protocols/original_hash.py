"""The numbered hash of the original Milagro library, which M-Pin v1 and Chow-Choo share."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from milagro.errors import ParameterError
from milagro.octets import i2osp

if TYPE_CHECKING:
    from milagro.groups import Curve

HashName = Literal["sha256", "sha384", "sha512"]

HASHES: tuple[HashName, ...] = ("sha256", "sha384", "sha512")
MAX_NUMBER = 2**31 - 1  # above it the original's signed integer turns negative and the prefix is lost
SESSION_KEY_BYTES = 16


def digest(data: bytes, *, hash_name: HashName = "sha256") -> bytes:
    """SHA(data) under the named hash.

    Raises: ParameterError for a hash that the original does not have
    """
    if hash_name not in HASHES:
        raise ParameterError(f"no hash is called {hash_name!r} here; there are {', '.join(HASHES)}")
    return hashlib.new(hash_name, data).digest()


def numbered_hash(curve: Curve, number: int, data: bytes, *, hash_name: HashName = "sha256") -> bytes:
    """H(n, data) = fit(SHA(be(n, 4) || data)), without the prefix for n = 0.

    fit keeps the first nb octets of a longer digest and puts zero octets in front of a shorter one.

    Spec: spec/mpin-v1.md#numbered-hash
    Shape: result `curve.field_bytes` octets
    Raises: ParameterError unless 0 <= n < 2^31
    """
    if not 0 <= number <= MAX_NUMBER:
        raise ParameterError("the number in front of the hashed octets must be at least 0 and below 2^31")
    prefix = i2osp(number, 4) if number else b""
    return digest(prefix + data, hash_name=hash_name)[: curve.field_bytes].rjust(curve.field_bytes, b"\0")
