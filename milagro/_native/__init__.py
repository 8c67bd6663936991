"""The native backend: curve arithmetic in C words, constant time where secrets go.

Extension modules for each word count, w4, w6 and w8, made of the same text; a curve's numbers are data, taken once
from milagro.params. Each exists twice: in portable C, and (w4x, w6x, w8x) with the instructions mulx, adcx and adox of
x86-64. With AVX-512 IFMA there are more: w4v and w6v, the same text on eight values at once, for what comes many at a
time; and w4s, w6s and w8s, one product of pairings across the lanes. All else goes through w4x, w6x and w8x with it as
well. What is used is chosen at import by what the processor can do; all give the same octets. The environment variable
MILAGRO_NATIVE=portable, =adx or =ifma overrides the choice, for tests.

Secret: scalars and the points and powers made from them never become Python integers. g1_mul, g2_mul, g1_msm, g2_msm,
gt_exp, pairings, the RFC 9380 maps, encoding, equality and inversion have no branch and no address that depends on
them, but for whether a point is the identity and for what a method returns (a truth value, a sign, a refusal).
Maps of the original library, *_mul_integer and whatever ends in _vartime take public values and may vary in time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from importlib import import_module

from milagro import params
from milagro._native import w4, w4x, w6, w6x, w8, w8x
from milagro.backend import CurveOps
from milagro.errors import BackendUnavailable
from milagro.params import CurveParams

NAME = "native"
CONSTANT_TIME = True

_BY_WORDS: dict[str, dict[int, Callable[[CurveParams], CurveOps]]] = {
    "portable": {4: w4.CurveOps, 6: w6.CurveOps, 8: w8.CurveOps},
    "adx": {4: w4x.CurveOps, 6: w6x.CurveOps, 8: w8x.CurveOps},
    "ifma": {4: w4x.CurveOps, 6: w6x.CurveOps, 8: w8x.CurveOps},
}
# Digits of 52 bits of the modules with AVX-512, by word count; a modulus leaves four bits of them free.
_DIGITS = {"v": {4: 5, 6: 8}, "s": {4: 5, 6: 8, 8: 9}}


def implementations() -> tuple[str, ...]:
    """The implementations that this processor can run, the preferred one first."""
    if not w4x.supported():
        return ("portable",)
    return ("ifma", "adx", "portable") if w4x.lanes_supported() else ("adx", "portable")


def _choose(wanted: str | None) -> str:
    possible = implementations()
    if wanted in (None, "", *possible):
        return wanted or possible[0]
    raise BackendUnavailable(f"the native implementation {wanted!r} cannot run here, only {' and '.join(possible)} can")


_CHOSEN = _choose(os.environ.get("MILAGRO_NATIVE"))


def implementation() -> str:
    """The implementation in use: "ifma" (adx for single values, eight lanes for many), "adx" or "portable"."""
    return _CHOSEN


def curve(name: str, implementation: str | None = None) -> CurveOps:
    """The native operations of the curve called `name`; one object for a curve, whatever alias names it.

    Another implementation than the one in use is for tests that compare them; values of the two do not mix.

    Raises: ParameterError for an unknown curve, BackendUnavailable for an implementation that cannot run here
    """
    return _curve(params.get(name).name, _choose(implementation or _CHOSEN))


@cache
def _curve(canonical: str, implementation: str) -> CurveOps:
    sheet = params.get(canonical)
    operations = _BY_WORDS[implementation][sheet.words](sheet)
    if implementation == "ifma":
        _use_lanes(operations, sheet)
    return operations


def _use_lanes(operations: CurveOps, sheet: CurveParams) -> None:
    module = {4: w4x, 6: w6x, 8: w8x}[sheet.words]
    for letter, use in (("v", module.use_lanes), ("s", module.use_across)):
        digits = _DIGITS[letter].get(sheet.words, 0)
        if sheet.p.bit_length() + 4 <= 52 * digits:
            # not before: other processors cannot even import these modules
            use(operations, import_module(f"milagro._native.w{sheet.words}{letter}").Engine(sheet))
