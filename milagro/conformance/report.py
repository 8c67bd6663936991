"""What a check found: mismatches with their places, counted per file, as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SCHEMA = "milagro-vectors-report-1"
_WIDEST = 200  # characters of a value that the text report shows


@dataclass(frozen=True, slots=True, order=True)
class Mismatch:
    """One place where a file and the code disagree, or where a file says something that is not understood.

    `expected` is what the file holds, `got` is what was recomputed; `inputs` are the fields it was computed from,
    any of which may be the one that is wrong.
    """

    file: str
    line: int
    case: str
    field: str
    got: str
    expected: str
    inputs: tuple[str, ...] = ()

    def text(self) -> str:
        """One line for people."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        source = f" (from {', '.join(self.inputs)})" if self.inputs else ""
        where = ": ".join(part for part in (place, self.case, self.field + source) if part)
        return f"{where}: got {_short(self.got)}, expected {_short(self.expected)}"

    def as_json(self) -> dict[str, Any]:
        """The mismatch as a JSON object."""
        return {
            "file": self.file,
            "line": self.line,
            "case": self.case,
            "field": self.field,
            "inputs": list(self.inputs),
            "got": self.got,
            "expected": self.expected,
        }


def _short(value: str) -> str:
    return value if len(value) <= _WIDEST else f"{value[: _WIDEST // 2]}...{value[-_WIDEST // 2 :]}"


@dataclass(slots=True)
class FileReport:
    """The outcome for one file. `kind` is "documentation" for prose and "unknown" for what is not understood."""

    path: str
    kind: str
    curve: str = ""
    cases: int = 0
    values: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything in the file was recomputed and agrees."""
        return not self.mismatches

    def add(self, other: FileReport) -> None:
        """Take over the counts and findings of a part of the same file."""
        self.cases += other.cases
        self.values += other.values
        self.mismatches += other.mismatches

    def as_json(self) -> dict[str, Any]:
        """The file's outcome as a JSON object."""
        return {
            "path": self.path,
            "kind": self.kind,
            "curve": self.curve,
            "ok": self.ok,
            "cases": self.cases,
            "values": self.values,
            "mismatches": [mismatch.as_json() for mismatch in sorted(self.mismatches)],
        }


@dataclass(slots=True)
class Report:
    """The outcome of a whole check."""

    backend: str
    files: list[FileReport] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether at least one vector file was checked and no file has a mismatch."""
        return bool(self.vector_files) and all(report.ok for report in self.files)

    @property
    def vector_files(self) -> list[FileReport]:
        """The reports of everything but documentation."""
        return [report for report in self.files if report.kind != "documentation"]

    @property
    def mismatches(self) -> list[Mismatch]:
        """All mismatches, in the order of files and lines."""
        return [mismatch for report in self.files for mismatch in sorted(report.mismatches)]

    def as_json(self) -> dict[str, Any]:
        """The whole outcome as a JSON object; its shape is named by `schema`."""
        return {
            "schema": SCHEMA,
            "backend": self.backend,
            "ok": self.ok,
            "totals": {
                "files": len(self.vector_files),
                "documentation": len(self.files) - len(self.vector_files),
                "cases": sum(report.cases for report in self.files),
                "values": sum(report.values for report in self.files),
                "mismatches": len(self.mismatches),
            },
            "files": [report.as_json() for report in self.files],
        }

    def table(self) -> str:
        """One line a kind of file: files, cases, values, mismatches."""
        rows = [("kind", "files", "cases", "values", "mismatches")]
        for kind in sorted({report.kind for report in self.files}):
            some = [report for report in self.files if report.kind == kind]
            rows.append((kind, str(len(some)), *_sums(some)))
        rows.append(("total", str(len(self.files)), *_sums(self.files)))
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        return "\n".join("  ".join(_pad(cell, i, widths[i]) for i, cell in enumerate(row)).rstrip() for row in rows)


def _sums(reports: list[FileReport]) -> tuple[str, str, str]:
    return (
        str(sum(report.cases for report in reports)),
        str(sum(report.values for report in reports)),
        str(sum(len(report.mismatches) for report in reports)),
    )


def _pad(cell: str, column: int, width: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)
