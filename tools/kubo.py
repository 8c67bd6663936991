"""Gets, builds and keeps a Kubo daemon for the tests: `python tools/kubo.py` prints where it is.

The source comes through Go's module proxy and is checked against its checksum database; the sum of Kubo's own module,
whose go.mod fixes the version of every other one, is pinned here too. The binary is kept in $XDG_CACHE_HOME/milagro
(~/.cache/milagro), so that a build is needed once. It takes about 3.5 minutes of processor time, and 1.5 GB of disk.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "v0.43.0"
MODULE_SUM = "h1:yIqtKSCSKZXsYHz68J6hf1/dWOe/eMyaPsTubsVUb3M="
PACKAGE = "github.com/ipfs/kubo/cmd/ipfs"
MODULE = "github.com/ipfs/kubo"


def cached() -> Path:
    """Where the binary is kept, whether it is there or not."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "milagro" / f"kubo-{VERSION}" / "ipfs"


def find() -> Path | None:
    """The daemon to test with: $MILAGRO_IPFS, the one built here, or `ipfs` on PATH."""
    named = os.environ.get("MILAGRO_IPFS")
    for candidate in (named, cached(), shutil.which("ipfs")):
        if candidate and os.access(candidate, os.X_OK):
            return Path(candidate)
    return None


def build(target: Path) -> None:
    """Builds the daemon and puts it at `target`, there whole or not at all."""
    if shutil.which("go") is None:
        sys.exit("Kubo is built with Go, and there is no `go` on PATH: install Go 1.26 or newer, or an `ipfs` binary")
    # A module of our own that asks for Kubo: `go install package@version` refuses one with `exclude` lines.
    with tempfile.TemporaryDirectory(prefix="milagro-kubo-") as name:
        folder = Path(name)
        _go(folder, "mod", "init", "milagro.invalid/kubo")
        _go(folder, "get", f"{PACKAGE}@{VERSION}")
        if f"{MODULE} {VERSION} {MODULE_SUM}" not in (folder / "go.sum").read_text(encoding="utf-8").splitlines():
            sys.exit(f"the module {MODULE} {VERSION} does not have the sum that is pinned in tools/kubo.py")
        _go(folder, "build", "-trimpath", "-ldflags", "-s -w", "-o", "ipfs", PACKAGE)
        part = target.with_name(f".ipfs.{os.getpid()}")
        shutil.copy2(folder / "ipfs", part)
        part.replace(target)


def _go(folder: Path, *arguments: str) -> None:
    print("go", *arguments, file=sys.stderr, flush=True)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    done = subprocess.run(["go", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"go {arguments[0]} failed:\n{done.stderr[-4000:]}")


def main() -> None:
    """Prints the path of the binary, after building it if it is not there."""
    target = cached()
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second caller waits for the first one's build
        if not target.exists():
            os.nice(5)
            build(target)
    version = subprocess.run([target, "version", "--number"], capture_output=True, text=True, check=True).stdout.strip()
    if f"v{version}" != VERSION:
        sys.exit(f"{target} is Kubo {version}, not {VERSION}; remove it and run this again")
    print(target)


if __name__ == "__main__":
    main()
