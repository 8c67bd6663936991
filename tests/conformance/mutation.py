"""Changing one hexadecimal digit of a vector file, and finding out whether a check notices and names the place.

Only the cases that the change touches are checked again, so that many changes can be tried.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass

from milagro import backend as backends
from milagro.conformance.checker import check_case
from milagro.conformance.kinds import NotUnderstood, Opened, open_file
from milagro.conformance.report import FileReport, Mismatch
from milagro.errors import BackendUnavailable
from tests.conftest import missing

DIGITS = "0123456789abcdef"


@dataclass(frozen=True)
class Change:
    """One digit at a position of a text replaced by another."""

    at: int
    digit: str

    def apply(self, text: str) -> str:
        return text[: self.at] + self.digit + text[self.at + 1 :]


def positions(text: str) -> list[int]:
    """Where a character is a hexadecimal digit, be it in a value, a name or a comment."""
    return [at for at, character in enumerate(text) if character.lower() in DIGITS]


def changes(text: str, count: int, seed: str) -> Iterator[Change]:
    """`count` changes at random positions; every position once if count is 0."""
    source = random.Random(seed)
    everywhere = positions(text)
    for at in everywhere if count == 0 else source.sample(everywhere, min(count, len(everywhere))):
        yield other_digit(text, at, source)


def other_digit(text: str, at: int, source: random.Random) -> Change:
    """A change at this position to a random other digit of the same letter case."""
    old = text[at]
    digits = DIGITS.upper() if old.isupper() else DIGITS
    decimal = old.isdigit() and source.random() < 0.5  # decimal fields are hit by decimal digits only
    return Change(at, source.choice([d for d in digits[: 10 if decimal else 16] if d != old]))


def findings(path: str, text: str, change: Change, original: Opened, backend: str) -> list[Mismatch]:
    """What a check of the changed text finds, in the parts that differ from the original."""
    try:
        changed = open_file(path, change.apply(text), backend)
    except NotUnderstood as error:
        return [Mismatch(path, 0, "", "file", str(error), "")]
    found = list(changed.report.mismatches)
    known = {block.name: block.fields for block in original.cases}
    for block in changed.cases:
        before = known.get(block.name)
        if before is None or _values(before) != _values(block.fields):
            part = FileReport(path, changed.report.kind)
            check_case(changed, block, part)
            found += part.mismatches
    return found


def _values(fields: dict[str, object]) -> dict[str, object]:
    return {name: getattr(field, "value", field) for name, field in fields.items()}


def touched(original: Opened, path: str, text: str, change: Change, backend: str) -> set[str]:
    """The names of the fields whose value the change alters, over all cases."""
    try:
        changed = open_file(path, change.apply(text), backend)
    except NotUnderstood:
        return set()
    result: set[str] = set()
    for before, after in zip(original.cases, changed.cases, strict=False):
        result |= {
            name
            for name in before.fields.keys() | after.fields.keys()
            if _values(before.fields).get(name) != _values(after.fields).get(name)
        }
    return result


def names_the_spot(found: list[Mismatch], fields: set[str], line: int) -> bool:
    """Whether a finding is about a changed field, was computed from one, or stands at the changed line.

    Where no field is changed (a number, a comment, a file that is not understood) any finding will do.
    """
    return any(not fields or mismatch.line == line or fields & {mismatch.field, *mismatch.inputs} for mismatch in found)


def fastest_backend() -> str:
    """The native backend, or else the reference where CI does not promise the native one."""
    try:
        return backends.load("native").NAME
    except BackendUnavailable as error:
        if os.environ.get("CI") == "true":
            missing(str(error))
        return "reference"
