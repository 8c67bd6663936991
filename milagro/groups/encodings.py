"""The octet encodings of points: which there are, and what a point that was read must be.

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
from typing import TYPE_CHECKING, Any

from milagro.errors import EncodingError, IdentityElement, InvalidFlags, NotInSubgroup, ParameterError, WrongLength

if TYPE_CHECKING:
    from milagro.groups.operations import PointOps
    from milagro.params import CurveParams

Octets = bytes | bytearray | memoryview
"""What a reader takes for octets."""


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


@dataclass(frozen=True, slots=True)
class Codec:
    """One encoding of one group. The backend reads and writes, so that a secret point stays in its memory.

    The reader of one point checks everything but subgroup and identity, that of an array these, too.
    """

    ops: PointOps
    encoding: Encoding
    length: int  # octets of what is written

    def encode(self, p: Any) -> bytes:
        """The octets of `p`.

        Raises: IdentityElement if `p` is an identity without an encoding
        Secret: p; constant time on the native backend
        """
        return self.ops.to_octets(p, self.encoding.value)

    def decode(self, octets: bytes) -> Any:
        """The point or the identity.

        Raises: WrongLength, InvalidFlags, NonCanonical, NotOnCurve
        Secret: the octets; constant time on the native backend, but for what is refused
        """
        try:
            return self.ops.from_octets(octets, self.encoding.value)
        except (WrongLength, InvalidFlags) as error:  # faults of the encoding, which is this layer's, not of a number
            raise type(error)(str(error)) from None

    def encode_array(self, points: list[Any]) -> bytearray:
        """The octets of the points, joined, with one inversion for all.

        Raises: IdentityElement, with the index in its text, for an identity without an encoding
        Secret: the points; constant time on the native backend
        """
        return self.ops.array_to_octets(points, self.encoding.value)

    def decode_array(self, octets: Octets, *, allow_identity: bool, first: int = 0) -> list[Any]:
        """The points of elements of `length` octets each, fully checked; `first` is the index of the first of them.

        Raises: InvalidFlags, NonCanonical, NotOnCurve, NotInSubgroup, IdentityElement of the first bad element, with
            its index in the text; WrongLength for a part of an element
        Secret: the octets; constant time on the native backend, but for what is refused
        """
        try:
            return self.ops.array_from_octets(octets, self.encoding.value, allow_identity, first)
        except EncodingError as error:  # as with one point, and with what `accept` refuses
            raise type(error)(str(error)) from None


def codecs(params: CurveParams, ops: PointOps) -> dict[Encoding, Codec]:
    """Every encoding that is defined for this group of this curve."""
    every = [Encoding.MILAGRO, Encoding.MILAGRO_COMPRESSED, Encoding.TAGGED]
    if params.name == "BLS12-381":
        every += [Encoding.ZCASH, Encoding.ZCASH_UNCOMPRESSED]
    if params.name == "BN_SNARK1":
        every += [Encoding.EIP197]
    lengths = {encoding: len(ops.to_octets(ops.generator(), encoding.value)) for encoding in every}
    return {encoding: Codec(ops, encoding, lengths[encoding]) for encoding in every}


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
