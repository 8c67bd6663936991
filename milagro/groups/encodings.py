"""The octet encodings of points: strict readers and their writers.

A reader checks in this order and stops at the first fault: length, flags, canonical coordinates, curve
equation, subgroup, identity. So each malformed string is refused with one class, the same on every backend.

    MILAGRO             G1  04 || x || y  (also read: 02 or 03 || x)      G2  x.re || x.im || y.re || y.im
    MILAGRO_COMPRESSED  G1  02 or 03 || x, the parity of y                G2  as MILAGRO
    ZCASH               three flag bits in the first octet, x             G2  x.im || x.re
    ZCASH_UNCOMPRESSED  x || y, a flag bit for the identity only          G2  x.im || x.re || y.im || y.re
    EIP197              x || y, all zero for the identity                 G2  x.im || x.re || y.im || y.re
    TAGGED              00, or 02 or 03 || x by the sgn0 of y             G2  x.re || x.im
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from milagro.errors import IdentityElement, InvalidFlags, NotInSubgroup, ParameterError, WrongLength
from milagro.octets import xor

if TYPE_CHECKING:
    from milagro.groups.operations import PointOps
    from milagro.params import CurveParams

Octets = bytes | bytearray | memoryview
"""What a reader takes for octets."""

_COMPRESSED, _INFINITY, _LARGER = 0x80, 0x40, 0x20  # flag bits of the ZCash encodings
_FLAGS = _COMPRESSED | _INFINITY | _LARGER
_REAL_FIRST, _IMAGINARY_FIRST = False, True  # the order of the parts of a coordinate of G2
_NO_IDENTITY, _IDENTITY = False, True  # whether zeros stand for it
_SIGN_OF_TAG = bytes(tag & 1 for tag in range(256))  # of the tags 2 and 3
_TAG_OF_SIGN = bytes(2 | sign & 1 for sign in range(256))
_SIGN_OF_FLAGS = bytes(1 if octet & _LARGER else 0 for octet in range(256))
_WITHOUT_FLAGS = bytes(octet & ~_FLAGS for octet in range(256))


class Encoding(StrEnum):
    """The name of a point encoding.

    Spec: spec/curves.md#encoding-milagro, spec/curves.md#encoding-zcash, spec/curves.md#encoding-eip197,
        spec/curves.md#encoding-tagged
    """

    MILAGRO = "milagro"
    MILAGRO_COMPRESSED = "milagro-compressed"
    ZCASH = "zcash"
    ZCASH_UNCOMPRESSED = "zcash-uncompressed"
    EIP197 = "eip197"
    TAGGED = "tagged"


def octet_string(value: object) -> bytes:
    """`value` as bytes, if it is bytes, bytearray or memoryview.

    Raises: ParameterError for any other type
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    raise ParameterError(f"expected octets (bytes, bytearray or memoryview), got {type(value).__name__}")


class Codec(Protocol):
    """One encoding of one group. The reader of one point checks everything but subgroup and identity."""

    @property
    def length(self) -> int:
        """Octets of what `encode` gives."""

    def encode(self, p: Any) -> bytes:
        """The octets of `p`. Raises IdentityElement if `p` is an identity without an encoding."""

    def decode(self, octets: bytes) -> Any:
        """The point or the identity. Raises WrongLength, InvalidFlags, NonCanonical, NotOnCurve."""

    def encode_many(self, points: list[Any]) -> bytearray:
        """The octets of the points, joined. Raises IdentityElement where one has no plain form; ask `encode` then."""

    def decode_many(self, octets: bytes, *, allow_identity: bool) -> list[Any]:
        """The points of elements of `length` octets each, fully checked, subgroup included.

        Raises: EncodingError if one is refused, or is of a rare form that only `decode` reads
        """


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the codecs share: the group's operations and the size of a coordinate."""

    ops: PointOps
    field_bytes: int

    @property
    def width(self) -> int:
        """Octets of one coordinate of this group."""
        return self.field_bytes * (1 if self.ops.group == "G1" else 2)

    def swap(self, coordinate: bytes) -> bytes:
        """The coordinate with its real and imaginary parts exchanged; in G1 itself."""
        if self.ops.group == "G1":
            return coordinate
        return coordinate[self.field_bytes :] + coordinate[: self.field_bytes]

    def need(self, octets: bytes, *lengths: int) -> None:
        if len(octets) not in lengths:
            expected = " or ".join(str(length) for length in lengths)
            raise WrongLength(f"a point of {self.ops.group}: expected {expected} octets, got {len(octets)}")

    def bad_flags(self, octets: bytes) -> InvalidFlags:
        return InvalidFlags(f"a point of {self.ops.group}: prefix 0x{octets[0]:02x} does not fit what follows")

    def affine(self, octets: bytes) -> Any:
        return self.ops.from_affine(octets[: self.width], octets[self.width :])

    # one tag, then x: the compressed form of two encodings
    def tagged(self, points: list[Any]) -> bytearray:
        octets, signs = self.ops.to_x_many(points, 1, _REAL_FIRST, "parity")
        octets[:: 1 + self.width] = signs.translate(_TAG_OF_SIGN)
        return octets

    def from_tagged(self, octets: bytes) -> list[Any]:
        tags = octets[:: 1 + self.width]
        if tags.strip(b"\x02\x03"):
            raise self.bad_flags(octets)
        return self.ops.from_x_many(octets, 1, _REAL_FIRST, tags.translate(_SIGN_OF_TAG), "parity")


