"""Many values at once, on the reference backend: the single operation for each of them."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from milagro._reference.group import rows
from milagro.errors import EncodingError, IdentityElement, NotInSubgroup, ParameterError, WrongLength

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


class ManyOf:
    """The operations on many values of one group; the names are those of `CurveOps` without their prefix."""

    def __init__(self, ops: CurveOps, group: str) -> None:
        self._ops, self._group = ops, group

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

    def from_octets(self, octets: Buffer, encoding: str, allow_identity: bool, first: int) -> list[Any]:
        """The points of elements in this encoding, each a member of the group."""
        size = len(self._op("to_octets")(self._op("generator")(), encoding))
        elements = enumerate(rows(octets, size), first)
        return [self._read(index, element, encoding, allow_identity) for index, element in elements]

    def _read(self, index: int, octets: bytes, encoding: str, allow_identity: bool) -> Any:
        try:
            return self._member(self._op("from_octets")(octets, encoding), allow_identity)
        except EncodingError as error:
            raise type(error)(f"element {index} of the array: {error}") from None

    def _member(self, p: Any, allow_identity: bool) -> Any:
        if not self._op("in_subgroup")(p):
            raise NotInSubgroup(f"a point of {self._group.upper()} is outside the subgroup of order r")
        if not allow_identity and self._op("is_identity")(p):
            raise IdentityElement(f"the identity of {self._group.upper()} is not allowed here")
        return p

    def to_octets(self, points: list[Any], encoding: str) -> bytearray:
        """The octets of the points, joined."""
        return bytearray(b"".join(self._write(index, p, encoding) for index, p in enumerate(points)))

    def _write(self, index: int, p: Any, encoding: str) -> bytes:
        try:
            octets: bytes = self._op("to_octets")(p, encoding)
        except IdentityElement as error:
            raise IdentityElement(f"element {index} of the array: {error}") from None
        return octets


class ManyOperations:
    """What `milagro.backend.CurveOps` has for many values; a base of the operations of a curve."""

    params: Any
    _many_g1: ManyOf
    _many_g2: ManyOf

    def _set_many(self: Any) -> None:
        self._many_g1, self._many_g2 = ManyOf(self, "g1"), ManyOf(self, "g2")

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

    def g1_array_from_octets(self, octets: Buffer, encoding: str, allow_identity: bool, first: int) -> list[Any]:
        return self._many_g1.from_octets(octets, encoding, allow_identity, first)

    def g1_array_to_octets(self, points: list[Any], encoding: str) -> bytearray:
        return self._many_g1.to_octets(points, encoding)

    def g2_hash_uniform_many(self, u: Buffer, n: int, count: int) -> list[Any]:
        return self._many_g2.hash_uniform(u, n, count)

    def g2_hash_uniform_many_vartime(self, u: Buffer, n: int, count: int) -> list[Any]:
        return self._many_g2.hash_uniform(u, n, count)

    def g2_mul_many(self, points: list[Any], scalars: list[Any]) -> list[Any]:
        return self._many_g2.mul(points, scalars)

    def g2_mul_many_vartime(self, points: list[Any], scalars: list[Any]) -> list[Any]:
        return self._many_g2.mul(points, scalars)

    def g2_array_from_octets(self, octets: Buffer, encoding: str, allow_identity: bool, first: int) -> list[Any]:
        return self._many_g2.from_octets(octets, encoding, allow_identity, first)

    def g2_array_to_octets(self, points: list[Any], encoding: str) -> bytearray:
        return self._many_g2.to_octets(points, encoding)

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
