"""One case of a vector file: named fields, each of which must be used, recomputed and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from milagro.conformance.literals import BadLiteral, shown
from milagro.conformance.report import FileReport, Mismatch
from milagro.errors import MilagroError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Field:
    """The value of a field as it stands in the file, and its line (0 where the format has no lines)."""

    value: Any
    line: int = 0


class MissingField(Exception):
    """A computation asked for a field that the case does not have."""


class Case:
    """The fields of one case while they are checked.

    A field that was read by a computation whose result was compared counts as checked, because the comparison
    pins it. `finish` reports every field that nothing read or compared, so that none is skipped in silence.
    """

    def __init__(self, report: FileReport, name: str, fields: Mapping[str, Field], line: int = 0) -> None:
        self.report = report
        self.name = name
        self.fields = fields
        self.line = line
        self._seen: set[str] = set()
        self._reading: list[str] | None = None
        self._missing: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def read(self, name: str, reader: Callable[[Any], T]) -> T:
        """The value of a field; inside a computation it is noted as an input."""
        if name not in self.fields:
            raise MissingField(name)
        self._seen.add(name)
        if self._reading is not None and name not in self._reading:
            self._reading.append(name)
        return reader(self.fields[name].value)

    def check(self, name: str, reader: Callable[[Any], Any], compute: Callable[[], Any]) -> None:
        """Compare a field with the value that `compute` gives from the others."""
        if name not in self.fields:
            self.require(name)
            return
        try:
            expected = self.read(name, reader)
        except BadLiteral as error:
            self.fail(name, f"not understood: {error}", str(self.fields[name].value))
            return
        self._reading = []
        try:
            got = compute()
            fault = None if got == expected else shown(got)
        except BadLiteral as error:
            fault = f"an input is not understood: {error}"
        except MissingField as error:
            fault = f"the field {error} is missing"
        except MilagroError as error:
            fault = f"{type(error).__name__}: {error}"
        inputs, self._reading = tuple(self._reading), None
        if fault is not None:
            self.fail(name, fault, shown(expected), inputs)

    def require(self, *names: str) -> None:
        """Report each of the fields that is missing, once."""
        for name in names:
            if name not in self.fields and name not in self._missing:
                self._missing.add(name)
                self.fail(name, "the field is missing", "a value")

    def fail(self, name: str, got: str, expected: str, inputs: tuple[str, ...] = ()) -> None:
        """Report a mismatch in a field."""
        line = self.fields[name].line if name in self.fields else self.line
        self.report.mismatches.append(Mismatch(self.report.path, line, self.name, name, got, expected, inputs))

    def finish(self) -> None:
        """Count the case and report the fields that nothing has looked at."""
        for name in self.fields:
            if name not in self._seen:
                self.fail(
                    name,
                    "an unknown field, or one that nothing could be computed from",
                    str(self.fields[name].value)[:80],
                )
        self.report.cases += 1
        self.report.values += len(self.fields)