class _Milagro(_Layout):
    """G1 with the prefixes of SEC 1, G2 without any."""

    @property
    def lead(self) -> int:
        return 1 if self.ops.group == "G1" else 0

    @property
    def length(self) -> int:
        return self.lead + 2 * self.width

    def encode_many(self, points: list[Any]) -> bytearray:
        octets = self.ops.to_affine_many(points, self.lead, _REAL_FIRST, _NO_IDENTITY)
        if self.lead:
            octets[:: self.length] = b"\x04" * len(points)
        return octets

    def decode_many(self, octets: bytes, *, allow_identity: bool) -> list[Any]:
        if self.lead and octets[:: self.length].strip(b"\x04"):
            raise self.bad_flags(octets)
        return self.ops.from_affine_many(octets, self.lead, _REAL_FIRST, _NO_IDENTITY)

    def encode(self, p: Any) -> bytes:
        x, y = self.ops.to_affine(p)
        return b"\x04" + x + y if self.ops.group == "G1" else x + y

    def decode(self, octets: bytes) -> Any:
        if self.ops.group == "G2":
            self.need(octets, 2 * self.width)
            return self.affine(octets)
        self.need(octets, 1 + 2 * self.width, 1 + self.width)
        if len(octets) == 1 + self.width:
            return self.decode_compressed(octets)
        if octets[0] != 4:
            raise self.bad_flags(octets)
        return self.affine(octets[1:])

    def decode_compressed(self, octets: bytes) -> Any:
        if octets[0] not in (2, 3):
            raise self.bad_flags(octets)
        return self.ops.from_x(octets[1:], octets[0] & 1, "parity")


class _MilagroCompressed(_Milagro):
    """G1 by x and the parity of y only; G2 as _Milagro."""

    @property
    def length(self) -> int:
        return 1 + self.width if self.lead else 2 * self.width

    def encode_many(self, points: list[Any]) -> bytearray:
        return self.tagged(points) if self.lead else super().encode_many(points)

    def decode_many(self, octets: bytes, *, allow_identity: bool) -> list[Any]:
        return self.from_tagged(octets) if self.lead else super().decode_many(octets, allow_identity=allow_identity)

    def encode(self, p: Any) -> bytes:
        x, y = self.ops.to_affine(p)
        return bytes([2 | self.ops.sign(p, "parity")]) + x if self.ops.group == "G1" else x + y

    def decode(self, octets: bytes) -> Any:
        if self.ops.group == "G2":
            self.need(octets, 2 * self.width)
            return self.affine(octets)
        self.need(octets, 1 + self.width)
        return self.decode_compressed(octets)


class _ZCash(_Layout):
    """x with three flag bits in front; big-endian, imaginary part first."""

    @property
    def length(self) -> int:
        return self.width

    def encode_many(self, points: list[Any]) -> bytearray:
        octets, signs = self.ops.to_x_many(points, 0, _IMAGINARY_FIRST, "larger")
        first = zip(octets[:: self.width], signs, strict=True)
        octets[:: self.width] = bytes([octet | _COMPRESSED | _LARGER * sign for octet, sign in first])
        return octets

    def decode_many(self, octets: bytes, *, allow_identity: bool) -> list[Any]:
        first, xs = octets[:: self.width], bytearray(octets)
        if any(octet & (_COMPRESSED | _INFINITY) != _COMPRESSED for octet in first):
            raise self.bad_flags(octets)
        xs[:: self.width] = first.translate(_WITHOUT_FLAGS)
        return self.ops.from_x_many(xs, 0, _IMAGINARY_FIRST, first.translate(_SIGN_OF_FLAGS), "larger")

    def encode(self, p: Any) -> bytes:
        if self.ops.is_identity(p):
            return bytes([_COMPRESSED | _INFINITY]) + bytes(self.width - 1)
        x = self.swap(self.ops.to_affine(p)[0])
        flags = _COMPRESSED | _LARGER * self.ops.sign(p, "larger")
        return xor([bytes([flags]) + bytes(self.width - 1), x])  # the three bits of x are clear: p has 381

    def decode(self, octets: bytes) -> Any:
        self.need(octets, self.width)
        flags = octets[0] & _FLAGS
        if not flags & _COMPRESSED:
            raise self.bad_flags(octets)
        if flags & _INFINITY:
            if octets != self.encode(self.ops.identity()):
                raise self.bad_flags(octets)
            return self.ops.identity()
        x = bytes([octets[0] ^ flags]) + octets[1:]
        return self.ops.from_x(self.swap(x), 1 if flags & _LARGER else 0, "larger")


