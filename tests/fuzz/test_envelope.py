"""The fuzz targets of CBOR and the envelope, short: hypothesis on arbitrary and on damaged inputs, then atheris if it
is installed. `python -m tests.fuzz.run` is the long form.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.envelope import TARGETS, Target, parses

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 3


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A good input with octets changed, cut out, repeated or put in."""
    octets = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(octets)))
        end = min(len(octets), start + draw(st.integers(0, 40)))
        middle = draw(st.sampled_from([b"", octets[start:end] * 2, bytes(end - start)]) | st.binary(max_size=12))
        octets = octets[:start] + middle + octets[end:]
    return octets


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_pass_and_damage_is_refused_within_the_tree(name: str) -> None:
    target = TARGETS[name]
    seeds = list(target.seeds())
    for seed in seeds:
        target.check(seed)

    @settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
    @given(damaged(seeds) | st.binary(max_size=200))
    def run(octets: bytes) -> None:
        target.check(octets)

    run()


def test_a_parser_that_is_too_kind_is_found() -> None:
    kind = Target(lambda octets: parses(octets, lambda given: given.rstrip(b"\0")), lambda: [b"a"])
    kind.check(b"a")
    with pytest.raises(AssertionError):
        kind.check(b"a\0")


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("name", TARGETS)
def test_atheris_finds_nothing_in_a_few_seconds(name: str) -> None:
    command = [sys.executable, "-m", "tests.fuzz.run", name, f"-max_total_time={SECONDS}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(re.findall(r"number_of_executed_units: (\d+)", done.stderr)[0]) > 0
