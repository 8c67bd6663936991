"""Typed, immutable values of pairing-friendly curves: scalars, G1, G2, GT, the pairing, hashing into them.

Everything above arithmetic uses this package and nothing below it.
"""

from __future__ import annotations

from milagro.groups.curve import Curve, Random, curve
from milagro.groups.encodings import Encoding, Octets
from milagro.groups.hashing import Expander, Xmd, Xof
from milagro.groups.values import G1Point, G2Point, G2Prepared, GTElement, Scalar

__all__ = [
    "Curve",
    "Encoding",
    "Expander",
    "G1Point",
    "G2Point",
    "G2Prepared",
    "GTElement",
    "Octets",
    "Random",
    "Scalar",
    "Xmd",
    "Xof",
    "curve",
]
