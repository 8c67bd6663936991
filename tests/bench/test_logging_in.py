"""Logging in under load: a short run of it all, and the page of the recorded one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import logging_in
from bench.logging_in import Plan, Sample, measure, quantile


def test_the_page_is_the_one_of_the_recorded_run() -> None:
    recorded = json.loads((logging_in.FOLDER / "logging-in.json").read_text(encoding="utf-8"))
    assert recorded["logins"] >= 1000
    assert recorded["overload"]["seconds"] >= 1200
    assert recorded["memory"]["sessions"] >= 10_000
    assert (logging_in.FOLDER / "logging-in.md").read_text(encoding="utf-8") == logging_in.page(recorded)
    assert logging_in.sentence(recorded) in logging_in.README.read_text(encoding="utf-8").splitlines()


def test_what_was_recorded_has_no_fault_in_it() -> None:
    recorded = json.loads((logging_in.FOLDER / "logging-in.json").read_text(encoding="utf-8"))
    check_answers(recorded)
    assert recorded["overload"]["given_up"] < recorded["overload"]["logins"] / 50
    assert recorded["overload"]["not_offered"] == 0
    assert recorded["memory"]["full"]["resident"] < 200 << 10
    assert recorded["memory"]["overload"] < 200 << 10


def test_a_quantile_is_one_of_the_values() -> None:
    assert quantile([0.3, 0.1, 0.2], 50) == 0.2
    assert quantile([0.3, 0.1, 0.2], 99) == 0.3
    assert quantile([], 99) == 0
    assert Sample([0.1, 0.3], processor=0.02, passed=0.5).result()["processor"] == 10


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks the kernel of Linux")
def test_a_short_run_turns_away_what_is_too_much_and_recovers() -> None:
    found = measure(Plan(logins=80, steady=1, overload=3, sessions=200, devices=200, max_requests=24, curve="BN254"))
    check_answers(found)
    assert found["memory"]["sessions"] == 200
    assert found["overload"]["refused"]
    assert all(one["logins"] > 0 for one in (*found["found"].values(), *found["steady"].values(), found["overload"]))
    assert "Memory" in logging_in.page(found)


def check_answers(found: dict[str, object]) -> None:
    """No answer but 200 and a refusal that says when to come again, or that a new hour needs a new permit."""
    over = found["overload"]
    assert isinstance(over, dict)
    assert set(over["refused"]) <= {"410", "429", "503"}
    assert over["without_retry_after"] == 0
