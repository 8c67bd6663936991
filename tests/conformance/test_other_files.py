"""Files of the known kinds for other curves, hashes and cases than the published ones.

Each is written here from the inputs alone: a check of it says what every other field should hold, that is put in,
and so on until nothing is left to say. So these tests show that no curve, hash or size falls outside the code,
not that the values are right; that is for the published files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from milagro import groups, params
from milagro.conformance import check
from milagro.conformance.oracle_files import map_input
from milagro.conformance.report import Report
from milagro.conformance.tower import Tower
from tests.conformance.mutation import fastest_backend

ORACLE_SCALARS = ("ms1", "ms2", "x", "y", "r", "w", "dvs_z")
_STATUS = ("rc", "err", "bls_bad", "bls_badenc", "rc1", "rc2")


def completed(
    path: Path, document: Any, cases: Callable[[Any], list[dict[str, Any]]], names: Callable[[Any], str]
) -> Report:
    """The last report on a file whose computed fields were filled in from the reports before."""
    for _ in range(12):
        path.write_text(json.dumps(document, indent=1), encoding="utf-8")
        report = check([path], fastest_backend(), jobs=1)
        usable = [m for m in report.mismatches if _value(m.got) is not None and m.field in _fields(cases(document))]
        if not usable:
            return report
        for mismatch in usable:
            case = next(case for case in cases(document) if names(case) in ("", mismatch.case))
            case[mismatch.field] = _value(mismatch.got)
    return report


def _fields(cases: list[dict[str, Any]]) -> set[str]:
    return {name for case in cases for name in case}


def _value(got: str) -> str | int | None:
    if got.lstrip("-").isdigit() and len(got) < 6:
        return int(got)
    return got if got and all(digit in "0123456789abcdef" for digit in got) else None


def scalar(E: groups.Curve, k: int) -> str:
    value = int.from_bytes(map_input(k, E.scalar_bytes), "big") % E.order
    return value.to_bytes(E.field_bytes, "big").hex()


ORACLE_FIELDS = (
    "hid",
    "ss",
    "cs",
    "token",
    "tp",
    "HID",
    "u",
    "v",
    "rc",
    "g1",
    "g2",
    "Z",
    "T",
    "hm",
    "ck",
    "sk",
    "tp_HTID",
    "tp_ut",
    "tp_sec",
    "tp_v",
    "tp_rc",
    "tp_T",
    "tp_ck",
    "tp_sk",
    "bad_E",
    "bad_F",
    "bad_rc",
    "bad_err",
    "bad_tp_E",
    "bad_tp_F",
    "bad_tp_rc",
    "bad_tp_err",
    "expired_rc",
    "expired_err",
    "op_y",
    "op_v",
    "op_rc",
    "op0_y",
    "op0_v",
    "op0_rc",
    "op0_late_rc",
    "dvs_pa",
    "dvs_zcs",
    "dvs_token",
    "dvs_u",
    "dvs_y",
    "dvs_v",
    "dvs_rc",
    "dvs_nopa_rc",
    "wcc_ak",
    "wcc_bk",
    "wcc_pag1",
    "wcc_pbg2",
    "wcc_pgg1",
    "wcc_pia",
    "wcc_pib",
    "wcc_k1",
    "wcc_k2",
    "wcc_rc1",
    "wcc_rc2",
)


@pytest.mark.parametrize(
    ("curve", "hash_name"),
    [("BN254", "sha384"), ("FP512BN", "sha512"), ("BLS383", "sha256"), ("BLS461", "sha512"), ("FP512BN", "sha256")],
)
def test_an_oracle_file(tmp_path: Path, curve: str, hash_name: str) -> None:
    E = groups.curve(curve, fastest_backend())
    document: dict[str, Any] = {"curve": curve, "bls_sk": scalar(E, 7)}
    for k in range(2):
        document[f"map_in_{k}"] = map_input(k, E.field_bytes).hex()
    names = ["pair_gen", "g1_compressed", "bls_pk", "bls_sig", "bls_rc", "bls_bad", "bls_badenc"]
    names += [f"map{i}_{k}" for i in (1, 2) for k in range(2)]
    names += [f"{hash_name}_{name}" for name in ORACLE_FIELDS]
    for name in names:
        document[name] = 99 if name.endswith(_STATUS) else "00"
    document |= {f"{hash_name}_{name}": scalar(E, 20 + i) for i, name in enumerate(ORACLE_SCALARS)}
    report = completed(tmp_path / "values.json", document, lambda value: [value], lambda _: "")
    assert report.mismatches == []
    assert report.files[0].curve == curve
    wrong = {"bad_rc": -19, "bad_err": 66, "bad_tp_err": -1227, "rc": 0, "expired_rc": -19, "dvs_nopa_rc": -19}
    written = json.loads((tmp_path / "values.json").read_text())
    assert {name: written[f"{hash_name}_{name}"] for name in wrong} == wrong


PLAIN = ("SS1", "SS2", "SS", "CS1", "CS2", "CS", "TOKEN", "U", "V")


@pytest.mark.parametrize("curve", ["BLS383", "BLS461", "FP256BN"])
@pytest.mark.parametrize("as_text", [False, True])
def test_runs_without_permits(tmp_path: Path, curve: str, as_text: bool) -> None:
    E = groups.curve(curve, fastest_backend())
    runs = []
    for i, number in enumerate((7, 8, 9)):
        run: dict[str, Any] = {
            "TEST": number,
            "CURVE": curve.lower(),
            "MPINId": map_input(i, 20).hex(),
            "AuthResult": 99,
        }
        run |= {name: scalar(E, 40 + 5 * i + k) for k, name in enumerate(("MS1", "MS2", "X", "Y"))}
        run |= {"PIN1": 1234, "PIN2": 1234 - (i == 2)} | dict.fromkeys(PLAIN, "00")
        runs.append(run)
    path = tmp_path / f"{curve}.json"
    report = completed(path, runs, list, lambda case: f"TEST {case['TEST']}")
    assert report.mismatches == []
    made = json.loads(path.read_text())
    assert [run["AuthResult"] for run in made] == [0, 0, -19]
    if as_text:
        path = tmp_path / f"{curve}.txt"
        path.write_text("\n\n".join("\n".join(f"{k} = {v}" for k, v in run.items()) for run in made) + "\n")
        report = check([path], fastest_backend(), jobs=1)
        assert report.mismatches == []
        assert report.ok
        assert report.files[0].cases == 3


@pytest.mark.parametrize("name", params.NAMES)
def test_a_hash_file_of_any_suite(tmp_path: Path, name: str) -> None:
    E = groups.curve(name, fastest_backend())
    kind = "SSWU" if isinstance(E.params.map_g1, params.SSWU) else "SVDW"
    suite = f"{E.params.suite_g1}_XMD:SHA-512_{kind}_NU_"
    p = E.hash_to_g1(b"abc", suite.encode(), expander=groups.Xmd("sha512"), nonuniform=True).coordinates()
    lines = [f"suite = {suite}", f"dst = {suite}", "", "msg = abc", f"P.x = {p[0].hex()}", f"P.y = {p[1].hex()}"]
    path = tmp_path / "hash.rsp"
    path.write_text("\n".join(lines) + "\n")
    report = check([path], fastest_backend(), jobs=1)
    assert {mismatch.field for mismatch in report.mismatches} == {"u[0]", "Q.x", "Q.y"}  # which are missing
    assert report.files[0].curve == name


def fp4_file(curve: str, backend: str) -> str:
    """A file of arithmetic in Fp4 with traces of an element of GT, made with the backend's own operations."""
    E = groups.curve(curve, backend)
    tower, p = Tower(curve, backend), E.params.p
    re, im = (f"{part:x}" for part in E.params.frobenius)
    lines = [
        (
            f"# FP4 ARITHMETICS - CURVE: {curve}, Modulo = 0x{p:x}, BIGmax = 2^{p.bit_length()}, "
            f"Frobenius_constant = [0x{re},0x{im}]"
        ),
        "",
    ]
    for number in (4, 5):
        a, b = (
            tuple(int.from_bytes(map_input(8 * number + 4 * j + i, 80), "big") % p for i in range(4)) for j in (0, 1)
        )
        s, t = 0x1234567890ABCDEF, 0xFEDCBA987654321
        element = tower.unpack((E.pairing(E.g1, E.g2) ** E.scalar(number)).to_bytes())
        k = tower.power(element, p**4)
        inverse = tower.conj(element)
        values: dict[str, tuple[int, ...]] = {
            "FP4_1": a,
            "FP4_2": b,
            "FP4add": tower.add(a, b),
            "FP4sub": tower.sub(a, b),
            "FP4neg": tower.neg(a),
            "FP4mul": tower.mul(a, b),
            "FP4inv": tower.inv(a),
            "FP4imul": tower.mul(a, (number - 1, 0, 0, 0)),
            "FP12_1": tower.trace(element),
            "FP12_2": tower.trace(k),
            "FP12_3": tower.trace(tower.mul(k, inverse)),
            "FP12_4": tower.trace(tower.mul(k, tower.sqr(inverse))),
            "FP4_xtrpow": tower.trace(tower.power(element, s)),
            "FP4_xtrpow2": tower.trace(tower.mul(tower.power(k, s), tower.power(element, t))),
        }
        lines += [f"# test {number}", f"BIGsc1 = {s:X}", f"BIGsc2 = {t:X}"]
        lines += ["{} = [[{:X},{:X}],[{:X},{:X}]]".format(name, *value) for name, value in values.items()] + [""]
    return "\n".join(lines)


@pytest.mark.parametrize("curve", ["BN254"])
def test_traces_in_fp4(tmp_path: Path, curve: str) -> None:
    backend = fastest_backend()
    path = tmp_path / f"test_vector_{curve}.txt"
    path.write_text(fp4_file(curve, backend))
    report = check([path], backend, jobs=1)
    assert report.mismatches == []
    assert report.files[0].kind == "fp4"
    path.write_text(path.read_text().replace("FP4_xtrpow2 = [[", "FP4_xtrpow2 = [[1", 1))
    assert {mismatch.field for mismatch in check([path], backend, jobs=1).mismatches} == {"FP4_xtrpow2"}
