"""The reference backend: the arithmetic of every curve in plain Python over gmpy2, the spec that can be run.

Read it in the order fields, roots, weierstrass, tower, pairing, maps, group, ops. It is slow and not
constant-time: it is for tests, vectors and reading, never for a secret.
"""

from __future__ import annotations

from functools import cache

from milagro._reference.ops import ReferenceCurve
from milagro.params import get

NAME = "reference"
CONSTANT_TIME = False


def curve(name: str) -> ReferenceCurve:
    """The operations of the curve; one object for all names of a curve.

    Raises: ParameterError for an unknown curve
    """
    return _operations(get(name).name)


@cache
def _operations(name: str) -> ReferenceCurve:
    return ReferenceCurve(get(name))
