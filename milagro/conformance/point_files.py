"""Checks of the published arithmetic files for the curve and its twist: folders ecp and ecp2."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from milagro.conformance.case import Case
from milagro.conformance.literals import hex_integer, point, twist_point
from milagro.conformance.report import FileReport, Mismatch
from milagro.conformance.tower import Coefficients, Tower
from milagro.errors import NotOnCurve
from milagro.params import CurveParams

CHOICE = re.compile(r"# ?Choice ?: ?(?P<curve>\w+), Type ?: ?WEIERSTRASS")
MODULUS = re.compile(r"# ?Modulus ?:= ?0x(?P<modulus>[0-9A-Za-z]+);")
COEFFICIENTS = re.compile(r"# ?A ?:= ?(?P<a>[0-9]+); ?B ?:= ?(?:0x(?P<hex>[0-9A-Fa-f]+)|(?P<b>[0-9]+));")
COMMENTED = frozenset({"ECPeven", "ECPodd"})
PIN = 1234  # the factor of ECPpinmul

# Published slips, each accepted only where it was published.
_MISSPELT_FP512BN = (
    "fffffffffffffffffffffffffff9ec7f01c60ba1d8cb5307c0bbe3c111b0ef455146cf1eacbe98b8e48c65deab236fe"
    "l916a55ce5f4c6467b4eb280922adef33"
)  # the letter l for the digit 1
_BLS383_ECP_B = 9  # the coefficient of another curve of that name; the points are on y^2 = x^3 + 15


def check_header(
    report: FileReport, comments: list[tuple[int, str]], params: CurveParams, names: tuple[str, ...]
) -> None:
    """Recompute the constants in the comments at the head of a file: name, modulus, A and B."""
    wanted = {"curve": CHOICE, "Modulus": MODULUS, "A and B": COEFFICIENTS}
    for line, comment in comments:
        fitting = [(name, found) for name, form in wanted.items() if (found := form.fullmatch(comment))]
        if not fitting:
            _wrong(report, line, "comment", "not understood, or there twice", comment)
        for name, found in fitting:
            del wanted[name]
            _HEADER_CHECKS[name](report, line, found, params, names)
    for name in wanted:
        _wrong(report, 1, name, "the comment is missing", "a value")


Found = re.Match[str]


def _choice(report: FileReport, line: int, found: Found, params: CurveParams, names: tuple[str, ...]) -> None:
    report.values += 1
    # The BN254 files carry the name of the other BN254 curve.
    if found["curve"] not in names and (params.name, found["curve"]) != ("BN254", "BN254_CX"):
        _wrong(report, line, "curve", params.name, found["curve"])


def _modulus(report: FileReport, line: int, found: Found, params: CurveParams, names: tuple[str, ...]) -> None:
    report.values += 1
    written = found["modulus"]
    if params.name == "FP512BN" and written == _MISSPELT_FP512BN and report.kind == "ecp":
        return
    if not re.fullmatch("[0-9A-Fa-f]+", written) or int(written, 16) != params.p:
        _wrong(report, line, "Modulus", f"{params.p:x}", written)


def _coefficients(report: FileReport, line: int, found: Found, params: CurveParams, names: tuple[str, ...]) -> None:
    report.values += 2
    if int(found["a"]) != 0:
        _wrong(report, line, "A", "0", found["a"])
    written = int(found["hex"], 16) if found["hex"] else int(found["b"])
    right = _BLS383_ECP_B if (report.kind, params.name) == ("ecp", "BLS383") else params.b
    if written != right:
        _wrong(report, line, "B", str(right), str(written))


def _wrong(report: FileReport, line: int, name: str, got: str, expected: str) -> None:
    report.mismatches.append(Mismatch(report.path, line, "header", name, got, expected))


_HEADER_CHECKS = {"curve": _choice, "Modulus": _modulus, "A and B": _coefficients}


def check_ecp(case: Case, number: int, tower: Tower) -> None:
    """Every field of one case of an ecp file."""
    ops = tower.ops
    case.require("ECP1", "ECP2", "BIGscalar1", "BIGscalar2")

    def p(name: str) -> Any:
        return tower.g1(case.read(name, point))

    def k(name: str) -> int:
        return case.read(name, hex_integer)

    results: dict[str, Callable[[], Any]] = {
        "ECPsum": lambda: ops.g1_add(p("ECP1"), p("ECP2")),
        "ECPneg": lambda: ops.g1_neg(p("ECP1")),
        "ECPsub": lambda: ops.g1_add(p("ECP1"), ops.g1_neg(p("ECP2"))),
        "ECPdbl": lambda: ops.g1_add(p("ECP1"), p("ECP1")),
        "ECPmul": lambda: ops.g1_mul_integer(p("ECP1"), k("BIGscalar1")),
        "ECPpinmul": lambda: ops.g1_mul_integer(p("ECP1"), PIN),
        "ECPmul2": lambda: ops.g1_add(
            ops.g1_mul_integer(p("ECP1"), k("BIGscalar1")), ops.g1_mul_integer(p("ECP2"), k("BIGscalar2"))
        ),
        "ECPeven": lambda: _lift(tower, case, 0),
        "ECPodd": lambda: _lift(tower, case, 1),
    }
    for name, compute in results.items():
        case.check(name, point, lambda compute=compute: tower.g1_numbers(compute()))  # type: ignore[misc]
    case.check("ECPwrong", point, lambda: _off_curve(tower, case, "ECPwrong"))
    case.check("ECPinf", point, lambda: _refused(tower, (0, 1)))


def _lift(tower: Tower, case: Case, sign: int) -> Any:
    x, _ = case.read("ECP1", point)
    return tower.ops.g1_from_x(tower.pack((x,)), sign, "parity")


def _refused(tower: Tower, numbers: Coefficients) -> Coefficients | str:
    """`numbers`, if the backend refuses them as a point."""
    try:
        (tower.g1 if len(numbers) == 2 else tower.g2)(numbers)
    except NotOnCurve:
        return numbers
    return "accepted as a point of the curve"


def _off_curve(tower: Tower, case: Case, name: str) -> Coefficients | str:
    """The numbers themselves, if they are refused and lie on the curve whose b is greater by one.

    That the point is refused would also be true after a change of a digit; the second condition pins it.
    """
    numbers = case.read(name, point if name == "ECPwrong" else twist_point)
    half = len(numbers) // 2
    x, y = numbers[:half], numbers[half:]
    b = tower.params.twist_b if half == 2 else (tower.params.b,)
    wrong_b = tower.sub(tower.sqr(y), tower.mul(x, tower.sqr(x)))
    if tower.sub(wrong_b, b) != tower.constant(half, 1):
        return "not on the curve with b + 1, as all such points of these files are"
    return _refused(tower, numbers)


def check_ecp2(case: Case, number: int, tower: Tower) -> None:
    """Every field of one case of an ecp2 file."""
    ops = tower.ops
    case.require(*(f"ECP2{i}" for i in range(1, 5)), *(f"BIGscalar{i}" for i in range(1, 5)))

    def p(i: int) -> Any:
        return tower.g2(case.read(f"ECP2{i}", twist_point))

    def term(i: int) -> Any:
        return ops.g2_mul_integer(p(i), case.read(f"BIGscalar{i}", hex_integer))

    results: dict[str, Callable[[], Any]] = {
        "ECP2sum": lambda: ops.g2_add(p(1), p(2)),
        "ECP2neg": lambda: ops.g2_neg(p(1)),
        "ECP2sub": lambda: ops.g2_add(p(1), ops.g2_neg(p(2))),
        "ECP2dbl": lambda: ops.g2_add(p(1), p(1)),
        "ECP2mul": lambda: term(1),
        "ECP2mul4": lambda: ops.g2_add(ops.g2_add(term(1), term(2)), ops.g2_add(term(3), term(4))),
    }
    for name, compute in results.items():
        case.check(name, twist_point, lambda compute=compute: tower.g2_numbers(compute()))  # type: ignore[misc]
    case.check("ECP2set1", twist_point, lambda: _set1(tower, case))
    case.check("ECP2set2", twist_point, lambda: _set2(tower, case))
    case.check("ECP2wrong", twist_point, lambda: _off_curve(tower, case, "ECP2wrong"))
    if "ECP2inf" in case:
        case.check("ECP2inf", twist_point, lambda: _refused(tower, (0, 0, 1, 0)))


def _set1(tower: Tower, case: Case) -> Coefficients:
    """One of the two lifts of the x of ECP21: the one that stands in the file if it is one of them."""
    xa, xb, _, _ = case.read("ECP21", twist_point)
    x = (xa, xb)
    y = tower.run("fp2_sqrt", tower.add(tower.mul(x, tower.sqr(x)), tower.params.twist_b))
    lifts = (*x, *y), (*x, *tower.neg(y))
    return lifts[1] if lifts[1] == case.read("ECP2set1", twist_point) else lifts[0]


def _set2(tower: Tower, case: Case) -> Coefficients:
    """The other lift of the same x."""
    xa, xb, ya, yb = case.read("ECP2set1", twist_point)
    return (xa, xb, *tower.neg((ya, yb)))
