"""Reading vector files that are text: blocks of `key = value` lines under headings.

A line that fits none of the forms is kept as a fault, so that the check of the file fails and names it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from milagro.conformance.case import Field

_ENTRY = re.compile(r"(?P<comment>#\s?)?(?P<key>[A-Za-z][\w.\[\]() ]*?)\s*(?:=|:=|:)\s*(?P<value>.*)")


@dataclass(slots=True)
class Block:
    """One case: the number or name that heads it, its line, and its fields in order."""

    name: str
    line: int
    fields: dict[str, Field] = field(default_factory=dict)


@dataclass(slots=True)
class Fault:
    """A line that is not understood."""

    line: int
    text: str
    reason: str


@dataclass(slots=True)
class TextFile:
    """Head comments, cases, and what was not understood."""

    comments: list[tuple[int, str]] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_headed(text: str, heading: re.Pattern[str], commented: frozenset[str] = frozenset()) -> TextFile:
    """A file whose cases stand under comments such as `#test1`.

    `commented` names the fields that may stand behind a #. Comments before the first case are kept as they are.
    """
    result = TextFile()
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        found = heading.fullmatch(line)
        if found:
            result.blocks.append(Block(found[1], number))
        elif line.startswith("#") and not result.blocks:
            result.comments.append((number, line))
        elif line:
            _entry(result, number, line, commented)
    return result


def _entry(result: TextFile, number: int, line: str, commented: frozenset[str]) -> None:
    found = re.fullmatch(r"(#\s?)?(\w+) ?= ?(.*)", line)
    if not found or not result.blocks or (found[1] and found[2] not in commented):
        result.faults.append(Fault(number, line, "this line is not understood"))
        return
    _put(result, found[2], Field(found[3].strip(), number), line)


def _put(result: TextFile, key: str, value: Field, line: str) -> None:
    fields = result.blocks[-1].fields
    if key in fields:
        result.faults.append(Fault(value.line, line, f"the field {key} stands twice in one case"))
        return
    fields[key] = value


def read_blocks(text: str, first_key: str, joins: bool = False) -> TextFile:
    """A file of `key = value` lines in which `first_key` opens each case.

    With `joins` an indented line of hexadecimal digits continues the value above it, and `+ I * digits` is
    its imaginary part: such values become "re" or "re,im".
    """
    result = TextFile()
    last: tuple[str, str] | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line:
            last = None
            continue
        if line.startswith("#"):
            result.comments.append((number, line))
            continue
        if joins and last and raw[:1] in " \t" and _join(result, last[0], line):
            continue
        last = _assign(result, number, line, first_key)
    return result


def _assign(result: TextFile, number: int, line: str, first_key: str) -> tuple[str, str] | None:
    found = _ENTRY.fullmatch(line)
    if not found or found["comment"]:
        result.faults.append(Fault(number, line, "this line is not understood"))
        return None
    key = found["key"].strip()
    if key == first_key or not result.blocks:
        result.blocks.append(Block(found["value"].strip(), number))
    _put(result, key, Field(found["value"].strip(), number), line)
    return key, line


def _join(result: TextFile, key: str, line: str) -> bool:
    found = re.fullmatch(r"(\+ I \* )?([0-9A-Fa-f]+)", line)
    if not found:
        return False
    old = result.blocks[-1].fields[key]
    separator = "," if found[1] else ""
    result.blocks[-1].fields[key] = Field(old.value + separator + found[2], old.line)
    return True


class JsonFault(Exception):
    """A JSON text that cannot be used; the message says why and where."""


def read_json(text: str) -> Any:
    """The value of a JSON text in which no key stands twice, with numbers that are whole and of sensible size.

    Raises: JsonFault
    """
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_float=_no_float, parse_constant=_no_float, parse_int=_int
        )
    except json.JSONDecodeError as error:
        raise JsonFault(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise JsonFault("it is nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise JsonFault(f"the key {key!r} stands twice in one object")
        result[key] = value
    return result


def _no_float(digits: str) -> Any:
    raise JsonFault(f"{digits[:40]} is not a whole number")


def _int(digits: str) -> int:
    if len(digits) > 4000:
        raise JsonFault(f"a number of {len(digits)} digits")
    return int(digits)
