"""Files that are broken in any way are reported, never a traceback, and never taken as good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from milagro.cli.vectors import vectors
from milagro.conformance import check
from milagro.conformance.numbering import faults

ECP = """# Choice: BN254_CX, Type: WEIERSTRASS
# Modulus:=0x2400000008702a0db0bddf647a6366d3243fd6ee18093ee1be6623ef5c1b55b3;
# A:= 0; B:=0x0000000000000000000000000000000000000000000000000000000000000002;

#test1
"""
RUN = {"TEST": 1, "CURVE": "bls381", "MS1": "00" * 47 + "02", "PIN1": 1234}


def problems(tmp_path: Path, name: str, content: str | bytes) -> str:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    report = check([path], "reference", jobs=1)
    assert not report.ok
    assert report.mismatches
    return "\n".join(mismatch.text() for mismatch in report.mismatches)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.json", "", "neither a JSON text nor"),
        ("words.txt", "nothing to see here", "neither a JSON text nor"),
        ("cut.json", '{"curve": "BN254CX", ', "not a JSON text"),
        ("twice.json", '{"a": 1, "a": 2}', "stands twice"),
        ("float.json", '[{"MS1": 1.5}]', "not a whole number"),
        ("infinite.json", '[{"MS1": Infinity}]', "not a whole number"),
        ("huge.json", '[{"MS1": ' + "9" * 5000 + "}]", "digits"),
        ("deep.json", "[" * 100000, "nested too deeply"),
        ("binary.txt", b"\xff\xfe\x00", "not UTF-8"),
        ("other.json", '{"a": 1}', "no known kind"),
        ("array.json", "[1, 2, 3]", "array of anything but objects"),
        ("objects.json", '[{"a": 1}]', "no M-Pin runs"),
        ("own.json", '{"schema": "milagro-vectors-1", "cases": []}', "cases"),
        ("own2.json", '{"schema": "milagro-vectors-1", "cases": [{}]}', "missing"),
        ("curve.json", '{"curve": "P-256", "pair_gen": "00"}', "which curve"),
        ("oracle.json", '{"curve": "BN254CX", "pair_gen": 5, "sha256_v": [], "more": null}', "not a string"),
        ("fp-BN254CX.txt", ECP + "FP2_1: [1,2]\n", "this line is not understood"),
        ("ecp.txt", ECP + "ECP1 = 1:2:3\nECPsum = zz\n", "not understood"),
        ("ecp2.txt", ECP + "ECP1 = 1:2\nnonsense\n", "this line is not understood"),
        ("ecp3.txt", ECP + "ECP1 = 1:2\nECP1 = 1:2\n", "stands twice"),
        ("ecp4.txt", ECP + "ECP1 = " + "f" * 200 + ":2\nECPneg = 1:2\n", "does not fit"),
        ("no-case.txt", "ECP1 = 1:2\n", "which curve"),
        ("cut.rsp", "COUNT = 0\nIKM = 00\n", "missing"),
        ("bad.rsp", "COUNT = x\nIKM = 00\n", "COUNT"),
        ("hash.rsp", "suite = NONE\ndst = x\n\nmsg = \nP.x = 00\n", "not a suite"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, name: str, content: str | bytes, says: str) -> None:
    assert says in problems(tmp_path, name, content)


@pytest.mark.parametrize(
    "change",
    [
        {"MS1": 5},
        {"MS1": "zz"},
        {"MS1": "0"},
        {"PIN1": 10**30},
        {"PIN1": "x"},
        {"MS1": None},
        {"TEST": []},
        {"more": {}},
    ],
)
def test_a_run_with_a_strange_field(tmp_path: Path, change: dict[str, Any]) -> None:
    assert next(iter(change)) in problems(tmp_path, "BLS381.json", json.dumps([{**RUN, **change}]))


def test_every_missing_field_is_named(tmp_path: Path) -> None:
    text = problems(tmp_path, "BLS381.json", json.dumps([RUN]))
    for name in ("MS2", "SS1", "CS2", "TOKEN", "U", "V", "AuthResult"):
        assert name in text


@pytest.mark.parametrize(
    ("numbers", "wrong"),
    [
        ([0, 1, 2, 3, 4], {}),
        ([8, 9, 10], {}),
        ([5], {}),
        ([], {}),
        ([1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14], {}),
        ([0, 5, 10, 15], {}),
        ([3, 17, 18, 40, 100, 101], {}),
        ([1, 2, 2, 4], {2}),
        ([1, 2, 9, 4], {3}),
        ([0, 2, 3, 4], {0}),
        ([1, 2, 3, 5], {3}),
        ([0, 5, 11, 15, 20], {2}),
        ([1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 14, 16, 17, 18, 19], {3}),
    ],
)
def test_numbers_of_cases(numbers: list[int], wrong: set[int]) -> None:
    assert set(faults(numbers)) == set(wrong)


# -- the command ---------------------------------------------------------------------------------------------------
GOOD = Path(__file__).resolve().parents[2] / "vectors" / "bls" / "ietf-keygen.json"


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(vectors, ["check", "--backend", "reference", "--jobs", "1", *map(str, arguments)])


def test_exit_codes(tmp_path: Path) -> None:
    assert run(GOOD).exit_code == 0
    assert run(tmp_path).exit_code == 1
    assert run(tmp_path / "absent").exit_code == 1
    assert run(GOOD, tmp_path).exit_code == 1
    (tmp_path / "README.md").write_text("prose")
    assert run(tmp_path / "README.md").exit_code == 1
    assert run().exit_code == 2


def test_text_output_names_everything(tmp_path: Path) -> None:
    path = tmp_path / "changed.json"
    path.write_text(GOOD.read_text().replace('"sk": "', '"sk": "0', 1))
    (tmp_path / "notes.md").write_text("prose")
    result = run(tmp_path, GOOD)
    assert result.exit_code == 1
    for part in ("changed.json", "sk", "got", "expected", "notes.md: documentation", "milagro-vectors-1", "total"):
        assert part in result.output


def test_json_output(tmp_path: Path) -> None:
    result = run(GOOD, "--json")
    report = json.loads(result.stdout)
    assert report["schema"] == "milagro-vectors-report-1"
    assert report["ok"] is True
    assert report["totals"]["files"] == 1
    assert report["files"][0]["values"] > 10
    changed = tmp_path / "changed.json"
    changed.write_text(GOOD.read_text().replace('"sk": "', '"sk": "0', 1))
    report = json.loads(run(changed, "--json").stdout)
    assert not report["ok"]
    assert {"file", "line", "case", "field", "inputs", "got", "expected"} == set(report["files"][0]["mismatches"][0])


def test_progress_only_on_request() -> None:
    assert "parts" not in run(GOOD).stderr
    assert "parts" in run(GOOD, "--progress").stderr


def test_make_refuses_nothing_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("milagro.conformance.make.TOPICS", ())
    result = CliRunner().invoke(vectors, ["make", "--out", str(tmp_path), "--backend", "reference"])
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["SOURCES.md", "schema.json"]
