"""Builds the native modules in a copy of the project, with another compiler or other flags than those of the wheel.

    python tools/build_apart.py FOLDER [--cc CC] [--flags=..] [--adx-flags=..] [--only w4 ..] ..

FOLDER gets the package, the tests and what they read; nothing in the checkout changes. Each module is translated to C
once and compiled by one command, which is printed. Run what is to be tried there: `cd FOLDER && python -m pytest ..`.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("milagro", "tests", "bench", "spec", "vectors", "pyproject.toml", "README.md")
LEFT_OUT = shutil.ignore_patterns("*.so", "*.c~", "__pycache__", "node_modules", ".*", "w?.c", "w?x.c")
AS_SHIPPED = "-fwrapv -O3 -g0"


@dataclass(frozen=True)
class Build:
    """What is compiled, where, and how; `adx_flags` are for the modules with assembly, where they differ."""

    folder: Path
    cc: str = sysconfig.get_config_var("CC") or "cc"
    flags: str = AS_SHIPPED
    adx_flags: str | None = None
    only: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    suffix: str = field(default_factory=lambda: str(sysconfig.get_config_var("EXT_SUFFIX")))

    @property
    def modules(self) -> list[str]:
        """The modules to build, the longest first."""
        names = (path.stem for path in (ROOT / "milagro" / "_native").glob("w*.pyx"))
        return sorted((name for name in names if not self.only or name in self.only), reverse=True)

    def command(self, module: str) -> list[str]:
        """The one command that makes the module from its C."""
        flags = self.adx_flags if self.adx_flags is not None and module.endswith("x") else self.flags
        headers = self.include or (sysconfig.get_path("include"),)
        source = self.folder / "milagro" / "_native" / f"{module}.c"
        return [
            *shlex.split(self.cc),
            *("-shared", "-fPIC", "-DNDEBUG", "-w"),
            *shlex.split(flags),
            *(f"-I{header}" for header in headers),
            str(source),
            *("-o", str(source.with_suffix(self.suffix))),
        ]


def copy(folder: Path) -> None:
    """The project without what is built."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=LEFT_OUT)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def run(command: list[str], folder: Path) -> None:
    """Prints the command and runs it."""
    print(shlex.join(command), flush=True)
    subprocess.run(command, cwd=folder, check=True)


def build(plan: Build) -> None:
    """Copies the project and compiles the modules, as many at a time as there are processors."""
    copy(plan.folder)

    def one(module: str) -> None:
        run([sys.executable, "-m", "cython", "-3", f"milagro/_native/{module}.pyx"], plan.folder)
        run(plan.command(module), plan.folder)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(one, plan.modules))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Build the native modules apart, with other flags.")
    parser.add_argument("folder", type=lambda name: Path(name).resolve())
    parser.add_argument("--cc", default=Build.cc)
    parser.add_argument("--flags", default=AS_SHIPPED)
    parser.add_argument("--adx-flags")
    parser.add_argument("--only", nargs="*", default=())
    parser.add_argument("--include", nargs="*", default=())
    parser.add_argument("--suffix")
    options = parser.parse_args()
    given: dict[str, Any] = {name: value for name, value in vars(options).items() if value is not None}
    build(Build(**given | {"only": tuple(options.only), "include": tuple(options.include)}))


if __name__ == "__main__":
    main()
