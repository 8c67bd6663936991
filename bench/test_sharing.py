"""Key generations of several sizes, and shares verified one by one and by the thousand, on the native backend."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from bench.sharing import SIZES, Case, generate, octets, parties, verifications
from milagro.groups import curve
from milagro.protocols.sharing.suite import Suite

MOST_IN_TESTS = 9  # larger runs take a minute: they are measured, and only run where measuring is asked for


@cache
def suite() -> Suite:
    return Suite(curve("BLS12-381", backend="native"))


@cache
def cases() -> dict[str, Case]:
    return {**verifications(suite()), **octets()}


@pytest.mark.parametrize(("threshold", "count"), SIZES)
def test_key_generation(benchmark: Any, threshold: int, count: int) -> None:
    """The whole run of all parties."""
    if benchmark.disabled and count > MOST_IN_TESTS:
        pytest.skip("takes a minute; runs with --benchmark-enable")
    benchmark.group = "key generation, all parties"
    benchmark.extra_info["items"] = count
    outcomes = benchmark.pedantic(generate, setup=lambda: ((parties(suite(), threshold, count),), {}), rounds=1)
    assert len({one.certificate.transcript.digest for one in outcomes}) == 1


@pytest.mark.parametrize(
    "name",
    [
        "shares, one by one",
        "1000 shares of one dealer",
        "client shares, one by one",
        "1000 client shares",
        "40 server shares",
        "share 1 MiB, 3 of 5",
        "recover 1 MiB from 3",
    ],
)
def test_shares(benchmark: Any, name: str) -> None:
    run, items = cases()[name]
    benchmark.group = "shares"
    benchmark.extra_info["items"] = items
    benchmark.pedantic(run, rounds=3)
