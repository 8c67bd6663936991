"""The values of a curve: scalars, points and elements of GT. Immutable, typed, bound to one curve and backend.

There is no public way to make one but through a `Curve`, which checks what comes from outside. So a function
that receives a `G1Point` has a point of the subgroup of order r.

Spec: spec/curves.md#scalar-multiplication
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

from milagro.errors import ParameterError, WrongLength

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from milagro.groups.curve import Curve
    from milagro.groups.encodings import Encoding
    from milagro.groups.operations import PointOps


class _Value:
    """What all values share: a curve, a handle of its backend, and no way to change either."""

    __slots__ = ("_curve", "_handle")
    _curve: Curve
    _handle: Any

    def __init__(self, *_: object, **__: object) -> None:
        raise ParameterError(f"a {type(self).__name__} is made by a Curve, which checks it, not by its class")

    @classmethod
    def _make(cls, curve: Curve, handle: Any) -> Self:
        """The value of a handle that is known to be valid."""
        value = object.__new__(cls)
        object.__setattr__(value, "_curve", curve)
        object.__setattr__(value, "_handle", handle)
        return value

    @classmethod
    def _make_all(cls, curve: Curve, handles: Iterable[Any]) -> list[Self]:
        """The values of handles that are known to be valid."""
        new, values = object.__new__, []
        for handle in handles:
            value = new(cls)
            _set_curve(value, curve)
            _set_handle(value, handle)
            values.append(value)
        return values

    @property
    def curve(self) -> Curve:
        """The curve that the value belongs to."""
        return self._curve

    def _like(self, handle: Any) -> Self:
        return self._make(self._curve, handle)

    def _of(self, other: _Value) -> Any:
        """The handle of `other`, if it is of the same curve and backend."""
        if other._curve is not self._curve:
            raise ParameterError(f"a value of {other._curve!r} cannot be used with one of {self._curve!r}")
        return other._handle

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise ParameterError(f"a {type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise ParameterError(f"a {type(self).__name__} cannot be changed")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise ParameterError(f"a {type(self).__name__} is not pickled; write it with to_bytes")


_set_curve: Callable[[_Value, Curve], None] = _Value.__dict__["_curve"].__set__
_set_handle: Callable[[_Value, Any], None] = _Value.__dict__["_handle"].__set__


def _short_digest(octets: bytes) -> str:
    # It tells two values apart within a process only: the interpreter keys this hash anew for each, so that a value
    # of little entropy, such as a token under a guessed PIN, cannot be confirmed from a log.
    return f"{hash(octets) & 0xFFFFFFFF:08x}"


class Scalar(_Value):
    """An integer modulo r. It counts as secret: no digits in its repr, no hash, no conversion to int."""

    __slots__ = ()
    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Scalar of {self._curve.name}, redacted>"

    def __add__(self, other: Scalar) -> Scalar:
        if not isinstance(other, Scalar):
            return NotImplemented
        return self._like(self._curve.ops.scalar_add(self._handle, self._of(other)))

    def __sub__(self, other: Scalar) -> Scalar:
        if not isinstance(other, Scalar):
            return NotImplemented
        return self._like(self._curve.ops.scalar_sub(self._handle, self._of(other)))

    def __mul__(self, other: Scalar) -> Scalar:
        if not isinstance(other, Scalar):
            return NotImplemented
        return self._like(self._curve.ops.scalar_mul(self._handle, self._of(other)))

    def __neg__(self) -> Scalar:
        return self._like(self._curve.ops.scalar_neg(self._handle))

    def inverse(self) -> Scalar:
        """1/k modulo r.

        Raises: ParameterError if k = 0
        Secret: constant time on the native backend, but for whether k = 0
        """
        if self.is_zero():
            raise ParameterError("zero has no inverse")
        return self._like(self._curve.ops.scalar_inv(self._handle))

    def is_zero(self) -> bool:
        """Whether k = 0."""
        return self._curve.ops.scalar_is_zero(self._handle)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scalar):
            return NotImplemented
        return self._curve.ops.scalar_equal(self._handle, self._of(other))

    def to_bytes(self, length: int | None = None) -> bytes:
        """k in big-endian octets: `scalar_bytes` of the curve, or `length` with leading zeros.

        Spec: spec/curves.md#encoding-scalar
        Raises: WrongLength if `length` is less than `scalar_bytes`
        Secret: the result
        """
        octets = self._curve.ops.scalar_to_bytes(self._handle)
        if length is None:
            return octets
        if length < len(octets):
            raise WrongLength(f"a scalar of {self._curve.name} needs {len(octets)} octets, not {length}")
        return bytes(length - len(octets)) + octets


class _Point(_Value):
    """What G1 and G2 share."""

    __slots__ = ()

    @property
    @abstractmethod
    def _ops(self) -> PointOps:
        """The operations of its group."""

    def _octets(self) -> bytes:
        """Octets that differ for different points, identity included; no encoding."""
        return b"" if self.is_identity() else b"".join(self._ops.to_affine(self._handle))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._curve.name}, digest {_short_digest(self._octets())}>"

    def __add__(self, other: Self) -> Self:
        if type(other) is not type(self):
            return NotImplemented
        return self._like(self._ops.add(self._handle, self._of(other)))

    def __sub__(self, other: Self) -> Self:
        if type(other) is not type(self):
            return NotImplemented
        return self._like(self._ops.add(self._handle, self._ops.neg(self._of(other))))

    def __neg__(self) -> Self:
        return self._like(self._ops.neg(self._handle))

    def __mul__(self, k: Scalar) -> Self:
        """k * P, constant time in k on the native backend.

        Spec: spec/curves.md#scalar-multiplication
        """
        if not isinstance(k, Scalar):
            return NotImplemented
        return self._like(self._ops.mul(self._handle, self._of(k)))

    __rmul__ = __mul__

    def mul_vartime(self, k: Scalar) -> Self:
        """k * P for a public k: the same point as by `*`, sooner, in a time that tells about k and P.

        Spec: spec/curves.md#scalar-multiplication
        Raises: ParameterError if k is no scalar of this curve and backend
        """
        if not isinstance(k, Scalar):
            raise ParameterError(f"expected a Scalar, got {type(k).__name__}")
        return self._like(self._ops.mul_vartime(self._handle, self._of(k)))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._ops.equal(self._handle, self._of(other))

    def __hash__(self) -> int:
        return hash((id(self._curve), self._ops.group, self._octets()))

    def is_identity(self) -> bool:
        """Whether the point is the neutral element."""
        return self._ops.is_identity(self._handle)

    def coordinates(self) -> tuple[bytes, bytes]:
        """(x, y) in canonical octets; over Fp2 the real part stands before the imaginary part.

        Shape: field_bytes octets each in G1, 2 * field_bytes in G2
        Raises: IdentityElement
        """
        return self._ops.to_affine(self._handle)


class G1Point(_Point):
    """An element of G1: a point of E(Fp) in the subgroup of order r."""

    __slots__ = ()

    @property
    def _ops(self) -> PointOps:
        return self._curve.g1_ops

    def to_bytes(self, encoding: Encoding | None = None) -> bytes:
        """The octets of the point; without `encoding` in the curve's default encoding.

        Raises: ParameterError if the curve does not have this encoding, IdentityElement if that has no identity
        """
        return self._curve.g1_codec(encoding).encode(self._handle)


class G2Point(_Point):
    """An element of G2: a point of the twist E'(Fp2) in the subgroup of order r."""

    __slots__ = ()

    @property
    def _ops(self) -> PointOps:
        return self._curve.g2_ops

    def to_bytes(self, encoding: Encoding | None = None) -> bytes:
        """The octets of the point; without `encoding` in the curve's default encoding.

        Raises: ParameterError if the curve does not have this encoding, IdentityElement if that has no identity
        """
        return self._curve.g2_codec(encoding).encode(self._handle)


