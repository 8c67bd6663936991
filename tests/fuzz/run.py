"""Fuzzes parsers with atheris (libFuzzer): `python -m tests.fuzz.run TARGET[,TARGET..] [libFuzzer options]`.

    python -m tests.fuzz.run cbor -max_total_time=60
    python -m tests.fuzz.run all -max_total_time=120 -artifact_prefix=found-
    python -m tests.fuzz.run --list

An input that takes more than 5 s, or more than 1 GiB, is a finding, and so is any exception outside the error tree.
Several targets run one after the other, each in a process of its own; the last lines name each with its executions.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import atheris

if TYPE_CHECKING:
    from tests.fuzz.target import Target

LIMITS = ["-timeout=5", "-rss_limit_mb=1024", "-malloc_limit_mb=512", "-print_final_stats=1"]


def fuzz(target: Target, options: list[str]) -> None:
    """Does not return: libFuzzer ends the process, with 0 if it found nothing."""
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(target.seeds()):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        atheris.Setup([sys.argv[0], *LIMITS, *options, folder], target.check)
        atheris.Fuzz()


def apart(target: Target, options: list[str]) -> tuple[int, str]:
    """The exit status of a process that fuzzes the target, and what it said."""
    with tempfile.TemporaryFile() as log:
        child = os.fork()
        if child == 0:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            try:
                fuzz(target, options)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        log.seek(0)
        return status, log.read().decode(errors="replace")


def main() -> None:
    with atheris.instrument_imports(include=["milagro"]):
        from tests.fuzz.targets import TARGETS
    names = list(TARGETS) if sys.argv[1] in ("all", "--list") else sys.argv[1].split(",")
    if sys.argv[1] == "--list":
        print("\n".join(names))
        return
    found = []
    for name in names:
        status, said = apart(TARGETS[name], sys.argv[2:])
        units = re.findall(r"number_of_executed_units: (\d+)", said)
        if status:
            found.append(name)
            print(said[-6000:])
        print(
            f"{name}: {units[0] if units else 'no'} executions, {'a FINDING' if status else 'nothing found'}",
            flush=True,
        )
    sys.exit(f"findings in {', '.join(found)}" if found else 0)


if __name__ == "__main__":
    main()
