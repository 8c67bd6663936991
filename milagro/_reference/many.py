"""Many values at once, on the reference backend: the single operation for each of them."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from milagro._reference.group import rows
from milagro.errors import IdentityElement, NotInSubgroup, ParameterError, WrongLength

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from milagro.backend import Buffer, CurveOps


def _broadcast(left: Sequence[Any], right: Sequence[Any]) -> Iterable[tuple[Any, Any]]:
    """Pairs of two lists, of which one may be a single value for all of the other."""
    if len(left) == 1:
        return zip(repeat(left[0]), right, strict=False)
    if len(right) == 1:
        return zip(left, repeat(right[0]), strict=False)
    if len(left) != len(right):
        raise ParameterError(f"{len(left)} elements cannot be paired with {len(right)}")
    return zip(left, right, strict=True)


def _halves_swapped(coordinate: bytes) -> bytes:
    half = len(coordinate) // 2
    return coordinate[half:] + coordinate[:half]


class ManyOf:
    """The operations on many values of one group; the names are those of `CurveOps` without their prefix."""

    def __init__(self, ops: CurveOps, group: str, width: int) -> None:
        self._ops, self._group, self._width = ops, group, width

    def _op(self, name: str) -> Any:
        return getattr(self._ops, f"{self._group}_{name}")

    def hash_uniform(self, u: Buffer, n: int, count: int) -> list[Any]:
        """Each message's point."""
        if count < 1 or n < 0:
            raise ParameterError("at least one field element is mapped to the curve")
        if len(u) % max(n, 1) or (not u) != (n == 0):
            raise WrongLength(f"{len(u)} octets are not those of {n} messages")
        return [self._op("hash_uniform")(octets, count) for octets in (rows(u, len(u) // n) if n else ())]

    def mul(self, points: list[Any], scalars: list[Any]) -> list[Any]:
        """k_i * P_i."""
        return [self._op("mul")(p, k) for p, k in _broadcast(points, scalars)]

    def from_affine(self, octets: Buffer, lead: int, swapped: bool, allow_identity: bool) -> list[Any]:
        """The points of rows of x and y."""
        return [self._row(row[lead:], swapped, allow_identity) for row in rows(octets, lead + 2 * self._width)]

    def _row(self, xy: bytes, swapped: bool, allow_identity: bool) -> Any:
        if not any(xy):
            if not allow_identity:
                raise IdentityElement("the identity is not allowed here")
            return self._op("identity")()
        x, y = xy[: self._width], xy[self._width :]
        return self._member(self._op("from_affine")(*self._swap(swapped, x, y)))

    def from_x(self, octets: Buffer, lead: int, swapped: bool, signs: bytes, rule: str) -> list[Any]:
        """The points of rows of x, with the signs of y."""
        xs = rows(octets, lead + self._width)
        if len(signs) != len(xs):
            raise ParameterError("each x comes with a sign, 0 or 1")
        return [
            self._member(self._op("from_x")(*self._swap(swapped, row[lead:]), sign, rule))
            for row, sign in zip(xs, signs, strict=True)
        ]

    def _member(self, p: Any) -> Any:
        if not self._op("in_subgroup")(p):
            raise NotInSubgroup("a point is outside the subgroup of order r")
        return p

    def _swap(self, swapped: bool, *coordinates: bytes) -> list[bytes]:
        return [_halves_swapped(c) if swapped and self._group == "g2" else c for c in coordinates]

    def to_affine(self, points: list[Any], lead: int, swapped: bool, allow_identity: bool) -> bytearray:
        """Rows of x and y."""
        result = bytearray()
        for p in points:
            if allow_identity and self._op("is_identity")(p):
                result += bytes(lead + 2 * self._width)
            else:
                result += bytes(lead) + b"".join(self._swap(swapped, *self._op("to_affine")(p)))
        return result

    def to_x(self, points: list[Any], lead: int, swapped: bool, rule: str) -> tuple[bytearray, bytes]:
        """Rows of x, and the signs of y."""
        xs = [self._swap(swapped, self._op("to_affine")(p)[0])[0] for p in points]
        return bytearray(b"".join(bytes(lead) + x for x in xs)), bytes(self._op("sign")(p, rule) for p in points)


class ManyOperations:
    """What `milagro.backend.CurveOps` has for many values; a base of the operations of a curve."""

    params: Any
    _many_g1: ManyOf
    _many_g2: ManyOf

    def _set_many(self: Any) -> None:
        n = self.params.field_bytes
        self._many_g1, self._many_g2 = ManyOf(self, "g1", n), ManyOf(self, "g2", 2 * n)

    def scalars_from_array(self: Any, octets: Buffer, size: int) -> list[Any]:
        most = self.params.scalar_bytes
        if not 0 < size <= most:
            raise ParameterError(f"a scalar has up to {most} octets, not {size}")
        return [self.scalar_from_bytes(row.rjust(most, b"\0")) for row in rows(octets, size)]

    def scalar_mul_many(self: Any, left: list[Any], right: list[Any]) -> list[Any]:
        if len(left) != len(right):
            raise ParameterError(f"{len(left)} elements cannot be paired with {len(right)}")
        return [self.scalar_mul(a, b) for a, b in zip(left, right, strict=True)]

    def g1_hash_uniform_many(self, u: Buffer, n: int, count: int) -> list[Any]:
        return self._many_g1.hash_uniform(u, n, count)

    def g1_hash_uniform_many_vartime(self, u: Buffer, n: int, count: int) -> list[Any]:
        return self._many_g1.hash_uniform(u, n, count)

    def g1_map_original_many(self: Any, hs: list[bytes]) -> list[Any]:
        return [self.g1_map_original(h) for h in hs]

    def g1_mul_many(self, points: list[Any], scalars: list[Any]) -> list[Any]:
        return self._many_g1.mul(points, scalars)

    def g1_mul_many_vartime(self, points: list[Any], scalars: list[Any]) -> list[Any]:
        return self._many_g1.mul(points, scalars)

    def g1_from_affine_many(self, rows: Buffer, lead: int, swapped: bool, allow_identity: bool) -> list[Any]:
        return self._many_g1.from_affine(rows, lead, swapped, allow_identity)

    def g1_from_x_many(self, rows: Buffer, lead: int, swapped: bool, signs: bytes, rule: str) -> list[Any]:
        return self._many_g1.from_x(rows, lead, swapped, signs, rule)

    def g1_to_affine_many(self, points: list[Any], lead: int, swapped: bool, allow_identity: bool) -> bytearray:
        return self._many_g1.to_affine(points, lead, swapped, allow_identity)

    def g1_to_x_many(self, points: list[Any], lead: int, swapped: bool, rule: str) -> tuple[bytearray, bytes]:
        return self._many_g1.to_x(points, lead, swapped, rule)

    def g2_hash_uniform_many(self, u: Buffer, n: int, count: int) -> list[Any]:
        return self._many_g2.hash_uniform(u, n, count)

    def g2_hash_uniform_many_vartime(self, u: Buffer, n: int, count: int) -> list[Any]:
        return self._many_g2.hash_uniform(u, n, count)

    def g2_mul_many(self, points: list[Any], scalars: list[Any]) -> list[Any]:
        return self._many_g2.mul(points, scalars)

    def g2_mul_many_vartime(self, points: list[Any], scalars: list[Any]) -> list[Any]:
        return self._many_g2.mul(points, scalars)

    def g2_from_affine_many(self, rows: Buffer, lead: int, swapped: bool, allow_identity: bool) -> list[Any]:
        return self._many_g2.from_affine(rows, lead, swapped, allow_identity)

    def g2_from_x_many(self, rows: Buffer, lead: int, swapped: bool, signs: bytes, rule: str) -> list[Any]:
        return self._many_g2.from_x(rows, lead, swapped, signs, rule)

    def g2_to_affine_many(self, points: list[Any], lead: int, swapped: bool, allow_identity: bool) -> bytearray:
        return self._many_g2.to_affine(points, lead, swapped, allow_identity)

    def g2_to_x_many(self, points: list[Any], lead: int, swapped: bool, rule: str) -> tuple[bytearray, bytes]:
        return self._many_g2.to_x(points, lead, swapped, rule)

    def gt_exp_many(self: Any, fs: list[Any], ks: list[Any]) -> list[Any]:
        return [self.gt_exp(f, k) for f, k in _broadcast(fs, ks)]

    def pairing_products_many(self: Any, ps: list[Any], qs: list[Any], sizes: list[int]) -> list[Any]:
        if len(ps) != len(qs) or sum(sizes) != len(ps) or any(size < 0 for size in sizes):
            raise ParameterError("the sizes of the equations do not add up to the number of pairs")
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
        return [
            self.pairing_product(ps[end - size : end], qs[end - size : end])
            for end, size in zip(ends, sizes, strict=True)
        ]

    def pairing_checks_many(self: Any, ps: list[Any], qs: list[Any], sizes: list[int]) -> list[bool]:
        return [self.gt_is_one(f) for f in self.pairing_products_many(ps, qs, sizes)]
