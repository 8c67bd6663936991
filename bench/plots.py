"""Draws docs/benchmarks/*.svg from one recorded run, and from nothing else.

    python -m bench.plots [RUN.json] [--out FOLDER]

One message a plot, said in its title. Colours are those of Okabe and Ito, which colour-blind readers can tell apart,
and no plot needs its colours: markers differ, and lines carry their names.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.ratios import FOLDER, ROWS, RUN, NotMeasured, Row, microseconds, short_commit

BLUE, ORANGE, GREEN, PINK, GREY, INK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8A8A8A", "#222222"
COLOURS = {"milagro:BN254": BLUE, "milagro:BLS12-381": ORANGE}
MARKERS = {"milagro:BN254": "o", "milagro:BLS12-381": "s"}
STYLE = {
    "font.family": "DejaVu Sans", "font.size": 10, "axes.titlesize": 12, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY,
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK, "svg.hashsalt": "milagro",
    "axes.grid": True, "grid.color": "#E4E4E4", "grid.linewidth": 0.8, "axes.axisbelow": True,
    "figure.facecolor": "white",
}  # fmt: skip

Run = dict[str, Any]


def duration(us: float, _: object = None) -> str:
    """Microseconds as a reader says them: 45 us, 1.2 ms."""
    return f"{us:g} µs" if us < 1000 else f"{us / 1000:g} ms"


def points(series: dict[str, Any]) -> tuple[list[int], list[float]]:
    """The sizes and the times for one item."""
    sizes = sorted(map(int, series))
    return sizes, [series[str(size)]["us"] for size in sizes]


def name_of(label: str) -> str:
    return label.removeprefix("milagro:")


def figure(height: float = 4.6) -> tuple[Figure, Any]:
    drawing = Figure(figsize=(8.4, height), layout="constrained")
    return drawing, drawing.add_subplot()


def sizes_axis(axes: Any, sizes: list[int], label: str) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:g}"))
    axes.set_xlabel(label)


def time_axis(axes: Any, label: str, lowest: float, highest: float) -> None:
    """A logarithmic axis of time with ticks at 1, 2 and 5."""
    axes.set_yscale("log")
    ticks = [digit * 10**power for power in range(-1, 7) for digit in (1, 2, 5)]
    axes.yaxis.set_major_locator(FixedLocator([t for t in ticks if lowest / 2.2 <= t <= highest * 2.2]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(duration))
    axes.set_ylim(lowest / 1.3, highest * 1.3)
    axes.set_ylabel(label)


def end_label(axes: Any, x: float, y: float, text: str, colour: str, **changed: Any) -> None:
    """A line's name at its right end."""
    place = {"xytext": (8, 0), "textcoords": "offset points", "va": "center"} | changed
    axes.annotate(text, (x, y), color=colour, fontweight="bold", annotation_clip=False, **place)


def level(axes: Any, x: float, y: float, text: str, colour: str, *, below: bool = False) -> None:
    """A dotted line across the plot, and what it stands for at its right end."""
    axes.axhline(y, color=colour, linestyle=(0, (1, 2)), linewidth=1.5)
    axes.annotate(text, (x, y), xytext=(0, -4 if below else 4), textcoords="offset points", ha="right",
                  va="top" if below else "bottom", fontsize=9, color=colour)  # fmt: skip


def subtitle(axes: Any, text: str) -> None:
    """A smaller line under a title that ends in a line break."""
    axes.annotate(text, (0, 1), xytext=(0, 6), xycoords="axes fraction", textcoords="offset points", fontsize=9,
                  color="#666666")  # fmt: skip


def source(drawing: Figure, run: Run) -> None:
    """Where the figures come from, below the plot."""
    where = run["machine"]
    facts = (
        where["processor"],
        where["compiler"],
        where["implementation"],
        f"Python {where['python']}",
        short_commit(run),
        run["date"],
    )
    drawing.supxlabel(" · ".join(facts), fontsize=7, color="#666666", x=0.01, ha="left")


def reference_time(run: Run, label: str, operation: str) -> float | None:
    try:
        return microseconds(run, label, operation)
    except NotMeasured:
        return None


