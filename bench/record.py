"""Measures this project and the installed libraries in one process and writes the run as one JSON file.

    python -m bench.record [--out docs/benchmarks/run.json] [--seconds 60] [--only mclbn256,milagro:BN254]

* The clock counts the processor time of this process: what other processes take away is not in it, and what would run
  on two cores counts twice.
* A sample is one call, or as many as fit into 100 us: no long loop keeps only itself in cache.
* Everything is measured in turn, round after round, so that a slow minute of the machine is slow for all.
* A short pure-Python loop, the probe, runs before and after each sample. A sample is quiet if both probes took at most
  15 % longer than the run's fastest tenth. A time is the
  median of the quiet samples, or of all if fewer than three are.
* Times of one run compare with each other and with nothing else; `probe_ns` tells how fast the machine was.

Times are in microseconds for one item: for one login where a batch of 64 is verified.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import importlib.machinery
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.libraries import LIBRARIES
from bench.operations import MANY, MESSAGE, SCALARS, Operands, Operation, build_from, need, verify_batch_of
from bench.operations import OPERATIONS as ALL
from bench.peers import CURVES
from milagro import __version__, _native, params
from milagro.groups import curve

ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / "docs" / "benchmarks" / "run.json"
SIZE_OPERATIONS = ("g1_mul", "g2_mul", "pairing", "mpin_verify")
SERIES_CURVES = ("BN254", "BLS12-381")  # these also do what takes tens of milliseconds
LONG = {"msm_1024", "mpin_verify_batch64", "mpin_verify_batch1024", "mpin_v1_verify_batch64", "bls_verify_batch64"}
BATCH_SIZES = (1, 2, 4, 8, 16, 64, 256, 1024)
MANY_SIZES = (1, 2, 4, 8, 16, 64)
THREADED = {"msm_1024_threads"}  # the clock adds up what the threads take
MSM_SIZES = (1, 4, 16, 64, 256, 1024)
MOST_SECRET = 64
SAMPLE_NS = 100_000  # a sample repeats what is quicker than this
FEWEST = 3  # samples of a case, however long they take
FAIR = 2  # beyond that a case takes no more than this many times its even share of the run
ALLOWANCE = 1.15

clock = time.process_time_ns


def probe() -> int:
    """The nanoseconds that a fixed loop takes now: more while a neighbour shares the core."""
    start, total = clock(), 0
    for i in range(300):
        total ^= i
    return clock() - start


class Case:
    """One operation of one library, and its samples: (ns for one item, the slower probe)."""

    def __init__(self, label: str, name: str, operation: Operation) -> None:
        self.label, self.name, self.operation = label, name, operation
        operation.run()
        start = clock()
        operation.run()
        self.once = max(1, clock() - start)
        self.repeats = max(1, min(1000, SAMPLE_NS // self.once))
        self.samples: list[tuple[float, int]] = []
        self.spent = 0

    def due(self, share: float) -> bool:
        """Whether the case takes part in this round, when an even share of the time so far is `share`."""
        return len(self.samples) < FEWEST or self.spent <= FAIR * share

    def sample(self) -> None:
        run, before = self.operation.run, probe()
        start = clock()
        for _ in range(self.repeats):
            run()
        taken = clock() - start
        self.spent += taken
        self.samples.append((taken / self.repeats / self.operation.items, max(before, probe())))

    def result(self, limit: float) -> dict[str, Any]:
        every = [taken for taken, _ in self.samples]
        quiet = [taken for taken, slower in self.samples if slower <= limit]
        middle = statistics.median(quiet if len(quiet) >= 3 else every)
        found = {"us": round(middle / 1e3, 3), "min_us": round(min(every) / 1e3, 3)}
        return found | {"quiet": len(quiet), "samples": len(every), "items": self.operation.items}


def measure(cases: list[Case], seconds: float) -> int:
    """Samples all cases in turn until the time is over, each a few times at least; the rounds that it was."""
    gc.collect()
    gc.disable()
    end, turn = time.monotonic() + seconds, 0
    while turn < FEWEST or time.monotonic() < end:
        share = sum(case.spent for case in cases) / len(cases)
        for case in cases:
            if case.due(share):
                case.sample()
        turn += 1
    gc.enable()
    return turn


def fast_probe(cases: Iterable[Case]) -> int:
    """The fastest tenth of all probes."""
    probes = sorted(slower for case in cases for _, slower in case.samples)
    return probes[len(probes) // 10]


# -- what is measured ------------------------------------------------------------------------------------------------
class Run:
    """The cases of a run, and what was left out."""

    def __init__(self, only: set[str]) -> None:
        self.only = only
        self.cases: list[Case] = []
        self.peers: dict[str, dict[str, Any]] = {}
        self.left_out: dict[str, str] = {}
        self.series: dict[str, list[Case]] = {"batch": [], "msm": [], "msm_secret": [], "many": []}

    def wanted(self, label: str) -> bool:
        return not self.only or label in self.only

    def add_libraries(self) -> None:
        for library in LIBRARIES:
            label = library.distribution
            if not self.wanted(label):
                continue
            try:
                operations = library.operations(MESSAGE, SCALARS)
            except (ImportError, OSError) as missing:
                self.left_out[label] = f"not installed: {missing}"
                continue
            self.peers[label] = {"curve": library.curve, "version": library.version}
            self.cases += [Case(label, name, Operation(run)) for name, run in operations.items()]

    def add_curve(self, name: str) -> None:
        label = f"milagro:{name}"
        if not self.wanted(label):
            return
        operands = Operands(curve(name, backend="native"), MESSAGE, SCALARS)
        built, missing = build_from(operands, names_for(name))
        self.peers[label] = {"curve": name, "version": __version__}
        self.left_out |= {f"{label} {operation}": why for operation, why in missing.items()}
        self.cases += [Case(label, operation, built[operation]) for operation in built]
        if name in SERIES_CURVES:
            self.add_series(label, operands, missing)
        if name in SERIES_CURVES[:1]:
            for words, build in MANY.items():
                self.series["many"] += [Case(words, str(n), build(operands, n)) for n in MANY_SIZES]

    def add_series(self, label: str, o: Operands, missing: dict[str, str]) -> None:
        if "mpin_verify_batch64" not in missing:
            self.series["batch"] += [Case(label, str(n), verify_batch_of(o, n)) for n in BATCH_SIZES]
        kinds = [("msm_secret", o.E.multi_multiply_g1, MOST_SECRET)]
        if "msm_1024" not in missing:
            kinds.append(("msm", need(o.E, "multi_multiply_g1_vartime"), MSM_SIZES[-1]))
        for kind, multiply, most in kinds:
            sizes = [n for n in MSM_SIZES if n <= most]
            self.series[kind] += [Case(label, str(n), Operation(sum_of(multiply, o, n), n)) for n in sizes]

    def all_cases(self) -> list[Case]:
        return self.cases + [case for cases in self.series.values() for case in cases]


def names_for(curve_name: str) -> list[str]:
    """The operations that are measured on a curve."""
    if curve_name not in CURVES:
        return list(SIZE_OPERATIONS)
    return [name for name in ALL if name not in THREADED and (name not in LONG or curve_name in SERIES_CURVES)]


def sum_of(multiply: Callable[..., object], o: Operands, count: int) -> Callable[[], object]:
    points, scalars = o.many(count)
    return lambda: multiply(points, scalars)


# -- where it was measured ---------------------------------------------------------------------------------------------
def processor() -> str:
    """The processor's own name for itself, and its family and model, since virtual ones have vague names."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    fields = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", info.read_text(encoding="utf-8").split("\n\n")[0], re.MULTILINE))
    if "model name" not in fields:
        return platform.machine()
    return f"{fields['model name']}, family {fields['cpu family']} model {fields['model']}"


