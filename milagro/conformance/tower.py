"""Field and curve arithmetic on the integers of a vector file, carried out by a backend's own operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from milagro import backend
from milagro.octets import i2osp, os2ip
from milagro.params import CurveParams
from milagro.params import get as params_of

Coefficients = tuple[int, ...]
_FIELDS = {1: "fp", 2: "fp2", 4: "fp4", 12: "fp12"}


class Tower:
    """The towers of one curve on one backend, for elements written as tuples of integers."""

    def __init__(self, curve: str, backend_name: str) -> None:
        self.params: CurveParams = params_of(curve)
        self.ops = backend.load(backend_name).curve(self.params.name)
        self.width = self.params.field_bytes

    def pack(self, element: Coefficients) -> bytes:
        """The canonical octets of an element. Raises ParameterError for a number that does not fit."""
        return b"".join(i2osp(part, self.width) for part in element)

    def unpack(self, octets: bytes) -> Coefficients:
        """The coefficients in octets."""
        return tuple(os2ip(octets[at : at + self.width]) for at in range(0, len(octets), self.width))

    def run(self, operation: str, *elements: Coefficients) -> Coefficients:
        """One named operation of the tower."""
        return self.unpack(self.ops.tower(operation, *(self.pack(element) for element in elements)))

    def add(self, a: Coefficients, b: Coefficients) -> Coefficients:
        """a + b."""
        return self.run(f"{_FIELDS[len(a)]}_add", a, b)

    def sub(self, a: Coefficients, b: Coefficients) -> Coefficients:
        """a - b."""
        return self.run(f"{_FIELDS[len(a)]}_sub", a, b)

    def neg(self, a: Coefficients) -> Coefficients:
        """-a."""
        return self.run(f"{_FIELDS[len(a)]}_neg", a)

    def mul(self, a: Coefficients, b: Coefficients) -> Coefficients:
        """a * b."""
        return self.run(f"{_FIELDS[len(a)]}_mul", a, b)

    def sqr(self, a: Coefficients) -> Coefficients:
        """a^2."""
        return self.run(f"{_FIELDS[len(a)]}_sqr", a)

    def inv(self, a: Coefficients) -> Coefficients:
        """1/a."""
        return self.run(f"{_FIELDS[len(a)]}_inv", a)

    def conj(self, a: Coefficients) -> Coefficients:
        """The conjugate over the next smaller field."""
        return self.run(f"{_FIELDS[len(a)]}_conj", a)

    def frob(self, a: Coefficients) -> Coefficients:
        """a^p."""
        return self.run(f"{_FIELDS[len(a)]}_frob", a)

    def constant(self, degree: int, value: int) -> Coefficients:
        """The small integer `value` as an element of the field of this degree."""
        return (value % self.params.p,) + (0,) * (degree - 1)

    def power(self, a: Coefficients, exponent: int, cyclotomic: bool = False) -> Coefficients:
        """a^exponent by squaring; `cyclotomic` squares with the formula for such elements."""
        operation = "fp12_cyclotomic_sqr" if cyclotomic else f"{_FIELDS[len(a)]}_sqr"
        multiply, packed = f"{_FIELDS[len(a)]}_mul", self.pack(a)
        result = self.pack(self.constant(len(a), 1))
        for bit in bin(exponent)[2:]:
            result = self.ops.tower(operation, result)
            if bit == "1":
                result = self.ops.tower(multiply, result, packed)
        return self.unpack(result)

    def trace(self, a: Coefficients) -> Coefficients:
        """The trace from Fp12 to Fp4 of an element of the cyclotomic subgroup."""
        return self.unpack(self.ops.gt_trace(self.ops.gt_from_bytes(self.pack(a))))

    # -- points ------------------------------------------------------------------------------------------------
    def g1(self, point: Sequence[int]) -> Any:
        """The point x, y of E(Fp), checked to be on the curve."""
        x, y = point
        return self.ops.g1_from_affine(self.pack((x,)), self.pack((y,)))

    def g2(self, point: Sequence[int]) -> Any:
        """The point xa, xb, ya, yb of E'(Fp2), checked to be on the curve."""
        xa, xb, ya, yb = point
        return self.ops.g2_from_affine(self.pack((xa, xb)), self.pack((ya, yb)))

    def g1_numbers(self, p: Any) -> Coefficients:
        """x, y."""
        x, y = self.ops.g1_to_affine(p)
        return self.unpack(x + y)

    def g2_numbers(self, p: Any) -> Coefficients:
        """xa, xb, ya, yb."""
        x, y = self.ops.g2_to_affine(p)
        return self.unpack(x + y)
