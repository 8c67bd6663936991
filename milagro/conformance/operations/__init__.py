"""The operations that our own vectors exercise."""

from __future__ import annotations

from milagro.conformance.operations import (
    batches,
    bls,
    cbor,
    curves,
    envelope,
    issuance,
    messaging,
    mpin_v1,
    mpin_v2,
    pki,
    sharing,
    sharing_runs,
    wcc,
)
from milagro.conformance.operations._registry import OPERATIONS, Inputs, run, stream

__all__ = [
    "OPERATIONS",
    "Inputs",
    "batches",
    "bls",
    "cbor",
    "curves",
    "envelope",
    "issuance",
    "messaging",
    "mpin_v1",
    "mpin_v2",
    "pki",
    "run",
    "sharing",
    "sharing_runs",
    "stream",
    "wcc",
]
