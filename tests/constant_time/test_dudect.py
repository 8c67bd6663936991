"""The timing experiment's arithmetic, and a smoke run that must see planted leaks. No test judges real code by time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.conftest import missing, require_backend
from tests.constant_time import dudect, probe


def test_welch() -> None:
    # means 2 and 4; variances 1 and 4, so t = 2 / sqrt(1/3 + 4/3)
    assert dudect.welch([1, 2, 3], [2, 4, 6]) == pytest.approx(2 / (5 / 3) ** 0.5)
    assert dudect.welch([1, 1], [1, 1]) == 0
    assert dudect.welch([1, 1], [2, 2]) == float("inf")
    assert dudect.welch([1], [2, 2]) == 0


def test_a_difference_of_the_means_is_found_behind_noise_and_none_where_there_is_none() -> None:
    source = random.Random(1)

    def times(mean: float) -> list[int]:
        # one time in twenty is an interruption, a thousand times as long
        return [round(source.gauss(mean, 10) * (1000 if source.random() < 0.05 else 1)) for _ in range(4000)]

    assert dudect.judge("same", times(1000), times(1000)).largest < dudect.DIFFERENT
    assert dudect.judge("other", times(1000), times(1005)).largest > dudect.DIFFERENT


def test_the_spread_alone_is_found() -> None:
    source = random.Random(2)
    narrow, wide = ([round(source.gauss(1000, width)) for _ in range(4000)] for width in (5, 40))
    assert dudect.judge("spread", narrow, wide).largest > dudect.DIFFERENT


def test_planted_leaks_are_seen(tmp_path: Path) -> None:
    require_backend("native")
    cc = probe.compiler()
    if cc is None:
        missing("no C compiler to build the timing loop with")
    library = probe.build(cc, tmp_path, memcheck=False)
    found = dudect.run("BN254", 2000, ["leak: branch", "leak: g1_map_original"], library, seed=3)
    assert [finding.words for finding in found] == ["the times differ"] * 2
