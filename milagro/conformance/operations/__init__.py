"""The operations that our own vectors exercise."""

from __future__ import annotations

from milagro.conformance.operations import batches, bls, curves, mpin_v1, mpin_v2, pki, wcc
from milagro.conformance.operations._registry import OPERATIONS, Inputs, run, stream

__all__ = [
    "OPERATIONS",
    "Inputs",
    "batches",
    "bls",
    "curves",
    "mpin_v1",
    "mpin_v2",
    "pki",
    "run",
    "stream",
    "wcc",
]
