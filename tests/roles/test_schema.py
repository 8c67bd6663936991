"""One schema: OpenAPI, .proto and models say the same, and whatever moves one of them without the others is seen."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from google.protobuf import descriptor_pb2
from pydantic import Field, create_model

from milagro.errors import ConfigError, ParameterError
from milagro.roles.dta.member.operations import SERVICE as DTA
from milagro.roles.issuance.messages import IssueAnswer
from milagro.roles.messages import PermitsRequest
from milagro.roles.mfa.operations import SERVICE as MFA
from milagro.roles.refusals import InvalidRequest
from milagro.roles.transport import proto
from milagro.roles.transport.codec import Codec, file_descriptor
from milagro.roles.transport.http import application
from milagro.roles.transport.operations import Caller, NoRequest, Operation, Service
from milagro.roles.wire import Message, Octets
from tests.conftest import missing
from tests.roles.stage import Body, Done, HttpStage, act, make_service

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
SERVICES = {"dta": DTA, "mfa": MFA}
_JSON_TYPES = {"string": "string", "bytes": "string", "bool": "boolean", "double": "number"}


@pytest.fixture(params=sorted(SERVICES))
def service(request: pytest.FixtureRequest) -> Service:
    return SERVICES[request.param]


def shipped(service: Service) -> proto.ProtoFile:
    return proto.parse(service.proto.read_text())


def make_proto() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_proto", ROOT / "tools" / "make_proto.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_shipped_files_are_what_the_models_make(service: Service) -> None:
    assert make_proto().main(["--check"]) == 0
    assert proto.differences(service, shipped(service)) == []
    assert service.proto.read_text() == proto.written(service, shipped(service))


def test_protoc_reads_the_file_as_the_server_does(service: Service, tmp_path: Path) -> None:
    try:
        from grpc_tools import protoc
    except ImportError:
        missing("grpcio-tools is not installed")
    out = tmp_path / "set"
    folder = service.proto.parent
    assert protoc.main(["protoc", f"-I{folder}", f"--descriptor_set_out={out}", str(service.proto)]) == 0
    (theirs,) = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    assert theirs == file_descriptor(shipped(service), service.proto.name)


def openapi(service: Service, tmp_path: Path) -> dict[str, Any]:
    """The OpenAPI document of a server on which every operation is served."""
    stage = HttpStage(tmp_path)
    stage.close()
    stage.front.service = replace(
        service, operations=tuple(replace(each, caller=Caller.PUBLIC) for each in service.operations)
    )
    described: dict[str, Any] = application("Test", "A test.", stage.front).openapi()
    return described


def drift(described: dict[str, Any], file: proto.ProtoFile) -> list[str]:
    """Where an OpenAPI document and a .proto file differ."""
    routes = {each["operationId"]: each for path in described["paths"].values() for each in path.values()}
    found = []
    for name, request, answer in file.methods:
        route = routes.get(name)
        if route is None:
            found.append(f"no route {name}")
            continue
        said = route["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        body = route.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        asked = body.get("$ref", "/NoRequest").rpartition("/")[2]
        found += [f"{name}: {asked, said}"] if (asked, said) != (request, answer) else []
    schemas = described["components"]["schemas"]
    for message in file.messages.values():
        found += message_drift(message, schemas.get(message.name, {"properties": {}}))
    return found


def message_drift(message: proto.MessageText, schema: dict[str, Any]) -> list[str]:
    properties = schema.get("properties", {})
    names = {entry.name for entry in message.fields}
    found = [f"{message.name}: {sorted(names ^ set(properties))}"] if names != set(properties) else []
    for entry in message.fields:
        seen = properties.get(entry.name, {})
        if "anyOf" in seen:
            (seen,) = [each for each in seen["anyOf"] if each != {"type": "null"}]
        if (entry.label == "repeated") != (seen.get("type") == "array"):
            found.append(f"{message.name}.{entry.name}: a list in one")
        seen = seen.get("items", seen)
        kind = seen.get("$ref", "").rpartition("/")[2] or seen.get("type")
        wanted = "integer" if entry.kind.endswith("int64") else _JSON_TYPES.get(entry.kind, entry.kind)
        if kind != wanted or (entry.kind == "bytes") != (seen.get("format") == "base64url"):
            found.append(f"{message.name}.{entry.name}: {entry.kind} and {seen}")
        always = entry.label == "" and "default" not in properties.get(entry.name, {})
        if entry.label != "repeated" and always != (entry.name in schema.get("required", [])):
            found.append(f"{message.name}.{entry.name}: required in one")
    return found


def test_openapi_and_proto_agree(service: Service, tmp_path: Path) -> None:
    described = openapi(service, tmp_path)
    assert drift(described, shipped(service)) == []
    routes = {each.path: {each.method.lower()} for each in service.operations}
    common = {"/healthz", "/readyz", "/metrics"}
    assert {path: set(each) for path, each in described["paths"].items() if path not in common} == routes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bytes signature = 3", "string signature = 3"),
        ("bytes signature = 3", "bytes proof = 3"),
        ("bytes signature = 3", "repeated bytes signature = 3"),
        ("bytes signature = 3", "optional bytes signature = 3"),
        ("rpc Permits(PermitsRequest)", "rpc Permits(NoRequest)"),
        ("rpc Permits(", "rpc Allow("),
        ("  string status = 1;\n", ""),
    ],
)
def test_planted_drift_is_seen(tmp_path: Path, old: str, new: str) -> None:
    text = MFA.proto.read_text()
    assert old in text
    planted = text.replace(old, new, 1)
    assert drift(openapi(MFA, tmp_path), proto.parse(planted))
    (tmp_path / "dta.proto").write_text(planted)
    with pytest.raises(ConfigError, match="make_proto"):
        Codec(replace(MFA, proto=tmp_path / "dta.proto"))


def test_a_number_that_moved_is_seen(tmp_path: Path) -> None:
    text = MFA.proto.read_text()
    numbers = re.search(r"message PermitsRequest \{[^}]*\}", text)
    assert numbers is not None
    moved = numbers[0].replace("= 1;", "= 9;").replace("= 2;", "= 1;").replace("= 9;", "= 2;")
    # The file is the record of the numbers, so only its order tells; a diff of the file is what a reviewer sees.
    before, after = proto.parse(text), proto.parse(text.replace(numbers[0], moved))
    assert before.messages["PermitsRequest"] != after.messages["PermitsRequest"]
    assert proto.differences(MFA, after)  # fields are listed by number


def grown(**fields: Any) -> Service:
    model = create_model("PermitsRequest", __base__=Message, **fields)
    return replace(MFA, operations=(replace(MFA.operations[0], request=model),))


def test_numbers_are_never_given_twice() -> None:
    first = grown(a=(str, ...), b=(bytes, ...))
    second = grown(b=(bytes, ...), c=(int, ...))
    third = grown(b=(bytes, ...), c=(int, ...), d=(list[str], ...))
    one = proto.parse(proto.written(first))
    two = proto.parse(proto.written(second, one))
    three = proto.parse(proto.written(third, two)).messages["PermitsRequest"]
    assert [(entry.name, entry.number) for entry in three.fields] == [("b", 2), ("c", 3), ("d", 4)]
    assert (three.reserved_numbers, three.reserved_names) == ([1], ["a"])
    with pytest.raises(ParameterError, match="cannot come back"):
        proto.written(first, two)
    with pytest.raises(ParameterError, match="changed its type"):
        proto.written(grown(b=(str, ...)), two)
    assert list(file_descriptor(proto.parse(proto.written(third, two)), "x").message_type[0].reserved_name) == ["a"]


@pytest.mark.parametrize(
    "kind", [dict[str, str], list[list[int]], list[int] | None, int | str, tuple[int, ...], object]
)
def test_a_type_without_a_form_in_protobuf_is_refused(kind: Any) -> None:
    model = create_model("Odd", __base__=Message, __config__=None, field=(Any if kind is object else kind, ...))
    with pytest.raises(ParameterError, match=r"Odd\.field"):
        proto.fields_of(model)


def test_kinds_of_fields() -> None:
    model = create_model(
        "Kinds",
        __base__=Message,
        word=(Literal["a", "b"], ...),
        natural=(int, Field(ge=0)),
        whole=(int, ...),
        maybe=(int | None, None),
        octets=(list[Octets], ...),
        inner=(IssueAnswer, ...),
        real=(float, 1.0),
    )
    kinds = {entry.name: (entry.kind, entry.label) for entry in proto.fields_of(model)}
    assert kinds == {
        "word": ("string", ""),
        "natural": ("uint64", ""),
        "whole": ("int64", ""),
        "maybe": ("int64", "optional"),
        "octets": ("bytes", "repeated"),
        "inner": ("IssueAnswer", ""),
        "real": ("double", "optional"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "syntax",
        'syntax = "proto2";',
        'syntax = "proto3"; package a; service A { rpc',
        "?",
        'syntax = "proto3"; package a; service A {} message M { string a = b; }',
    ],
)
def test_a_file_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match=r"\.proto file"):
        proto.parse(text)


def test_operations_are_checked() -> None:
    with pytest.raises(ParameterError, match="GET"):
        Operation("A", "a", act, Body, Done, "/a", "GET")
    with pytest.raises(ParameterError, match="GET"):
        Operation("A", "a", act, NoRequest, Done, "/a", "POST")
    one = Operation("A", "a", act, Body, Done, "/a")
    for other in (replace(one, path="/b"), replace(one, name="B")):
        with pytest.raises(ParameterError, match="two operations"):
            Service("S", "p", "s", Path("s.proto"), (one, other))


# -- octets -------------------------------------------------------------------------------------------------------
@pytest.fixture
def codec(tmp_path: Path) -> Codec:
    return Codec(make_service(tmp_path))


def test_unknown_fields_are_refused_as_in_json(codec: Codec) -> None:
    good = codec.write(Body(secret=b"abc", items=[{"name": "a"}]))  # type: ignore[list-item]
    assert codec.read(Body, good).items[0].name == "a"
    for more in (b"\x7a\x01x", b"\x78\x01", b"\xfa\x3f\x01x"):
        with pytest.raises(InvalidRequest, match="not known"):
            codec.read(Body, good + more)
    inside = b"\x22\x06\x0a\x01a\x7a\x01x"  # in an item
    with pytest.raises(InvalidRequest, match="items"):
        codec.read(Body, codec.write(Body(secret=b"abc")) + inside)


def test_octets_that_are_no_message_are_refused_without_an_echo(codec: Codec) -> None:
    for octets in (
        b"\xff",
        b"\x0a\x7fCANARY",
        b"\x0a\xff\xff\xff\xff\x0fCANARY",
        b"\x22\x03\x0a\x01\xff",
        b"\x0b" * 200,
    ):
        with pytest.raises(InvalidRequest) as caught:
            codec.read(Body, octets)
        assert "CANARY" not in str(caught.value)


def test_models_judge_what_protobuf_lets_through(codec: Codec) -> None:
    frame: Any = codec.frame(Body)
    for change in ({"secret": b""}, {"secret": bytes(5000)}, {"secret": b"a", "at": 1 << 41}):
        filled = type(frame)(**change).SerializeToString()
        with pytest.raises(InvalidRequest, match=r"secret|at"):
            codec.read(Body, filled)


def test_requests_go_both_ways(codec: Codec) -> None:
    body = Body(secret=b"\0\xff", count=-(1 << 63), at=0, best={"name": "\u00e9"})  # type: ignore[arg-type]
    assert codec.read(Body, codec.write(body)) == body
    request = PermitsRequest(identity=b"i", at=1, signature=bytes(64), key_id=bytes(32))
    assert Codec(MFA).read(PermitsRequest, Codec(MFA).write(request)) == request
