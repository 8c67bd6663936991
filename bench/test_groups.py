"""Operations of the groups: every curve on the native backend, and two of them on the reference backend beside it.

A table is one operation; the figures in brackets are ratios to its fastest row.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from bench.operations import MESSAGE, OPERATIONS, SCALARS, NotBuilt, Operands
from milagro import params
from milagro.groups import curve

PROTOCOLS = {name for name in OPERATIONS if name.startswith(("mpin_", "bls_"))}
GROUPS = [name for name in OPERATIONS if name not in PROTOCOLS]
READABLE = ("BN254", "BLS12-381")
IN_SECONDS = {"msm_1024", "msm_1024_threads"}  # of these one round is enough

PLACES = [("native", name) for name in params.NAMES] + [("reference", name) for name in READABLE]


@cache
def operands(backend: str, name: str) -> Operands:
    return Operands(curve(name, backend=backend), MESSAGE, SCALARS)


@pytest.mark.parametrize(("backend", "name"), PLACES, ids=[f"{backend}-{name}" for backend, name in PLACES])
@pytest.mark.parametrize("operation", GROUPS)
def test_operation(benchmark: Any, operation: str, name: str, backend: str) -> None:
    if operation in IN_SECONDS and backend == "reference":
        pytest.skip("the reference backend takes seconds for it")
    try:
        built = OPERATIONS[operation](operands(backend, name))
    except NotBuilt as missing:
        pytest.skip(f"not built: {missing}")
    benchmark.group = operation
    benchmark.extra_info["items"] = built.items
    benchmark.pedantic(built.run, rounds=1 if operation in IN_SECONDS else 5, warmup_rounds=1)
