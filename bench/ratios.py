"""Reads one recorded run and sets each measure beside what it is to beat: printed, and as docs/benchmarks/index.md.

    python -m bench.ratios [RUN.json]       print the table
    python -m bench.ratios --write          and write the page
    python -m bench.ratios --gate           and fail if a first gate is missed

A run is what `bench.record` wrote, or what an outside harness made of `bench.peers`: in both, peers -> label -> ops ->
name -> us.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "benchmarks"
RUN = FOLDER / "run.json"
PAGE = FOLDER / "index.md"
PER_CALL = {
    "pairing_batch8": 8,
    "pairing_product2_fixed_batch8": 8,
    "hash_to_g1_batch64": 64,
    "g1_mul_batch64": 64,
    "g1_decode_batch64": 64,
    "mpin_verify_batch64": 64,
    "mpin_verify_batch1024": 1024,
    "mpin_v1_verify_batch64": 64,
    "bls_verify_batch64": 64,
}
COLUMNS = ("measure", "against", "gate", "goal", "measured")


class NotMeasured(Exception):
    """The run lacks a figure, for the reason in the message."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measure. Less is better for a ratio ours/theirs; more is better for `faster`, which is theirs/ours.

    `best` is the goal with AVX-512 IFMA, where there is one. `times` says how many of theirs do what one of ours does.
    """

    measure: str
    ours: tuple[str, str]
    theirs: tuple[str, str]
    against: str
    gate: float
    goal: float
    best: float | None = None
    faster: bool = False
    times: int = 1

    def value(self, run: dict[str, Any]) -> float:
        """The ratio in this run. Raises: NotMeasured"""
        ours, theirs = microseconds(run, *self.ours), self.times * microseconds(run, *self.theirs)
        return theirs / ours if self.faster else ours / theirs

    def meets(self, value: float, limit: float) -> bool:
        """Whether a measured value is at least as good as a limit, to the two digits that are shown."""
        return round(value, 2) >= limit if self.faster else round(value, 2) <= limit

    def share(self, value: float) -> float:
        """The time as a share of what the gate allows: 1 just meets it, less is better."""
        return self.gate / value if self.faster else value / self.gate

    def verdict(self, value: float) -> str:
        """The furthest mark that the value reaches."""
        marks = [("gate", self.gate), ("goal", self.goal), ("goal with IFMA", self.best)]
        reached = [name for name, limit in marks if limit is not None and self.meets(value, limit)]
        return reached[-1] if reached else "misses the gate"

    def shown(self, value: float) -> str:
        """A measured value in words."""
        if not self.faster:
            return f"{value:.2f}"
        return f"{value:.1f}x faster" if value >= 1 else f"{1 / value:.1f}x slower"

    def limit(self, value: float) -> str:
        """A gate or a goal in words."""
        if not self.faster:
            return f"{value:.2f}"
        return f"{value:g}x faster" if value > 1 else "as fast"

    @property
    def goals(self) -> str:
        """The goal, and the one with IFMA."""
        return self.limit(self.goal) + (f" ({self.limit(self.best)} with IFMA)" if self.best is not None else "")


def _milagro(curve: str, operation: str) -> tuple[str, str]:
    return f"milagro:{curve}", operation


BN, BLS = "BN254", "BLS12-381"
ROWS = (
    Row(
        "BN254 pairing", _milagro(BN, "pairing"),
        ("mclbn256", "pairing"), "mclbn256, lines not kept", 1.15, 0.90, 0.60,
    ),
    Row(
        "BN254 product of two, both G2 prepared", _milagro(BN, "pairing_product2_fixed"),
        ("mclbn256", "pairing_product2_fixed"), "mclbn256, lines kept", 1.00, 0.80, 0.50,
    ),
    Row(
        "M-Pin v2 server step: hash, U + yA, check", _milagro(BN, "mpin_verify"),
        ("mclbn256", "mpin_verify"), "mclbn256's parts, lines kept", 0.90, 0.75,
    ),
    Row(
        "M-Pin v1 server step, with the original map", _milagro(BN, "mpin_v1_verify"),
        ("mclbn256", "mpin_verify"), "mclbn256's parts, lines kept", 0.90, 0.75,
    ),
    Row(
        "M-Pin v2, a login in a batch of 64", _milagro(BN, "mpin_verify_batch64"),
        ("mclbn256", "mpin_verify"), "mclbn256's parts, one by one", 4, 7, 11, faster=True,
    ),
    Row(
        "BN254, a pairing among 8 independent ones", _milagro(BN, "pairing_batch8"),
        ("mclbn256", "pairing"), "mclbn256, lines not kept", 1.0, 2.5, 4, faster=True,
    ),
    Row(
        "BN254 G1 multiplication, constant-time", _milagro(BN, "g1_mul"),
        ("mclbn256", "g1_mul"), "mclbn256, not constant-time", 0.95, 0.80,
    ),
    Row(
        "BN254 G2 multiplication, constant-time", _milagro(BN, "g2_mul"),
        ("mclbn256", "g2_mul"), "mclbn256, not constant-time", 1.00, 0.85,
    ),
    Row(
        "BN254 hash to G1, original map", _milagro(BN, "hash_to_g1_original"),
        ("mclbn256", "hash_to_g1"), "mclbn256's hash", 0.35, 0.20,
    ),
    Row(
        "BN_SNARK1 hash to G1, RFC 9380", _milagro("BN_SNARK1", "hash_to_g1"),
        ("mclbn256", "hash_to_g1"), "mclbn256's hash", 0.50, 0.35,
    ),
    Row("BLS12-381 pairing", _milagro(BLS, "pairing"), ("pymcl", "pairing"), "pymcl", 1.05, 0.90, 0.60),
    Row(
        "BLS12-381 product of two", _milagro(BLS, "pairing_product2"),
        ("pyblst", "pairing_product2"), "pyblst", 1.00, 0.75, 0.60,
    ),
    Row(
        "BLS12-381 G1 multiplication, constant-time", _milagro(BLS, "g1_mul"),
        ("pyblst", "g1_mul"), "pyblst", 1.0, 0.90,
    ),
    Row("BLS12-381 hash to G1", _milagro(BLS, "hash_to_g1"), ("pyblst", "hash_to_g1"), "pyblst", 1.1, 0.95),
    Row(
        "BLS verify, key and signature checked", _milagro(BLS, "bls_verify"),
        ("milagro-bls-binding", "bls_verify"), "milagro-bls-binding", 0.30, 0.22,
    ),
    Row("BN254CX pairing", _milagro("BN254CX", "pairing"), _milagro(BN, "pairing"), "our BN254", 1.15, 1.10),
    Row("FP256BN pairing", _milagro("FP256BN", "pairing"), _milagro(BN, "pairing"), "our BN254", 1.45, 1.25),
    Row("BN462 pairing", _milagro("BN462", "pairing"), _milagro(BLS, "pairing"), "our BLS12-381", 3.0, 2.4),
    Row(
        "BN254 multi-multiplication of 1024 in G1", _milagro(BN, "msm_1024"),
        _milagro(BN, "g1_mul"), "1024 of our single ones", 6, 8, faster=True, times=1024,
    ),
)  # fmt: skip


def microseconds(run: dict[str, Any], label: str, operation: str) -> float:
    """The time for one item. A figure without a number of items is the harness's, for a whole call.

    Raises: NotMeasured with the reason that the run gives
    """
    for group in (label, f"{label}:M-Pin"):
        found = run["peers"].get(group, {}).get("ops", {}).get(operation)
        if found:
            return float(found["us"]) / (1 if "items" in found else PER_CALL.get(operation, 1))
    reasons = run.get("left_out", {})
    raise NotMeasured(reasons.get(f"{label} {operation}") or reasons.get(label) or f"no {operation} of {label}")


def table(run: dict[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """The cells of all rows, in the order of COLUMNS."""
    cells = []
    for row in ROWS:
        try:
            value = row.value(run)
            measured = f"{row.shown(value)}, {row.verdict(value)}"
        except NotMeasured as missing:
            measured = str(missing)
        cells.append((row.measure, row.against, row.limit(row.gate), row.goals, measured))
    return cells


def missed(run: dict[str, Any]) -> list[str]:
    """The measures whose first gate the run does not show to be met."""
    bad = []
    for row in ROWS:
        try:
            if not row.meets(row.value(run), row.gate):
                bad.append(row.measure)
        except NotMeasured:
            bad.append(row.measure)
    return bad


def aligned(cells: list[tuple[str, ...]]) -> str:
    """The rows with their columns under each other, for a terminal."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def short_commit(run: dict[str, Any]) -> str:
    """Twelve digits, and whether there were changes on top."""
    commit, _, changes = run["milagro"]["commit"].partition(" ")
    return f"{commit[:12]} {changes}".strip()


