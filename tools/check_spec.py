"""Checks the links between `spec/`, the code and the vectors, in both directions.

A normative section has an id, `## Title {#id}`, and ends with one line

    Code: milagro.module.name, milagro.other.name · Vectors: vectors/topic.json

Each name must exist and its docstring, or its module's, must name the section; each vector file must exist and
hold a case of the section. What a server does to a browser, of which there are no vectors, ends with
`· Tests: tests/topic.py` instead; that file must exist and name the section. Every `spec/file.md#id` in code, vectors
and docs must exist.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADING = re.compile(r"^#{1,6} .*?\{#([a-z0-9-]+)\}\s*$")
LINKS = re.compile(r"^Code: (?P<code>.+?) · (?P<kind>Vectors|Tests): (?P<named>.+?)\s*$")
REFERENCE = re.compile(r"spec/[a-z0-9-]+\.md#[a-z0-9-]+")
SOURCES = (
    "milagro/**/*.py",
    "milagro/**/*.pyx",
    "milagro/**/*.pxi",
    "milagro/**/*.h",
    "docs/**/*.md",
    "README.md",
    "spec/*.md",
)


@dataclass
class Section:
    """A normative section: `spec/file.md#id`, and what its last line names."""

    reference: str
    code: list[str]
    vectors: list[str]
    tests: list[str]


def sections(path: Path, root: Path) -> Iterator[Section]:
    """The sections of one spec file, in order; a section without a `Code:` line has two empty lists."""
    current: Section | None = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if heading := HEADING.match(line):
            if current:
                yield current
            current = Section(f"{path.relative_to(root).as_posix()}#{heading[1]}", [], [], [])
        elif current and (links := LINKS.match(line)):
            current.code += [name.strip(" `") for name in links["code"].split(",")]
            named = current.vectors if links["kind"] == "Vectors" else current.tests
            named += [name.strip(" `") for name in links["named"].split(",")]
    if current:
        yield current


def resolve(name: str) -> tuple[object, object]:
    """The object with this dotted name, and the module it is in. Raises: LookupError"""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        found: object = module
        for part in parts[cut:]:
            if not hasattr(found, part):
                raise LookupError(name)
            found = getattr(found, part)
        return found, module
    raise LookupError(name)


def code_problems(section: Section) -> Iterator[str]:
    """Names that do not exist, and names that do not point back."""
    if not section.code:
        yield f"{section.reference}: no line 'Code: ... · Vectors: ...'"
    for name in section.code:
        try:
            found, module = resolve(name)
        except LookupError:
            yield f"{section.reference}: there is no {name}"
            continue
        if not any(section.reference in (thing.__doc__ or "") for thing in (found, module)):
            yield f"{section.reference}: the docstring of {name} does not name the section"


def references_in(path: Path) -> set[str]:
    """Every `spec/file.md#id` that a file mentions."""
    return set(REFERENCE.findall(path.read_text(encoding="utf-8")))


def vector_references(path: Path) -> set[str]:
    """The sections that the cases of a vector file belong to."""
    document = json.loads(path.read_text(encoding="utf-8"))
    default = document.get("spec")
    return {case.get("spec", default) for case in document.get("cases", [])} - {None}


def vector_problems(section: Section, covered: dict[str, set[str]]) -> Iterator[str]:
    """Vector files that do not exist, or hold no case of the section."""
    for name in section.vectors:
        if name not in covered:
            yield f"{section.reference}: there is no vector file {name}"
        elif section.reference not in covered[name]:
            yield f"{section.reference}: {name} holds no case of it"


def test_problems(section: Section, root: Path) -> Iterator[str]:
    """Test files that do not exist, or do not name the section."""
    for name in section.tests:
        path = root / name
        if not path.is_file():
            yield f"{section.reference}: there is no test file {name}"
        elif section.reference not in references_in(path):
            yield f"{section.reference}: {name} does not name it"


def duplicate_problems(known: list[Section]) -> Iterator[str]:
    """Ids that stand twice in one file."""
    seen: set[str] = set()
    for section in known:
        if section.reference in seen:
            yield f"{section.reference}: the id stands twice"
        seen.add(section.reference)


def problems(root: Path = ROOT) -> list[str]:
    """Everything that is wrong, one line each."""
    known = [section for path in sorted((root / "spec").glob("*.md")) for section in sections(path, root)]
    files = sorted(path for path in (root / "vectors").glob("**/*.json") if path.name != "schema.json")
    covered = {path.relative_to(root).as_posix(): vector_references(path) for path in files}
    found = list(duplicate_problems(known))
    for section in known:
        found += [*code_problems(section), *vector_problems(section, covered), *test_problems(section, root)]
    ids = {section.reference for section in known}
    mentions = {path.relative_to(root).as_posix(): references_in(path) for glob in SOURCES for path in root.glob(glob)}
    for name, references in sorted((mentions | covered).items()):
        found += [f"{name}: {reference} does not exist" for reference in sorted(references - ids)]
    return found if known else ["there is no normative section in spec/"]


def main() -> None:
    """Prints what is wrong and exits with 1, or says how much was checked."""
    sys.path.insert(0, str(ROOT))
    if found := problems():
        sys.exit("\n".join([*found, f"{len(found)} problems"]))
    print("every link between spec, code and vectors holds")


if __name__ == "__main__":
    main()