class _ZCashUncompressed(_Layout):
    """x || y, no flag bit but the identity's; big-endian, imaginary part first."""

    @property
    def length(self) -> int:
        return 2 * self.width

    def encode_many(self, points: list[Any]) -> bytearray:
        return self.ops.to_affine_many(points, 0, _IMAGINARY_FIRST, _NO_IDENTITY)

    def decode_many(self, octets: bytes, *, allow_identity: bool) -> list[Any]:
        return self.ops.from_affine_many(octets, 0, _IMAGINARY_FIRST, _NO_IDENTITY)

    def encode(self, p: Any) -> bytes:
        if self.ops.is_identity(p):
            return bytes([_INFINITY]) + bytes(2 * self.width - 1)
        x, y = self.ops.to_affine(p)
        return self.swap(x) + self.swap(y)

    def decode(self, octets: bytes) -> Any:
        self.need(octets, 2 * self.width)
        if octets[0] & _INFINITY and octets == self.encode(self.ops.identity()):
            return self.ops.identity()
        if octets[0] & _FLAGS:
            raise self.bad_flags(octets)
        return self.ops.from_affine(self.swap(octets[: self.width]), self.swap(octets[self.width :]))


class _Eip197(_Layout):
    """x || y without flags, imaginary part first; all zero is the identity, since (0, 0) is on neither curve."""

    @property
    def length(self) -> int:
        return 2 * self.width

    def encode_many(self, points: list[Any]) -> bytearray:
        return self.ops.to_affine_many(points, 0, _IMAGINARY_FIRST, _IDENTITY)

    def decode_many(self, octets: bytes, *, allow_identity: bool) -> list[Any]:
        return self.ops.from_affine_many(octets, 0, _IMAGINARY_FIRST, allow_identity)

    def encode(self, p: Any) -> bytes:
        if self.ops.is_identity(p):
            return bytes(2 * self.width)
        x, y = self.ops.to_affine(p)
        return self.swap(x) + self.swap(y)

    def decode(self, octets: bytes) -> Any:
        self.need(octets, 2 * self.width)
        if not any(octets):
            return self.ops.identity()
        return self.ops.from_affine(self.swap(octets[: self.width]), self.swap(octets[self.width :]))


class _Tagged(_Layout):
    """One octet, then x; the same length for every element. Real part first."""

    @property
    def length(self) -> int:
        return 1 + self.width

    def encode_many(self, points: list[Any]) -> bytearray:
        return self.tagged(points)

    def decode_many(self, octets: bytes, *, allow_identity: bool) -> list[Any]:
        return self.from_tagged(octets)

    def encode(self, p: Any) -> bytes:
        if self.ops.is_identity(p):
            return bytes(1 + self.width)
        return bytes([2 | self.ops.sign(p, "parity")]) + self.ops.to_affine(p)[0]

    def decode(self, octets: bytes) -> Any:
        self.need(octets, 1 + self.width)
        if octets[0] in (2, 3):
            return self.ops.from_x(octets[1:], octets[0] & 1, "parity")
        if any(octets):
            raise self.bad_flags(octets)
        return self.ops.identity()


def codecs(params: CurveParams, ops: PointOps) -> dict[Encoding, Codec]:
    """Every encoding that is defined for this group of this curve."""
    n = params.field_bytes
    table: dict[Encoding, Codec] = {
        Encoding.MILAGRO: _Milagro(ops, n),
        Encoding.MILAGRO_COMPRESSED: _MilagroCompressed(ops, n),
        Encoding.TAGGED: _Tagged(ops, n),
    }
    if params.name == "BLS12-381":
        table[Encoding.ZCASH] = _ZCash(ops, n)
        table[Encoding.ZCASH_UNCOMPRESSED] = _ZCashUncompressed(ops, n)
    if params.name == "BN_SNARK1":
        table[Encoding.EIP197] = _Eip197(ops, n)
    return table


def default_encoding(params: CurveParams) -> Encoding:
    """The encoding that others use for this curve; TAGGED where there is none."""
    usual = {"BLS12-381": Encoding.ZCASH, "BN_SNARK1": Encoding.EIP197}
    return usual.get(params.name, Encoding.TAGGED)


def accept(ops: PointOps, p: Any, *, allow_identity: bool) -> Any:
    """`p`, if it is in the subgroup of order r and, unless allowed, not the identity.

    Spec: spec/curves.md#subgroup-check
    Raises: NotInSubgroup, IdentityElement
    """
    if ops.is_identity(p):
        if not allow_identity:
            raise IdentityElement(f"the identity of {ops.group} is not allowed here")
        return p
    if not ops.in_subgroup(p):
        raise NotInSubgroup(f"a point of {ops.group} is outside the subgroup of order r")
    return p
