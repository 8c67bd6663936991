"""`Curve`: the groups of one pairing-friendly curve on one backend, and everything that makes values of them.

Spec: spec/curves.md#curves
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from milagro import backend as backends
from milagro import params as curve_params
from milagro.errors import NonCanonical, ParameterError, WrongLength
from milagro.groups.encodings import Codec, Encoding, Octets, accept, codecs, default_encoding, octet_string
from milagro.groups.hashing import Expander, Xmd
from milagro.groups.many import Pair, ValueT
from milagro.groups.operations import PointOps, point_ops
from milagro.groups.products import Products
from milagro.groups.values import G1Point, G2Point, G2Prepared, GTElement, Scalar
from milagro.octets import i2osp

if TYPE_CHECKING:
    from milagro.backend import CurveOps
    from milagro.params import CurveParams

Random = Callable[[int], bytes]
"""A source of randomness: called with n it returns n octets that nobody can predict."""

_SHA256 = Xmd("sha256")
_MAX_DRAWS = 256  # a draw below r succeeds with probability over 1/2, so an honest source never needs this many


@dataclass(frozen=True, eq=False, repr=False)
class Curve(Products):
    """The scalars, G1, G2 and GT of one curve on one backend. Made by `curve`, one object a name and backend.

    `ops`, `g1_ops` and `g2_ops` are the unchecked arithmetic below; nothing outside this package calls them.
    """

    params: CurveParams
    backend_name: str
    ops: CurveOps

    def __repr__(self) -> str:
        return f"<Curve {self.name}, {self.backend_name} backend>"

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return curve, (self.name, self.backend_name)

    # -- facts -------------------------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """The canonical name."""
        return self.params.name

    @property
    def order(self) -> int:
        """r, the order of G1, G2 and GT."""
        return self.params.r

    @property
    def field_bytes(self) -> int:
        """Octets of one element of Fp."""
        return self.params.field_bytes

    @property
    def scalar_bytes(self) -> int:
        """Octets of r."""
        return self.params.scalar_bytes

    @property
    def default_encoding(self) -> Encoding:
        """The point encoding that is used where none is named."""
        return default_encoding(self.params)

    @property
    def encodings(self) -> tuple[Encoding, ...]:
        """Every point encoding that this curve has."""
        return tuple(self._g1_codecs)

    # -- the parts of the backend --------------------------------------------------------------------------------
    @cached_property
    def g1_ops(self) -> PointOps:
        """The unchecked operations of G1."""
        return point_ops(self.ops, "G1")

    @cached_property
    def g2_ops(self) -> PointOps:
        """The unchecked operations of G2."""
        return point_ops(self.ops, "G2")

    @cached_property
    def _g1_codecs(self) -> dict[Encoding, Codec]:
        return codecs(self.params, self.g1_ops)

    @cached_property
    def _g2_codecs(self) -> dict[Encoding, Codec]:
        return codecs(self.params, self.g2_ops)

    def g1_codec(self, encoding: Encoding | None) -> Codec:
        """The codec of an encoding in G1. Raises ParameterError if the curve does not have it."""
        return self._codec(self._g1_codecs, encoding)

    def g2_codec(self, encoding: Encoding | None) -> Codec:
        """The codec of an encoding in G2. Raises ParameterError if the curve does not have it."""
        return self._codec(self._g2_codecs, encoding)

    def _codec(self, table: dict[Encoding, Codec], encoding: Encoding | None) -> Codec:
        codec = table.get(self.default_encoding if encoding is None else encoding)
        if codec is None:
            names = ", ".join(table)
            raise ParameterError(f"{self.name} has no point encoding {encoding!s}; it has {names}")
        return codec

    # -- scalars -------------------------------------------------------------------------------------------------
    def scalar(self, value: int) -> Scalar:
        """The scalar of a public integer.

        Raises: ParameterError unless 0 <= value < r
        """
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < self.order:
            raise ParameterError("a scalar is an integer from 0 to r - 1")
        return self.scalar_from_bytes(i2osp(value, self.scalar_bytes))

    def scalar_from_bytes(self, octets: Octets) -> Scalar:
        """The scalar with these big-endian octets.

        Spec: spec/curves.md#encoding-scalar, spec/curves.md#refusals
        Shape: scalar_bytes octets, or field_bytes octets with leading zeros
        Raises: WrongLength, NonCanonical if the integer is not below r
        Secret: the octets
        """
        octets = octet_string(octets)
        if len(octets) not in (self.scalar_bytes, self.field_bytes):
            expected = " or ".join(str(n) for n in sorted({self.scalar_bytes, self.field_bytes}))
            raise WrongLength(f"a scalar: expected {expected} octets, got {len(octets)}")
        return Scalar._make(self, self.ops.scalar_from_bytes(octets))

    def scalar_from_decimal(self, digits: Octets) -> Scalar:
        """The scalar that 1 to 18 decimal digits in ASCII stand for: a PIN, as it was typed.

        Raises: WrongLength, NonCanonical if an octet is not a digit
        Secret: the digits; constant time in them on the native backend, not in how many they are
        """
        return Scalar._make(self, self.ops.scalar_from_decimal(octet_string(digits)))

    def scalar_reduce(self, octets: Octets) -> Scalar:
        """The big-endian integer in `octets`, of any length, modulo r."""
        return Scalar._make(self, self.ops.scalar_reduce(octet_string(octets)))

    def random_scalar(self, random: Random) -> Scalar:
        """A scalar uniform in [1, r - 1], by drawing until one is in the range.

        Raises: ParameterError if the source returns a wrong number of octets, or nothing usable
        Secret: the result
        """
        for _ in range(_MAX_DRAWS):
            octets = octet_string(random(self.scalar_bytes))
            if len(octets) != self.scalar_bytes:
                raise ParameterError(f"asked for {self.scalar_bytes} random octets, got {len(octets)}")
            try:
                k = Scalar._make(self, self.ops.scalar_from_bits(octets))
            except NonCanonical:
                continue
            if not k.is_zero():
                return k
        raise ParameterError("the source of randomness returns nothing below r; it is broken")

    def hash_to_scalar(self, message: Octets, dst: Octets, *, expander: Expander = _SHA256) -> Scalar:
        """hash_to_field with modulus r: L = ceil((ceil(log2 r) + 128) / 8) expanded octets, modulo r.

        Spec: spec/curves.md#hash-to-field (RFC 9380, section 5.2)
        Raises: ParameterError if the tag is empty
        """
        length = (self.order.bit_length() + 128 + 7) // 8
        return self.scalar_reduce(expander.expand(octet_string(message), octet_string(dst), length))

    def lagrange_at_zero(self, indices: Sequence[int]) -> list[Scalar]:
        """For each x_i the coefficient prod_(j != i) x_j / (x_j - x_i) that interpolates at zero.

        Raises: ParameterError if there is no index, one twice, or one outside 1 .. r - 1
        """
        xs = list(indices)
        if not xs or len(set(xs)) != len(xs):
            raise ParameterError("interpolation needs at least one index, and each of them once")
        if not all(isinstance(x, int) and 0 < x < self.order for x in xs):
            raise ParameterError("an index of an interpolation is an integer from 1 to r - 1")
        return [self.scalar(self._coefficient(x, xs)) for x in xs]

    def _coefficient(self, x: int, xs: list[int]) -> int:
        numerator = denominator = 1
        for other in xs:
            if other != x:
                numerator = numerator * other % self.order
                denominator = denominator * (other - x) % self.order
        return numerator * pow(denominator, -1, self.order) % self.order

    # -- G1 and G2 -------------------------------------------------------------------------------------------------
    @cached_property
    def g1(self) -> G1Point:
        """The generator of G1."""
        return G1Point._make(self, self.g1_ops.generator())

    @cached_property
    def g2(self) -> G2Point:
        """The generator of G2."""
        return G2Point._make(self, self.g2_ops.generator())

    @cached_property
    def g1_identity(self) -> G1Point:
        """The neutral element of G1."""
        return G1Point._make(self, self.g1_ops.identity())

    @cached_property
    def g2_identity(self) -> G2Point:
        """The neutral element of G2."""
        return G2Point._make(self, self.g2_ops.identity())

    def g1_from_bytes(
        self, octets: Octets, encoding: Encoding | None = None, *, allow_identity: bool = False
    ) -> G1Point:
        """The point of G1 with these octets, fully checked.

        Spec: spec/curves.md#refusals
        Raises: WrongLength, InvalidFlags, NonCanonical, NotOnCurve, NotInSubgroup, IdentityElement; ParameterError
            if the curve does not have this encoding
        """
        p = self.g1_codec(encoding).decode(octet_string(octets))
        return G1Point._make(self, accept(self.g1_ops, p, allow_identity=allow_identity))

    def g2_from_bytes(
        self, octets: Octets, encoding: Encoding | None = None, *, allow_identity: bool = False
    ) -> G2Point:
        """The point of G2 with these octets, fully checked.

        Spec: spec/curves.md#refusals
        Raises: WrongLength, InvalidFlags, NonCanonical, NotOnCurve, NotInSubgroup, IdentityElement; ParameterError
            if the curve does not have this encoding
        """
        p = self.g2_codec(encoding).decode(octet_string(octets))
        return G2Point._make(self, accept(self.g2_ops, p, allow_identity=allow_identity))

    def _uniform(self, message: Octets, dst: Octets, expander: Expander, count: int) -> bytes:
        return expander.expand(octet_string(message), octet_string(dst), count * self.params.hash_length)

    def hash_to_g1(
        self, message: Octets, dst: Octets, *, expander: Expander = _SHA256, nonuniform: bool = False
    ) -> G1Point:
        """hash_to_curve of RFC 9380 into G1, or encode_to_curve if `nonuniform`.

        Spec: spec/curves.md#hash-to-curve, spec/curves.md#hash-to-field (RFC 9380, section 3)
        Raises: ParameterError if the tag is empty
        """
        count = 1 if nonuniform else 2
        u = self._uniform(message, dst, expander, count)
        return G1Point._make(self, self.g1_ops.hash_uniform(u, count))

    def hash_to_g1_vartime(
        self, message: Octets, dst: Octets, *, expander: Expander = _SHA256, nonuniform: bool = False
    ) -> G1Point:
        """The same point as hash_to_g1, sooner, for a public message: an identity, a text to sign.

        Spec: spec/curves.md#hash-to-curve (RFC 9380, section 3)
        Raises: ParameterError if the tag is empty
        """
        count = 1 if nonuniform else 2
        u = self._uniform(message, dst, expander, count)
        return G1Point._make(self, self.g1_ops.hash_uniform_vartime(u, count))

    def hash_to_g2(
        self, message: Octets, dst: Octets, *, expander: Expander = _SHA256, nonuniform: bool = False
    ) -> G2Point:
        """hash_to_curve of RFC 9380 into G2, or encode_to_curve if `nonuniform`.

        Spec: spec/curves.md#hash-to-curve, spec/curves.md#hash-to-field (RFC 9380, section 3)
        Raises: ParameterError if the tag is empty
        """
        count = 1 if nonuniform else 2
        u = self._uniform(message, dst, expander, 2 * count)
        return G2Point._make(self, self.g2_ops.hash_uniform(u, count))

    def hash_to_g2_vartime(
        self, message: Octets, dst: Octets, *, expander: Expander = _SHA256, nonuniform: bool = False
    ) -> G2Point:
        """The same point as hash_to_g2, sooner, for a public message.

        Spec: spec/curves.md#hash-to-curve (RFC 9380, section 3)
        Raises: ParameterError if the tag is empty
        """
        count = 1 if nonuniform else 2
        u = self._uniform(message, dst, expander, 2 * count)
        return G2Point._make(self, self.g2_ops.hash_uniform_vartime(u, count))

    def map_to_g1_original(self, h: Octets) -> G1Point:
        """The original library's map of octets to G1: the next x from int(h) mod p, even y, times the cofactor.

        Spec: spec/curves.md#map-original-g1
        """
        return G1Point._make(self, self.g1_ops.map_original(octet_string(h)))

    def map_to_g2_original(self, h: Octets) -> G2Point:
        """The original library's map of octets to G2: the next X = 1 + i*u from u = int(h) mod p, cofactor cleared.

        Spec: spec/curves.md#map-original-g2
        """
        return G2Point._make(self, self.g2_ops.map_original(octet_string(h)))

    def _mine(self, kind: type[ValueT], value: ValueT) -> object:
        """The handle of a value of this curve and kind."""
        if not isinstance(value, kind):
            raise ParameterError(f"expected a {kind.__name__}, got {type(value).__name__}")
        if value._curve is not self:
            raise ParameterError(f"a value of {value._curve!r} cannot be used on {self!r}")
        return value._handle

    # -- GT and the pairing ------------------------------------------------------------------------------------------
    @cached_property
    def gt_one(self) -> GTElement:
        """The neutral element of GT."""
        return GTElement._make(self, self.ops.gt_one())

    def gt_from_bytes(self, octets: Octets, *, allow_identity: bool = False) -> GTElement:
        """The element of GT with these octets, fully checked.

        Spec: spec/curves.md#encoding-gt, spec/curves.md#refusals
        Shape: 12 * field_bytes octets
        Raises: WrongLength, NonCanonical, NotInSubgroup, IdentityElement
        """
        return GTElement._make(self, self._gt_handle(octet_string(octets), allow_identity=allow_identity))

    def prepare(self, Q: G2Point) -> G2Prepared:
        """Q with its lines worked out, for pairings of many P with it; they have the same value as with Q.

        Spec: spec/curves.md#pairing
        Raises: ParameterError if Q is of another group, curve or backend
        Secret: the result, if Q is
        """
        return G2Prepared._make(self, self.ops.g2_prepare(self._mine(G2Point, Q)))

    @cached_property
    def g2_prepared(self) -> G2Prepared:
        """The generator of G2, prepared."""
        return self.prepare(self.g2)

    def pairing(self, P: G1Point, Q: G2Point | G2Prepared) -> GTElement:
        """e(P, Q); one if either is the identity.

        Spec: spec/curves.md#pairing
        Raises: ParameterError if a point is of another group, curve or backend
        """
        return GTElement._make(self, self.ops.pairing(self._mine(G1Point, P), self._right(Q)))

    def pairing_product(self, pairs: Iterable[Pair]) -> GTElement:
        """prod e(P_i, Q_i) with one final exponentiation; one for no pairs.

        Spec: spec/curves.md#pairing
        Raises: ParameterError if a point is of another group, curve or backend
        """
        return GTElement._make(self, self.ops.pairing_product(*self._handles(pairs)))

    def pairing_check(self, pairs: Iterable[Pair]) -> bool:
        """Whether prod e(P_i, Q_i) = 1.

        Spec: spec/curves.md#pairing
        Raises: ParameterError if a point is of another group, curve or backend
        """
        return self.ops.pairing_check(*self._handles(pairs))

    def _right(self, Q: G2Point | G2Prepared) -> object:
        return self._mine(G2Prepared, Q) if isinstance(Q, G2Prepared) else self._mine(G2Point, Q)

    def _handles(self, pairs: Iterable[Pair]) -> tuple[list[object], list[object]]:
        handles = [(self._mine(G1Point, P), self._right(Q)) for P, Q in pairs]
        return [p for p, _ in handles], [q for _, q in handles]


@cache
def _curve(name: str, backend_name: str) -> Curve:
    return Curve(curve_params.get(name), backend_name, backends.load(backend_name).curve(name))


def curve(name: str, backend: str | None = None) -> Curve:
    """The curve with this name or alias on the named backend; one object for each pair.

    Raises: ParameterError for an unknown curve or backend, BackendUnavailable if it is not built
    """
    return _curve(curve_params.get(name).name, backend or backends.default_name())
