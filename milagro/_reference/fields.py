"""Fp, Fp2 and Fp12, reduced with `% p` and nothing cleverer.

An element of Fp is an mpz. An element of Fp2 = Fp[i]/(i^2 + 1) is a `Quadratic`, a pair of mpz that adds and
multiplies like a Gaussian integer. Both are reduced by `% p`, so one text serves for both:

    lam = (3 * x * x) * field.inv(2 * y) % p

`PrimeField` and `QuadraticField` hold what differs: inverse, signs, octets and (through `roots`) square roots.

Spec: spec/curves.md#fields
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from gmpy2 import invert, mpz

from milagro.errors import WrongLength
from milagro.octets import below, i2osp, os2ip

if TYPE_CHECKING:
    from milagro.params._model import Fp2


class Quadratic:
    """re + i*im. Never changed once it is made."""

    __slots__ = ("im", "re")

    def __init__(self, re: mpz, im: mpz) -> None:
        self.re = re
        self.im = im

    def __add__(self, other: Quadratic) -> Quadratic:
        return Quadratic(self.re + other.re, self.im + other.im)

    def __sub__(self, other: Quadratic) -> Quadratic:
        return Quadratic(self.re - other.re, self.im - other.im)

    def __neg__(self) -> Quadratic:
        return Quadratic(-self.re, -self.im)

    def __mul__(self, other: Quadratic) -> Quadratic:
        """(a + ib)(c + id) = (ac - bd) + i(ad + bc)."""
        a, b, c, d = self.re, self.im, other.re, other.im
        return Quadratic(a * c - b * d, a * d + b * c)

    def __rmul__(self, number: int | mpz) -> Quadratic:
        return Quadratic(number * self.re, number * self.im)

    def __mod__(self, p: mpz) -> Quadratic:
        return Quadratic(self.re % p, self.im % p)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quadratic) and self.re == other.re and self.im == other.im

    def __hash__(self) -> int:
        return hash((self.re, self.im))

    def __bool__(self) -> bool:
        return bool(self.re) or bool(self.im)

    def __repr__(self) -> str:
        return "Quadratic(...)"

    def conjugate(self) -> Quadratic:
        """re - i*im, which is the p-power."""
        return Quadratic(self.re, -self.im)


F = TypeVar("F", bound=Any)  # mpz or Quadratic


def inverse(x: mpz, p: mpz) -> mpz:
    """1/x mod p, and 0 for x = 0 (inv0 of RFC 9380)."""
    return invert(x, p) if x % p else mpz(0)


class Field(ABC, Generic[F]):
    """What Fp and Fp2 have in common."""

    zero: F
    one: F
    degree: int  # over Fp

    def __init__(self, p: int, octets: int) -> None:
        self.p = mpz(p)
        self.octets = octets  # of one coordinate in Fp

    @property
    def width(self) -> int:
        """Octets of one element."""
        return self.degree * self.octets

    @abstractmethod
    def element(self, pair: Fp2) -> F:
        """The element that a data sheet writes as (re, im)."""

    @abstractmethod
    def coordinates(self, x: F) -> tuple[mpz, ...]:
        """The coordinates over Fp, real part first."""

    @abstractmethod
    def build(self, coordinates: list[mpz]) -> F:
        """The element with these coordinates."""

    @abstractmethod
    def inv(self, x: F) -> F:
        """1/x, and 0 for x = 0."""

    def encode(self, x: F) -> bytes:
        """The canonical octets of a reduced element."""
        return b"".join(i2osp(int(c), self.octets) for c in self.coordinates(x))

    def decode(self, octets: bytes) -> F:
        """The element in canonical octets.

        Raises: WrongLength, NonCanonical
        """
        if len(octets) != self.width:
            raise WrongLength(f"expected {self.width} octets, got {len(octets)}")
        parts = (octets[k : k + self.octets] for k in range(0, self.width, self.octets))
        return self.build([mpz(below(part, int(self.p), self.octets)) for part in parts])

    def reduce(self, octets: bytes) -> F:
        """The element whose coordinates are equal parts of `octets`, each mod p (RFC 9380, section 5.2, step 7)."""
        size = len(octets) // self.degree
        return self.build([os2ip(octets[k * size : (k + 1) * size]) % self.p for k in range(self.degree)])

    def sgn0(self, x: F) -> int:
        """The sign of RFC 9380, section 4.1: parity of the first coordinate that is not zero."""
        return int(next((c for c in self.coordinates(x) if c), mpz(0)) % 2)

    def larger(self, y: F) -> int:
        """1 where y > -y, compared on the last coordinate that is not zero (imaginary part first)."""
        return int(next((c > self.p - c for c in reversed(self.coordinates(y)) if c), False))


class PrimeField(Field[mpz]):
    """Fp."""

    degree = 1
    zero, one = mpz(0), mpz(1)

    def element(self, pair: Fp2) -> mpz:
        return mpz(pair[0])

    def coordinates(self, x: mpz) -> tuple[mpz, ...]:
        return (x,)

    def build(self, coordinates: list[mpz]) -> mpz:
        return coordinates[0]

    def inv(self, x: mpz) -> mpz:
        return inverse(x, self.p)


class QuadraticField(Field[Quadratic]):
    """Fp2 = Fp[i]/(i^2 + 1)."""

    degree = 2
    zero, one = Quadratic(mpz(0), mpz(0)), Quadratic(mpz(1), mpz(0))

    def element(self, pair: Fp2) -> Quadratic:
        return Quadratic(mpz(pair[0]), mpz(pair[1]))

    def coordinates(self, x: Quadratic) -> tuple[mpz, ...]:
        return (x.re, x.im)

    def build(self, coordinates: list[mpz]) -> Quadratic:
        return Quadratic(*coordinates)

    def inv(self, x: Quadratic) -> Quadratic:
        """conj(x) / (re^2 + im^2)."""
        scale = inverse(x.re * x.re + x.im * x.im, self.p)
        return Quadratic(x.re * scale % self.p, -x.im * scale % self.p)
