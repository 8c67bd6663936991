"""Expanding a message to uniform octets (RFC 9380, section 5.3), the first step of hashing to a group or scalar.

`Xmd` works with a fixed-length hash, `Xof` with an extendable-output function. Both are values: they can be
compared, and their `name` is what a suite identifier of RFC 9380 calls them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from milagro.errors import ParameterError
from milagro.octets import i2osp

if TYPE_CHECKING:
    from collections.abc import Callable

Oversize = Literal["hash", "refuse"]

_OVERSIZE_PREFIX = b"H2C-OVERSIZE-DST-"
_MAX_DST = 255
_MAX_LENGTH = 65535
_HASHES = {
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "sha3_256": "SHA3-256",
    "sha3_384": "SHA3-384",
    "sha3_512": "SHA3-512",
}
_XOFS = {"shake128": ("SHAKE128", 128), "shake256": ("SHAKE256", 256)}


class Expander(Protocol):
    """A way to expand a message: `Xmd` or `Xof`."""

    @property
    def name(self) -> str:
        """Its part of a suite identifier, for example "XMD:SHA-256"."""

    def expand(self, message: bytes, dst: bytes, length: int) -> bytes:
        """`length` octets, uniform if the hash is a random oracle, bound to `dst`."""


def _dst_prime(dst: bytes, oversize: Oversize, shorten: Callable[[bytes], bytes]) -> bytes:
    """The tag that is hashed: dst, or a hash of a long one, then its length in one octet (section 5.3.3)."""
    if not dst:
        raise ParameterError("a domain separation tag must not be empty")
    if len(dst) > _MAX_DST:
        if oversize == "refuse":
            raise ParameterError(f"a domain separation tag has at most {_MAX_DST} octets here, got {len(dst)}")
        dst = shorten(_OVERSIZE_PREFIX + dst)
    return dst + _OCTETS[len(dst)]


def _check_length(length: int, most: int) -> None:
    if not 0 < length <= most:
        raise ParameterError(f"between 1 and {most} octets can be expanded, not {length}")


class _Hash(NamedTuple):
    """A hash function by two of its states. To copy one takes OpenSSL fewer steps than to make one."""

    empty: Any
    begun: Any  # after one block of zeros
    size: int  # of a digest
    most: int  # octets that it can be expanded to

    def digest(self, octets: bytes) -> bytes:
        """The hash of the octets."""
        state = self.empty.copy()
        state.update(octets)
        digest: bytes = state.digest()
        return digest


def _hash(name: str) -> _Hash:
    empty, begun = (getattr(hashlib, name)() for _ in range(2))
    begun.update(bytes(begun.block_size))
    return _Hash(empty, begun, empty.digest_size, min(_MAX_LENGTH, 255 * empty.digest_size))


_FUNCTIONS = {name: _hash(name) for name in _HASHES}
_OCTETS = tuple(i2osp(i, 1) for i in range(256))


@dataclass(frozen=True, slots=True)
class Xmd:
    """expand_message_xmd with the hash function `hash_name`.

    Spec: spec/curves.md#expand-message (RFC 9380, section 5.3.1)
    Raises: ParameterError for an unknown hash
    """

    hash_name: str = "sha256"
    oversize_dst: Oversize = "hash"

    def __post_init__(self) -> None:
        if self.hash_name not in _HASHES:
            raise ParameterError(f"expand_message_xmd does not know {self.hash_name!r}; it knows {', '.join(_HASHES)}")

    @property
    def name(self) -> str:
        """The family and the hash, for example "XMD:SHA-256"."""
        return f"XMD:{_HASHES[self.hash_name]}"

    def expand(self, message: bytes, dst: bytes, length: int) -> bytes:
        """`length` octets b_1 || b_2 || ..., b_i = H((b_0 xor b_(i-1)) || i || DST').

        Spec: spec/curves.md#expand-message (RFC 9380, section 5.3.1)
        Raises: ParameterError if the length exceeds 255 digests or 65535, or the tag is empty (or refused as too long)
        """
        H = _FUNCTIONS[self.hash_name]
        _check_length(length, H.most)
        tag = _dst_prime(dst, self.oversize_dst, H.digest)
        state = H.begun.copy()
        state.update(message + length.to_bytes(2, "big") + b"\x00" + tag)
        b0: bytes = state.digest()
        uniform = block = H.digest(b0 + b"\x01" + tag)
        # An octet in front that is not zero keeps every number equally long, whatever a secret message makes of it.
        first = int.from_bytes(b"\x80" + b0, "big")
        for i in range(2, -(-length // H.size) + 1):
            mixed = (first ^ int.from_bytes(b"\x01" + block, "big")).to_bytes(H.size + 1, "big")
            block = H.digest(mixed[1:] + _OCTETS[i] + tag)
            uniform += block
        return uniform[:length]


@dataclass(frozen=True, slots=True)
class Xof:
    """expand_message_xof with the function `xof_name`.

    Spec: spec/curves.md#expand-message (RFC 9380, section 5.3.2)
    Raises: ParameterError for an unknown function
    """

    xof_name: str = "shake128"
    oversize_dst: Oversize = "hash"

    def __post_init__(self) -> None:
        if self.xof_name not in _XOFS:
            raise ParameterError(f"expand_message_xof does not know {self.xof_name!r}; it knows {', '.join(_XOFS)}")

    @property
    def name(self) -> str:
        """The family and the function, for example "XOF:SHAKE128"."""
        return f"XOF:{_XOFS[self.xof_name][0]}"

    def _output(self, octets: bytes, length: int) -> bytes:
        function = hashlib.shake_128 if self.xof_name == "shake128" else hashlib.shake_256
        return function(octets).digest(length)

    def expand(self, message: bytes, dst: bytes, length: int) -> bytes:
        """The first `length` octets of H(message || length in 2 octets || DST').

        Spec: spec/curves.md#expand-message (RFC 9380, section 5.3.2)
        Raises: ParameterError if the length exceeds 65535, or the tag is empty (or refused as too long)
        """
        _check_length(length, _MAX_LENGTH)
        security_bits = _XOFS[self.xof_name][1]
        tag = _dst_prime(dst, self.oversize_dst, lambda octets: self._output(octets, security_bits // 4))
        return self._output(message + i2osp(length, 2) + tag, length)
