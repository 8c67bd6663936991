"""The project's own vectors: they agree on both backends, are made the same every time, and are sealed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from milagro.conformance import check
from milagro.conformance.kinds import open_file
from milagro.conformance.make import KEPT, write_all
from milagro.conformance.operations import OPERATIONS
from milagro.conformance.own_files import CASE, HEAD, OPTIONAL_CASE, OPTIONAL_HEAD
from milagro.conformance.schema import SCHEMA_DOCUMENT
from milagro.conformance.topics._book import written
from tests.conformance.mutation import changes, fastest_backend, findings

ROOT = Path(__file__).resolve().parents[2] / "vectors"
FILES = sorted(ROOT.rglob("*.json"))
OURS = [path for path in FILES if path.name != "schema.json"]


def test_every_value_agrees() -> None:
    """With the faster backend; `nox -s vectors` has both."""
    report = check([ROOT], fastest_backend(), jobs=2)
    assert report.mismatches == []
    assert report.ok


def test_make_writes_the_same_octets(tmp_path: Path, both_backends: tuple[str, ...]) -> None:
    for kept in KEPT:
        shutil.copytree(ROOT / kept, tmp_path / kept)
    made = write_all(tmp_path, both_backends[0])
    for path in made:
        assert path.read_bytes() == (ROOT / path.relative_to(tmp_path)).read_bytes(), path.name
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*.*")} == {
        path.relative_to(ROOT) for path in ROOT.rglob("*.*")
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_changed_digit_is_found(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    original = open_file(str(path), text, "reference")
    for change in changes(text, 5, path.name):
        assert findings(str(path), text, change, original, "reference"), change


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_the_file_has_the_form_of_the_schema(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert path.read_text(encoding="utf-8") == written(document)
    assert document.keys() >= HEAD
    assert document.keys() <= HEAD | OPTIONAL_HEAD
    assert document["topic"] == path.relative_to(ROOT).with_suffix("").as_posix()
    for case in document["cases"]:
        assert case.keys() >= CASE
        assert case.keys() <= CASE | OPTIONAL_CASE
        assert ("expected" in case) != ("refused" in case)
        assert case["operation"] in OPERATIONS


def test_the_schema_names_the_same_fields() -> None:
    properties = SCHEMA_DOCUMENT["properties"]
    assert set(properties) == HEAD | OPTIONAL_HEAD
    assert set(properties["cases"]["items"]["properties"]) == CASE | OPTIONAL_CASE


def test_every_operation_is_exercised() -> None:
    used = {case["operation"] for path in OURS for case in json.loads(path.read_text(encoding="utf-8"))["cases"]}
    assert used == set(OPERATIONS)


def test_an_input_that_nothing_reads_is_reported(tmp_path: Path) -> None:
    document = json.loads((ROOT / "bls" / "ietf-keygen.json").read_text(encoding="utf-8"))
    document["cases"] = document["cases"][:1]
    document["cases"][0]["inputs"]["idle"] = "00"
    path = tmp_path / "idle.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    fields = {mismatch.field for mismatch in check([path], "reference", jobs=1).mismatches}
    assert {"idle", "digest"} <= fields


@pytest.mark.parametrize("change", [{"error": "NotOnCurve"}, {"layer": "protocols"}])
def test_the_error_and_the_layer_of_a_refusal_count(tmp_path: Path, change: dict[str, str]) -> None:
    document = json.loads((ROOT / "curves" / "refusals.json").read_text(encoding="utf-8"))
    case = next(case for case in document["cases"] if case["refused"]["error"] == "WrongLength")
    case["refused"] |= change
    path = tmp_path / "refusals.json"
    path.write_text(json.dumps({**document, "cases": [case]}), encoding="utf-8")
    assert "refused" in {mismatch.field for mismatch in check([path], "reference", jobs=1).mismatches}
