"""Runs under valgrind: watches one list of operations on one curve and writes what memcheck reported for each.

    valgrind python -m tests.constant_time.watch LIBRARY CURVE MODULE LIST RESULT

Reports are on only while an operation runs, so neither the interpreter's start nor the preparation of secrets counts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.constant_time.operations import LISTS, Case, Secrets
from tests.constant_time.probe import Probe


def watched(case: Case, probe: Probe) -> dict[str, Any]:
    """One case, run and reported on."""
    probe.say(f"=== {case.name}")
    before = probe.reports()
    probe.watch(True)
    result = case.call()
    probe.watch(False)
    return {
        "name": case.name,
        "method": case.method,
        "reports": probe.reports() - before,
        "hidden": hidden(result, probe) if case.result else None,
    }


def hidden(result: Any, probe: Probe) -> int:
    parts = result if isinstance(result, tuple) else (result,)
    return min(probe.hidden(part) for part in parts)


def main(library: str, curve_name: str, module: str, what: str, out: str) -> None:
    probe = Probe(Path(library))
    if not probe.on_valgrind():
        sys.exit("this is to be run by valgrind")
    secrets = Secrets(curve_name, module, probe)
    results = [watched(case, probe) for case in LISTS[what](secrets)]
    Path(out).write_text(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
