"""The text of a curve's module in milagro/params: its data sheet, then one number a line."""

from __future__ import annotations

import textwrap
from dataclasses import fields

from curve_params.derivation import FAMILIES, Table
from milagro.params._model import SSWU, CurveParams, Decomposition, Fp2, SvdW

WIDTH = 116
SMALL = 1 << 16
INDENT = 12
COUNTS = {"cofactor_g1", "cofactor_g2", "h_eff_g1", "ate_loop", "u", "p", "r", "t"}

Leaf = int | str | tuple["Leaf", ...] | SvdW | SSWU | Decomposition


def module_name(name: str) -> str:
    """The file name of a curve's module, without ".py"."""
    return name.lower().replace("-", "_")


def render(curve: CurveParams, given: Table) -> str:
    """The whole text of the module of one curve."""
    names = ("SSWU, ", "") if isinstance(curve.map_g1, SSWU) else ("", ", SvdW")
    imports = f"{names[0]}CurveParams, Decomposition{names[1]}"
    head = f'"""{sheet(curve, given)}"""\n\nfrom __future__ import annotations\n\n'
    body = "".join(argument(field.name, getattr(curve, field.name), 1) for field in fields(curve))
    return f"{head}from milagro.params._model import {imports}\n\nCURVE = CurveParams(\n{body})\n"


def argument(name: str, value: Leaf, depth: int) -> str:
    """One keyword argument on lines of its own."""
    text = expression(value, depth, decimal=name not in COUNTS)
    return f"{'    ' * depth}{name}={text},\n"


def expression(value: Leaf, depth: int, *, decimal: bool = True) -> str:
    """The Python source of a value. A tuple that holds a long number takes one line for each item."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, int):
        return str(value) if (decimal and abs(value) < SMALL) or abs(value) < 10 else hexadecimal(value)
    if isinstance(value, SvdW | SSWU | Decomposition):
        inner = "".join(argument(field.name, getattr(value, field.name), depth + 1) for field in fields(value))
        return f"{type(value).__name__}(\n{inner}{'    ' * depth})"
    if fits_one_line(value, depth):
        items = ", ".join(expression(item, depth) for item in value)
        return f"({items},)" if len(value) == 1 else f"({items})"
    lines = "".join(f"{'    ' * (depth + 1)}{expression(item, depth + 1)},\n" for item in value)
    return f"(\n{lines}{'    ' * depth})"


def fits_one_line(value: tuple[Leaf, ...], depth: int) -> bool:
    """Whether a tuple holds at most one long number and leaves room on its line."""
    if not all(isinstance(item, str | int) for item in value):
        return False
    sizes = [len(expression(item, depth)) for item in value]
    return 4 * depth + sum(size + 2 for size in sizes) < WIDTH - 6 and sum(size > 20 for size in sizes) < 2


def hexadecimal(value: int) -> str:
    """0x and upper-case digits, as the formatter wants them."""
    return f"{'-' if value < 0 else ''}0x{abs(value):X}"


def linear(element: Fp2, p: int) -> str:
    """An element of Fp2 as people write it: 9 + i, 2 - i."""
    re, im = (part - p if part > p // 2 else part for part in element)
    sign, size = ("-" if im < 0 else "+"), abs(im)
    return f"{re} {sign} {'' if size == 1 else size}i" if im else str(re)


def twist_equation(curve: CurveParams) -> str:
    """The right-hand side's constant of E', in terms of b and xi and, where it is short, as a number."""
    xi = linear(curve.xi, curve.p)
    formula = f"{curve.b}/({xi})" if curve.twist == "D" else f"{curve.b}({xi})"
    value = linear(curve.twist_b, curve.p)
    return f"{formula} = {value}" if len(value) < 20 else formula


def mapping(kind: SvdW | SSWU, suite: str, p: int) -> str:
    """One line about a map to the curve."""
    name = "Shallue-van de Woestijne" if isinstance(kind, SvdW) else "simplified SWU with an isogeny"
    return f"{suite} by {name}, Z = {linear(kind.z, p)}"


def rows(curve: CurveParams, given: Table) -> list[tuple[str, str]]:
    """The labelled lines of the data sheet."""
    family = FAMILIES[curve.family]
    xi = linear(curve.xi, curve.p)
    h = curve.cofactor_g1
    cofactor = "h = 1" if h == 1 else f"h of {h.bit_length()} bits"
    return [
        ("Equation", f"E: y^2 = x^3 + {curve.b} over Fp, embedding degree 12"),
        ("Seed", f"u = {given['u']}" + ("" if "0x" in given["u"] else f" = {hex(curve.u)}")),
        ("Field", f"p = {family.p}, {curve.p.bit_length()} bits, {curve.field_bytes} octets"),
        ("Order", f"r = {family.r}, {curve.r.bit_length()} bits, {curve.scalar_bytes} octets"),
        ("Trace", f"t = {family.t}; #E(Fp) = p + 1 - t = h r, {cofactor}"),
        ("Tower", f"Fp2 = Fp[i]/(i^2 + 1), Fp12 = Fp2[w]/(w^6 - ({xi}))"),
        ("Twist", f"{curve.twist}-type, E': y^2 = x^3 + {twist_equation(curve)} over Fp2"),
        ("Hashing", mapping(curve.map_g1, curve.suite_g1, curve.p)),
        ("", mapping(curve.map_g2, curve.suite_g2, curve.p)),
        ("Security", f"about {curve.security_bits} bits. {given['security']}"),
        ("Generators", given["generators"]),
        ("Used by", given["used_by"]),
        ("Beware of", given["beware_of"]),
    ]


def sheet(curve: CurveParams, given: Table) -> str:
    """The data sheet of a curve, as it opens the module."""
    lines = [f"{curve.name}: {given['title']}.", ""]
    for label, text in rows(curve, given):
        first = f"{label + ':' if label else '':<{INDENT}}"
        lines += textwrap.wrap(
            " ".join(text.split()),
            WIDTH,
            initial_indent=first,
            subsequent_indent=" " * INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join([*lines, ""])
