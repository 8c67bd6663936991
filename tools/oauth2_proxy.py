"""Gets, builds and keeps oauth2-proxy for the tests: `python tools/oauth2_proxy.py` prints where it is.

A build takes about a minute of processor time (`go_program`).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.go_program import GoProgram

OAUTH2_PROXY = GoProgram(
    name="oauth2-proxy",
    module="github.com/oauth2-proxy/oauth2-proxy/v7",
    version="v7.6.0",
    module_sum="h1:hB759i/hkrFxoLQxpmGpslmm80hChOA8LQ3VM+2pRS0=",
    package="github.com/oauth2-proxy/oauth2-proxy/v7",
    binary="oauth2-proxy",
    variable="MILAGRO_OAUTH2_PROXY",
)


def main() -> None:
    """Prints the path of the binary, after building it if it is not there."""
    target = OAUTH2_PROXY.get()
    subprocess.run([target, "--version"], capture_output=True, check=True)
    print(target)


if __name__ == "__main__":
    main()
