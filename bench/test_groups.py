"""Group operations, native beside reference: within a group of rows the figures in brackets are the ratios."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from milagro.backend import NAMES
from milagro.groups import Curve, curve

CURVES = ("BN254", "BN254CX", "FP256BN", "BN_SNARK1", "BN462", "FP512BN", "BLS12-381", "BLS383", "BLS461")
MESSAGE = b"a message of thirty-two octets.."
DST = b"MILAGRO-BENCH-V01"


def operations(E: Curve) -> dict[str, Callable[[], object]]:
    """The measured operations; their operands are made here, outside the clock."""
    k = E.scalar_reduce(b"a fixed scalar of full size, reduced modulo the order of the group")
    P, Q = k * E.g1, k * E.g2
    f = E.pairing(P, Q)
    octets = P.to_bytes()
    return {
        "g1_mul": lambda: k * P,
        "g2_mul": lambda: k * Q,
        "gt_exp": lambda: f**k,
        "pairing": lambda: E.pairing(P, Q),
        "pairing_product2": lambda: E.pairing_product([(P, Q), (-P, E.g2)]),
        "hash_to_g1": lambda: E.hash_to_g1(MESSAGE, DST),
        "hash_to_g2": lambda: E.hash_to_g2(MESSAGE, DST),
        "map_to_g1_original": lambda: E.map_to_g1_original(MESSAGE),
        "decode_g1": lambda: E.g1_from_bytes(octets),
    }


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("operation", operations(curve("BN254", backend="reference")))
def test_operation(benchmark: Any, operation: str, name: str, backend: str) -> None:
    benchmark.group = f"{name} {operation}"
    benchmark.pedantic(operations(curve(name, backend=backend))[operation], rounds=5, warmup_rounds=1)
