"""By how much a PIN was wrong, from the E and F of a rejection: exact, where the original guesses.

If the PIN alone was wrong, E = F^(-d) with d = entered - true and |d| < 10000. A table of 142 baby steps F^j and as
many giant steps finds every such d; the original's kangaroos miss one in five and answer 0.

Hazard: the answer is the PIN, for anyone who knows what was entered. Version 2 has nothing like it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.errors import ParameterError

if TYPE_CHECKING:
    from milagro.groups import Curve, GTElement

RANGE = 10000  # |d| below it
STEP = 142  # 142^2 >= 2 * RANGE - 1


def pin_error(curve: Curve, e: GTElement, f: GTElement) -> int:
    """d = entered PIN - true PIN with E = F^(-d) and |d| < 10000; 0 if there is none (not the PIN alone was wrong).

    Spec: spec/mpin-v1.md#pin-error
    Raises: ParameterError if F is one, which no honest run gives
    """
    if f.is_one():
        raise ParameterError("F is one, so it says nothing about the PIN")
    baby: dict[bytes, int] = {}
    power = curve.gt_one
    for step in range(STEP):
        baby[power.to_bytes()] = step
        power = power * f
    stride = power.inverse()
    # E * F^(RANGE-1) = F^(RANGE-1-d) = F^(i*STEP + j)
    target = e * f ** curve.scalar(RANGE - 1)
    for i in range(STEP):
        j = baby.get(target.to_bytes())
        if j is not None:
            return _in_range(RANGE - 1 - (i * STEP + j))
        target = target * stride
    return 0


def _in_range(d: int) -> int:
    return d if abs(d) < RANGE else 0
