"""Gets, builds and keeps a program written in Go, for tests that run the real one.

The source comes through Go's module proxy and is checked against its checksum database; the sum of the program's own
module, whose go.mod fixes the version of every other one, is pinned as well. The binary is kept in
$XDG_CACHE_HOME/milagro (~/.cache/milagro), so that a build is needed once.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GoProgram:
    """One program, at one version."""

    name: str
    module: str
    version: str
    module_sum: str
    package: str
    binary: str
    variable: str  # of the environment, names another binary

    def cached(self) -> Path:
        """Where the binary is kept, whether it is there or not."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cache / "milagro" / f"{self.name}-{self.version}" / self.binary

    def find(self) -> Path | None:
        """The program to test with: the one that the environment names, the one built here, or that on PATH."""
        for candidate in (os.environ.get(self.variable), self.cached(), shutil.which(self.binary)):
            if candidate and os.access(candidate, os.X_OK):
                return Path(candidate)
        return None

    def get(self) -> Path:
        """The binary, built if it is not there."""
        target = self.cached()
        target.parent.mkdir(parents=True, exist_ok=True)
        with (target.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a second caller waits for the first one's build
            if not target.exists():
                os.nice(5)
                self._build(target)
        return target

    def _build(self, target: Path) -> None:
        """Builds the program and puts it at `target`, there whole or not at all."""
        if shutil.which("go") is None:
            sys.exit(f"{self.name} is built with Go, and there is no `go` on PATH: install Go, or a `{self.binary}`")
        # A module of our own that asks for the other: `go install package@version` refuses one with `exclude` lines.
        with tempfile.TemporaryDirectory(prefix=f"milagro-{self.name}-") as name:
            folder = Path(name)
            _go(folder, "mod", "init", f"milagro.invalid/{self.name}")
            _go(folder, "get", f"{self.package}@{self.version}")
            sums = (folder / "go.sum").read_text(encoding="utf-8").splitlines()
            if f"{self.module} {self.version} {self.module_sum}" not in sums:
                sys.exit(f"the module {self.module} {self.version} does not have the sum that is pinned in tools/")
            _go(folder, "build", "-trimpath", "-ldflags", "-s -w", "-o", self.binary, self.package)
            part = target.with_name(f".{self.binary}.{os.getpid()}")
            shutil.copy2(folder / self.binary, part)
            part.replace(target)


def _go(folder: Path, *arguments: str) -> None:
    print("go", *arguments, file=sys.stderr, flush=True)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    done = subprocess.run(["go", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"go {arguments[0]} failed:\n{done.stderr[-4000:]}")
