"""The native backend gives what integers and the reference give, in bulk: `nox -s differential` for the long form.

MILAGRO_DIFFERENTIAL_SHARE=1 does every case of the table in differential.py; MILAGRO_DIFFERENTIAL_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from tests.native import differential

from .conftest import Pair

SHARE = float(os.environ.get("MILAGRO_DIFFERENTIAL_SHARE", "0"))  # of the long form
SEED = os.environ.get("MILAGRO_DIFFERENTIAL_SEED", "milagro")


@pytest.mark.timeout(0 if SHARE else 300)
@pytest.mark.parametrize("name", differential.LEVELS)
def test_the_native_backend_agrees(pair: Pair, implementation: str, name: str, record_property: Any) -> None:
    level, long, short = differential.LEVELS[name]
    count = max(short, round(SHARE * long))
    record_property("cases", count)
    module = import_module(f"milagro._native.w{pair.params.words}{'x' if implementation == 'adx' else ''}")
    source = random.Random(f"{SEED}/{pair.params.name}/{implementation}/{name}")
    differences = level(pair, module, source, count)
    assert not differences, f"seed {SEED}: {len(differences)} of {count} differ\n" + "\n".join(differences[:5])


@pytest.mark.parametrize("name", differential.LEVELS)
def test_one_wrong_bit_is_seen(pair: Pair, implementation: str, name: str) -> None:
    """Each level compares something: results with one bit turned are all called different."""
    if pair.params.name != "BN254" or implementation != "portable":
        pytest.skip("once is enough")

    def turned(octets: bytes) -> bytes:
        return octets[:-1] + bytes([octets[-1] ^ 1])

    class Wrong:
        """The backend, with one bit turned in whatever it writes."""

        def __getattr__(self, method: str) -> Any:
            right = getattr(pair.N, method)
            if method in ("scalar_to_bytes", "gt_to_bytes", "tower"):
                return lambda *arguments: turned(right(*arguments))
            if method.endswith("to_affine"):
                return lambda point: tuple(map(turned, right(point)))
            if method == "scalar_equal":
                return lambda a, b: not right(a, b)
            return right

    module = import_module("milagro._native.w4")
    wrong: Any = SimpleNamespace(kernels=lambda *arguments: turned(module.kernels(*arguments)))
    level = differential.LEVELS[name][0]
    lying = Pair(pair.params, Wrong(), pair.R)  # type: ignore[arg-type]
    differences = level(lying, wrong, random.Random(1), 32)
    assert len(differences) >= (2 * 12 - 6 if name == "words" else 8)
