"""Every published value agrees, and after a change of any one digit the check says where."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from milagro.conformance import check
from milagro.conformance.kinds import open_file
from tests.conformance.mutation import changes, fastest_backend, findings, names_the_spot, touched

_FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"
_FILES = sorted(path for path in _FOLDER.rglob("*") if path.is_file() and path.suffix != ".md")
_SAMPLE = 0 if os.environ.get("MILAGRO_EXHAUSTIVE") == "1" else 3


def test_every_value_agrees(shared_vectors: Path) -> None:
    """With the faster backend; `nox -s vectors` has both."""
    report = check([shared_vectors], fastest_backend(), jobs=2)
    assert report.mismatches == []
    assert report.ok
    kinds = {file.kind for file in report.files}
    assert kinds == {"bls", "documentation", "ecp", "ecp2", "fp12", "fp2", "hash-to-curve", "mpin", "oracle"}
    assert sum(file.values for file in report.files) > 20000


def test_there_are_files(shared_vectors: Path) -> None:
    assert _FILES, shared_vectors


@pytest.mark.timeout(0 if _SAMPLE == 0 else 300)
@pytest.mark.parametrize("path", _FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_changed_digit_is_found(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    backend = fastest_backend()
    original = open_file(str(path), text, backend)
    for change in changes(text, _SAMPLE, path.name):
        found = findings(str(path), text, change, original, backend)
        line = text.count("\n", 0, change.at) + 1
        assert found, f"line {line}: nobody noticed {change}"
        fields = touched(original, str(path), text, change, backend)
        assert names_the_spot(found, fields, line), (
            f"line {line}: {change} changes {fields}, but the check says {found}"
        )
