"""Traces of powers of an element of the cyclotomic subgroup of Fp12, computed from its trace alone (XTR).

l in that subgroup is a root of F = X^3 - c X^2 + conj(c) X - 1 with c = Tr(l) in Fp4, and its conjugates over Fp4
are the other roots. So Fp4[X]/F stands in for Fp12 with X for l, and the trace of a0 + a1 X + a2 X^2 is
3 a0 + a1 c + a2 (c^2 - 2 conj(c)).
"""

from __future__ import annotations

from milagro.conformance.tower import Coefficients, Tower

Polynomial = tuple[Coefficients, Coefficients, Coefficients]


class TraceRing:
    """Fp4[X]/F for one trace c."""

    def __init__(self, tower: Tower, c: Coefficients) -> None:
        self.tower, self.c, self.conj = tower, c, tower.conj(c)
        self.zero, self.one = tower.constant(4, 0), tower.constant(4, 1)
        self.root: Polynomial = (self.zero, self.one, self.zero)

    def multiply(self, a: Polynomial, b: Polynomial) -> Polynomial:
        """a * b modulo F."""
        product = [self.zero] * 5
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                product[i + j] = self.tower.add(product[i + j], self.tower.mul(x, y))
        for k in (4, 3):  # X^3 = c X^2 - conj(c) X + 1
            top = product[k]
            product[k - 1] = self.tower.add(product[k - 1], self.tower.mul(top, self.c))
            product[k - 2] = self.tower.sub(product[k - 2], self.tower.mul(top, self.conj))
            product[k - 3] = self.tower.add(product[k - 3], top)
        return product[0], product[1], product[2]

    def power(self, a: Polynomial, exponent: int) -> Polynomial:
        """a^exponent modulo F."""
        result: Polynomial = (self.one, self.zero, self.zero)
        for bit in bin(exponent)[2:]:
            result = self.multiply(result, result)
            if bit == "1":
                result = self.multiply(result, a)
        return result

    def inverse_root(self) -> Polynomial:
        """1/X = X^2 - c X + conj(c)."""
        return self.conj, self.tower.neg(self.c), self.one

    def next_root(self) -> Polynomial:
        """X^(p^4), the conjugate of X over Fp4."""
        return self.power(self.root, self.tower.params.p**4)

    def trace(self, a: Polynomial) -> Coefficients:
        """The trace of a to Fp4."""
        tower = self.tower
        second = tower.sub(tower.sqr(self.c), tower.add(self.conj, self.conj))
        three = tower.add(a[0], tower.add(a[0], a[0]))
        return tower.add(three, tower.add(tower.mul(a[1], self.c), tower.mul(a[2], second)))
