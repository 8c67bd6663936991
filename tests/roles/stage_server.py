"""The stage as a process. Run by test_shutdown.py.

python stage_server.py FOLDER PORT GRPC_PORT

Its handler sleeps `count` milliseconds, then writes the secret to FOLDER/done and syncs it, then answers.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from milagro.roles import logs, serving
from milagro.roles.config import LogConfig
from milagro.roles.transport.config import GrpcConfig
from milagro.roles.transport.http import application
from milagro.roles.transport.operations import Call
from tests.roles import stage


def main(folder: Path, port: int, grpc_port: int, drain: int, shutdown: int) -> None:
    config = replace(stage.CONFIG, port=port, grpc=GrpcConfig(port=grpc_port), drain_seconds=drain, max_requests=200)
    front, _ = stage.make_front(folder, replace(config, shutdown_seconds=shutdown, request_timeout_seconds=30))
    done = (folder / "done").open("ab", buffering=0)

    def work(_role: stage.Role, request: stage.Body, _call: Call) -> stage.Done:
        time.sleep(request.count / 1000)
        done.write(request.secret + b"\n")
        os.fsync(done.fileno())
        return stage.Done(done=True, secret=request.secret)

    operations = (replace(front.service.operations[0], handler=work), *front.service.operations[1:])
    front.service = replace(front.service, operations=operations)
    logs.configure(LogConfig("info", "json"), "stage")
    serving.run(application("Stage", "A stage.", front), front.config, serving.listen(front.config))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(text) for text in sys.argv[2:6]))
