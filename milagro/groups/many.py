"""What a `Curve` does with many values at once: one call into the backend, which shares what can be shared.

On the native backend other threads run meanwhile, and `workers` says on how many threads the work is done. The results
do not depend on it. A batch costs no more than its values one by one, mostly less: inversions are shared, multiples of
one point come from a table, and a sum of multiples costs far less than its terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from milagro.errors import EncodingError, IdentityElement, NotInSubgroup, ParameterError
from milagro.groups.arrays import Buffer, decode_array, filled, rows, spread
from milagro.groups.encodings import Codec, Encoding, Octets, octet_string
from milagro.groups.hashing import Expander, Xmd
from milagro.groups.values import G1Point, G2Point, G2Prepared, GTElement, Scalar, _Point, _Value

if TYPE_CHECKING:
    from milagro.backend import CurveOps
    from milagro.groups.operations import PointOps
    from milagro.params import CurveParams

_SHA256 = Xmd("sha256")

Pair = tuple[G1Point, G2Point | G2Prepared]
PointT = TypeVar("PointT", bound=_Point)
ValueT = TypeVar("ValueT", bound=_Value)


class ManyAtOnce:
    """The part of `Curve` for many values."""

    params: CurveParams
    ops: CurveOps

    if TYPE_CHECKING:  # what the rest of Curve has

        @property
        def g1_ops(self) -> PointOps: ...  # noqa: D102
        @property
        def g2_ops(self) -> PointOps: ...  # noqa: D102
        def g1_codec(self, encoding: Encoding | None) -> Codec: ...  # noqa: D102
        def g2_codec(self, encoding: Encoding | None) -> Codec: ...  # noqa: D102
        def _mine(self, kind: type[ValueT], value: ValueT) -> object: ...
        def _right(self, Q: G2Point | G2Prepared) -> object: ...

    def _all_mine(self, kind: type[ValueT], values: Iterable[ValueT]) -> list[Any]:
        """The handles of values of this curve and kind."""
        values = values if isinstance(values, list) else list(values)
        handles = [value._handle for value in values if type(value) is kind and value._curve is self]
        return handles if len(handles) == len(values) else [self._mine(kind, value) for value in values]

    def _one_or_all(self, kind: type[ValueT], values: ValueT | Iterable[ValueT]) -> list[Any]:
        return [self._mine(kind, values)] if isinstance(values, _Value) else self._all_mine(kind, values)

    def _values(self, kind: type[ValueT], handles: Iterable[Any]) -> list[ValueT]:
        return kind._make_all(self, handles)  # type: ignore[arg-type]

    def _value(self, kind: type[ValueT], handle: Any) -> ValueT:
        return self._values(kind, [handle])[0]

    # -- scalars ---------------------------------------------------------------------------------------------------
    def scalar_array_from_bytes(self, buffer: Buffer, size: int | None = None) -> list[Scalar]:
        """The scalars that stand one behind the other in a buffer, each in `size` octets or else scalar_bytes.

        Spec: spec/curves.md#encoding-scalar, spec/curves.md#refusals
        Raises: WrongLength, NonCanonical; ParameterError for another size than 1 .. scalar_bytes
        Secret: the octets
        """
        width = self.params.scalar_bytes if size is None else size
        if not 0 < width <= self.params.scalar_bytes:
            raise ParameterError(f"a scalar in an array has 1 to {self.params.scalar_bytes} octets, not {width}")
        return self._values(Scalar, self.ops.scalars_from_array(rows(buffer, width, "scalars"), width))

    def scalar_array_to_bytes(self, scalars: Iterable[Scalar]) -> bytes:
        """The octets of the scalars, joined.

        Shape: scalar_bytes octets each
        Raises: ParameterError for a scalar of another curve
        Secret: the result
        """
        return b"".join(map(self.ops.scalar_to_bytes, self._all_mine(Scalar, scalars)))

    def scalar_products(self, left: Sequence[Scalar], right: Sequence[Scalar]) -> list[Scalar]:
        """a_i * b_i.

        Raises: ParameterError for lists of different lengths, or a scalar of another curve
        """
        handles = self.ops.scalar_mul_many(self._all_mine(Scalar, left), self._all_mine(Scalar, right))
        return self._values(Scalar, handles)

    # -- points and their octets -------------------------------------------------------------------------------------
    def g1_array_from_bytes(
        self, buffer: Buffer, encoding: Encoding | None = None, *, allow_identity: bool = False, workers: int = 1
    ) -> list[G1Point]:
        """The points of G1 whose encodings stand one behind the other in a buffer, each fully checked.

        Spec: spec/curves.md#refusals
        Shape: n times the length that the encoding writes; contiguous single octets, such as a numpy array of uint8
        Raises: what g1_from_bytes raises for the first bad element, with its index in the text
        """
        handles = decode_array(self.g1_codec(encoding), buffer, allow_identity=allow_identity, workers=workers)
        return self._values(G1Point, handles)

    def g2_array_from_bytes(
        self, buffer: Buffer, encoding: Encoding | None = None, *, allow_identity: bool = False, workers: int = 1
    ) -> list[G2Point]:
        """The points of G2 whose encodings stand one behind the other in a buffer, each fully checked.

        Spec: spec/curves.md#refusals
        Shape: n times the length that the encoding writes; contiguous single octets, such as a numpy array of uint8
        Raises: what g2_from_bytes raises for the first bad element, with its index in the text
        """
        handles = decode_array(self.g2_codec(encoding), buffer, allow_identity=allow_identity, workers=workers)
        return self._values(G2Point, handles)

    def g1_array_to_bytes(self, points: Iterable[G1Point], encoding: Encoding | None = None) -> bytes:
        """The encodings of the points, joined to one buffer, with one inversion for all.

        Raises: ParameterError for another curve's point or encoding, IdentityElement if that has no encoding
        """
        return bytes(self.g1_codec(encoding).encode_array(self._all_mine(G1Point, points)))

    def g2_array_to_bytes(self, points: Iterable[G2Point], encoding: Encoding | None = None) -> bytes:
        """The encodings of the points, joined to one buffer, with one inversion for all.

        Raises: ParameterError for another curve's point or encoding, IdentityElement if that has no encoding
        """
        return bytes(self.g2_codec(encoding).encode_array(self._all_mine(G2Point, points)))

    def gt_array_from_bytes(self, buffer: Buffer, *, allow_identity: bool = False, workers: int = 1) -> list[GTElement]:
        """The elements of GT that stand one behind the other in a buffer, each fully checked.

        Spec: spec/curves.md#encoding-gt, spec/curves.md#refusals
        Shape: 12 * field_bytes octets each
        Raises: what gt_from_bytes raises for the first bad element, with its index in the text
        """
        width = 12 * self.params.field_bytes
        octets = rows(buffer, width, "elements of GT")

        def element(i: int) -> Any:
            try:
                return self._gt_handle(octets[width * i : width * (i + 1)], allow_identity=allow_identity)
            except EncodingError as error:
                raise type(error)(f"element {i} of the array: {error}") from None

        count = len(octets) // width
        return self._values(
            GTElement, spread(lambda part: [element(i) for i in range(part.start, part.stop)], count, workers)
        )

    def _gt_handle(self, octets: bytes, *, allow_identity: bool) -> Any:
        f = self.ops.gt_from_bytes(octets)
        if not self.ops.gt_in_subgroup(f):
            raise NotInSubgroup("an element of Fp12 is outside the subgroup of order r")
        if not allow_identity and self.ops.gt_is_one(f):
            raise IdentityElement("the identity of GT is not allowed here")
        return f

    def gt_array_to_bytes(self, elements: Iterable[GTElement]) -> bytes:
        """The octets of the elements, joined.

        Shape: 12 * field_bytes octets each
        Raises: ParameterError for another curve's element
        """
        return b"".join(map(self.ops.gt_to_bytes, self._all_mine(GTElement, elements)))

    # -- hashing -----------------------------------------------------------------------------------------------------
    def _hash_many(
        self,
        ops: PointOps,
        messages: Iterable[Octets],
        dst: Octets,
        expander: Expander,
        workers: int,
        *,
        nonuniform: bool,
    ) -> list[Any]:
        count = 1 if nonuniform else 2
        width = count * self.params.hash_length * (1 if ops.group == "G1" else 2)
        plain, tag = [octet_string(message) for message in messages], octet_string(dst)
        expander.expand(b"", tag, width)  # refuses a tag even where there is no message

        def work(part: slice) -> list[Any]:
            u = b"".join([expander.expand(message, tag, width) for message in plain[part]])
            return ops.hash_uniform_many_vartime(u, part.stop - part.start, count)

        return spread(work, len(plain), workers)

    def hash_to_g1_many(
        self,
        messages: Iterable[Octets],
        dst: Octets,
        *,
        expander: Expander = _SHA256,
        nonuniform: bool = False,
        workers: int = 1,
    ) -> list[G1Point]:
        """hash_to_g1 of each public message, in order, on so many threads; in variable time.

        Spec: spec/curves.md#hash-to-curve (RFC 9380, section 3)
        Raises: ParameterError if the tag is empty
        """
        return self._values(
            G1Point, self._hash_many(self.g1_ops, messages, dst, expander, workers, nonuniform=nonuniform)
        )

    def hash_to_g2_many(
        self,
        messages: Iterable[Octets],
        dst: Octets,
        *,
        expander: Expander = _SHA256,
        nonuniform: bool = False,
        workers: int = 1,
    ) -> list[G2Point]:
        """hash_to_g2 of each public message, in order, on so many threads; in variable time.

        Spec: spec/curves.md#hash-to-curve (RFC 9380, section 3)
        Raises: ParameterError if the tag is empty
        """
        return self._values(
            G2Point, self._hash_many(self.g2_ops, messages, dst, expander, workers, nonuniform=nonuniform)
        )

    def hash_to_g1_array(
        self,
        messages: Iterable[Octets],
        dst: Octets,
        encoding: Encoding | None = None,
        *,
        expander: Expander = _SHA256,
        nonuniform: bool = False,
        workers: int = 1,
        out: Buffer | None = None,
    ) -> memoryview:
        """The encodings of hash_to_g1 of each public message in one buffer: a new one, or `out`.

        Spec: spec/curves.md#hash-to-curve (RFC 9380, section 3)
        Raises: ParameterError if the tag is empty or `out` cannot be written to, WrongLength if it does not fit
        """
        handles = self._hash_many(self.g1_ops, messages, dst, expander, workers, nonuniform=nonuniform)
        return filled(self.g1_codec(encoding).encode_array(handles), out)

    def hash_to_g2_array(
        self,
        messages: Iterable[Octets],
        dst: Octets,
        encoding: Encoding | None = None,
        *,
        expander: Expander = _SHA256,
        nonuniform: bool = False,
        workers: int = 1,
        out: Buffer | None = None,
    ) -> memoryview:
        """The encodings of hash_to_g2 of each public message in one buffer: a new one, or `out`.

        Spec: spec/curves.md#hash-to-curve (RFC 9380, section 3)
        Raises: ParameterError if the tag is empty or `out` cannot be written to, WrongLength if it does not fit
        """
        handles = self._hash_many(self.g2_ops, messages, dst, expander, workers, nonuniform=nonuniform)
        return filled(self.g2_codec(encoding).encode_array(handles), out)

    def map_to_g1_original_many(self, hs: Iterable[Octets], *, workers: int = 1) -> list[G1Point]:
        """map_to_g1_original of each, in order, on so many threads.

        Spec: spec/curves.md#map-original-g1
        """
        plain = [octet_string(h) for h in hs]
        return self._values(
            G1Point, spread(lambda part: self.ops.g1_map_original_many(plain[part]), len(plain), workers)
        )

    # -- multiples ---------------------------------------------------------------------------------------------------
    def _multiply_many(self, ops: Any, left: list[Any], right: list[Any], workers: int) -> list[Any]:
        count = len(right) if len(left) == 1 else len(left)
        if len(left) != len(right) and 1 not in (len(left), len(right)):
            raise ParameterError(f"{len(left)} values cannot be multiplied by {len(right)} scalars")
        return spread(
            lambda part: ops(left if len(left) == 1 else left[part], right if len(right) == 1 else right[part]),
            count,
            workers,
        )

    def multiply_g1_many(
        self, points: G1Point | Iterable[G1Point], scalars: Scalar | Iterable[Scalar], *, workers: int = 1
    ) -> list[G1Point]:
        """k_i * P_i; one point goes with every scalar, and one scalar with every point.

        Spec: spec/curves.md#scalar-multiplication
        Raises: ParameterError for different numbers of both, neither being one
        Secret: the scalars; constant time on the native backend
        """
        left, right = self._one_or_all(G1Point, points), self._one_or_all(Scalar, scalars)
        return self._values(G1Point, self._multiply_many(self.ops.g1_mul_many, left, right, workers))

    def multiply_g1_many_vartime(
        self, points: G1Point | Iterable[G1Point], scalars: Scalar | Iterable[Scalar], *, workers: int = 1
    ) -> list[G1Point]:
        """The same points for public scalars and points, sooner, in a time that tells about them.

        Spec: spec/curves.md#scalar-multiplication
        Raises: ParameterError for different numbers of both, neither being one
        """
        left, right = self._one_or_all(G1Point, points), self._one_or_all(Scalar, scalars)
        return self._values(G1Point, self._multiply_many(self.ops.g1_mul_many_vartime, left, right, workers))

    def multiply_g2_many(
        self, points: G2Point | Iterable[G2Point], scalars: Scalar | Iterable[Scalar], *, workers: int = 1
    ) -> list[G2Point]:
        """k_i * P_i; one point goes with every scalar, and one scalar with every point.

        Spec: spec/curves.md#scalar-multiplication
        Raises: ParameterError for different numbers of both, neither being one
        Secret: the scalars; constant time on the native backend
        """
        left, right = self._one_or_all(G2Point, points), self._one_or_all(Scalar, scalars)
        return self._values(G2Point, self._multiply_many(self.ops.g2_mul_many, left, right, workers))

    def multiply_g2_many_vartime(
        self, points: G2Point | Iterable[G2Point], scalars: Scalar | Iterable[Scalar], *, workers: int = 1
    ) -> list[G2Point]:
        """The same points for public scalars and points, sooner, in a time that tells about them.

        Spec: spec/curves.md#scalar-multiplication
        Raises: ParameterError for different numbers of both, neither being one
        """
        left, right = self._one_or_all(G2Point, points), self._one_or_all(Scalar, scalars)
        return self._values(G2Point, self._multiply_many(self.ops.g2_mul_many_vartime, left, right, workers))

    def power_many(
        self, elements: GTElement | Iterable[GTElement], scalars: Scalar | Iterable[Scalar], *, workers: int = 1
    ) -> list[GTElement]:
        """f_i ** k_i; one element goes with every scalar, and one scalar with every element.

        Raises: ParameterError for different numbers of both, neither being one
        Secret: the scalars; constant time on the native backend
        """
        left, right = self._one_or_all(GTElement, elements), self._one_or_all(Scalar, scalars)
        return self._values(GTElement, self._multiply_many(self.ops.gt_exp_many, left, right, workers))

    def multiply_g1_array(
        self,
        points: Buffer,
        scalars: Buffer,
        encoding: Encoding | None = None,
        *,
        allow_identity: bool = False,
        workers: int = 1,
        out: Buffer | None = None,
    ) -> memoryview:
        """The encodings of k_i * P_i, from encodings of P_i and octets of k_i, in one buffer: a new one, or `out`.

        Spec: spec/curves.md#scalar-multiplication, spec/curves.md#refusals
        Shape: as many points as scalars, or one of either; scalar_bytes octets a scalar
        Raises: what the readers of both arrays raise; ParameterError if `out` cannot be written to, WrongLength if it
            does not fit, IdentityElement for a result that has no encoding
        Secret: the scalars; constant time on the native backend
        """
        left = self.g1_array_from_bytes(points, encoding, allow_identity=allow_identity, workers=workers)
        results = self.multiply_g1_many(left, self.scalar_array_from_bytes(scalars), workers=workers)
        return filled(self.g1_codec(encoding).encode_array(self._all_mine(G1Point, results)), out)

    def multiply_g2_array(
        self,
        points: Buffer,
        scalars: Buffer,
        encoding: Encoding | None = None,
        *,
        allow_identity: bool = False,
        workers: int = 1,
        out: Buffer | None = None,
    ) -> memoryview:
        """The encodings of k_i * P_i, from encodings of P_i and octets of k_i, in one buffer: a new one, or `out`.

        Spec: spec/curves.md#scalar-multiplication, spec/curves.md#refusals
        Shape: as many points as scalars, or one of either; scalar_bytes octets a scalar
        Raises: what the readers of both arrays raise; ParameterError if `out` cannot be written to, WrongLength if it
            does not fit, IdentityElement for a result that has no encoding
        Secret: the scalars; constant time on the native backend
        """
        left = self.g2_array_from_bytes(points, encoding, allow_identity=allow_identity, workers=workers)
        results = self.multiply_g2_many(left, self.scalar_array_from_bytes(scalars), workers=workers)
        return filled(self.g2_codec(encoding).encode_array(self._all_mine(G2Point, results)), out)
