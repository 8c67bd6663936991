"""Curves as data: one module for each, opening with its data sheet, found by `get`."""

from __future__ import annotations

from milagro.errors import ParameterError
from milagro.params import bls12_381, bls383, bls461, bn254, bn254cx, bn462, bn_snark1, fp256bn, fp512bn
from milagro.params._model import SSWU, CurveParams, Decomposition, Fp2, SvdW

__all__ = ["NAMES", "SSWU", "CurveParams", "Decomposition", "Fp2", "SvdW", "get"]

_CURVES: tuple[CurveParams, ...] = (
    bn254.CURVE,
    bn254cx.CURVE,
    fp256bn.CURVE,
    bn_snark1.CURVE,
    bn462.CURVE,
    fp512bn.CURVE,
    bls12_381.CURVE,
    bls383.CURVE,
    bls461.CURVE,
)

NAMES: tuple[str, ...] = tuple(curve.name for curve in _CURVES)
"""The canonical names of the curves."""

_BY_NAME: dict[str, CurveParams] = {alias: curve for curve in _CURVES for alias in (curve.name, *curve.aliases)}


def get(name: str) -> CurveParams:
    """The data sheet of the curve that has this name, canonical or alias; letter case counts.

    Raises: ParameterError if there is no such curve
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        raise ParameterError(f"no curve is named {name!r}: use one of {', '.join(NAMES)}") from None
