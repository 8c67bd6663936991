from __future__ import annotations

import sys

import pytest

from milagro import backend
from milagro.errors import BackendUnavailable, ParameterError


def test_native_is_the_default_and_the_environment_can_name_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MILAGRO_BACKEND", raising=False)
    assert backend.default_name() == "native"
    monkeypatch.setenv("MILAGRO_BACKEND", "reference")
    assert backend.load().NAME == "reference"


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ParameterError, match="native and reference"):
        backend.load("fast")


def test_a_missing_backend_is_an_error_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "milagro._native", None)
    with pytest.raises(BackendUnavailable, match="pip install"):
        backend.load("native")


@pytest.mark.parametrize("name", backend.NAMES)
def test_each_backend_says_whether_it_is_constant_time(name: str) -> None:
    assert (backend.load(name).CONSTANT_TIME) is (name == "native")
