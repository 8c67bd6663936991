"""Which native implementation is used: by the processor, or by the environment."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from milagro.errors import BackendUnavailable

native = pytest.importorskip("milagro._native")
ASK = "from milagro import _native; print(_native.implementation(), _native.curve('BN254').__class__.__module__)"


def ask(wanted: str | None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MILAGRO_NATIVE": wanted} if wanted is not None else dict(os.environ)
    return subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=False)


def test_the_environment_decides() -> None:
    modules = {"portable": "milagro._native.w4", "adx": "milagro._native.w4x", "ifma": "milagro._native.w4x"}
    for wanted in native.implementations():
        assert ask(wanted).stdout.split() == [wanted, modules[wanted]]
    refused = ask("sse")
    assert refused.returncode != 0
    assert "BackendUnavailable" in refused.stderr


def test_the_processor_decides_otherwise() -> None:
    assert native.implementations()[-1] == "portable"
    assert ask("").stdout.split()[0] == native.implementations()[0]


def test_another_implementation_by_name() -> None:
    assert native.curve("BN254") is native.curve("BN254", native.implementation())
    with pytest.raises(BackendUnavailable):
        native.curve("BN254", "sse")
