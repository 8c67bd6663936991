"""A timing experiment in the manner of dudect: does the time of an operation depend on what its secret is?

    python -m tests.constant_time.dudect [--curve NAME] [--count N] [--target NAME ...]

Calls with one fixed secret and calls with random secrets alternate at random; each is timed by itself; Welch's t-test
says how surely the two means differ (Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?", eprint
2016/1123). Long times are noise of the machine more often than not, so the test is repeated on the times below several
percentiles, and on squared distances from the mean. The largest |t| counts: above 10 the times do differ, below 4.5
nothing was seen. It judges this processor and this run; a busy machine makes it blind, not alarmed.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from math import sqrt
from pathlib import Path
from statistics import fmean
from typing import Any

from milagro import _native as native
from milagro import params
from milagro.backend import CurveOps
from milagro.groups import curve
from tests.constant_time import probe as probes

BATCH = 500  # calls whose secrets are prepared together
PERCENTILES = (1.0, 0.99, 0.95, 0.9, 0.75, 0.5, 0.25)
DIFFERENT, UNSEEN = 10.0, 4.5

Make = Callable[
    [bool, random.Random], tuple[Any, ...]
]  # the arguments of a call, with the fixed secret or a random one


@dataclass(frozen=True)
class Target:
    """An operation and how its arguments are made; both kinds of secret are made in the same way."""

    name: str
    function: Callable[..., Any]
    make: Make


@dataclass(frozen=True)
class Finding:
    """The |t| of all times, and the largest of all the tests."""

    name: str
    count: int
    plain: float
    largest: float

    @property
    def words(self) -> str:
        """What the number means."""
        if self.largest > DIFFERENT:
            return "the times differ"
        return "nothing seen" if self.largest < UNSEEN else "undecided: take more"

    def __str__(self) -> str:
        return f"{self.name:24}{self.count:9}{self.plain:10.1f}{self.largest:10.1f}  {self.words}"


def targets(ops: CurveOps, sheet: params.CurveParams, probe: probes.Probe) -> list[Target]:
    size, wide = sheet.scalar_bytes, 2 * sheet.hash_length
    g1, g2 = ops.g1_generator(), ops.g2_generator()
    f = ops.pairing(g1, g2)
    one = ops.scalar_reduce(b"\x01")
    one_at_the_end = bytes(1023) + b"\x01"

    def octets(fixed: bool, source: random.Random, length: int) -> bytes:
        drawn = bytearray(source.randbytes(length))  # in both kinds, so that memory is used in the same way
        if fixed:
            drawn[:] = one_at_the_end[-length:]
        return bytes(drawn)

    def scalar(fixed: bool, source: random.Random) -> Any:
        return ops.scalar_reduce(octets(fixed, source, size + 16))

    def point(fixed: bool, source: random.Random) -> Any:
        return ops.g1_mul(g1, scalar(fixed, source))

    def leaking(fixed: bool, source: random.Random) -> tuple[int, int]:
        k = scalar(fixed, source)
        kept.append(k)
        address, length = probes.memory_of(k)
        return address, length // 8

    def eight(fixed: bool, source: random.Random) -> tuple[Any, ...]:
        return ops, "g1_mul", [g1], [scalar(fixed, source) for _ in range(8)]

    kept: list[Any] = []
    by_lanes = getattr(import_module(type(ops).__module__), "by_lanes", None)
    has_lanes = native.implementation() == "ifma" and sheet.words < 8
    return [
        *([Target("g1_mul by lanes", by_lanes, eight)] if by_lanes and has_lanes else []),
        Target("g1_mul", ops.g1_mul, lambda fixed, source: (g1, scalar(fixed, source))),
        Target("g2_mul", ops.g2_mul, lambda fixed, source: (g2, scalar(fixed, source))),
        Target("gt_exp", ops.gt_exp, lambda fixed, source: (f, scalar(fixed, source))),
        Target("scalar_inv", ops.scalar_inv, lambda fixed, source: (scalar(fixed, source),)),
        # Neither is equal to 0: the answer, which is public, is the same for both kinds
        Target("scalar_is_zero", ops.scalar_is_zero, lambda fixed, source: (scalar(fixed, source),)),
        Target("scalar_equal", ops.scalar_equal, lambda fixed, source: (ops.scalar_neg(one), scalar(fixed, source))),
        Target("g1_equal", ops.g1_equal, lambda fixed, source: (ops.g1_neg(g1), point(fixed, source))),
        Target("g1_hash_uniform", ops.g1_hash_uniform, lambda fixed, source: (octets(fixed, source, wide), 2)),
        Target("g1_to_affine", ops.g1_to_affine, lambda fixed, source: (point(fixed, source),)),
        # The two that must be seen
        Target("leak: branch", probe.function("leak_branch"), leaking),
        Target("leak: g1_map_original", ops.g1_map_original, lambda fixed, source: (octets(fixed, source, wide),)),
    ]


def measure(target: Target, probe: probes.Probe, count: int, source: random.Random) -> tuple[list[int], list[int]]:
    """The times with the fixed secret and those with random ones."""
    times: tuple[list[int], list[int]] = ([], [])
    for batch in range(-1, -(-count // BATCH)):
        kinds = [source.random() < 0.5 for _ in range(BATCH)]
        arguments = [target.make(fixed, source) for fixed in kinds]
        measured = probe.times(target.function, arguments)
        if batch >= 0:  # the first one only warms up
            for fixed, time in zip(kinds, measured, strict=True):
                times[0 if fixed else 1].append(time)
    return times


def welch(left: Iterable[float], right: Iterable[float]) -> float:
    """|t| of Welch's test: the distance of the means in units of its own standard error."""
    sides = [list(left), list(right)]
    if min(map(len, sides)) < 2:
        return 0.0
    means = [fmean(side) for side in sides]
    errors = [fmean((x - mean) ** 2 for x in side) / (len(side) - 1) for side, mean in zip(sides, means, strict=True)]
    if not sum(errors):
        return 0.0 if means[0] == means[1] else float("inf")
    return abs(means[0] - means[1]) / sqrt(sum(errors))


