"""One replica of an MFA server, which writes down each PIN that it looks at. Run by test_guesses.py.

python replica_server.py CONFIG FILE
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from milagro.roles import logs, serving
from milagro.roles.config import LogConfig
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa.batches import LoginVerifier
from milagro.roles.mfa.network import open_network
from milagro.roles.mfa.service import MfaService
from tests.roles.world import PASSPHRASE

if TYPE_CHECKING:
    from milagro.protocols.mpin.v2 import Authenticated, Countable, ServerSecret


def main(path: str, evaluated: str) -> None:
    seen = os.open(evaluated, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    verify = LoginVerifier.verify

    def noting(self: LoginVerifier, secret: ServerSecret, countable: Countable) -> Authenticated:
        os.write(seen, b".")
        return verify(self, secret, countable)

    LoginVerifier.verify = noting  # type: ignore[method-assign]
    config = mfa_config.read_config(Path(path))
    logs.configure(LogConfig("warning", "json"), "mfa")
    listener = serving.listen(config.common.server)
    suite = config.suite.open()
    service = MfaService(config, suite, open_network(config, suite, PASSPHRASE))
    service.start()
    serving.run(mfa_http.create_app(service, config.common.server), config.common.server, listener)


if __name__ == "__main__":
    main(*sys.argv[1:])
