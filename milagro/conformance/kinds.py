"""The kinds of vector files: which one a file is, which curve it is about, and its cases with their check.

A file is recognised by what stands in it, not by its name, so that a renamed copy and a file with one changed
character are still understood. The name only helps where the content does not say which curve is meant.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from milagro import groups, params
from milagro.conformance import bls_files, field_files, mpin_files, numbering, oracle_files, own_files, point_files
from milagro.conformance.case import Case, Field
from milagro.conformance.env import Octets
from milagro.conformance.literals import BadLiteral, integer, octets
from milagro.conformance.report import FileReport, Mismatch
from milagro.conformance.textfiles import Block, JsonFault, TextFile, read_blocks, read_headed, read_json
from milagro.conformance.tower import Tower
from milagro.errors import MilagroError
from milagro.params import CurveParams
from milagro.protocols.original_hash import HASHES, HashName


class NotUnderstood(Exception):
    """The file is of no kind that can be checked; the message says why."""


@dataclass(slots=True)
class Opened:
    """A file that was understood: findings about it as a whole, its cases, and how to check one."""

    report: FileReport
    cases: list[Block]
    check: Callable[[Case, Block], None]
    slice_size: int = 8
    title: str = ""
    numbers: list[int] = field(default_factory=list)


def open_file(path: str, content: str, backend: str) -> Opened:
    """The kind and the cases of a file. Raises NotUnderstood."""
    start = content.lstrip("\ufeff \t\r\n")[:1]
    if start in ("{", "["):
        return _open_json(path, content, backend)
    for keys, opener in _TEXT_KINDS:
        if re.search(rf"^{keys}\s*[=:]", content, re.MULTILINE):
            opened = opener(path, content, backend)
            if not opened.cases:
                raise NotUnderstood("there is no case in it")
            return opened
    raise NotUnderstood("neither a JSON text nor a vector file of any known kind")


# -- curves ---------------------------------------------------------------------------------------------------
def _names(curve: CurveParams) -> tuple[str, ...]:
    return (curve.name, *curve.aliases)


def curve_named(name: str) -> CurveParams | None:
    """The curve with this name or alias in any letter case."""
    return next(
        (curve for curve in map(params.get, params.NAMES) if name.lower() in map(str.lower, _names(curve))), None
    )


def curve_in_path(path: str) -> CurveParams | None:
    """The curve whose name, the longest that fits, stands in the file name."""
    stem = PurePath(path).stem.lower()
    known = sorted(
        ((name.lower(), curve) for curve in params.NAMES for name in _names(params.get(curve))), reverse=True
    )
    found = max(((name, curve) for name, curve in known if name in stem), key=lambda pair: len(pair[0]), default=None)
    return params.get(found[1]) if found else None


def _curve_of(path: str, modulus: str | None, name: str | None) -> CurveParams:
    """The curve with this modulus, else with this name, else the one that the file is named after."""
    if modulus and re.fullmatch("[0-9A-Fa-f]{1,512}", modulus):
        for curve in map(params.get, params.NAMES):
            if curve.p == int(modulus, 16):
                return curve
    found = (curve_named(name) if name else None) or curve_in_path(path)
    if found is None:
        raise NotUnderstood("it does not say which curve it is about, or a curve that is not known")
    return found


# -- text files -------------------------------------------------------------------------------------------------
def _faults(report: FileReport, source: TextFile) -> None:
    for fault in source.faults:
        report.mismatches.append(Mismatch(report.path, fault.line, "", "line", fault.reason, fault.text))


def _numbered(report: FileReport, blocks: Sequence[Block], numbers: list[int], name: str) -> None:
    """Check the numbers that the cases carry."""
    for at, reason in numbering.faults(numbers).items():
        report.mismatches.append(
            Mismatch(report.path, blocks[at].line, blocks[at].name, name, reason, str(numbers[at]))
        )


def _headed(path: str, content: str, kind: str) -> tuple[FileReport, TextFile, list[int]]:
    source = read_headed(content, field_files.HEADING, point_files.COMMENTED)
    report = FileReport(path, kind)
    _faults(report, source)
    numbers = [int(block.name) for block in source.blocks]
    for block in source.blocks:
        block.name = f"test {block.name}"
    report.values += len(numbers)
    _numbered(report, source.blocks, numbers, "test number")
    return report, source, numbers


def _number(block: Block) -> int:
    return int(block.name.split()[-1])


def _open_field(path: str, content: str, backend: str) -> Opened:
    keys = {int(found) for found in re.findall(r"^FP(2|4|12)_1\s*[=:]", content, re.MULTILINE)}
    degree = 4 if 4 in keys else max(keys)  # an fp4 file has traces that it calls FP12_1
    report, source, _ = _headed(path, content, f"fp{degree}")
    header = source.comments[0] if source.comments else (1, "")
    found = field_files.HEADER.fullmatch(header[1])
    curve = _curve_of(path, found["modulus"] if found else None, found["curve"] if found else None)
    report.curve = curve.name
    field_files.check_header(report, *header, curve, _names(curve))
    if found and int(found["degree"]) != degree:
        report.mismatches.append(Mismatch(path, header[0], "header", "field", f"FP{degree}", f"FP{found['degree']}"))
    _surplus(report, source.comments[1:])
    tower = Tower(curve.name, backend)
    check = {2: field_files.check_fp2, 4: field_files.check_fp4, 12: field_files.check_fp12}[degree]
    return Opened(report, source.blocks, lambda case, block: check(case, _number(block), tower), slice_size=2)


def _surplus(report: FileReport, comments: Sequence[tuple[int, str]]) -> None:
    for line, comment in comments:
        report.mismatches.append(Mismatch(report.path, line, "", "comment", "this comment is not understood", comment))


def _open_points(path: str, content: str, backend: str) -> Opened:
    twist = re.search(r"^ECP21\s*=", content, re.MULTILINE) is not None
    report, source, _ = _headed(path, content, "ecp2" if twist else "ecp")
    found = {name: form.search(content) for name, form in (("m", point_files.MODULUS), ("c", point_files.CHOICE))}
    modulus, choice = found["m"], found["c"]
    curve = _curve_of(path, modulus["modulus"] if modulus else None, choice["curve"] if choice else None)
    report.curve = curve.name
    point_files.check_header(report, source.comments, curve, _names(curve))
    tower = Tower(curve.name, backend)
    check = point_files.check_ecp2 if twist else point_files.check_ecp
    return Opened(report, source.blocks, lambda case, block: check(case, _number(block), tower), slice_size=7)


def _open_signatures(path: str, content: str, backend: str) -> Opened:
    source = read_blocks(content, "COUNT")
    report = FileReport(path, "bls", "BLS12-381")
    _faults(report, source)
    _surplus(report, [comment for comment in source.comments if comment[1] not in bls_files.COMMENTS])
    numbers = [_count(block) for block in source.blocks]
    _numbered(report, source.blocks, numbers, "COUNT")
    for block in source.blocks:
        block.name = f"COUNT {block.name}"
    curve = groups.curve("BLS12-381", backend)
    return Opened(report, source.blocks, lambda case, block: bls_files.check_signatures(case, curve), slice_size=16)


def _count(block: Block) -> int:
    try:
        return integer(block.fields["COUNT"].value)
    except (BadLiteral, KeyError) as error:
        raise NotUnderstood(f"line {block.line}: a case without a whole COUNT") from error


def _open_hash(path: str, content: str, backend: str) -> Opened:
    source = read_blocks(content, "msg", joins=True)
    report = FileReport(path, "hash-to-curve")
    _faults(report, source)
    cases, suites = _with_suites(report, source)
    allowed = bls_files.hash_comments(suites)
    _surplus(report, [comment for comment in source.comments if comment[1] not in allowed])
    report.curve = ", ".join(sorted({_suite_curve(name) for name in suites} - {""}))
    return Opened(report, cases, lambda case, block: bls_files.check_hash(case, backend), slice_size=5)


def _suite_curve(name: str) -> str:
    try:
        return bls_files.suite_of(name).curve
    except BadLiteral:
        return ""


def _with_suites(report: FileReport, source: TextFile) -> tuple[list[Block], list[str]]:
    """Give each message the suite and the tag above it; they stand at the end of the block before."""
    cases: list[Block] = []
    suites: list[str] = []
    context: dict[str, Field] = {}
    for block in source.blocks:
        own = {name: value for name, value in block.fields.items() if name not in ("suite", "dst")}
        if "msg" in own:
            cases.append(
                Block(
                    f"{context['suite'].value if 'suite' in context else '?'} msg {block.name[:20]!r}",
                    block.line,
                    {**context, **own},
                )
            )
        elif own:
            stray = ", ".join(own)
            report.mismatches.append(Mismatch(report.path, block.line, "", stray, "a field outside any case", ""))
        heads = {name: value for name, value in block.fields.items() if name in ("suite", "dst")}
        context = heads or context
        if "suite" in heads:
            suites.append(heads["suite"].value)
    return cases, suites


def _open_mpin_text(path: str, content: str, backend: str) -> Opened:
    first = next(iter(re.findall(r"^(\w+)\s*[=:]", content, re.MULTILINE)))
    source = read_blocks(content, first)
    report = FileReport(path, "mpin")
    _faults(report, source)
    _surplus(report, source.comments)
    return _mpin(report, [(block.line, block.fields) for block in source.blocks], backend)


_TEXT_KINDS: tuple[tuple[str, Callable[[str, str, str], Opened]], ...] = (
    (r"FP(?:2|4|12)_1", _open_field),
    (r"(?:ECP1|ECP21)", _open_points),
    (r"COUNT", _open_signatures),
    (r"(?:suite|dst)", _open_hash),
    (r"(?:MS1|MS2|TOKEN)", _open_mpin_text),
)


# -- JSON files -------------------------------------------------------------------------------------------------
def _open_json(path: str, content: str, backend: str) -> Opened:
    try:
        value = read_json(content)
    except JsonFault as error:
        raise NotUnderstood(f"not a JSON text that can be used: {error}") from error
    if isinstance(value, dict):
        return _open_object(path, value, backend)
    if not value or not all(isinstance(entry, dict) for entry in value):
        raise NotUnderstood("a JSON array of anything but objects, or an empty one")
    if not any({"MS1", "MS2", "TOKEN"} & entry.keys() for entry in value):
        raise NotUnderstood("a JSON array of objects that are no M-Pin runs")
    entries = [(0, {name: Field(item) for name, item in entry.items()}) for entry in value]
    return _mpin(FileReport(path, "mpin"), entries, backend)


def _open_object(path: str, value: dict[str, Any], backend: str) -> Opened:
    if own_files.is_own(value):
        return _own(path, value, backend)
    if own_files.is_schema(value):
        fields = {"schema": Field(value)}
        return Opened(FileReport(path, "schema"), [Block("schema", 0, fields)], own_files.check_schema)
    if not any(name == "pair_gen" or name.startswith(("map_in_", "sha")) for name in value):
        raise NotUnderstood("a JSON object of no known kind")
    named = value.get("curve")
    curve = _curve_of(path, None, named if isinstance(named, str) else None)
    fields = {name: Field(item) for name, item in value.items()}
    group = groups.curve(curve.name, backend)
    return Opened(
        FileReport(path, "oracle", curve.name),
        [Block("", 0, fields)],
        lambda case, block: oracle_files.check(case, group),
    )


def _own(path: str, value: dict[str, Any], backend: str) -> Opened:
    report = FileReport(path, "milagro-vectors-1", str(value.get("curve", "")))
    try:
        blocks = own_files.blocks(report, value)
    except own_files.Malformed as error:
        raise NotUnderstood(str(error)) from error
    return Opened(report, blocks, lambda case, block: own_files.check(case, value, backend), slice_size=8)


def _mpin(report: FileReport, entries: Sequence[tuple[int, dict[str, Field]]], backend: str) -> Opened:
    name = Counter(key for _, entry in entries for key in mpin_files.NUMBERS if key in entry).most_common(1)
    if not name:
        raise NotUnderstood("M-Pin runs without test numbers")
    key = name[0][0]
    blocks = [Block(f"{key} {_plain(entry.get(key))}", line, entry) for line, entry in entries]
    _mpin_numbers(report, blocks, key)
    named = Counter(str(_plain(entry.get("CURVE"))) for _, entry in entries if "CURVE" in entry).most_common(1)
    curve = (curve_named(named[0][0]) if named else None) or _mpin_curve(
        report.path, [entry for _, entry in entries], backend
    )
    report.curve = curve.name
    group, hash_name = groups.curve(curve.name, backend), _hash_in_path(report.path)
    return Opened(
        report,
        blocks,
        lambda case, block: mpin_files.check(case, Octets(group, case, hash_name=hash_name), _names(curve)),
        slice_size=10,
    )


def _plain(value: Field | None) -> Any:
    return value.value if value else "?"


def _mpin_numbers(report: FileReport, blocks: Sequence[Block], key: str) -> None:
    numbers = []
    for block in blocks:
        try:
            numbers.append(integer(_plain(block.fields.get(key))))
        except BadLiteral as error:
            report.mismatches.append(Mismatch(report.path, block.line, block.name, key, str(error), "a number"))
            return
    _numbered(report, blocks, numbers, key)


def _hash_in_path(path: str) -> HashName:
    """The hash that the file name mentions, else SHA-256."""
    stem = re.sub(r"[-_]", "", PurePath(path).stem.lower())
    return next((name for name in HASHES if name in stem), "sha256")


def _mpin_curve(path: str, entries: Sequence[dict[str, Field]], backend: str) -> CurveParams:
    """The curve on which the points of most runs lie; the file name decides between none."""
    votes: Counter[str] = Counter()
    for entry in entries[:5]:
        for curve in map(params.get, params.NAMES):
            if _decodes(entry.get("U"), curve.name, backend):
                votes[curve.name] += 1
    if votes:
        return params.get(votes.most_common(1)[0][0])
    return _curve_of(path, None, None)


def _decodes(value: Field | None, curve: str, backend: str) -> bool:
    try:
        groups.curve(curve, backend).g1_from_bytes(octets(_plain(value)), groups.Encoding.MILAGRO)
    except (BadLiteral, MilagroError):
        return False
    return True
