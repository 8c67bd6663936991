"""Checks of the published arithmetic files for the towers: folders fp2, fp4 and fp12."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from milagro.conformance import literals
from milagro.conformance.case import Case
from milagro.conformance.literals import Hexadecimal, element, hex_integer
from milagro.conformance.report import FileReport, Mismatch
from milagro.conformance.tower import Coefficients, Tower
from milagro.conformance.trace_ring import Polynomial, TraceRing
from milagro.params import CurveParams

HEADER = re.compile(
    r"# FP(?P<degree>2|4|12) ARITHMETICS - CURVE: (?P<curve>\w+), Modulo :?= 0x(?P<modulus>[0-9A-Fa-f]+), "
    r"BIGmax(?: =|:) 2\^(?P<bits>[0-9]+), Frobenius_constant = \[0x(?P<re>[0-9A-Fa-f]+),0x(?P<im>[0-9A-Fa-f]+)\]"
)
HEADING = re.compile(r"# ?test ?([0-9]{1,6})")

# Published slips, each accepted only where it was published.
_OBSOLETE_BLS383 = 0x7AC52080A9F75C6105C552A7852C01355A68EA320531820F99EB16CF73083D5D75201BB01475F75D7AACAAB52AAD556B
_SHORTENED_FP512BN = int(
    "e108e55630a4406f6a5e486e695124b876776a1786345b76159527341ecee8c1"
    "b85cd6740e396bfd2eed055dd765e95faff9047efd49b595c5510572df6b481",
    16,
)
_SLIPS: dict[tuple[str, str], set[int]] = {
    ("modulus", "BLS383"): {_OBSOLETE_BLS383},  # the modulus of another curve of that name
    ("Frobenius_constant im", "FP512BN"): {_SHORTENED_FP512BN},  # a digit 0 was left out
    ("bits", "BLS461"): {383},  # copied from the file before it
}

_FP2, _FP4, _FP12 = element(2), element(4), element(12)


def check_header(report: FileReport, line: int, header: str, params: CurveParams, names: tuple[str, ...]) -> None:
    """Recompute the constants that the first comment of a file names."""
    found = HEADER.fullmatch(header)
    if not found:
        report.mismatches.append(Mismatch(report.path, line, "header", "comment", header, "a header of this kind"))
        return
    _compare(report, line, "curve", found["curve"], params.name, found["curve"] in names)
    known = {
        "modulus": (int(found["modulus"], 16), params.p),
        "bits": (int(found["bits"]), params.p.bit_length()),
        "Frobenius_constant re": (int(found["re"], 16), params.frobenius[0]),
        "Frobenius_constant im": (int(found["im"], 16), params.frobenius[1]),
    }
    for name, (written, right) in known.items():
        agrees = written == right or written in _SLIPS.get((name, params.name), set())
        _compare(report, line, name, f"{written:x}", f"{right:x}", agrees)


def _compare(report: FileReport, line: int, name: str, written: str, computed: str, agrees: bool) -> None:
    report.values += 1
    if not agrees:
        report.mismatches.append(Mismatch(report.path, line, "header", name, computed, written))


def check_fp2(case: Case, number: int, tower: Tower) -> None:
    """Every field of one case of an fp2 file."""
    case.require("FP2_1", "FP2_2", "BIGsc")
    a, b = _reader(case, "FP2_1", _FP2), _reader(case, "FP2_2", _FP2)

    def scalar() -> int:
        return case.read("BIGsc", hex_integer)

    p = tower.params.p
    half, xi = ((p + 1) // 2, 0), (1, 1)
    results: dict[str, Callable[[], Coefficients]] = {
        "FP2add": lambda: tower.add(a(), b()),
        "FP2neg": lambda: tower.neg(a()),
        "FP2sub": lambda: tower.sub(a(), b()),
        "FP2conj": lambda: tower.conj(a()),
        "FP2pmul": lambda: tower.mul(a(), (scalar(), 0)),
        "FP2imul": lambda: tower.mul(a(), ((number - 1) % p, 0)),
        "FP2sqr": lambda: tower.sqr(a()),
        "FP2mul": lambda: tower.mul(a(), b()),
        "FP2pow": lambda: tower.power(a(), scalar()),
        "FP2inv": lambda: tower.inv(a()),
        "FP2div2": lambda: tower.mul(a(), half),
        "FP2_mul_ip": lambda: tower.mul(a(), xi),
        "FP2_div_ip": lambda: tower.mul(a(), tower.inv(xi)),
    }
    _check_all(case, _FP2, results)


def _reader(case: Case, name: str, reader: Callable[[Any], Coefficients]) -> Callable[[], Coefficients]:
    return lambda: case.read(name, reader)


def _check_all(case: Case, reader: Any, results: dict[str, Callable[[], Coefficients]]) -> None:
    for name, compute in results.items():
        case.check(name, reader, compute)


def check_fp4(case: Case, number: int, tower: Tower) -> None:
    """Every field of one case of an fp4 file; not every curve has all of them."""
    a, b = _reader(case, "FP4_1", _FP4), _reader(case, "FP4_2", _FP4)
    total, difference = _reader(case, "FP4add", _FP4), _reader(case, "FP4sub", _FP4)
    v, half = (0, 0, 1, 0), ((tower.params.p + 1) // 2, 0, 0, 0)
    case.require("FP4_1", "FP4_2", "FP4add", "FP4sub", "FP4mul", "FP4inv")

    def double(x: Coefficients) -> Coefficients:
        return tower.add(x, x)

    results: dict[str, Callable[[], Coefficients]] = {
        "FP4add": lambda: tower.add(a(), b()),
        "FP4neg": lambda: tower.neg(a()),
        "FP4sub": lambda: tower.sub(a(), b()),
        "FP4conj": lambda: tower.conj(a()),
        "FP4nconj": lambda: tower.neg(tower.conj(a())),
        "FP4pmul": lambda: tower.mul(a(), (*case.read("FP2sc", _FP2), 0, 0)),
        "FP4imul": lambda: tower.mul(a(), tower.constant(4, number - 1)),
        "FP4sqr": lambda: tower.sqr(a()),
        "FP4mul": lambda: tower.mul(a(), b()),
        "FP4inv": lambda: tower.inv(a()),
        "FP4mulj": lambda: tower.mul(a(), v),
        "FP4pow": lambda: tower.power(a(), case.read("BIGsc1", hex_integer)),
        "FP4frob": lambda: tower.frob(a()),
        "FP4_xtrA": lambda: tower.add(
            tower.sub(tower.mul(a(), b()), tower.mul(tower.conj(b()), total())), difference()
        ),
        "FP4_xtrD": lambda: tower.sub(tower.sqr(a()), double(tower.conj(a()))),
        "FP4div2": lambda: tower.mul(a(), half),
        "FP4divi": lambda: tower.mul(a(), tower.inv(v)),
        "FP4div2i": lambda: tower.mul(double(a()), tower.inv(v)),
        "FP4sqrt": lambda: _root_of(case, tower, "FP4sqrt"),
        **_traces(case, tower),
    }
    _check_all(case, _FP4, {name: compute for name, compute in results.items() if name in case})


def _root_of(case: Case, tower: Tower, name: str) -> Coefficients:
    """The field itself if its square is one of the other fields; which one, the files do not say."""
    root = case.read(name, _FP4)
    square = tower.sqr(root)
    others = [case.read(other, _FP4) for other in ("FP4_1", "FP4_2", "FP4sqr", "FP4mul") if other in case]
    return root if square in others else square


def _traces(case: Case, tower: Tower) -> dict[str, Callable[[], Coefficients]]:
    """FP12_1 = Tr(l) stands for l; with k = l^(p^4): Tr(k), Tr(k/l), Tr(k/l^2) and traces of powers."""
    known: list[tuple[TraceRing, Polynomial]] = []

    def ring() -> tuple[TraceRing, Polynomial]:
        trace = case.read("FP12_1", _FP4)
        if not known:
            made = TraceRing(tower, trace)
            known.append((made, made.next_root()))
        return known[0]

    def quotient(times: int) -> Coefficients:
        made, k = ring()
        return made.trace(made.multiply(k, made.power(made.inverse_root(), times)))

    def power(*exponents: str) -> Coefficients:
        made, k = ring()
        scalars = [case.read(name, hex_integer) for name in exponents]
        result = made.power(made.root, scalars[-1])
        return made.trace(made.multiply(result, made.power(k, scalars[0])) if len(scalars) == 2 else result)

    return {
        "FP12_2": lambda: quotient(0),
        "FP12_3": lambda: quotient(1),
        "FP12_4": lambda: quotient(2),
        "FP4_xtrpow": lambda: power("BIGsc1"),
        "FP4_xtrpow2": lambda: power("BIGsc1", "BIGsc2"),
    }


def check_fp12(case: Case, number: int, tower: Tower) -> None:
    """Every field of one case of an fp12 file."""
    x = {k: _reader(case, f"FP12_{k}", _FP12) for k in ("1", "2", "3", "4", "c")}
    scalar = {k: _integer(case, f"BIGsc{k}") for k in ("1", "2", "3", "4", "s")}
    sparse = {k: _reader(case, f"FP12smul_y_{k}", _FP12) for k in ("mtype", "dtype")}
    results: dict[str, Callable[[], Coefficients]] = {
        "FP12smul_mtype": lambda: tower.mul(x["1"](), sparse["mtype"]()),
        "FP12smul_dtype": lambda: tower.mul(x["1"](), sparse["dtype"]()),
        "FP12mul": lambda: tower.mul(x["1"](), x["2"]()),
        "FP12inv": lambda: tower.inv(x["1"]()),
        "FP12frob": lambda: tower.frob(x["1"]()),
        "FP12conj": lambda: tower.conj(x["1"]()),
        "FP12usquare": lambda: tower.run("fp12_cyclotomic_sqr", x["1"]()),
        "FP12square": lambda: tower.sqr(x["1"]()),
        "FP12pow": lambda: tower.power(x["1"](), scalar["1"]()),
        "FP12pinpow": lambda: tower.power(x["1"](), number),
        "FP12pow4": lambda: _product(tower, [(x[k](), scalar[k]()) for k in "1234"]),
    }
    case.require(*(f"FP12_{k}" for k in x), *(f"BIGsc{k}" for k in scalar), *(f"FP12smul_y_{k}" for k in sparse))
    _check_all(case, _FP12, results)
    traces: dict[str, Callable[[], Coefficients]] = {
        "FP12compow": lambda: tower.trace(tower.power(x["c"](), scalar["1"](), cyclotomic=True)),
        "FP12compows": lambda: tower.trace(tower.power(x["c"](), scalar["s"](), cyclotomic=True)),
        "FP4trace": lambda: tower.trace(x["1"]()),
    }
    _check_all(case, _FP4, traces)
    case.check("BIGsco", lambda value: Hexadecimal(hex_integer(value)), lambda: Hexadecimal(tower.params.r))


def _integer(case: Case, name: str) -> Callable[[], int]:
    return lambda: case.read(name, literals.hex_integer)


def _product(tower: Tower, pairs: list[tuple[Coefficients, int]]) -> Coefficients:
    result = tower.constant(12, 1)
    for base, exponent in pairs:
        result = tower.mul(result, tower.power(base, exponent, cyclotomic=True))
    return result
