"""Randomness that is the same every time, and a suite of each curve and backend."""

from __future__ import annotations

import hashlib
from itertools import count

from milagro.groups import Random, curve
from milagro.protocols.sharing.suite import Suite


def random_from(seed: object) -> Random:
    """SHAKE256(seed || call) for each call."""
    calls = count()
    return lambda length: hashlib.shake_256(f"{seed}:{next(calls)}".encode()).digest(length)


def suite(name: str = "BLS12-381", backend: str = "native") -> Suite:
    """The suite of a curve."""
    return Suite(curve(name, backend=backend))


def number(scalar: object) -> int:
    """A scalar as an integer, for independent computation."""
    return int.from_bytes(scalar.to_bytes(), "big")  # type: ignore[attr-defined]