def place(run: dict[str, Any]) -> str:
    """One sentence: of what the run is, and where and when it was made."""
    where = run["machine"]
    return (
        f"Recorded on {run['date']} at commit {short_commit(run)}: "
        f"{where['processor']} ({where['cores']} cores), {where['compiler']}, our {where['implementation']} code, "
        f"Python {where['python']}."
    )


def peers_named(run: dict[str, Any]) -> str:
    """The other libraries with their versions."""
    others = {label: peer for label, peer in run["peers"].items() if not label.startswith("milagro:")}
    return ", ".join(f"{label} {peer['version']} ({peer['curve']})" for label, peer in others.items())


PLOTS = (
    ("ratios.svg", "Each measure beside its gate and its goal"),
    ("batch.svg", "A login in a batch: cost against the number of logins"),
    ("many.svg", "One operation many times in one call: cost against their number"),
    ("msm.svg", "A multi-multiplication: cost of one point against the number of points"),
    ("curves.svg", "Cost against the size of the curve"),
)


def page(run: dict[str, Any], folder: Path = FOLDER) -> str:
    """The page of the documentation: all of it follows from the run."""
    lines = [
        "# Speed",
        "",
        place(run),
        "",
        "Everything below comes from one run, `run.json` in this folder: this project and the libraries that a Python",
        "user could install instead, measured in turn in one process, from Python, the cost of the call included. Only",
        "ratios mean something: microseconds change with the machine and with its neighbours.",
        "",
        f"Beside it: {peers_named(run) or 'no other library was installed'}.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---|---|---|---|---|",
        *("| " + " | ".join(cells) + " |" for cells in table(run)),
        "",
        "A figure without the word faster is our time divided by the other one: below 1 we are faster. A gate is the",
        "least that we accept of ourselves, a goal what we aim at.",
        "",
        *(f"![{caption}]({name})\n" for name, caption in PLOTS if (folder / name).exists()),
        "Make such a run of your own with `nox -s bench`.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Prints the table; with --write the page too; with --gate exits with 1 if a gate is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", default=RUN)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--gate", action="store_true", help="fail if a first gate is missed")
    arguments = parser.parse_args()
    run = json.loads(arguments.run.read_text(encoding="utf-8"))
    print(aligned([COLUMNS, *table(run)]))
    if arguments.write:
        PAGE.write_text(page(run), encoding="utf-8")
    if arguments.gate and (bad := missed(run)):
        sys.exit(f"{len(bad)} gates are not met: " + "; ".join(bad))


if __name__ == "__main__":
    main()
