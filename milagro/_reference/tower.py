"""Fp12 = Fp2[w]/(w^6 - xi): an element is six coefficients of Fp2, that of w^k at index k.

The original library builds the same field as Fp4 = Fp2[v]/(v^2 - xi), Fp12 = Fp4[w]/(w^3 - v) and writes
a + w b + w^2 c with a = a.a + v a.b, ...; v is w^3, so its order a.a a.b b.a b.b c.a c.b is w^0 w^3 w^1 w^4 w^2 w^5.
Fp4 is the part of Fp12 with w^0 and w^3 only, and needs no arithmetic of its own.

Spec: spec/curves.md#towers
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmpy2 import mpz, pack, unpack

from milagro._reference.fields import Quadratic, QuadraticField
from milagro.errors import WrongLength

if TYPE_CHECKING:
    from milagro.params._model import CurveParams

Fp12 = tuple[Quadratic, ...]
ORDER = (0, 3, 1, 4, 2, 5)  # power of w of each coefficient in the original order


class Tower:
    """The arithmetic of Fp12 over one Fp2."""

    def __init__(self, fp2: QuadraticField, params: CurveParams) -> None:
        self.fp2 = fp2
        self.p = fp2.p
        self.xi = fp2.element(params.xi)
        gamma = fp2.element(params.frobenius)  # w^p = gamma * w
        self.gammas = [fp2.one]
        for _ in range(5):
            self.gammas.append(self.gammas[-1] * gamma % self.p)
        self.one: Fp12 = (fp2.one,) + (fp2.zero,) * 5
        self.slot = 2 * params.p.bit_length() + 6
        self.offset = pack([6 * self.p * self.p] * 11, self.slot)

    def add(self, f: Fp12, g: Fp12) -> Fp12:
        """f + g."""
        return tuple((a + b) % self.p for a, b in zip(f, g, strict=True))

    def neg(self, f: Fp12) -> Fp12:
        """-f."""
        return tuple(-a % self.p for a in f)

    def mul(self, f: Fp12, g: Fp12) -> Fp12:
        """f * g: the product of two polynomials of degree 5 in w, folded by w^6 = xi."""
        re, im = self._product(f, g)
        p, s, t = self.p, self.xi.re, self.xi.im
        folded = (
            Quadratic((re[k] + s * re[k + 6] - t * im[k + 6]) % p, (im[k] + s * im[k + 6] + t * re[k + 6]) % p)
            for k in range(5)
        )
        return (*folded, Quadratic(re[5] % p, im[5] % p))

    def _product(self, f: Fp12, g: Fp12) -> tuple[list[mpz], list[mpz]]:
        """The 11 coefficients of f * g over w, real and imaginary, neither folded nor reduced.

        Each polynomial is written as one large integer with a slot of bits for each coefficient (Kronecker
        substitution), so that GMP does the inner loop. 6 p^2 in each slot keeps a difference from borrowing.
        """
        a, b = (pack(part, self.slot) for part in ([c.re for c in f], [c.im for c in f]))
        c, d = (pack(part, self.slot) for part in ([c.re for c in g], [c.im for c in g]))
        ac, bd = a * c, b * d
        re = unpack(ac - bd + self.offset, self.slot)
        im = unpack((a + b) * (c + d) - ac - bd + self.offset, self.slot)
        return re, im

    def conj(self, f: Fp12) -> Fp12:
        """The p^6-power, w -> -w; inverse of f inside GT."""
        return tuple(-a % self.p if k % 2 else a for k, a in enumerate(f))

    def frobenius(self, f: Fp12, times: int = 1) -> Fp12:
        """The p-power, taken `times` times: conjugate each coefficient and multiply that of w^k by gamma^k."""
        for _ in range(times):
            f = tuple(a.conjugate() * gamma % self.p for a, gamma in zip(f, self.gammas, strict=True))
        return f

    def inv(self, f: Fp12) -> Fp12:
        """1/f = h / (f h) with h the product of the other conjugates of f over Fp2; 0 for f = 0."""
        h = self.one
        for k in range(2, 12, 2):
            h = self.mul(h, self.frobenius(f, k))
        norm = self.fp2.inv(self.mul(f, h)[0])
        return tuple(a * norm % self.p for a in h)

    def pow(self, f: Fp12, exponent: int) -> Fp12:
        """f^exponent for exponent >= 0, four bits at a time."""
        powers = [self.one]
        for _ in range(15):
            powers.append(self.mul(powers[-1], f))
        result = self.one
        for digit in f"{exponent:x}":
            for _ in range(4):
                result = self.mul(result, result)
            result = self.mul(result, powers[int(digit, 16)])
        return result

    def encode(self, f: Fp12) -> bytes:
        """Twelve field elements in the original order."""
        return b"".join(self.fp2.encode(f[k]) for k in ORDER)

    def decode(self, octets: bytes) -> Fp12:
        """The element in 12 field elements of the original order.

        Raises: WrongLength, NonCanonical
        """
        width = self.fp2.width
        if len(octets) != 6 * width:
            raise WrongLength(f"expected {6 * width} octets, got {len(octets)}")
        coefficients = {k: self.fp2.decode(octets[at * width : (at + 1) * width]) for at, k in enumerate(ORDER)}
        return tuple(coefficients[k] for k in range(6))

    def decode_fp4(self, octets: bytes) -> Fp12:
        """The element a + v b = a + w^3 b in four field elements.

        Raises: WrongLength, NonCanonical
        """
        width, zero = self.fp2.width, self.fp2.zero
        if len(octets) != 2 * width:
            raise WrongLength(f"expected {2 * width} octets, got {len(octets)}")
        return (self.fp2.decode(octets[:width]), zero, zero, self.fp2.decode(octets[width:]), zero, zero)

    def encode_fp4(self, f: Fp12) -> bytes:
        """The part a of f = a + w b + w^2 c, as four field elements."""
        return self.fp2.encode(f[0]) + self.fp2.encode(f[3])

    def trace(self, f: Fp12) -> Fp12:
        """The trace from Fp12 to Fp4, 3a."""
        return tuple(3 * a % self.p if k in (0, 3) else self.fp2.zero for k, a in enumerate(f))
