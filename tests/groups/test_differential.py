"""Both backends return the same octets; MILAGRO_DIFFERENTIAL=10000 does as many operations on each curve."""

from __future__ import annotations

import os

import pytest

from milagro.errors import MilagroError
from milagro.groups import curve
from tests.groups import differential

COUNT = int(os.environ.get("MILAGRO_DIFFERENTIAL", "150"))


@pytest.mark.timeout(0 if COUNT > 1000 else 300)
def test_the_backends_agree(both_backends: tuple[str, ...], curve_name: str) -> None:
    assert set(both_backends) == {"native", "reference"}
    assert differential.run(curve_name, COUNT, seed=COUNT) == []


@pytest.mark.parametrize("name", differential.operations())
def test_each_operation_gives_results_and_repeats(name: str) -> None:
    """An operation that could only fail would compare nothing."""
    E = curve("BLS12-381", backend="reference")
    errors = {error.__name__ for error in _subclasses(MilagroError)}
    outcomes = [differential.outcome(E, name, f"{seed}") for seed in range(16)]
    assert any(outcome not in errors for outcome in outcomes)
    assert len(set(outcomes)) > 2
    assert outcomes[0] == differential.outcome(E, name, "0")


def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch, curve_name: str) -> None:
    monkeypatch.setattr(differential, "repeat", lambda *_: ("00", "01"))
    differences = differential.run(curve_name, 3, seed=1)
    assert len(differences) == 3
    assert differences[0].curve == curve_name


def _subclasses(kind: type[MilagroError]) -> list[type[MilagroError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _subclasses(child))]
