"""The project's own vectors: the shape of the files, and their check by the topics that made them."""

from __future__ import annotations

from typing import Any

from milagro.conformance.case import Case, Field
from milagro.conformance.report import FileReport
from milagro.conformance.textfiles import Block

SCHEMA = "milagro-vectors-1"


class Malformed(Exception):
    """A file of ours without the shape of one."""


def is_own(value: dict[str, Any]) -> bool:
    return value.get("schema") == SCHEMA or {"topic", "cases"} <= value.keys()


def is_schema(value: dict[str, Any]) -> bool:
    return "$schema" in value


def check_schema(case: Case, block: Block) -> None:
    case.read("schema", lambda value: value)


def blocks(report: FileReport, value: dict[str, Any]) -> list[Block]:
    return [Block(str(c["id"]), 0, {"x": Field(c)}) for c in value["cases"]]


def check(case: Case, value: dict[str, Any], name: str, backend: str) -> None:
    raise NotImplementedError
