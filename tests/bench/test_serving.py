"""The figures of issuing over the network: the page says what was measured; `nox -s bench` measures."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bench import serving


def test_the_page_is_the_one_of_the_recorded_run() -> None:
    recorded = json.loads((serving.FOLDER / "serving.json").read_text(encoding="utf-8"))
    assert recorded["requests"] >= 100
    assert set(recorded["found"]) == {f"{name}, {n} at once" for name in serving.TRANSPORTS for n in serving.AT_ONCE}
    assert (serving.FOLDER / "serving.md").read_text(encoding="utf-8") == serving.page(recorded)


def test_a_sample_counts_every_request_once() -> None:
    sample = serving.Sample([0.4, 0.1, 0.2, 0.3], processor=0.02, passed=0.5)
    assert sample.result() == {"requests": 4, "p50": 300, "p99": 400, "a_second": 8, "processor": 5}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks the kernel of Linux")
def test_a_process_that_works_has_had_processor_time() -> None:
    before = serving.processor_of(os.getpid())
    while serving.processor_of(os.getpid()) == before:
        pass
    found = serving.memory_of(os.getpid())
    assert found["resident"] > found["anonymous"] > 1000
