"""The optimal ate pairing e(P in G1, Q in G2), by the affine textbook.

T = Q, f = 1
each bit of |n| after the first:  f = f^2 l(T, T), T = 2T; and if it is 1:  f = f l(T, Q), T = T + Q
n < 0:  f = conj(f), T = -T
BN:     f = f l(T, psi(Q)), T = T + psi(Q); f = f l(T, -psi^2(Q))
e = f^(m (p^12 - 1)/r)

with l(A, B) the line through A and B, taken at P.

Spec: spec/curves.md#pairing
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmpy2 import mpz

from milagro._reference.fields import Quadratic

if TYPE_CHECKING:
    from milagro._reference.tower import Fp12, Tower
    from milagro._reference.weierstrass import Point, Weierstrass
    from milagro.params._model import CurveParams


class Pairing:
    """The pairing of one curve; `twist` is E' over Fp2."""

    def __init__(self, params: CurveParams, tower: Tower, twist: Weierstrass[Quadratic]) -> None:
        self.params = params
        self.tower = tower
        self.twist = twist
        self.p = tower.p
        gamma = tower.gammas[1] if params.twist == "D" else twist.field.inv(tower.gammas[1])
        self.psi_x = gamma * gamma % self.p
        self.psi_y = gamma * self.psi_x % self.p
        self.hard_exponent = params.final_exponent_multiple * (params.p**4 - params.p**2 + 1) // params.r

    def psi(self, point: Point[Quadratic], times: int = 1) -> Point[Quadratic]:
        """Untwist, p-power, twist: (conj(x) g^2, conj(y) g^3) with g = gamma (D) or 1/gamma (M); p mod r on G2.

        Spec: spec/curves.md#twist
        """
        for _ in range(times):
            if point is not None:
                x, y = point
                point = x.conjugate() * self.psi_x % self.p, y.conjugate() * self.psi_y % self.p
        return point

    def line(self, t: Point[Quadratic], q: Point[Quadratic], at: tuple[mpz, mpz]) -> Fp12:
        """The line through T and Q of E', untwisted to E over Fp12, at P = (x, y), up to factors that drop out.

        D: (x', y') -> (w^2 x', w^3 y') has slope w lam:      y - lam x w + (lam x_T - y_T) w^3
        M: (x', y') -> (x'/w^2, y'/w^3) has slope lam/w; times w^3: (lam x_T - y_T) - lam x w^2 + y w^3
        Vertical lines lie in Fp6 and count as 1: the final exponentiation sends all of Fp6 to 1.
        """
        lam = None if t is None or q is None else self.twist.slope(t, q)
        if t is None or lam is None:
            return self.tower.one
        constant = (lam * t[0] - t[1]) % self.p
        slope = -at[0] * lam % self.p
        y = Quadratic(at[1], mpz(0))
        zero = self.twist.field.zero
        if self.params.twist == "D":
            return (y, slope, zero, constant, zero, zero)
        return (constant, zero, slope, y, zero, zero)

    def miller(self, p: Point[mpz], q: Point[Quadratic]) -> Fp12:
        """f_{n,Q}(P) with the two further lines of a BN curve; 1 if P or Q is the identity."""
        f = self.tower.one
        if p is None or q is None:
            return f
        t: Point[Quadratic] = q
        for bit in f"{abs(self.params.ate_loop):b}"[1:]:
            f = self.tower.mul(self.tower.mul(f, f), self.line(t, t, p))
            t = self.twist.add(t, t)
            if bit == "1":
                f = self.tower.mul(f, self.line(t, q, p))
                t = self.twist.add(t, q)
        if self.params.ate_loop < 0:
            f, t = self.tower.conj(f), self.twist.neg(t)
        return self._bn_lines(f, t, p, q) if self.params.family == "BN" else f

    def _bn_lines(self, f: Fp12, t: Point[Quadratic], p: tuple[mpz, mpz], q: Point[Quadratic]) -> Fp12:
        q1 = self.psi(q)
        q2 = self.twist.neg(self.psi(q, 2))
        f = self.tower.mul(f, self.line(t, q1, p))
        return self.tower.mul(f, self.line(self.twist.add(t, q1), q2, p))

    def final_exponentiation(self, f: Fp12) -> Fp12:
        """f^(m (p^12-1)/r) = (f^((p^6-1)(p^2+1)))^(m (p^4-p^2+1)/r).

        Spec: spec/curves.md#final-exponentiation
        """
        f = self.tower.mul(self.tower.conj(f), self.tower.inv(f))
        f = self.tower.mul(self.tower.frobenius(f, 2), f)
        return self.tower.pow(f, self.hard_exponent)

    def product(self, ps: list[Point[mpz]], qs: list[Point[Quadratic]]) -> Fp12:
        """prod e(P_i, Q_i) with one final exponentiation."""
        f = self.tower.one
        for p, q in zip(ps, qs, strict=True):
            f = self.tower.mul(f, self.miller(p, q))
        return self.final_exponentiation(f)
