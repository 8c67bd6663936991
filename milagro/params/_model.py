"""The shape of a curve's data sheet. Every number in one is derived from the seed by tools/derive_params.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fp2 = tuple[int, int]
"""An element a + i*b of Fp2 = Fp[i]/(i^2 + 1), as (a, b)."""


@dataclass(frozen=True, slots=True)
class SvdW:
    """Shallue-van de Woestijne map for y^2 = g(x) = x^3 + b (RFC 9380, section 6.6.1). Fp values are (a, 0) in G1.

    c1 = g(Z), c2 = -Z/2, c3 = sqrt(-g(Z) * 3 Z^2) with sgn0(c3) = 0, c4 = -4 g(Z) / (3 Z^2)
    """

    z: Fp2
    c1: Fp2
    c2: Fp2
    c3: Fp2
    c4: Fp2


@dataclass(frozen=True, slots=True)
class SSWU:
    """Simplified SWU on an isogenous curve y^2 = x^3 + A x + B and the isogeny back (RFC 9380, 6.6.2, 6.6.3).

    Coefficient k of each polynomial belongs to x^k; Fp values are (a, 0) in G1.
    """

    a: Fp2
    b: Fp2
    z: Fp2
    x_num: tuple[Fp2, ...]
    x_den: tuple[Fp2, ...]
    y_num: tuple[Fp2, ...]
    y_den: tuple[Fp2, ...]


@dataclass(frozen=True, slots=True)
class Decomposition:
    """How a scalar becomes short ones: k = sum a_i eigenvalue^i mod r, by rounding towards a lattice (Babai 1986).

    The rows b_j of `basis` generate every (a_i) with sum a_i eigenvalue^i = 0 mod r. For 0 <= k < r and
    s = 64 (words + 1), c_j = floor(k factors_j / 2^s + 1/2), a = (k, 0, ..) - sum c_j b_j, and |a_i| < 2^bits.
    """

    eigenvalue: int
    basis: tuple[tuple[int, ...], ...]
    factors: tuple[int, ...]  # round(2^s beta_j), (1, 0, ..) = sum beta_j b_j; the b_j have signs with beta_j >= 0
    bits: int


@dataclass(frozen=True, slots=True)
class CurveParams:
    """One pairing-friendly curve with embedding degree 12.

    E: y^2 = x^3 + b over Fp; Fp2 = Fp[i]/(i^2+1); Fp12 = Fp2[w]/(w^6 - xi);
    E': y^2 = x^3 + twist_b with twist_b = b/xi (D) or b*xi (M).
    """

    name: str
    family: Literal["BN", "BLS12"]
    u: int  # seed, signed
    p: int
    r: int
    t: int  # trace of Frobenius
    b: int
    xi: Fp2
    twist: Literal["D", "M"]
    twist_b: Fp2
    g1: tuple[int, int]
    g2: tuple[Fp2, Fp2]
    cofactor_g1: int
    cofactor_g2: int
    h_eff_g1: int  # clear_cofactor of RFC 9380 suites in G1: 1 (BN), 1 - u (BLS12)
    ate_loop: int  # signed: 6u + 2 (BN), u (BLS12)
    final_exponent_multiple: int  # m in f^(m (p^12 - 1)/r): 1 (BN), 3 (BLS12)
    frobenius: Fp2  # xi^((p-1)/6), so that w^p = frobenius * w
    cube_root_of_unity: int  # beta in Fp, (x, y) -> (beta x, y) is lambda on G1
    cube_root_of_unity_r: int  # the lambda that belongs to beta
    glv: Decomposition  # in G1, eigenvalue lambda: Gallant, Lambert, Vanstone 2001
    gls: Decomposition  # in G2, eigenvalue p mod r of psi: Galbraith, Lin, Scott 2009
    map_g1: SvdW | SSWU
    map_g2: SvdW | SSWU
    suite_g1: str  # RFC 9380 curve part of a suite id, e.g. "BLS12381G1"
    suite_g2: str
    field_bytes: int  # octets of a coordinate in every encoding
    scalar_bytes: int  # octets of r
    hash_length: int  # L = ceil((ceil(log2 p) + 128) / 8), RFC 9380 section 5.1
    words: Literal[4, 6, 8]  # 64-bit words of the native backend
    aliases: tuple[str, ...]  # other names in use for exactly this curve
    security_bits: int  # estimate after exTNFS, see the data sheet