class G2Prepared(_Value):
    """A point of G2 whose lines for the pairing are worked out: takes the place of the point in pairings.

    Secret: as secret as the point; it shows nothing of itself, has no octets, and its memory is wiped when it dies
    """

    __slots__ = ()
    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<G2Prepared of {self._curve.name}, redacted>"

    def __eq__(self, other: object) -> bool:
        return self is other


class GTElement(_Value):
    """An element of GT: the subgroup of order r of the multiplicative group of Fp12."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<GTElement of {self._curve.name}, digest {_short_digest(self.to_bytes())}>"

    def __mul__(self, other: GTElement) -> GTElement:
        if not isinstance(other, GTElement):
            return NotImplemented
        return self._like(self._curve.ops.gt_mul(self._handle, self._of(other)))

    def __pow__(self, k: Scalar) -> GTElement:
        """f**k, constant time in k on the native backend."""
        if not isinstance(k, Scalar):
            return NotImplemented
        return self._like(self._curve.ops.gt_exp(self._handle, self._of(k)))

    def power_vartime(self, k: Scalar) -> GTElement:
        """f**k in less time for what everyone may know: the time tells k.

        Raises: ParameterError if k is not a scalar of this curve
        """
        if not isinstance(k, Scalar):
            raise ParameterError(f"an exponent is a Scalar, not a {type(k).__name__}")
        return self._like(self._curve.ops.gt_exp_vartime(self._handle, self._of(k)))

    def inverse(self) -> GTElement:
        """1/f, which in GT is the conjugate."""
        return self._like(self._curve.ops.gt_inv(self._handle))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GTElement):
            return NotImplemented
        return self._curve.ops.gt_equal(self._handle, self._of(other))

    def __hash__(self) -> int:
        return hash((id(self._curve), "GT", self.to_bytes()))

    def is_one(self) -> bool:
        """Whether f = 1."""
        return self._curve.ops.gt_is_one(self._handle)

    def to_bytes(self) -> bytes:
        """The twelve field elements a.a.re, a.a.im, a.b.re, ... c.b.im.

        Spec: spec/curves.md#encoding-gt
        Shape: 12 * field_bytes octets
        """
        return self._curve.ops.gt_to_bytes(self._handle)

    def trace_bytes(self) -> bytes:
        """The trace of f from Fp12 to Fp4, 3*a, as a.re, a.im, b.re, b.im.

        Spec: spec/curves.md#encoding-gt
        Shape: 4 * field_bytes octets
        """
        return self._curve.ops.gt_trace(self._handle)
