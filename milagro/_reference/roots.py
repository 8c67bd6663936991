"""Square roots: which root is the answer matters as much as that there is one. p = 3 mod 4 throughout.

Spec: spec/curves.md#fields
"""

from __future__ import annotations

from typing import cast

from gmpy2 import mpz, powmod

from milagro._reference.fields import F, Field, Quadratic, inverse


def fp_sqrt(s: mpz, p: mpz) -> mpz | None:
    """The principal root s^((p+1)/4), which is itself a square; None if s is not a square. The root of 0 is 0."""
    root = powmod(s, (p + 1) // 4, p)
    return root if (root * root - s) % p == 0 else None


def fp2_sqrt(s: Quadratic, p: mpz) -> Quadratic | None:
    """The root of s = a + ib whose real part is a square: r + i*b/(2r) with r^2 = (a +- sqrt(a^2 + b^2))/2.

    The rule of the original library, quirk included: a real s that is not a square in Fp gets None, although
    its root i*sqrt(-a) exists. The root of 0 is 0.
    """
    if not s:
        return s
    norm = fp_sqrt(s.re * s.re + s.im * s.im, p)
    if norm is None:
        return None
    half = inverse(mpz(2), p)
    for d in ((s.re + norm) * half % p, (s.re - norm) * half % p):
        r = fp_sqrt(d, p)
        if r:
            return Quadratic(r, s.im * inverse(2 * r, p) % p)
    return None


def fp2_any_sqrt(s: Quadratic, p: mpz) -> Quadratic | None:
    """A root of s wherever one exists: the original rule, and i*sqrt(-a) for a real s = a that is not a square."""
    root = fp2_sqrt(s, p)
    if root is None and s.im % p == 0:
        imaginary = fp_sqrt(-s.re % p, p)
        return None if imaginary is None else Quadratic(mpz(0), imaginary)
    return root


def any_sqrt(field: Field[F], s: F) -> F | None:
    """A root of s in Fp or Fp2, or None; the caller fixes the sign."""
    return cast("F | None", (fp_sqrt if field.degree == 1 else fp2_any_sqrt)(s, field.p))


def original_sqrt(field: Field[F], s: F) -> F | None:
    """The root that the original library takes: principal in Fp, `fp2_sqrt` in Fp2."""
    return cast("F | None", (fp_sqrt if field.degree == 1 else fp2_sqrt)(s, field.p))
