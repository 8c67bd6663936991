"""Fp2 = Fp[i]/(i^2 + 1) and affine points of y^2 = x^3 + a x + b over it; an element of Fp is (x, 0).

Written for proving numbers, not for speed or secrecy: elements are pairs, the point at infinity is None.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import gmpy2
from gmpy2 import mpz

Element = tuple[mpz, mpz]
Point = tuple[Element, Element] | None


@dataclass(frozen=True)
class Field:
    """Fp2 over a prime p = 3 mod 4."""

    p: mpz

    def element(self, re: int, im: int = 0) -> Element:
        """re + im i, reduced."""
        return mpz(re) % self.p, mpz(im) % self.p

    def add(self, x: Element, y: Element) -> Element:
        """x + y."""
        return (x[0] + y[0]) % self.p, (x[1] + y[1]) % self.p

    def sub(self, x: Element, y: Element) -> Element:
        """x - y."""
        return (x[0] - y[0]) % self.p, (x[1] - y[1]) % self.p

    def neg(self, x: Element) -> Element:
        """-x."""
        return -x[0] % self.p, -x[1] % self.p

    def mul(self, x: Element, y: Element) -> Element:
        """x y, with i^2 = -1."""
        return (x[0] * y[0] - x[1] * y[1]) % self.p, (x[0] * y[1] + x[1] * y[0]) % self.p

    def scale(self, x: Element, k: int) -> Element:
        """k x for an integer k."""
        return x[0] * k % self.p, x[1] * k % self.p

    def inv(self, x: Element) -> Element:
        """1/x. ZeroDivisionError if it does not exist."""
        n = gmpy2.invert(x[0] * x[0] + x[1] * x[1], self.p)
        return x[0] * n % self.p, -x[1] * n % self.p

    def div(self, x: Element, y: Element) -> Element:
        """x/y."""
        return self.mul(x, self.inv(y))

    def pow(self, x: Element, k: int) -> Element:
        """x^k for k >= 0."""
        out = self.element(1)
        for bit in bin(k)[2:]:
            out = self.mul(out, out)
            if bit == "1":
                out = self.mul(out, x)
        return out

    def is_square(self, x: Element, *, in_fp: bool = False) -> bool:
        """Whether x has a root in Fp2 (by its norm), or with `in_fp` in Fp. Zero has one."""
        symbol = gmpy2.legendre(x[0] if in_fp else x[0] * x[0] + x[1] * x[1], self.p)
        return bool(symbol >= 0)

    def sqrt(self, x: Element, *, in_fp: bool = False) -> Element:
        """The root of x with sgn0 = 0, in Fp2 or with `in_fp` in Fp. ArithmeticError if there is none."""
        root = self.element(self._sqrt_fp(x[0])) if in_fp else self._sqrt_fp2(x)
        if self.mul(root, root) != x:
            raise ArithmeticError("not a square")
        return self.neg(root) if self.sgn0(root) else root

    def _sqrt_fp(self, x: mpz) -> mpz:
        return gmpy2.powmod(x, (self.p + 1) // 4, self.p)

    def _sqrt_fp2(self, x: Element) -> Element:
        if x[1] == 0:
            real = self._sqrt_fp(x[0])
            return self.element(real) if real * real % self.p == x[0] else self.element(0, self._sqrt_fp(-x[0]))
        norm = self._sqrt_fp(x[0] * x[0] + x[1] * x[1])
        half = (self.p + 1) // 2
        d = (x[0] + norm) * half % self.p
        if gmpy2.legendre(d, self.p) != 1:
            d = (x[0] - norm) * half % self.p
        re = self._sqrt_fp(d)
        return re, x[1] * half * gmpy2.invert(re, self.p) % self.p

    def sgn0(self, x: Element) -> int:
        """The sign of RFC 9380, section 4.1: the parity of re, or of im if re = 0."""
        return int(x[0] % 2 if x[0] else x[1] % 2)


@dataclass(frozen=True)
class Curve:
    """y^2 = x^3 + a x + b over Fp2, or over Fp when every coordinate that enters is (x, 0)."""

    field: Field
    a: Element
    b: Element

    def rhs(self, x: Element) -> Element:
        """x^3 + a x + b."""
        f = self.field
        return f.add(f.mul(f.add(f.mul(x, x), self.a), x), self.b)

    def contains(self, point: Point) -> bool:
        """Whether the point satisfies the equation; infinity does."""
        return point is None or self.field.mul(point[1], point[1]) == self.rhs(point[0])

    def add(self, p: Point, q: Point) -> Point:
        """P + Q. ArithmeticError where the law breaks down, as it does off the curve or modulo a composite."""
        f = self.field
        if p is None or q is None:
            return q if p is None else p
        if p[0] != q[0]:
            slope = f.div(f.sub(q[1], p[1]), f.sub(q[0], p[0]))
        elif p[1] == q[1] and p[1] != f.element(0):
            slope = f.div(f.add(f.scale(f.mul(p[0], p[0]), 3), self.a), f.scale(p[1], 2))
        elif p[1] == f.neg(q[1]):
            return None
        else:
            raise ArithmeticError("two points with one x and unrelated y: one is not on the curve, or p is composite")
        x = f.sub(f.mul(slope, slope), f.add(p[0], q[0]))
        return x, f.sub(f.mul(slope, f.sub(p[0], x)), p[1])

    def negate(self, p: Point) -> Point:
        """-P."""
        return None if p is None else (p[0], self.field.neg(p[1]))

    def multiply(self, k: int, p: Point) -> Point:
        """k P."""
        base = self.negate(p) if k < 0 else p
        out: Point = None
        for bit in bin(abs(k))[2:]:
            out = self.add(out, out)
            if bit == "1":
                out = self.add(out, base)
        return out

    def sample(self, label: str, *, in_fp: bool = False) -> Point:
        """A point that nobody chose: the first x at or after SHAKE-256(label) that is on the curve."""
        size = (self.field.p.bit_length() + 7) // 8 + 16
        stream = hashlib.shake_256(label.encode()).digest(2 * size)
        x = self.field.element(int.from_bytes(stream[:size]), 0 if in_fp else int.from_bytes(stream[size:]))
        while not self.field.is_square(self.rhs(x), in_fp=in_fp):
            x = self.field.add(x, self.field.element(1))
        return x, self.field.sqrt(self.rhs(x), in_fp=in_fp)