# -- the plots ---------------------------------------------------------------------------------------------------------
def batch(run: Run) -> Figure | None:
    """Cost of a login against the number of logins that are verified together."""
    lines = run["series"]["batch"]
    if not lines:
        return None
    drawing, axes = figure()
    alone = {label: reference_time(run, label, "mpin_verify") for label in lines}
    one_by_one = reference_time(run, "mclbn256", "mpin_verify")
    seen = [t for line in lines.values() for t in points(line)[1]] + [t for t in (*alone.values(), one_by_one) if t]
    for label, line in lines.items():
        sizes, times = points(line)
        axes.plot(sizes, times, color=COLOURS[label], marker=MARKERS[label], linewidth=2)
        end_label(axes, sizes[-1], times[-1], f"{name_of(label)}\n{times[-1]:.0f} µs", COLOURS[label])
    last = max(size for line in lines.values() for size in points(line)[0])
    levels = [(time, f"{name_of(label)}, one by one", COLOURS[label]) for label, time in alone.items() if time]
    if one_by_one:
        levels.append((one_by_one, "mclbn256's parts on BN254, one by one", INK))
    for place, (time, words, colour) in enumerate(sorted(levels)):
        level(axes, last, time, words, colour, below=place == 0)
    sizes_axis(axes, sorted({size for line in lines.values() for size in points(line)[0]}), "logins verified together")
    time_axis(axes, "time for one login", min(seen), max(seen))
    gain = max((alone[label] or points(line)[1][0]) / points(line)[1][-1] for label, line in lines.items())
    axes.set_title(f"M-Pin logins verified together cost up to {gain:.1f} times less")
    return drawing


def many(run: Run) -> Figure | None:
    """Cost of one operation against how many of it are done in one call, on one core."""
    lines = run["series"].get("many")
    if not lines:
        return None
    drawing, axes = figure()
    styles = zip((BLUE, GREEN, ORANGE, PINK, INK), "o^sDv", strict=True)
    every = sorted({size for line in lines.values() for size in points(line)[0]})
    for (words, line), (colour, marker) in zip(lines.items(), styles, strict=False):
        sizes, times = points(line)
        axes.plot(sizes, times, color=colour, marker=marker, linewidth=2)
        end_label(axes, sizes[-1], times[-1], f"{words}\n{times[-1]:.1f} µs", colour)
    sizes_axis(axes, every, "in one call")
    seen = [time for line in lines.values() for time in points(line)[1]]
    time_axis(axes, "time for one", min(seen), max(seen))
    gain, words = max((points(line)[1][0] / points(line)[1][-1], words) for words, line in lines.items())
    axes.set_title(f"BN254: in one call of {every[-1]} a {words} costs {gain:.1f} times less than alone")
    return drawing


def msm(run: Run) -> Figure | None:
    """Cost of one point of a sum of products against the number of points."""
    public, secret = run["series"]["msm"], run["series"]["msm_secret"]
    if not public and not secret:
        return None
    drawing, axes = figure()
    drawn = [(label, line, "-") for label, line in public.items()]
    drawn += [(label, line, "--") for label, line in secret.items()]
    alone = {label: reference_time(run, label, "g1_mul") for label in public | secret}
    seen = [time for _, line, _ in drawn for time in points(line)[1]] + [time for time in alone.values() if time]
    every = sorted({size for _, line, _ in drawn for size in points(line)[0]})
    for label, line, dash in drawn:
        sizes, times = points(line)
        axes.plot(sizes, times, color=COLOURS[label], marker=MARKERS[label], linewidth=2, linestyle=dash,
                  markerfacecolor=COLOURS[label] if dash == "-" else "white")  # fmt: skip
        if dash == "-" or not public:
            end_label(axes, sizes[-1], times[-1], f"{name_of(label)}\n{times[-1]:.1f} µs", COLOURS[label])
    for label, time in alone.items():
        if time:
            level(axes, every[-1], time, f"{name_of(label)}, one multiplication for each", COLOURS[label])
    sizes_axis(axes, every, "points in the sum")
    time_axis(axes, "time for one point", min(seen), max(seen))
    axes.set_title(saving(drawn[0], alone) + "\n")
    subtitle(axes, "solid, filled: public scalars   dashed, hollow: secret scalars, constant-time")
    return drawing


def saving(drawn: tuple[str, dict[str, Any], str], alone: dict[str, float | None]) -> str:
    """What a large sum saves, in words."""
    label, line, _ = drawn
    sizes, times = points(line)
    gain = (alone[label] or times[0]) / times[-1]
    return f"In a sum of {sizes[-1]} products a point of {name_of(label)} costs {gain:.1f} times less than alone"


