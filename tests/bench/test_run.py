"""A recorded run, the table that is read off it, the page and the plots."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench import ratios, record
from bench.operations import Operation
from bench.ratios import COLUMNS, PLOTS, ROWS, Row

RECORDED = ratios.RUN


def run_with(**microseconds: float) -> dict[str, Any]:
    """A run in which `ours.op` and `theirs.op` took so long."""
    return {
        "peers": {
            "ours": {"ops": {"op": {"us": microseconds.get("ours", 1), "items": 1}}},
            "theirs": {"ops": {"op": {"us": microseconds.get("theirs", 1), "items": 1}}},
        },
        "left_out": {"ours gone": "not built: no prepare", "absent": "not installed: no module"},
    }


RATIO = Row("m", ("ours", "op"), ("theirs", "op"), "theirs", 1.0, 0.8, 0.5)
FASTER = Row("m", ("ours", "op"), ("theirs", "op"), "theirs", 4, 7, 11, faster=True)


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [(1.01, "misses the gate"), (1.0, "gate"), (0.81, "gate"), (0.8, "goal"), (0.51, "goal"), (0.5, "goal with IFMA")],
)
def test_a_ratio_reaches_a_mark_at_or_below_it(ours: float, verdict: str) -> None:
    value = RATIO.value(run_with(ours=ours))
    assert value == ours
    assert RATIO.verdict(value) == verdict


@pytest.mark.parametrize(
    ("theirs", "verdict"),
    [(3.9, "misses the gate"), (4, "gate"), (6.9, "gate"), (7, "goal"), (10.9, "goal"), (11, "goal with IFMA")],
)
def test_a_speed_up_reaches_a_mark_at_or_above_it(theirs: float, verdict: str) -> None:
    value = FASTER.value(run_with(theirs=theirs))
    assert value == theirs
    assert FASTER.verdict(value) == verdict


def test_many_of_theirs_may_stand_against_one_of_ours() -> None:
    row = Row("m", ("ours", "op"), ("theirs", "op"), "1024 single ones", 6, 8, faster=True, times=1024)
    assert row.value(run_with(ours=128)) == 8


def test_a_mark_that_does_not_exist_is_not_reached() -> None:
    assert Row("m", ("ours", "op"), ("theirs", "op"), "theirs", 1.0, 0.8).verdict(0.01) == "goal"


def test_a_figure_that_is_missing_says_why() -> None:
    run = run_with()
    for (label, operation), why in (
        (("ours", "gone"), "not built: no prepare"),
        (("absent", "op"), "not installed: no module"),
        (("ours", "never"), "no never of ours"),
    ):
        with pytest.raises(ratios.NotMeasured, match=why):
            ratios.microseconds(run, label, operation)


def test_a_batch_is_divided_once_whoever_measured_it() -> None:
    harness = {"peers": {"milagro:BN254": {"ops": {"mpin_verify_batch64": {"us": 6400.0, "n": 5}}}}}
    recorded = {"peers": {"milagro:BN254": {"ops": {"mpin_verify_batch64": {"us": 100.0, "items": 64}}}}}
    for run in (harness, recorded):
        assert ratios.microseconds(run, "milagro:BN254", "mpin_verify_batch64") == 100


def test_the_table_has_every_row_and_missing_figures_fail_the_gate() -> None:
    cells = ratios.table(run_with())
    assert [row[0] for row in cells] == [row.measure for row in ROWS]
    assert all(len(row) == len(COLUMNS) for row in cells)
    assert ratios.missed(run_with()) == [row.measure for row in ROWS]


def test_the_gate_names_the_measures_that_miss_it(monkeypatch: pytest.MonkeyPatch) -> None:
    strict = Row("strict", ("ours", "op"), ("theirs", "op"), "theirs", 0.5, 0.4)
    monkeypatch.setattr(ratios, "ROWS", (RATIO, strict))
    assert ratios.missed(run_with(ours=0.9)) == ["strict"]
    assert ratios.missed(run_with(ours=0.5)) == []


def test_gates_and_goals_stand_in_order() -> None:
    for row in ROWS:
        marks = [row.gate, row.goal, *([row.best] if row.best else [])]
        assert marks == sorted(marks, reverse=not row.faster), row.measure


# -- recording ---------------------------------------------------------------------------------------------------------
def test_a_time_is_for_one_item_and_quiet_samples_decide() -> None:
    case = record.Case("label", "name", Operation(lambda: None, items=4))
    case.sample()
    assert case.samples[0][0] < case.once
    case.samples = [(1000.0, 10), (2000.0, 10), (3000.0, 10), (9000.0, 99), (9000.0, 99), (9000.0, 99)]
    assert case.result(limit=11)["us"] == 2
    assert case.result(limit=11)["quiet"] == 3
    case.samples[0] = (1000.0, 99)  # two quiet ones are too few to go by
    assert case.result(limit=11)["us"] == 6


def test_a_case_that_has_had_its_share_waits() -> None:
    case = record.Case("label", "name", Operation(lambda: None))
    case.spent = 1000
    assert case.due(share=1)  # too few samples yet
    for _ in range(record.FEWEST):
        case.sample()
    case.spent = 1000
    assert [case.due(share) for share in (100, 499, 500, 2000)] == [False, False, True, True]


def test_every_case_is_sampled_even_without_time() -> None:
    cases = [record.Case("label", str(n), Operation(lambda: None)) for n in range(4)]
    assert record.measure(cases, seconds=0) == record.FEWEST
    assert {len(case.samples) for case in cases} == {record.FEWEST}


def test_a_run_says_where_and_of_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "ALL", ["g1_mul", "pairing_fixed"])
    monkeypatch.setattr(record, "SERIES_CURVES", ())
    run = record.record(0.01, {"milagro:BN254"})
    assert run["peers"]["milagro:BN254"]["ops"]["g1_mul"]["samples"] >= 3
    assert set(run["peers"]) == {"milagro:BN254"}
    assert run["milagro"]["commit"]
    assert all(run["machine"][fact] for fact in ("processor", "compiler", "python", "cores", "probe_ns"))
    assert json.loads(json.dumps(run)) == run


# -- the recorded run, the page and the plots --------------------------------------------------------------------------
@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    run: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return run


def test_the_page_is_the_one_that_the_recorded_run_makes(recorded: dict[str, Any]) -> None:
    assert ratios.PAGE.read_text(encoding="utf-8") == ratios.page(recorded), "run: python -m bench.ratios --write"


def test_the_page_names_processor_compiler_and_commit(recorded: dict[str, Any]) -> None:
    page = ratios.page(recorded)
    assert recorded["machine"]["processor"] in page
    assert recorded["machine"]["compiler"] in page
    assert recorded["milagro"]["commit"][:12] in page


def test_the_plots_are_drawn_from_the_run_alone(recorded: dict[str, Any], tmp_path: Any) -> None:
    pytest.importorskip("matplotlib", reason="the plots need the extra 'bench'")
    from bench import plots

    drawn = plots.draw(recorded, tmp_path)
    assert {path.name for path in drawn} <= {name for name, _ in PLOTS}
    assert drawn
    for path in drawn:
        text = path.read_text(encoding="utf-8")
        assert recorded["milagro"]["commit"][:12] in text
        assert "inf" not in text.lower().split()


def test_a_plot_without_figures_is_not_drawn(recorded: dict[str, Any], tmp_path: Any) -> None:
    pytest.importorskip("matplotlib", reason="the plots need the extra 'bench'")
    from bench import plots

    (tmp_path / "batch.svg").write_text("of an older run")
    empty = recorded | {"series": {"batch": {}, "msm": {}, "msm_secret": {}, "many": {}}, "peers": {}}
    assert plots.draw(empty, tmp_path) == []
    assert not (tmp_path / "batch.svg").exists()
