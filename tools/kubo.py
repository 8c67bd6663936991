"""Gets, builds and keeps a Kubo daemon for the tests: `python tools/kubo.py` prints where it is.

A build takes about 3.5 minutes of processor time, and 1.5 GB of disk (`go_program`).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.go_program import GoProgram

KUBO = GoProgram(
    name="kubo",
    module="github.com/ipfs/kubo",
    version="v0.43.0",
    module_sum="h1:yIqtKSCSKZXsYHz68J6hf1/dWOe/eMyaPsTubsVUb3M=",
    package="github.com/ipfs/kubo/cmd/ipfs",
    binary="ipfs",
    variable="MILAGRO_IPFS",
)


def main() -> None:
    """Prints the path of the binary, after building it if it is not there."""
    target = KUBO.get()
    version = subprocess.run([target, "version", "--number"], capture_output=True, text=True, check=True).stdout.strip()
    if f"v{version}" != KUBO.version:
        sys.exit(f"{target} is Kubo {version}, not {KUBO.version}; remove it and run this again")
    print(target)


if __name__ == "__main__":
    main()
