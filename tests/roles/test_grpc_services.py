"""What a gRPC server has besides its operations: health that is true, and reflection that is enough to call it."""

from __future__ import annotations

import queue
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import proto_reflection_descriptor_database as reflected
from milagro.roles.dta.operations import SERVICE

from milagro.errors import StoreError
from milagro.roles.messages import DtaOperatorStatusAnswer, DtaStatusAnswer
from milagro.roles.refusals import code_of
from milagro.roles.transport.config import GrpcConfig
from milagro.roles.transport.rpc_peer import RpcPeer
from tests.cli.test_processes import Site
from tests.roles.stage import CONFIG, RpcStage
from tests.roles.test_operators import AUDIENCE, ISSUER, KEYS, SCOPE, key_set, token

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


def test_a_served_dta_speaks_grpc_and_knows_its_operator(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.make()
    (tmp_path / "dta-1" / "keys.json").write_bytes(key_set(*KEYS.values()))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with (tmp_path / "dta-1" / "milagro.toml").open("a") as file:
        file.write(f'\n[grpc]\nport = {port}\n[operators]\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\n')
        file.write(f'scope = "{SCOPE}"\njwks_file = "keys.json"\n')
    site.start("dta-1")
    try:
        with RpcPeer(f"127.0.0.1:{port}", SERVICE) as peer:
            assert peer.call("Status", None, DtaStatusAnswer).name == "dta-1"
            found = peer.call("OperatorStatus", None, DtaOperatorStatusAnswer, token())
            assert (found.ready, found.draining, found.authorities, found.issued) == (True, False, ["login.test"], 0)
            with pytest.raises(Exception, match="bearer token") as caught:
                peer.call("OperatorStatus", None, DtaOperatorStatusAnswer)
            assert code_of(caught.value) == "token-missing"  # type: ignore[arg-type]
    finally:
        assert site.stop("dta-1") == 0
    said = site.log("dta-1")
    assert '"transport": "grpc"' in said
    assert "Traceback" not in said
    assert "eyJ" not in said
