"""The figures of sharing: small runs measure, and the page says what was measured."""

from __future__ import annotations

import json

from bench import sharing


def test_small_runs_are_measured_and_written() -> None:
    found = sharing.measure("BN254", ((1, 2), (2, 3)))
    assert set(found["key generation, one party"]) == {"1 of 2", "2 of 3"}
    assert all(time > 0 for time in found["one share"].values())
    assert "| 2 of 3 | " in sharing.page(found)


def test_the_page_is_the_one_of_the_recorded_run() -> None:
    recorded = json.loads((sharing.FOLDER / "sharing.json").read_text(encoding="utf-8"))
    assert {"3 of 5", "5 of 9", "20 of 40"} <= set(recorded["key generation, one party"])
    assert (sharing.FOLDER / "sharing.md").read_text(encoding="utf-8") == sharing.page(recorded)
