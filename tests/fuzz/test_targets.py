"""Every fuzz target, short: hypothesis on arbitrary and on damaged inputs, then atheris for a second each.

`python -m tests.fuzz.run` and `nox -s fuzz` are the long forms.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.files import check_vectors, damaged_json, seeds_of_vectors
from tests.fuzz.target import Target, one_of, parses
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 1
ATHERIS = importlib.util.find_spec("atheris") is not None
# What the marker in pyproject.toml says: atheris has wheels for no other platforms.
EXPECTED = (sys.platform, platform.machine(), platform.python_implementation()) == ("linux", "x86_64", "CPython")


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


def test_vector_files_with_strange_values_are_reported() -> None:
    seeds = [seed for seed in seeds_of_vectors() if seed.startswith(b"{")]
    for number in range(600):
        check_vectors(damaged_json(seeds[number % len(seeds)]))


def test_a_parser_that_is_too_kind_is_found() -> None:
    kind = Target(lambda octets: parses(octets, lambda given: given.rstrip(b"\0")), lambda: [b"a"])
    kind.check(b"a")
    with pytest.raises(AssertionError):
        kind.check(b"a\0")


def test_an_exception_of_another_tree_is_found() -> None:
    broken = one_of([lambda octets: parses(octets, lambda given: bytes([given[0] + 1]))])
    with pytest.raises(IndexError):
        broken(b"\0")


@pytest.mark.skipif(
    not ATHERIS and not (EXPECTED and os.environ.get("CI") == "true"), reason="atheris is not installed"
)
def test_atheris_finds_nothing_in_a_second_each(tmp_path: Path) -> None:
    assert ATHERIS, "atheris has wheels for this platform, and CI runs it"
    options = [f"-max_total_time={SECONDS}", f"-artifact_prefix={tmp_path}/"]
    command = [sys.executable, "-m", "tests.fuzz.run", "all", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-1000:]
    executions = dict(re.findall(r"^(\S+): (\d+) executions, nothing found$", done.stdout, re.MULTILINE))
    assert executions.keys() == TARGETS.keys()
    assert all(int(some) > 0 for some in executions.values())
