"""The project's own vectors: the shape of the files, and the check of one case by the operation it names.

Each case carries a short digest over itself, and each file one over its head. What an operation computes pins
nearly everything; the digests pin what nothing can be computed from, such as a digit of a point that is off the
curve before and after it is changed, or the name of a source.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from milagro.conformance.case import Case, Field
from milagro.conformance.literals import BadLiteral, shown
from milagro.conformance.operations import Inputs, run
from milagro.conformance.report import FileReport, Mismatch
from milagro.conformance.schema import SCHEMA_DOCUMENT
from milagro.conformance.textfiles import Block

SCHEMA = "milagro-vectors-1"
SCHEMA_ID = "milagro-vectors-1.schema.json"
_CASE_DIGITS, _HEAD_DIGITS = 16, 32
HEAD = {"schema", "topic", "source", "digest", "cases"}
OPTIONAL_HEAD = {"spec", "curve", "seed"}
CASE = {"id", "operation", "inputs", "digest"}
OPTIONAL_CASE = {"spec", "curve", "expected", "refused", "comment"}


class Malformed(Exception):
    """A file of ours without the shape of one."""


def is_own(value: dict[str, Any]) -> bool:
    """Whether a JSON object is one of our vector files, even if something in its head is wrong."""
    return value.get("schema") == SCHEMA or {"topic", "cases"} <= value.keys()


def is_schema(value: dict[str, Any]) -> bool:
    """Whether a JSON object is the schema of our files."""
    return "$schema" in value


def digest(value: Any, digits: int) -> str:
    """The first digits of SHA-256 over the JSON text of a value without spaces, its keys sorted."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def case_digest(case: dict[str, Any]) -> str:
    """The digest of a case: over everything in it but the digest."""
    return digest({key: value for key, value in case.items() if key != "digest"}, _CASE_DIGITS)


def head_digest(document: dict[str, Any]) -> str:
    """The digest of a file's head and of the ids of its cases in their order."""
    head = {key: value for key, value in document.items() if key not in ("digest", "cases")}
    return digest([head, [case.get("id") for case in document["cases"]]], _HEAD_DIGITS)


def blocks(report: FileReport, document: dict[str, Any]) -> list[Block]:
    """The cases of a file, after its head is checked. Raises Malformed."""
    cases = document.get("cases")
    if not isinstance(cases, list) or not cases or not all(isinstance(case, dict) for case in cases):
        raise Malformed("its cases are not a list of objects, or there are none")
    _head(report, document)
    names = [str(case.get("id")) for case in cases]
    for name in {name for name in names if names.count(name) > 1}:
        report.mismatches.append(Mismatch(report.path, 0, name, "id", "two cases have this id", name))
    return [
        Block(name, 0, {key: Field(value) for key, value in case.items()})
        for name, case in zip(names, cases, strict=True)
    ]


def _head(report: FileReport, document: dict[str, Any]) -> None:
    def wrong(name: str, got: str, expected: str) -> None:
        report.mismatches.append(Mismatch(report.path, 0, "head", name, got, expected))

    for name in HEAD - document.keys():
        wrong(name, "the field is missing", "a value")
    for name in document.keys() - HEAD - OPTIONAL_HEAD:
        wrong(name, "a field that a vector file does not have", str(document[name])[:80])
    if document.get("schema") != SCHEMA:
        wrong("schema", SCHEMA, str(document.get("schema")))
    if document.get("digest") != head_digest(document):
        wrong("digest", head_digest(document), str(document.get("digest")))
    report.values += len(document) - 1


def check(case: Case, document: dict[str, Any], backend: str) -> None:
    """Run the operation of a case and compare what it gives with what the case expects."""
    values = {name: case.read(name, lambda value: value) for name in case.fields}
    for name in CASE - values.keys():
        case.fail(name, "the field is missing", "a value")
    for name in values.keys() - CASE - OPTIONAL_CASE:
        case.fail(name, "a field that a case does not have", str(values[name])[:80])
    if values.get("digest") != case_digest(values):
        case.fail("digest", case_digest(values), str(values.get("digest")))
    if isinstance(values.get("inputs"), dict) and isinstance(values.get("operation"), str):
        _run(case, values, document, backend)
        case.report.values += len(values["inputs"])
    else:
        case.fail("inputs", "no operation with named inputs", "an operation and an object")


def _run(case: Case, values: dict[str, Any], document: dict[str, Any], backend: str) -> None:
    curve = values.get("curve", document.get("curve"))
    inputs = Inputs(values["inputs"], curve, backend)
    given = tuple(sorted(values["inputs"]))
    try:
        results, refused = run(values["operation"], inputs)
    except BadLiteral as error:
        case.fail("inputs", f"not understood: {error}", "inputs of this operation", given)
        return
    expected = values.get("expected")
    if refused is not None or "refused" in values:
        _compare(case, "refused", refused, values.get("refused"), given)
        if expected is not None:
            case.fail("expected", "refused and expected exclude each other", shown(expected), given)
        return
    for name in sorted(set(values["inputs"]) - inputs.seen):
        case.fail(name, "an input that the operation does not read", str(values["inputs"][name])[:80])
    if not isinstance(expected, dict):
        case.fail("expected", "no named results", str(expected)[:80])
        return
    computed = results or {}
    for name in sorted(computed.keys() | expected.keys()):
        _compare(case, name, computed.get(name), expected.get(name), given)
        case.report.values += 1


def _compare(case: Case, name: str, got: Any, expected: Any, given: tuple[str, ...]) -> None:
    if _plain(got) != _plain(expected):
        case.fail(name, str(got), str(expected), given)


def _plain(value: Any) -> Any:
    """A JSON value in one form: a boolean is never equal to a number."""
    return json.dumps(value, sort_keys=True)


def check_schema(case: Case, block: Block) -> None:
    """The schema file is the one that this version writes."""
    case.check("schema", _plain, lambda: _plain(SCHEMA_DOCUMENT))
