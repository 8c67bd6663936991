"""Requests that nobody would think of, by schemathesis and as random protobuf: no status of 5xx, no hang, no growth.

MILAGRO_API_FUZZ=N makes N cases an operation (the session `api_fuzz` of nox), in place of a few.
"""

from __future__ import annotations

import os
import resource
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from milagro.roles.dta.member import http as dta_http
from milagro.roles.dta.member.operations import SERVICE as DTA
from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa.operations import SERVICE as MFA
from milagro.roles.transport import proto
from milagro.roles.transport.codec import Codec
from milagro.roles.transport.config import GrpcConfig
from milagro.roles.transport.operations import Caller
from milagro.roles.transport.rpc import RpcServer
from tests.roles.settled import settled_member
from tests.roles.stage import Loop
from tests.roles.world import SetClock, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milagro.roles.wire import Message

CASES = int(os.environ.get("MILAGRO_API_FUZZ", "0"))
HTTP_CASES = CASES or 25
RPC_CASES = CASES or 120
SEED = int(os.environ.get("MILAGRO_API_FUZZ_SEED", "20261122")) if not CASES else secrets.randbits(32)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SERVICES = {"dta": DTA, "mfa": MFA}
GROWTH_KIB = 64 * 1024


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The applications of a D-TA that holds a share, and of an MFA server."""
    world = World(tmp_path_factory.mktemp("world"), SetClock()).build()
    with settled_member(tmp_path_factory.mktemp("dta")) as member:
        yield {
            "dta": dta_http.create_app(member, member.config.common.server),
            "mfa": mfa_http.create_app(world.mfa, world.config.common.server),
        }
    world.close()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_http(apps: dict[str, Any], name: str) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", apps[name])
    seen, grown = [], []
    for found in schema.get_all_operations():
        operation = found.ok()
        seen.append(operation.path)

        @seed(SEED)
        @settings(
            max_examples=HTTP_CASES,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(
            case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE) | operation.as_strategy()
        )
        def check(case: Any) -> None:
            case.call_and_validate(checks=CHECKS)

        check()
        grown.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert grown[-1] - grown[1] < GROWTH_KIB
    assert len(seen) >= len([one for one in SERVICES[name].operations if one.caller is not Caller.OPERATOR])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_bodies_that_are_hardly_json(apps: dict[str, Any], name: str) -> None:
    client, service = TestClient(apps[name], raise_server_exceptions=False), SERVICES[name]
    bodies = [
        b"",
        b"null",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"1" * 60_000,
        b"-",
        b"NaN",
        b"1e999999",
        b'"\\ud800"',
        b'{"\\ud800\\udc00\\ud800": "\\udfff"}',
        b'{"ticket": "\\ud800"}',
        b'{"\\u0000": "\\u0000\\n"}',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"' + b"k" * 60_000 + b'": 1}',
        b"{" + b",".join(b'"k%d":1' % number for number in range(5000)) + b"}",
    ]
    types = ["application/json", "application/json; charset=utf-16", "text/plain", "", "application/x-protobuf", "*"]
    for operation in service.operations:
        for body in bodies:
            for kind in types if len(body) < 100 else types[:1]:
                headers = {"content-type": kind, "content-encoding": "gzip", "x-request-id": "\x7f" * 9}
                answer = client.request(operation.method, operation.path, content=body, headers=headers)
                refused = operation.method == "POST"
                wanted = {401, 404} if operation.caller is Caller.OPERATOR else {400} if refused else {200}
                assert answer.status_code in wanted, (operation.name, body[:40], kind, answer.text)
                assert len(answer.content) < (4000 if refused else 1 << 20)


# -- gRPC ---------------------------------------------------------------------------------------------------------
FINE = {"OK", "INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS"}
FINE |= {"FAILED_PRECONDITION", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"}
VALUES: dict[str, Any] = {
    "string": st.text(max_size=40) | st.sampled_from(["a.b.c", "\0", "\U0010ffff" * 600]),
    "bytes": st.binary(max_size=200) | st.sampled_from([bytes(64), bytes(5000)]),
    "int64": st.integers(-(1 << 63), (1 << 63) - 1),
    "uint64": st.integers(0, (1 << 64) - 1),
    "bool": st.booleans(),
    "double": st.floats(),
}


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def wire_field(number: int, kind: int, data: bytes) -> bytes:
    """One field as it stands on the wire, of any wire type, true to its length or not."""
    bodies = {0: varint(len(data)), 1: data[:8].ljust(8), 2: varint(len(data)) + data, 5: data[:4].ljust(4)}
    return varint(number << 3 | kind) + bodies.get(kind, data)


WIRE = st.lists(
    st.builds(wire_field, st.integers(0, 12) | st.integers(0, 1 << 32), st.integers(0, 7), st.binary(max_size=80)),
    max_size=8,
).map(b"".join)


def filled(model: type[Message], file: proto.ProtoFile, codec: Codec) -> st.SearchStrategy[bytes]:
    """Messages whose fields are of the right kind, whatever their values."""
    fields = {entry.name: entry for entry in file.messages[model.__name__].fields}
    values = {
        name: st.lists(VALUES[entry.kind], max_size=3) if entry.label == "repeated" else VALUES[entry.kind]
        for name, entry in fields.items()
        if entry.kind in VALUES
    }
    made = st.fixed_dictionaries({}, optional=values)
    return made.map(lambda chosen: bytes(type(codec.frame(model))(**chosen).SerializeToString()))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_grpc(apps: dict[str, Any], name: str) -> None:
    front, service = apps[name].state.front, SERVICES[name]
    front.config = replace(front.config, grpc=GrpcConfig(port=0))
    loop, server, codec = Loop(), RpcServer(front), Codec(service)
    loop.run(server.start())
    file = proto.parse(service.proto.read_text())
    grown: list[int] = []
    with grpc.insecure_channel(f"127.0.0.1:{server.port}", [("grpc.enable_http_proxy", 0)]) as channel:
        for operation in service.operations:
            method = channel.unary_unary(f"/{service.full_name}/{operation.name}")

            @seed(SEED)
            @settings(max_examples=RPC_CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(st.binary(max_size=300) | WIRE | filled(operation.request, file, codec))
            def check(octets: bytes) -> None:
                code, trailing = outcome(method, octets)  # noqa: B023 - it runs at once
                assert code in FINE, octets
                assert code == "OK" or {"milagro-code", "x-request-id"} <= set(trailing)

            check()
            grown.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        status = channel.unary_unary(f"/{service.full_name}/Status")
        for size in (66_000, 300_000, 5_000_000):  # beyond the limit of a body, and beyond that of the connection
            assert outcome(status, bytes(size))[0] == "RESOURCE_EXHAUSTED"
        assert outcome(status, b"")[0] == "OK"
    loop.run(server.stop(1))
    loop.close()
    assert grown[-1] - grown[1] < GROWTH_KIB
    assert front.admission.under_way == front.admission.running == 0


def outcome(method: Any, octets: bytes) -> tuple[str, dict[str, Any]]:
    try:
        method(octets, timeout=20)
    except grpc.RpcError as error:
        return error.code().name, dict(error.trailing_metadata() or ())  # type: ignore[attr-defined]
    return "OK", {}
