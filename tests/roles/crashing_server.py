"""An MFA server that kills itself with SIGKILL at one named point. Run by test_crash.py in a process of its own.

python crashing_server.py CONFIG CHECKPOINT
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from milagro.roles import serving
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa.network import open_network
from milagro.roles.mfa.service import MfaService
from milagro.stores.keys import Passphrase


def main(path: str, deadly: str) -> None:
    def checkpoint(name: str) -> None:
        if name == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    config = mfa_config.read_config(Path(path))
    listener = serving.listen(config.common.server)
    passphrase = Passphrase(b"correct horse battery staple")
    suite = config.suite.open()
    service = MfaService(config, suite, open_network(config, suite, passphrase), checkpoint=checkpoint)
    serving.run(mfa_http.create_app(service, config.common.server), config.common.server, listener)


if __name__ == "__main__":
    main(*sys.argv[1:])
