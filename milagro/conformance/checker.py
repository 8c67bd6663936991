"""Checking files and folders of vectors: which files there are, who checks which part, and the whole outcome."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path

from milagro import backend as backends
from milagro.conformance.case import Case, MissingField
from milagro.conformance.kinds import NotUnderstood, Opened, open_file
from milagro.conformance.literals import BadLiteral
from milagro.conformance.report import FileReport, Mismatch, Report
from milagro.conformance.textfiles import Block

_LARGEST_FILE = 64 * 2**20
Progress = Callable[[int, int, str], None]
"""Called with parts done, parts in all, and the file that a part of was done last."""

Part = tuple[int, int]


def check(
    paths: Sequence[str | Path], backend: str | None = None, jobs: int | None = None, progress: Progress | None = None
) -> Report:
    """Recompute every value in the files and folders named by `paths`.

    Raises: ParameterError for an unknown backend, BackendUnavailable if it is not built
    """
    name = backend or backends.default_name()
    backends.load(name)
    report = Report(name)
    tasks: list[tuple[FileReport, Part]] = []
    for path in paths:
        for file in _files(Path(path), report):
            found = _first_look(file, name)
            report.files.append(found[0])
            tasks += [(found[0], part) for part in found[1]]
    if not report.vector_files:
        report.files.append(_failed(", ".join(map(str, paths)) or ".", "there is no vector file here"))
    _run(tasks, name, jobs or os.cpu_count() or 1, progress)
    return report


def _files(path: Path, report: Report) -> Iterator[Path]:
    """The files at or below a path, in a stable order."""
    if path.is_file():
        yield path
    elif path.is_dir():
        found = [entry for entry in sorted(path.rglob("*")) if entry.is_file() and not _hidden(entry, path)]
        if not any(entry.suffix.lower() != ".md" for entry in found):
            report.files.append(_failed(str(path), "this folder holds no vector file"))
        yield from found
    else:
        report.files.append(_failed(str(path), "there is no such file or folder"))


def _hidden(entry: Path, top: Path) -> bool:
    return any(part.startswith(".") for part in entry.relative_to(top).parts)


def _failed(path: str, reason: str) -> FileReport:
    return FileReport(path, "unknown", mismatches=[Mismatch(path, 0, "", "file", reason, "a vector file")])


def _first_look(file: Path, backend: str) -> tuple[FileReport, list[Part]]:
    """The report on a file as a whole, and the parts in which its cases are to be checked."""
    if file.suffix.lower() == ".md":
        return FileReport(str(file), "documentation"), []
    try:
        opened = _open(str(file), backend)
    except NotUnderstood as error:
        return _failed(str(file), str(error)), []
    except Exception as error:  # noqa: BLE001 - whatever a strange file provokes is a finding about it, not a crash
        return _failed(str(file), f"it cannot be read: {type(error).__name__}: {error}"), []
    size = opened.slice_size
    return opened.report, [(at, at + size) for at in range(0, len(opened.cases), size)]


def _open(path: str, backend: str) -> Opened:
    if Path(path).stat().st_size > _LARGEST_FILE:
        raise NotUnderstood(f"it is larger than {_LARGEST_FILE} octets")
    try:
        content = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise NotUnderstood(f"octet {error.start} is not UTF-8") from error
    return open_file(path, content, backend)


@lru_cache(maxsize=4)
def _opened(path: str, backend: str, state: tuple[int, int]) -> Opened:
    """The file as it was in a state, so that its parts are not read again one by one."""
    return _open(path, backend)


def _state(path: str) -> tuple[int, int]:
    status = Path(path).stat()
    return status.st_mtime_ns, status.st_size


def check_part(path: str, backend: str, part: Part) -> FileReport:
    """The counts and mismatches of some cases of a file."""
    opened = _opened(path, backend, _state(path))
    result = FileReport(path, opened.report.kind)
    for block in opened.cases[part[0] : part[1]]:
        check_case(opened, block, result)
    return result


def check_case(opened: Opened, block: Block, report: FileReport) -> None:
    """Check one case of a file and put the findings into `report`."""
    case = Case(report, block.name, block.fields, block.line)
    try:
        opened.check(case, block)
    except MissingField as error:
        case.fail(str(error), "the field is missing", "a value")
    except BadLiteral as error:
        case.fail("case", f"not understood: {error}", "a value")
    except Exception as error:  # noqa: BLE001 - one strange case must not hide what the others show
        case.fail("case", f"{type(error).__name__}: {error}", "a case that can be checked")
    case.finish()


def _run(tasks: list[tuple[FileReport, Part]], backend: str, jobs: int, progress: Progress | None) -> None:
    for done, (report, result) in enumerate(_results(tasks, backend, min(jobs, len(tasks))), 1):
        report.add(result)
        if progress:
            progress(done, len(tasks), report.path)


def _results(tasks: list[tuple[FileReport, Part]], backend: str, jobs: int) -> Iterable[tuple[FileReport, FileReport]]:
    if jobs <= 1:
        for report, part in tasks:
            yield report, check_part(report.path, backend, part)
        return
    with ProcessPoolExecutor(jobs) as pool:
        waiting: dict[Future[FileReport], FileReport] = {
            pool.submit(check_part, report.path, backend, part): report for report, part in tasks
        }
        for future in as_completed(waiting):
            yield waiting[future], future.result()
