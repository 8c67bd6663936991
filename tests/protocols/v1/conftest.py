"""The runs of the outside oracle, read once: alice@milagro.com, PIN 1234, day 17072, three curves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from milagro.groups import Curve, Encoding, G1Point, G2Point, Scalar, curve

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.protocols.original_hash import HashName


@dataclass(frozen=True)
class Run:
    """One hash's part of an oracle file, with its values typed."""

    curve: Curve
    hash_name: HashName
    values: dict[str, Any]

    identity = b"alice@milagro.com"
    pin = 1234
    date = 17072
    time = 1475079474
    message = b"sign this message"

    def __getitem__(self, name: str) -> Any:
        return self.values[f"{self.hash_name}_{name}"]

    def octets(self, name: str) -> bytes:
        return bytes.fromhex(self[name])

    def scalar(self, name: str) -> Scalar:
        return self.curve.scalar_from_bytes(self.octets(name))

    def g1(self, name: str) -> G1Point:
        return self.curve.g1_from_bytes(self.octets(name), Encoding.MILAGRO)

    def g2(self, name: str) -> G2Point:
        return self.curve.g2_from_bytes(self.octets(name), Encoding.MILAGRO)


@pytest.fixture(params=["BN254CX", "BLS381", "FP256BN"], scope="session")
def run(request: pytest.FixtureRequest, backend_name: str, shared_vectors: Path) -> Run:
    name = request.param
    values = json.loads((shared_vectors / "oracle" / f"{name}.json").read_text(encoding="utf-8"))
    return Run(curve(name, backend=backend_name), "sha256", values)


@pytest.fixture(scope="session")
def small(backend_name: str) -> Curve:
    """One curve on each backend, for what does not depend on the curve."""
    return curve("BN254CX", backend=backend_name)
