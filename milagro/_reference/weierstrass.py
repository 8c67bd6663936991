"""The group of y^2 = x^3 + b over Fp or Fp2.

A point is an affine pair (x, y), the identity is None. Scalar multiplication runs in Jacobian coordinates
(X : Y : Z) with x = X/Z^2, y = Y/Z^3 and Z = 0 at the identity.
"""

from __future__ import annotations

from typing import Generic

from milagro._reference.fields import F, Field

Point = tuple[F, F] | None
Jacobian = tuple[F, F, F]


class Weierstrass(Generic[F]):
    """One curve: its field and its b."""

    def __init__(self, field: Field[F], b: F) -> None:
        self.field = field
        self.p = field.p
        self.b = b

    def right_side(self, x: F) -> F:
        """g(x) = x^3 + b."""
        value: F = (x * x % self.p * x + self.b) % self.p
        return value

    def contains(self, x: F, y: F) -> bool:
        """Whether (x, y) satisfies the equation."""
        return bool(y * y % self.p == self.right_side(x))

    def neg(self, point: Point[F]) -> Point[F]:
        """-P = (x, -y)."""
        return None if point is None else (point[0], -point[1] % self.p)

    def slope(self, left: tuple[F, F], right: tuple[F, F]) -> F | None:
        """The slope of the line through two points, the tangent if they are equal; None if it is vertical."""
        (x1, y1), (x2, y2) = left, right
        if x1 != x2:
            chord: F = (y2 - y1) * self.field.inv(x2 - x1) % self.p
            return chord
        if y1 == y2 and y1:
            tangent: F = 3 * (x1 * x1) * self.field.inv(y1 + y1) % self.p
            return tangent
        return None

    def add(self, left: Point[F], right: Point[F]) -> Point[F]:
        """P + Q by chord and tangent: x3 = lam^2 - x1 - x2, y3 = lam (x1 - x3) - y1."""
        if left is None or right is None:
            return right if left is None else left
        lam = self.slope(left, right)
        if lam is None:
            return None
        x = (lam * lam - left[0] - right[0]) % self.p
        return x, (lam * (left[0] - x) - left[1]) % self.p

    def multiply(self, point: Point[F], k: int) -> Point[F]:
        """k * P for any integer k: double and add, from the top bit down."""
        if k < 0:
            return self.multiply(self.neg(point), -k)
        if point is None:
            return None
        total: Jacobian[F] = (self.field.one, self.field.one, self.field.zero)
        for bit in f"{k:b}":
            total = self._double(total)
            if bit == "1":
                total = self._add_affine(total, point)
        return self._affine(total)

    def sum(self, points: list[Point[F]]) -> Point[F]:
        """P_1 + ... + P_n."""
        total: Point[F] = None
        for point in points:
            total = self.add(total, point)
        return total

    def _double(self, point: Jacobian[F]) -> Jacobian[F]:
        """M = 3X^2, S = 4XY^2; X' = M^2 - 2S, Y' = M(S - X') - 8Y^4, Z' = 2YZ."""
        x, y, z = point
        p = self.p
        yy = y * y % p
        s = 4 * (x * yy) % p
        m = 3 * (x * x) % p
        x3 = (m * m - 2 * s) % p
        return x3, (m * (s - x3) - 8 * (yy * yy)) % p, 2 * (y * z) % p

    def _add_affine(self, point: Jacobian[F], other: tuple[F, F]) -> Jacobian[F]:
        """H = x2 Z^2 - X, R = y2 Z^3 - Y; X' = R^2 - H^3 - 2XH^2, Y' = R(XH^2 - X') - YH^3, Z' = ZH."""
        x, y, z = point
        p = self.p
        if not z:
            return other[0], other[1], self.field.one
        zz = z * z % p
        h = (other[0] * zz - x) % p
        r = (other[1] * (zz * z % p) - y) % p
        if not h:  # same x: the point itself, or its negative
            return self._double(point) if not r else (self.field.one, self.field.one, self.field.zero)
        hh = h * h % p
        hhh = h * hh % p
        v = x * hh % p
        x3 = (r * r - hhh - 2 * v) % p
        return x3, (r * (v - x3) - y * hhh) % p, z * h % p

    def _affine(self, point: Jacobian[F]) -> Point[F]:
        x, y, z = point
        if not z:
            return None
        w = self.field.inv(z)
        ww = w * w % self.p
        return x * ww % self.p, y * (ww * w % self.p) % self.p
