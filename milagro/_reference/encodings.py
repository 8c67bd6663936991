"""The octet encodings of points, strictly read and written.

A reader checks length, flags, canonical coordinates and the curve's equation, in this order.

    milagro             G1  04 || x || y  (also read: 02 or 03 || x)      G2  x.re || x.im || y.re || y.im
    milagro-compressed  G1  02 or 03 || x, the parity of y                G2  as milagro
    zcash               three flag bits in the first octet, x             G2  x.im || x.re
    zcash-uncompressed  x || y, a flag bit for the identity only          G2  x.im || x.re || y.im || y.re
    eip197              x || y, all zero for the identity                 G2  x.im || x.re || y.im || y.re
    tagged              00, or 02 or 03 || x by the sgn0 of y             G2  x.re || x.im
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from milagro._reference.group import Group, PointHandle
from milagro.errors import InvalidFlags, ParameterError, WrongLength

_COMPRESSED, _INFINITY, _LARGER = 0x80, 0x40, 0x20  # flag bits of the ZCash encodings
_FLAGS = _COMPRESSED | _INFINITY | _LARGER

Reader = Callable[["Codec", bytes], PointHandle]
Writer = Callable[["Codec", PointHandle], bytes]


class Codec:
    """The readers and writers of one group."""

    def __init__(self, group: Group[Any], field_bytes: int) -> None:
        self.group = group
        self.parts = group.field.degree
        self.part = field_bytes

    @property
    def width(self) -> int:
        """Octets of one coordinate."""
        return self.parts * self.part

    def decode(self, octets: bytes, encoding: str) -> PointHandle:
        """The point or the identity with these octets."""
        return self._of(encoding)[0](self, octets)

    def encode(self, p: PointHandle, encoding: str) -> bytes:
        """The octets of the point."""
        return self._of(encoding)[1](self, p)

    def _of(self, encoding: str) -> tuple[Reader, Writer]:
        if encoding not in _CODECS:
            raise ParameterError(f"no point encoding is called {encoding!r}")
        return _CODECS[encoding]

    def swap(self, coordinate: bytes) -> bytes:
        """The coordinate with its real and imaginary parts exchanged; over Fp itself."""
        return coordinate if self.parts == 1 else coordinate[self.part :] + coordinate[: self.part]

    def need(self, octets: bytes, *lengths: int) -> None:
        """Refuses octets of another length."""
        if len(octets) not in lengths:
            expected = " or ".join(map(str, lengths))
            raise WrongLength(f"a point of G{self.parts}: expected {expected} octets, got {len(octets)}")

    def bad_flags(self) -> InvalidFlags:
        """What a reader raises for a wrong tag or wrong flags."""
        return InvalidFlags(f"a point of G{self.parts}: its tag or flags do not fit what follows")

    def affine(self, octets: bytes) -> PointHandle:
        """The point x || y."""
        return self.group.from_affine(octets[: self.width], octets[self.width :])

    def tagged_x(self, p: PointHandle) -> bytes:
        """2 or 3 by the parity of y, then x."""
        return bytes([2 | self.group.sign(p, "parity")]) + self.group.to_affine(p)[0]

    def from_tagged_x(self, octets: bytes) -> PointHandle:
        """The point of tagged_x."""
        if octets[0] not in (2, 3):
            raise self.bad_flags()
        return self.group.from_x(octets[1:], octets[0] & 1, "parity")


def _read_milagro(c: Codec, octets: bytes) -> PointHandle:
    if c.parts == 2:
        c.need(octets, 2 * c.width)
        return c.affine(octets)
    c.need(octets, 1 + 2 * c.width, 1 + c.width)
    if len(octets) == 1 + c.width:
        return c.from_tagged_x(octets)
    if octets[0] != 4:
        raise c.bad_flags()
    return c.affine(octets[1:])


def _write_milagro(c: Codec, p: PointHandle) -> bytes:
    x, y = c.group.to_affine(p)
    return b"\x04" + x + y if c.parts == 1 else x + y


def _read_milagro_compressed(c: Codec, octets: bytes) -> PointHandle:
    if c.parts == 2:
        return _read_milagro(c, octets)
    c.need(octets, 1 + c.width)
    return c.from_tagged_x(octets)


def _write_milagro_compressed(c: Codec, p: PointHandle) -> bytes:
    return c.tagged_x(p) if c.parts == 1 else _write_milagro(c, p)


def _read_zcash(c: Codec, octets: bytes) -> PointHandle:
    c.need(octets, c.width)
    flags = octets[0] & _FLAGS
    if not flags & _COMPRESSED:
        raise c.bad_flags()
    if flags & _INFINITY:
        if octets != _write_zcash(c, c.group.identity):
            raise c.bad_flags()
        return c.group.identity
    x = bytes([octets[0] ^ flags]) + octets[1:]
    return c.group.from_x(c.swap(x), 1 if flags & _LARGER else 0, "larger")


def _write_zcash(c: Codec, p: PointHandle) -> bytes:
    if c.group.is_identity(p):
        return bytes([_COMPRESSED | _INFINITY]) + bytes(c.width - 1)
    x = c.swap(c.group.to_affine(p)[0])  # p has 381 bits: the flags are free
    return bytes([x[0] | _COMPRESSED | _LARGER * c.group.sign(p, "larger")]) + x[1:]


def _read_zcash_uncompressed(c: Codec, octets: bytes) -> PointHandle:
    c.need(octets, 2 * c.width)
    if octets == _write_zcash_uncompressed(c, c.group.identity):
        return c.group.identity
    if octets[0] & _FLAGS:
        raise c.bad_flags()
    return c.group.from_affine(c.swap(octets[: c.width]), c.swap(octets[c.width :]))


def _write_zcash_uncompressed(c: Codec, p: PointHandle) -> bytes:
    if c.group.is_identity(p):
        return bytes([_INFINITY]) + bytes(2 * c.width - 1)
    return b"".join(map(c.swap, c.group.to_affine(p)))


def _read_eip197(c: Codec, octets: bytes) -> PointHandle:
    c.need(octets, 2 * c.width)
    if not any(octets):
        return c.group.identity
    return c.group.from_affine(c.swap(octets[: c.width]), c.swap(octets[c.width :]))


def _write_eip197(c: Codec, p: PointHandle) -> bytes:
    if c.group.is_identity(p):
        return bytes(2 * c.width)
    return b"".join(map(c.swap, c.group.to_affine(p)))


def _read_tagged(c: Codec, octets: bytes) -> PointHandle:
    c.need(octets, 1 + c.width)
    return c.from_tagged_x(octets) if any(octets) else c.group.identity


def _write_tagged(c: Codec, p: PointHandle) -> bytes:
    return bytes(1 + c.width) if c.group.is_identity(p) else c.tagged_x(p)


_CODECS: dict[str, tuple[Reader, Writer]] = {
    "milagro": (_read_milagro, _write_milagro),
    "milagro-compressed": (_read_milagro_compressed, _write_milagro_compressed),
    "zcash": (_read_zcash, _write_zcash),
    "zcash-uncompressed": (_read_zcash_uncompressed, _write_zcash_uncompressed),
    "eip197": (_read_eip197, _write_eip197),
    "tagged": (_read_tagged, _write_tagged),
}
