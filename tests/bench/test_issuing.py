"""The figures of issuing: a small run measures, and the page says what was measured."""

from __future__ import annotations

import json

from bench import issuing


def test_a_small_run_is_measured_and_written() -> None:
    found = issuing.measure(2)
    assert all(time > 0 for time in found["passed"].values())
    assert "| whole | " in issuing.page(found)


def test_the_page_is_the_one_of_the_recorded_run() -> None:
    recorded = json.loads((issuing.FOLDER / "issuing.json").read_text(encoding="utf-8"))
    assert recorded["requests"] >= 100
    assert (issuing.FOLDER / "issuing.md").read_text(encoding="utf-8") == issuing.page(recorded)
