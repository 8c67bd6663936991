"""The native backend: curve arithmetic in C words, constant time where secrets go.

One extension module for each word count, w4, w6 and w8, made of the same text; a curve's numbers are data, taken once
from milagro.params. Scalars, points and pairing values are handles whose memory the module owns and wipes.

Secret: scalars and the points and powers made from them never become Python integers. g1_mul, g2_mul, g1_msm, g2_msm,
gt_exp, pairings, the RFC 9380 maps, encoding, equality and inversion have no branch and no address that depends on
them, but for whether a point is the identity and for what a method returns (a truth value, a sign, a refusal).
Maps of the original library, *_mul_integer and subgroup checks take public values and may vary in time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from milagro import params
from milagro._native import w4, w6, w8
from milagro.backend import CurveOps
from milagro.params import CurveParams

NAME = "native"
CONSTANT_TIME = True

_BY_WORDS: dict[int, Callable[[CurveParams], CurveOps]] = {4: w4.CurveOps, 6: w6.CurveOps, 8: w8.CurveOps}


def curve(name: str) -> CurveOps:
    """The native operations of the curve called `name`; one object for a curve, whatever alias names it.

    Raises: ParameterError for an unknown curve
    """
    return _curve(params.get(name).name)


@cache
def _curve(canonical: str) -> CurveOps:
    sheet = params.get(canonical)
    return _BY_WORDS[sheet.words](sheet)