def curves(run: Run) -> Figure | None:
    """Cost of four operations on all nine curves, in the order of their fields' sizes."""
    by_size = sorted(run["field_bits"], key=lambda name: (run["field_bits"][name], name))
    ours = [name for name in by_size if f"milagro:{name}" in run["peers"]]
    if not ours:
        return None
    drawing, axes = figure(5)
    kinds = (
        ("mpin_verify", "M-Pin login", PINK, "D"), ("pairing", "pairing", BLUE, "o"),
        ("g2_mul", "G2 multiplication", GREEN, "^"), ("g1_mul", "G1 multiplication", ORANGE, "s"),
    )  # fmt: skip
    seen: list[float] = []
    for operation, words, colour, marker in kinds:
        times = [reference_time(run, f"milagro:{name}", operation) for name in ours]
        found = [(x, time) for x, time in enumerate(times) if time]
        if not found:
            continue
        axes.plot(*zip(*found, strict=True), color=colour, marker=marker, linewidth=1, markersize=8, alpha=0.95)
        end_label(axes, *found[-1], words, colour)
        seen += [time for _, time in found]
        seen += _others(axes, run, ours, operation, colour, marker)
    axes.set_xticks(range(len(ours)), [f"{name}\n{run['field_bits'][name]} bits" for name in ours], fontsize=8)
    axes.set_xlabel("curve, and size of its field")
    time_axis(axes, "time", min(seen), max(seen))
    axes.set_title(growth(run, ours) + "\n")
    subtitle(axes, "filled: this project   hollow: mclbn256 (BN254), pymcl (BLS12-381)")
    return drawing


def growth(run: Run, ours: list[str]) -> str:
    """What the sizes do to a pairing, in words."""
    small, large = (reference_time(run, f"milagro:{name}", "pairing") for name in (ours[0], ours[-1]))
    if small is None or large is None or ours[0] == ours[-1]:
        return "Cost by curve"
    bits = run["field_bits"]
    return f"From {bits[ours[0]]} to {bits[ours[-1]]} bits a pairing becomes {large / small:.1f} times as expensive"


def _others(axes: Any, run: Run, ours: list[str], operation: str, colour: str, marker: str) -> list[float]:
    """Hollow marks for the libraries that have the operation, beside our own; their times."""
    times = []
    for label, name in (("mclbn256", "BN254"), ("pymcl", "BLS12-381")):
        time = reference_time(run, label, operation)
        if time and name in ours:
            axes.plot(ours.index(name) + 0.22, time, color=colour, marker=marker, markerfacecolor="white", markersize=8)
            times.append(time)
    return times


def measured(run: Run) -> list[tuple[Row, float]]:
    """The rows of the table that the run has figures for, with their values."""
    found = []
    for row in ROWS:
        try:
            found.append((row, row.value(run)))
        except NotMeasured:
            continue
    return found


def ratios(run: Run) -> Figure | None:
    """Every measure as a share of its first gate: left of 1 the gate is met."""
    found = measured(run)
    if not found:
        return None
    drawing, axes = figure(1.4 + 0.44 * len(found))
    names = []
    for y, (row, value) in enumerate(reversed(found)):
        colour, marker = (BLUE, "o") if row.meets(value, row.gate) else (ORANGE, "X")
        axes.plot([1, row.share(value)], [y, y], color=colour, linewidth=1.5, alpha=0.6)
        axes.plot(row.share(value), y, color=colour, marker=marker, markersize=9)
        axes.plot(row.share(row.goal), y, color=GREEN, marker="|", markersize=14, markeredgewidth=2.5)
        names.append(f"{row.measure}\n{row.shown(value)} {'than' if row.faster else 'of'} {row.against}")
    axes.axvline(1, color=INK, linewidth=1.2)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator([0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 7, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.set_xlabel("time as a share of what the first gate allows: less is better")
    met = sum(row.meets(value, row.gate) for row, value in found)
    axes.set_title(f"{met} of {len(found)} measured ratios meet their first gate\n")
    subtitle(axes, "● meets its gate   ✖ does not   green bar: the goal")
    return drawing


DRAWINGS: dict[str, Callable[[Run], Figure | None]] = {
    "ratios": ratios,
    "batch": batch,
    "many": many,
    "msm": msm,
    "curves": curves,
}


def draw(run: Run, folder: Path) -> list[Path]:
    """The plots for which the run has figures, written as SVG; a plot without figures is removed."""
    written = []
    for name, drawing_of in DRAWINGS.items():
        path = folder / f"{name}.svg"
        with mpl.rc_context(STYLE):
            drawing = drawing_of(run)
            if drawing is None:
                path.unlink(missing_ok=True)
                continue
            source(drawing, run)
            drawing.savefig(path, metadata={"Date": None})
        written.append(path)
    return written


def main() -> None:
    """Draws the plots of a run and names them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", default=RUN)
    parser.add_argument("--out", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in draw(json.loads(arguments.run.read_text(encoding="utf-8")), arguments.out):
        print(path)


if __name__ == "__main__":
    main()
