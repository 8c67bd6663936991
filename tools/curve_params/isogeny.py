"""Claims about a simplified SWU map: the criteria for Z and that its isogeny lands on the curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from curve_params.arithmetic import Curve, Element, Field, Point

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from milagro.params._model import SSWU, Fp2

Cubic = tuple[Element, Element, Element]
SAMPLES = 4


@dataclass(frozen=True)
class CubicRing:
    """F[x]/(x^3 + a x + d), elements as coefficients of 1, x, x^2."""

    field: Field
    a: Element
    d: Element

    def mul(self, s: Cubic, t: Cubic) -> Cubic:
        """The product, reduced by x^3 = -a x - d and x^4 = -a x^2 - d x."""
        f = self.field
        out = [f.element(0)] * 5
        for i, left in enumerate(s):
            for j, right in enumerate(t):
                out[i + j] = f.add(out[i + j], f.mul(left, right))
        for degree in (4, 3):
            top = out[degree]
            out[degree - 2] = f.sub(out[degree - 2], f.mul(self.a, top))
            out[degree - 3] = f.sub(out[degree - 3], f.mul(self.d, top))
        return out[0], out[1], out[2]

    def power_of_x(self, k: int) -> Cubic:
        """x^k."""
        zero, one = self.field.element(0), self.field.element(1)
        x: Cubic = (zero, one, zero)
        out: Cubic = (one, zero, zero)
        for bit in bin(k)[2:]:
            out = self.mul(out, out)
            if bit == "1":
                out = self.mul(out, x)
        return out

    def is_field(self, size: int) -> bool:
        """Whether the cubic is irreducible over the field of this size.

        x^q != x says that not all roots lie in it, x^(q^3) = x that the degrees of the factors divide 3.
        """
        zero, one = self.field.element(0), self.field.element(1)
        return self.power_of_x(size) != (zero, one, zero) and self.power_of_x(size**3) == (zero, one, zero)


def isogeny_claims(curve: Curve, constants: SSWU, order: int, label: str, *, in_fp: bool) -> Iterator[tuple[str, bool]]:
    """What RFC 9380 asks of Z (6.6.2) and of the isogeny (6.6.3), and that it is one."""
    f = curve.field
    a, b, z = (f.element(*value) for value in (constants.a, constants.b, constants.z))
    source = Curve(f, a, b)
    zero = f.element(0)
    yield "A and B are not 0", zero not in (a, b)
    yield "Z is neither a square nor -1", not f.is_square(z, in_fp=in_fp) and z != f.element(-1)
    size = f.p if in_fp else f.p**2
    yield "g(x) - Z is irreducible", CubicRing(f, a, f.sub(b, z)).is_field(int(size))
    yield "g(B/(Z A)) is a square", f.is_square(source.rhs(f.div(b, f.mul(z, a))), in_fp=in_fp)
    points = [source.sample(f"{label} {k}", in_fp=in_fp) for k in range(SAMPLES)]
    images = [image(f, constants, point) for point in points]
    yield "the isogeny maps its curve into the other", all(curve.contains(point) and point for point in images)
    yield "both curves have the same order", all(source.multiply(order, point) is None for point in points)
    total, mapped = sum_of(source, points), sum_of(curve, images)
    yield "the isogeny respects addition", image(f, constants, total) == mapped
    degree = len(constants.x_num) - 1
    yield f"the isogeny has degree {degree}, and monic denominators", shape(constants) == (degree, degree - 1, True)


def shape(constants: SSWU) -> tuple[int, int, bool]:
    """The degrees of the x map, and whether the denominators are monic and the y map's degrees follow from it."""
    c = constants
    degree = len(c.x_num) - 1
    monic = c.x_den[-1] == c.y_den[-1] == (1, 0)
    return degree, len(c.x_den) - 1, monic and len(c.y_num) == len(c.y_den) == 3 * (degree - 1) // 2 + 1


def sum_of(curve: Curve, points: list[Point]) -> Point:
    """The sum of some points."""
    total: Point = None
    for point in points:
        total = curve.add(total, point)
    return total


def image(f: Field, constants: SSWU, point: Point) -> Point:
    """(x_num(x)/x_den(x), y y_num(x)/y_den(x)), or infinity where a denominator vanishes."""
    if point is None:
        return None
    x, y = point
    x_den, y_den = at(f, constants.x_den, x), at(f, constants.y_den, x)
    if f.element(0) in (x_den, y_den):
        return None
    return f.div(at(f, constants.x_num, x), x_den), f.mul(y, f.div(at(f, constants.y_num, x), y_den))


def at(f: Field, coefficients: Sequence[Fp2], x: Element) -> Element:
    """The value at x of a polynomial, coefficient k belonging to x^k."""
    value = f.element(0)
    for coefficient in reversed(coefficients):
        value = f.add(f.mul(value, x), f.element(*coefficient))
    return value
