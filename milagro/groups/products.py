"""What a `Curve` does with the sum of many multiples, and with many equations of pairings.

As in `milagro.groups.many`, other threads run during a call, and `workers` says on how many threads the work is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from milagro.errors import ParameterError
from milagro.groups.arrays import Buffer, contiguous, each_part, filled, spread
from milagro.groups.encodings import Encoding
from milagro.groups.many import ManyAtOnce, Pair, PointT
from milagro.groups.values import G1Point, G2Point, GTElement, Scalar

if TYPE_CHECKING:
    from milagro.groups.operations import PointOps


class Products(ManyAtOnce):
    """The part of `Curve` for sums of multiples and for many pairings."""

    # -- sums of multiples ---------------------------------------------------------------------------------------------
    def _sum(
        self,
        ops: PointOps,
        multiply: Callable[[list[Any], list[Any]], Any],
        pairs: tuple[list[Any], list[Any]],
        workers: int,
    ) -> Any:
        points, scalars = pairs
        sums = each_part(lambda part: multiply(points[part], scalars[part]), len(points), workers)
        return reduce(ops.add, sums)

    def _pairs(
        self, kind: type[PointT], points: Iterable[PointT], scalars: Iterable[Scalar]
    ) -> tuple[list[Any], list[Any]]:
        left, right = self._all_mine(kind, points), self._all_mine(Scalar, scalars)
        if len(left) != len(right):
            raise ParameterError(f"{len(left)} points cannot be multiplied by {len(right)} scalars")
        return left, right

    def multi_multiply_g1(self, points: Sequence[G1Point], scalars: Sequence[Scalar], *, workers: int = 1) -> G1Point:
        """sum k_i * P_i, constant time in the scalars on the native backend; the identity for none.

        Spec: spec/curves.md#scalar-multiplication
        Raises: ParameterError if there are not as many scalars as points
        """
        ops = self.g1_ops
        return self._value(G1Point, self._sum(ops, ops.msm, self._pairs(G1Point, points, scalars), workers))

    def multi_multiply_g2(self, points: Sequence[G2Point], scalars: Sequence[Scalar], *, workers: int = 1) -> G2Point:
        """sum k_i * P_i, constant time in the scalars on the native backend; the identity for none.

        Spec: spec/curves.md#scalar-multiplication
        Raises: ParameterError if there are not as many scalars as points
        """
        ops = self.g2_ops
        return self._value(G2Point, self._sum(ops, ops.msm, self._pairs(G2Point, points, scalars), workers))

    def multi_multiply_g1_vartime(
        self, points: Sequence[G1Point], scalars: Sequence[Scalar], *, workers: int = 1
    ) -> G1Point:
        """sum k_i * P_i for public k_i and P_i, in variable time; the identity for none.

        Spec: spec/curves.md#scalar-multiplication
        Raises: ParameterError if there are not as many scalars as points
        """
        ops = self.g1_ops
        return self._value(G1Point, self._sum(ops, ops.msm_vartime, self._pairs(G1Point, points, scalars), workers))

    def multi_multiply_g2_vartime(
        self, points: Sequence[G2Point], scalars: Sequence[Scalar], *, workers: int = 1
    ) -> G2Point:
        """sum k_i * P_i for public k_i and P_i, in variable time; the identity for none.

        Spec: spec/curves.md#scalar-multiplication
        Raises: ParameterError if there are not as many scalars as points
        """
        ops = self.g2_ops
        return self._value(G2Point, self._sum(ops, ops.msm_vartime, self._pairs(G2Point, points, scalars), workers))

    def multi_multiply_g1_array(self, points: Buffer, scalars: Buffer, *, workers: int = 1) -> G1Point:
        """sum k_i * P_i for public k_i and P_i given as two contiguous buffers, fully checked; in variable time.

        Spec: spec/curves.md#scalar-multiplication, spec/curves.md#refusals
        Shape: 2 * field_bytes octets x || y a point, zeros for the identity; scalar_bytes octets a scalar
        Raises: WrongLength, NonCanonical, NotOnCurve, NotInSubgroup; ParameterError if there are not as many of both
        """
        return self._value(G1Point, self._sum_of_arrays(self.g1_ops, 2, points, scalars, workers))

    def multi_multiply_g2_array(self, points: Buffer, scalars: Buffer, *, workers: int = 1) -> G2Point:
        """sum k_i * P_i for public k_i and P_i given as two contiguous buffers, fully checked; in variable time.

        Spec: spec/curves.md#scalar-multiplication, spec/curves.md#refusals
        Shape: 4 * field_bytes octets x || y a point, zeros for the identity; scalar_bytes octets a scalar
        Raises: WrongLength, NonCanonical, NotOnCurve, NotInSubgroup; ParameterError if there are not as many of both
        """
        return self._value(G2Point, self._sum_of_arrays(self.g2_ops, 4, points, scalars, workers))

    def _sum_of_arrays(self, ops: PointOps, coordinates: int, points: Buffer, scalars: Buffer, workers: int) -> Any:
        xy, ks = contiguous(points), contiguous(scalars)
        width, size = coordinates * self.params.field_bytes, self.params.scalar_bytes
        count = len(ks) // size
        if len(xy) != count * width or len(ks) != count * size:
            return ops.msm_array_vartime(xy, ks)  # which says what is wrong
        sums = each_part(
            lambda part: ops.msm_array_vartime(
                xy[width * part.start : width * part.stop], ks[size * part.start : size * part.stop]
            ),
            count,
            workers,
        )
        return reduce(ops.add, sums)

    # -- many pairings -----------------------------------------------------------------------------------------------
    def _equations(self, equations: Iterable[Iterable[Pair]]) -> list[list[tuple[Any, Any]]]:
        return [[(self._mine(G1Point, P), self._right(Q)) for P, Q in pairs] for pairs in equations]

    @staticmethod
    def _by_parts(
        multiply: Callable[[list[Any], list[Any], list[int]], list[Any]],
        equations: list[list[tuple[Any, Any]]],
        workers: int,
    ) -> list[Any]:
        def work(part: slice) -> list[Any]:
            some = equations[part]
            left, right = [p for pairs in some for p, _ in pairs], [q for pairs in some for _, q in pairs]
            return multiply(left, right, [len(pairs) for pairs in some])

        return spread(work, len(equations), workers)

    def pairing_many(self, pairs: Iterable[Pair], *, workers: int = 1) -> list[GTElement]:
        """e(P_i, Q_i) of each pair, in order, on so many threads.

        Spec: spec/curves.md#pairing
        Raises: ParameterError if a point is of another group, curve or backend
        """
        return self.pairing_products_many(([pair] for pair in pairs), workers=workers)

    def pairing_products_many(self, equations: Iterable[Iterable[Pair]], *, workers: int = 1) -> list[GTElement]:
        """For each list of pairs what `pairing_product` gives, in order, on so many threads.

        Spec: spec/curves.md#pairing
        Raises: ParameterError if a point is of another group, curve or backend
        """
        multiply = self.ops.pairing_products_many
        return self._values(GTElement, self._by_parts(multiply, self._equations(equations), workers))

    def pairing_checks_many(self, equations: Iterable[Iterable[Pair]], *, workers: int = 1) -> list[bool]:
        """For each list of pairs whether prod e(P_i, Q_i) = 1, in order, on so many threads.

        Each is judged by itself, so this tells which ones hold; `milagro.groups.batches` has the far cheaper check
        whether all of them do.
        Spec: spec/curves.md#pairing
        Raises: ParameterError if a point is of another group, curve or backend
        """
        return self._by_parts(self.ops.pairing_checks_many, self._equations(equations), workers)

    def pairing_array(
        self,
        ps: Buffer,
        qs: Buffer,
        encoding: Encoding | None = None,
        *,
        workers: int = 1,
        out: Buffer | None = None,
    ) -> memoryview:
        """The octets of e(P_i, Q_i), from encodings of both, in one buffer: a new one, or `out`.

        Spec: spec/curves.md#pairing, spec/curves.md#refusals
        Shape: as many P as Q; 12 * field_bytes octets a result
        Raises: what the readers of both arrays raise, IdentityElement among it; ParameterError for different numbers,
            or if `out` cannot be written to; WrongLength if it does not fit
        """
        left = self.g1_array_from_bytes(ps, encoding, workers=workers)
        right = self.g2_array_from_bytes(qs, encoding, workers=workers)
        if len(left) != len(right):
            raise ParameterError(f"{len(left)} points of G1 cannot be paired with {len(right)} of G2")
        return filled(self.gt_array_to_bytes(self.pairing_many(zip(left, right, strict=True), workers=workers)), out)