def compiler() -> str:
    """What compiled the native modules, as it signed them; else what Python was compiled with."""
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    module = Path(_native.__file__).parent / f"w4{suffix}"
    octets = module.read_bytes() if module.exists() else b""
    signature = re.search(rb"GCC: \([^)\0]*\) [\d.]+|clang version [\d.]+", octets)
    return signature[0].decode() if signature else f"unknown; Python by {platform.python_compiler()}"


def commit() -> str:
    """The commit, marked where the native sources or anything else tracked differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "milagro", "bench", "pyproject.toml")
        return git("rev-parse", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> dict[str, Any]:
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "compiler": compiler(),
        "implementation": getattr(_native, "implementation", lambda: "portable")(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


# -- the run -----------------------------------------------------------------------------------------------------------
def record(seconds: float, only: set[str]) -> dict[str, Any]:
    """The run: everything measured, everything left out, and where and of what it is."""
    run = Run(only)
    run.add_libraries()
    for name in params.NAMES:
        run.add_curve(name)
    cases = run.all_cases()
    rounds = measure(cases, seconds)
    fast = fast_probe(cases)
    for case in run.cases:
        run.peers[case.label].setdefault("ops", {})[case.name] = case.result(fast * ALLOWANCE)
    series: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in run.series}
    for kind, members in run.series.items():
        for case in members:
            series[kind].setdefault(case.label, {})[case.name] = case.result(fast * ALLOWANCE)
    return {
        "milagro": {"version": __version__, "commit": commit()},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine() | {"probe_ns": fast},
        "unit": "us for one item",
        "rounds": rounds,
        "field_bits": {name: params.get(name).p.bit_length() for name in params.NAMES},
        "peers": run.peers,
        "series": series,
        "left_out": run.left_out,
    }


def main() -> None:
    """Records a run and says what was left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RUN)
    parser.add_argument("--seconds", type=float, default=60, help="how long to measure, after some seconds of set-up")
    parser.add_argument("--only", default="", help="comma list of labels, such as mclbn256,milagro:BN254")
    arguments = parser.parse_args()
    run = record(arguments.seconds, set(filter(None, arguments.only.split(","))))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    for why in sorted(set(run["left_out"].values())):
        print(f"left out, {why}: {', '.join(what for what, w in run['left_out'].items() if w == why)}", file=sys.stderr)
    print(f"{arguments.out}: {run['rounds']} rounds, {run['machine']['processor']}, {run['machine']['compiler']}")


if __name__ == "__main__":
    main()
