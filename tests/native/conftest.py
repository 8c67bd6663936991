"""Each curve in both backends, and values carried from one to the other as octets."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from milagro import backend, params
from milagro._reference import curve as reference_curve
from milagro.backend import CurveOps
from milagro.errors import MilagroError
from milagro.params import CurveParams

IMPLEMENTATIONS = ("portable", "adx", "ifma")


def outcome(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call gives: its result, or the class of the error it raises."""
    try:
        return call(*arguments)
    except MilagroError as error:
        return type(error)


@dataclass(frozen=True)
class Pair:
    """One curve natively (N) and by reference (R); a method named `both_..` takes and returns pairs of handles."""

    params: CurveParams
    N: CurveOps
    R: CurveOps

    def octets(self, value: int) -> bytes:
        return (value % self.params.p).to_bytes(self.params.field_bytes, "big")

    def scalars(self, value: int) -> tuple[Any, Any]:
        octets = (value % self.params.r).to_bytes(self.params.scalar_bytes, "big")
        return self.N.scalar_from_bytes(octets), self.R.scalar_from_bytes(octets)

    def call(self, method: str, *arguments: Any) -> tuple[Any, Any]:
        """The method in both, where an argument that is a tuple holds the native and the reference handle."""
        sides = []
        for side, ops in enumerate((self.N, self.R)):
            own = [argument[side] if isinstance(argument, tuple) else argument for argument in arguments]
            sides.append(outcome(getattr(ops, method), *own))
        return sides[0], sides[1]

    def agree(self, method: str, *arguments: Any) -> Any:
        """The plain result of the method, having compared the two."""
        native, reference = self.call(method, *arguments)
        assert native == reference, method
        return native

    def same_point(self, group: str, point: tuple[Any, Any]) -> None:
        assert outcome(getattr(self.N, f"{group}_to_affine"), point[0]) == outcome(
            getattr(self.R, f"{group}_to_affine"), point[1]
        )

    def same_gt(self, f: tuple[Any, Any]) -> None:
        assert self.N.gt_to_bytes(f[0]) == self.R.gt_to_bytes(f[1])


def native_pair(name: str, implementation: str) -> Pair:
    """The curve in that native implementation and by reference; skips, or fails in CI, where it cannot be had."""
    sheet = params.get(name)
    try:
        backend.load("native")
        from milagro import _native

        if implementation not in _native.implementations():
            pytest.skip(f"this processor cannot run {implementation}")
        native = _native.curve(name, implementation)
    except MilagroError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    return Pair(sheet, native, reference_curve(name))


@pytest.fixture(params=IMPLEMENTATIONS, scope="session")
def implementation(request: pytest.FixtureRequest) -> str:
    """Each native implementation in turn."""
    return str(request.param)


@pytest.fixture(params=params.NAMES, scope="session")
def pair(request: pytest.FixtureRequest, implementation: str) -> Pair:
    """Each curve in turn, in each native implementation."""
    return native_pair(request.param, implementation)


@pytest.fixture
def rng(pair: Pair, request: pytest.FixtureRequest) -> random.Random:
    """Numbers that look random and are the same in every run."""
    return random.Random(f"{pair.params.name} {request.node.originalname}")


@pytest.fixture
def field_edges(pair: Pair, rng: random.Random) -> list[int]:
    """Numbers below p where carries, borrows and reductions change their course."""
    p, words = pair.params.p, pair.params.words
    small = [0, 1, 2, p - 1, p - 2, (p - 1) // 2, (p + 1) // 2]
    powers = [value for k in range(1, words + 1) for value in (1 << 64 * k, (1 << 64 * k) - 1) if value < p]
    montgomery = [(1 << 64 * words) % p, pow(1 << 64 * words, -1, p), (1 << 128 * words) % p]
    return small + powers + montgomery + [rng.randrange(p) for _ in range(3)]


@pytest.fixture
def scalar_edges(pair: Pair, rng: random.Random) -> list[int]:
    """Numbers below r: the ends, single bits, runs of bits, all window digits."""
    r = pair.params.r
    digits = int("0123456789abcdef" * 16, 16) % r
    top = r.bit_length() - 1
    return [0, 1, 2, 15, 16, 17, r - 1, r - 2, r // 2, 1 << 64, 1 << top, (1 << top) - 1, digits, rng.randrange(r)]
