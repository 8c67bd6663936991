"""What a gRPC server has besides its operations: health that is true, and reflection that is enough to call it."""

from __future__ import annotations

import queue
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import proto_reflection_descriptor_database as reflected

from milagro.errors import MilagroError, StoreError
from milagro.roles.dta.member.http import create_app
from milagro.roles.dta.member.operations import SERVICE
from milagro.roles.messages import MemberOperatorStatusAnswer, MemberStatusAnswer
from milagro.roles.refusals import code_of
from milagro.roles.transport.config import GrpcConfig
from milagro.roles.transport.rpc import RpcServer
from milagro.roles.transport.rpc_peer import RpcPeer
from tests.roles.settled import settled_member
from tests.roles.stage import CONFIG, Loop, RpcStage
from tests.roles.test_operators import AUDIENCE, ISSUER, KEYS, SCOPE, key_set, token
from tests.roles.world import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Status = health_pb2.HealthCheckResponse


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[RpcStage]:
    made = RpcStage(tmp_path)
    yield made
    made.close()


def test_health_by_name(stage: RpcStage) -> None:
    stub = health_pb2_grpc.HealthStub(stage.channel)
    for name in ("", stage.front.service.full_name):
        assert stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=10).status == Status.SERVING
    with pytest.raises(grpc.RpcError) as caught:
        stub.Check(health_pb2.HealthCheckRequest(service="other"), timeout=10)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_whoever_watches_is_told(stage: RpcStage) -> None:
    stream = health_pb2_grpc.HealthStub(stage.channel).Watch(health_pb2.HealthCheckRequest(), timeout=30)
    told: queue.Queue[int] = queue.Queue()

    def listen() -> None:
        try:
            for found in stream:
                told.put(found.status)
        except grpc.RpcError:
            pass

    threading.Thread(target=listen, daemon=True).start()

    def broken() -> None:
        raise StoreError("the disk is gone")

    assert told.get(timeout=10) == Status.SERVING
    stage.role.ready = broken
    assert told.get(timeout=10) == Status.NOT_SERVING
    stage.role.ready = lambda: None
    assert told.get(timeout=10) == Status.SERVING
    stage.front.readiness.drain()
    assert told.get(timeout=10) == Status.NOT_SERVING
    stream.cancel()


def test_reflection_is_enough_to_call_the_service(stage: RpcStage) -> None:
    database = reflected.ProtoReflectionDescriptorDatabase(stage.channel)
    name = stage.front.service.full_name
    assert {name, "grpc.health.v1.Health"} <= set(database.get_services())
    pool = descriptor_pool.DescriptorPool(database)
    method = pool.FindServiceByName(name).FindMethodByName("Act")
    request, answer = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
    octets = request(secret=b"abc", items=[{"name": "a"}]).SerializeToString()
    call = stage.channel.unary_unary(f"/{name}/Act")
    assert answer.FromString(call(octets, timeout=10)).secret == b"abc"


def test_reflection_can_be_left_out(tmp_path: Path) -> None:
    stage = RpcStage(tmp_path, replace(CONFIG, grpc=GrpcConfig(port=0, reflection=False)))
    with pytest.raises(grpc.RpcError) as caught:
        reflected.ProtoReflectionDescriptorDatabase(stage.channel).get_services()
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    stage.close()


def test_a_dta_speaks_grpc_and_knows_its_operator(tmp_path: Path) -> None:
    write(tmp_path / "keys.json", "").write_bytes(key_set(*KEYS.values()))
    operators = (
        f'[operators]\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\nscope = "{SCOPE}"\njwks_file = "keys.json"\n'
    )
    loop = Loop()
    with settled_member(tmp_path, operators) as member:
        config = replace(member.config.common.server, grpc=GrpcConfig(port=0))
        server = RpcServer(create_app(member, config).state.front)
        loop.run(server.start())
        with RpcPeer(f"127.0.0.1:{server.port}", SERVICE) as peer:
            found = peer.call("Status", None, MemberStatusAnswer)
            assert (found.name, found.network_name, found.threshold, found.holds_share) == ("dta-1", "test", 2, True)
            told = peer.call("OperatorStatus", None, MemberOperatorStatusAnswer, token())
            assert (told.ready, told.draining, len(told.members)) == (True, False, 3)
            with pytest.raises(MilagroError, match="bearer token") as caught:
                peer.call("OperatorStatus", None, MemberOperatorStatusAnswer)
            assert code_of(caught.value) == "token-missing"
        loop.run(server.stop(1))
    loop.close()
