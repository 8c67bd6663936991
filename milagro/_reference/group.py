"""Points as handles: what G1 and G2 do alike, octets at the boundary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from milagro._reference.fields import F
from milagro._reference.roots import any_sqrt
from milagro.errors import IdentityElement, NotInSubgroup, NotOnCurve, ParameterError, WrongLength

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milagro._reference.weierstrass import Point, Weierstrass
    from milagro.backend import Buffer


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scalar:
    """An integer modulo r."""

    curve: str
    value: int

    def __repr__(self) -> str:
        return f"<reference scalar of {self.curve}>"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PointHandle:
    """A point in affine coordinates, or None for the identity."""

    curve: str
    point: Any

    def __repr__(self) -> str:
        return f"<reference {type(self).__name__} point of {self.curve}>"


class G1(PointHandle):
    """A point of E(Fp)."""

    __slots__ = ()


class G2(PointHandle):
    """A point of E'(Fp2)."""

    __slots__ = ()


def checked(handle: Any, kind: type, curve: str) -> Any:
    """The handle itself, if it is of this kind and curve.

    Raises: ParameterError
    """
    if not isinstance(handle, kind) or getattr(handle, "curve", None) != curve:
        raise ParameterError(f"expected a {kind.__name__} of {curve} from the reference backend")
    return handle


class Group(Generic[F]):
    """G1 or G2 of one curve."""

    def __init__(
        self, name: str, kind: type[PointHandle], curve: Weierstrass[F], order: int, generator: Point[F]
    ) -> None:
        self.name = name
        self.kind = kind
        self.curve = curve
        self.field = curve.field
        self.order = order
        self.generator = kind(name, generator)
        self.identity = kind(name, None)

    def wrap(self, point: Point[F]) -> PointHandle:
        """The handle of a point."""
        return self.kind(self.name, point)

    def point(self, handle: Any) -> Point[F]:
        """The point of a handle."""
        point: Point[F] = checked(handle, self.kind, self.name).point
        return point

    def affine(self, handle: Any) -> tuple[F, F]:
        """The coordinates of a point that is not the identity."""
        point = self.point(handle)
        if point is None:
            raise IdentityElement("the identity has no coordinates")
        return point

    def from_affine(self, x_octets: bytes, y_octets: bytes) -> PointHandle:
        """The point (x, y)."""
        x, y = self.field.decode(x_octets), self.field.decode(y_octets)
        if not self.curve.contains(x, y):
            raise NotOnCurve("the coordinates do not satisfy the equation of the curve")
        return self.wrap((x, y))

    def points(self, octets: Sequence[bytes]) -> list[PointHandle]:
        """Points of the subgroup from x and y one after the other, or zeros for the identity."""
        return [self._member(xy) for xy in octets]

    def _member(self, xy: bytes) -> PointHandle:
        if not any(xy):
            return self.identity
        handle = self.from_affine(xy[: len(xy) // 2], xy[len(xy) // 2 :])
        if not self.in_subgroup(handle):
            raise NotInSubgroup("a point is outside the subgroup of order r")
        return handle

    def from_x(self, x_octets: bytes, sign: int, rule: str) -> PointHandle:
        """The point with this x and the y of this sign."""
        if sign not in (0, 1):
            raise ParameterError("a sign is 0 or 1")
        x = self.field.decode(x_octets)
        y = any_sqrt(self.field, self.curve.right_side(x))
        if y is None:
            raise NotOnCurve("no point of the curve has this x")
        if self.sign_of(y, rule) != sign:
            y = -y % self.field.p
        if self.sign_of(y, rule) != sign:
            raise NotOnCurve("the only point with this x has y = 0, and no other sign")
        return self.wrap((x, y))

    def sign_of(self, y: F, rule: str) -> int:
        """The sign of y under "parity" or "larger"."""
        rules = {"parity": self.field.sgn0, "larger": self.field.larger}
        if rule not in rules:
            raise ParameterError(f"a sign rule is 'parity' or 'larger', not {rule!r}")
        return rules[rule](y)

    def to_affine(self, handle: Any) -> tuple[bytes, bytes]:
        """(x, y) as octets."""
        x, y = self.affine(handle)
        return self.field.encode(x), self.field.encode(y)

    def sign(self, handle: Any, rule: str) -> int:
        """The sign of y."""
        return self.sign_of(self.affine(handle)[1], rule)

    def add(self, left: Any, right: Any) -> PointHandle:
        """P + Q."""
        return self.wrap(self.curve.add(self.point(left), self.point(right)))

    def neg(self, handle: Any) -> PointHandle:
        """-P."""
        return self.wrap(self.curve.neg(self.point(handle)))

    def mul(self, handle: Any, k: Any) -> PointHandle:
        """k * P for a scalar handle k."""
        return self.mul_integer(handle, checked(k, Scalar, self.name).value)

    def mul_integer(self, handle: Any, k: int) -> PointHandle:
        """k * P for an integer k."""
        return self.wrap(self.curve.multiply(self.point(handle), k))

    def msm(self, handles: Sequence[Any], scalars: Sequence[Any]) -> PointHandle:
        """sum k_i * P_i."""
        same_length(handles, scalars)
        terms = [self.mul(handle, k).point for handle, k in zip(handles, scalars, strict=True)]
        return self.wrap(self.curve.sum(terms))

    def equal(self, left: Any, right: Any) -> bool:
        """Whether P = Q."""
        return self.point(left) == self.point(right)

    def is_identity(self, handle: Any) -> bool:
        """Whether P is the identity."""
        return self.point(handle) is None

    def in_subgroup(self, handle: Any) -> bool:
        """Whether r * P is the identity."""
        return self.curve.multiply(self.point(handle), self.order) is None


def same_length(left: Sequence[Any], right: Sequence[Any]) -> None:
    """Raises: ParameterError if two sequences that belong together differ in length."""
    if len(left) != len(right):
        raise ParameterError(f"{len(left)} elements cannot be paired with {len(right)}")


def rows(octets: Buffer, size: int) -> list[bytes]:
    """The octets in parts of one size. Raises: WrongLength if they do not divide."""
    if len(octets) % size:
        raise WrongLength(f"{len(octets)} octets are not a multiple of {size}")
    return [bytes(octets[at : at + size]) for at in range(0, len(octets), size)]
