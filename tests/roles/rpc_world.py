"""The small world, with its D-TAs asked over gRPC."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from milagro.roles.dta.operations import SERVICE

from milagro.errors import MilagroError, status_of
from milagro.roles.refusals import code_of
from milagro.roles.transport.config import GrpcConfig
from milagro.roles.transport.rpc import RpcServer
from milagro.roles.transport.rpc_peer import RpcPeer
from milagro.roles.wire import to_octets
from tests.roles.stage import Loop
from tests.roles.world import DTA_URLS, World

OPERATIONS = {operation.path: operation for operation in SERVICE.operations}


@dataclass
class RpcWorld(World):
    """A world whose `post` goes to a D-TA's port for gRPC, and says what came back in HTTP's words."""

    loop: Loop = field(default_factory=Loop)
    servers: dict[str, RpcServer] = field(default_factory=dict)

    def start_dta(self, name: str) -> None:
        super().start_dta(name)
        front = self.http[DTA_URLS[name]].app.state.front  # type: ignore[attr-defined]
        front.config = replace(front.config, grpc=GrpcConfig(port=0))
        if name in self.servers:
            self.loop.run(self.servers[name].stop(1))
        self.servers[name] = RpcServer(front)
        self.loop.run(self.servers[name].start())

    def rpc(self, name: str) -> RpcPeer:
        return RpcPeer(f"127.0.0.1:{self.servers[name].port}", SERVICE)

    def post(self, url: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        names = {address: name for name, address in DTA_URLS.items()}
        if url not in names:
            return super().post(url, path, body)
        operation = OPERATIONS[path]
        octets = {name for name, info in operation.request.model_fields.items() if info.annotation is bytes}
        values = {name: to_octets(value) if name in octets else value for name, value in body.items()}
        try:
            with self.rpc(names[url]) as peer:
                answer = peer.call(operation.name, operation.request.model_construct(**values), operation.answer)
        except MilagroError as error:
            return status_of(error).http, {"error": {"code": code_of(error)}}
        return 200, answer.model_dump(mode="json")

    def close(self) -> None:
        for server in self.servers.values():
            self.loop.run(server.stop(1))
        self.loop.close()