def judge(name: str, fixed: list[int], varied: list[int]) -> Finding:
    """The t-tests on the two lists of times."""
    every = sorted(fixed + varied)
    limits = [every[min(len(every) - 1, int(part * len(every)))] for part in PERCENTILES]
    ts = [welch((x for x in fixed if x <= limit), (x for x in varied if x <= limit)) for limit in limits]
    body = [[x for x in side if x <= limits[2]] for side in (fixed, varied)]
    return Finding(name, len(every), ts[0], max(*ts, welch(*map(_squared, body))))


def _squared(times: list[int]) -> list[float]:
    mean = fmean(times)
    return [(x - mean) ** 2 for x in times]


def run(curve_name: str, count: int, names: list[str] | None, library: Path, seed: int) -> list[Finding]:
    """One finding for each target (all of them, or those named)."""
    probe = probes.Probe(library)
    E = curve(curve_name, backend="native")
    source = random.Random(seed)
    findings = []
    gc.disable()
    try:
        for target in targets(E.ops, E.params, probe):
            if not names or target.name in names:
                findings.append(judge(target.name, *measure(target, probe, count, source)))
                gc.collect()
    finally:
        gc.enable()
    return findings


def main() -> None:
    parser = argparse.ArgumentParser(description="Does the time of an operation depend on its secret?")
    parser.add_argument("--curve", default="BLS12-381", choices=params.NAMES)
    parser.add_argument("--count", type=int, default=20000, help="timed calls for each operation")
    parser.add_argument("--target", action="append", help="only this operation; may be given several times")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    cc = probes.compiler()
    if cc is None:
        sys.exit("a C compiler is needed to build the timing loop")
    print(f"{options.curve}, seed {options.seed}\n{'operation':24}{'calls':>9}{'|t|':>10}{'largest':>10}")
    with tempfile.TemporaryDirectory() as folder:
        library = probes.build(cc, Path(folder), memcheck=False)
        for finding in run(options.curve, options.count, options.target, library, options.seed):
            print(finding)


if __name__ == "__main__":
    main()
