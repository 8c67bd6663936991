"""Fuzzes one parser with atheris (libFuzzer): `python -m tests.fuzz.run TARGET [libFuzzer options]`.

    python -m tests.fuzz.run cbor -max_total_time=60
    python -m tests.fuzz.run --list

An input that takes more than 5 s, or more than 512 MiB, is a finding, and so is any exception outside the error tree.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

LIMITS = ["-timeout=5", "-rss_limit_mb=512", "-print_final_stats=1"]


def main() -> None:
    with atheris.instrument_imports(include=["milagro"]):
        from tests.fuzz.envelope import TARGETS
    if sys.argv[1:] == ["--list"]:
        print("\n".join(TARGETS))
        return
    target = TARGETS[sys.argv[1]]
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(target.seeds()):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        atheris.Setup([sys.argv[0], *LIMITS, *sys.argv[2:], folder], target.check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
