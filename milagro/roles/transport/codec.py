"""Messages of a service as protobuf: descriptors from its .proto file, models read from and written to octets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from pydantic import ValidationError

from milagro.errors import ConfigError
from milagro.roles.refusals import InvalidRequest
from milagro.roles.transport import proto
from milagro.roles.wire import Message, faults_text

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message as Frame

    from milagro.roles.transport.operations import Service

Model = TypeVar("Model", bound=Message)
_FIELD = descriptor_pb2.FieldDescriptorProto
_KINDS = {
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
    "bool": _FIELD.TYPE_BOOL,
    "double": _FIELD.TYPE_DOUBLE,
    "int64": _FIELD.TYPE_INT64,
    "uint64": _FIELD.TYPE_UINT64,
}


class Codec:
    """The messages of one service.

    Raises: ConfigError if the .proto file that is installed does not fit the models
    """

    def __init__(self, service: Service) -> None:
        file = proto.parse(service.proto.read_text(encoding="utf-8"))
        faults = proto.differences(service, file)
        if faults:
            raise ConfigError(f"{service.proto.name} is not what the models make; run tools/make_proto.py", faults)
        self.pool = descriptor_pool.DescriptorPool()
        self.pool.Add(file_descriptor(file, service.proto.name))
        self._frames = {
            name: message_factory.GetMessageClass(self.pool.FindMessageTypeByName(f"{file.package}.{name}"))
            for name in file.messages
        }

    def frame(self, model: type[Message]) -> Frame:
        """An empty protobuf message for this model."""
        return self._frames[model.__name__]()

    def read(self, model: type[Model], octets: bytes) -> Model:
        """The model in these octets. Unknown fields are refused, as unknown members of JSON are.

        Raises: InvalidRequest, without what the octets held
        """
        frame = self.frame(model)
        try:
            frame.ParseFromString(octets)
        except DecodeError:
            raise InvalidRequest("body: protobuf decode error") from None
        try:
            return model.model_validate(_tree(frame, model.__name__))
        except ValidationError as error:
            raise InvalidRequest(faults_text(error.errors())) from None

    def write(self, message: Message) -> bytes:
        """The octets of a model."""
        frame = self.frame(type(message))
        _fill(frame, message)
        octets: bytes = frame.SerializeToString(deterministic=True)
        return octets


def file_descriptor(file: proto.ProtoFile, name: str) -> descriptor_pb2.FileDescriptorProto:
    """The file as protobuf's own description of it."""
    found = descriptor_pb2.FileDescriptorProto(name=name, package=file.package, syntax="proto3")
    for text in file.messages.values():
        _describe(found.message_type.add(name=text.name), text, file)
    service = found.service.add(name=file.service)
    for method, request, answer in file.methods:
        service.method.add(
            name=method, input_type=f".{file.package}.{request}", output_type=f".{file.package}.{answer}"
        )
    return found


def _describe(message: descriptor_pb2.DescriptorProto, text: proto.MessageText, file: proto.ProtoFile) -> None:
    for entry in text.fields:
        field = message.field.add(name=entry.name, number=entry.number, json_name=_json_name(entry.name))
        field.label = _FIELD.LABEL_REPEATED if entry.label == "repeated" else _FIELD.LABEL_OPTIONAL
        if entry.kind in _KINDS:
            field.type = _KINDS[entry.kind]
        else:
            field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{file.package}.{entry.kind}"
        if entry.label == "optional":  # protobuf's own form of it: a union of one
            field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{entry.name}")
    for number in text.reserved_numbers:
        message.reserved_range.add(start=number, end=number + 1)
    message.reserved_name.extend(text.reserved_names)


def _json_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _tree(frame: Frame, place: str) -> dict[str, Any]:
    if len(UnknownFieldSet(frame)):
        raise InvalidRequest(f"{place}: it has a field that is not known here")
    found: dict[str, Any] = {}
    for field in frame.DESCRIPTOR.fields:
        if not field.has_presence or frame.HasField(field.name):
            found[field.name] = _value(field, getattr(frame, field.name))
    return found


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is None:
        return list(value) if field.is_repeated else value
    return [_tree(entry, field.name) for entry in value] if field.is_repeated else _tree(value, field.name)


def _fill(frame: Frame, message: Message) -> None:
    for name in type(message).model_fields:
        value = getattr(message, name)
        if value is None:
            continue
        if isinstance(value, Message):
            inner = getattr(frame, name)
            inner.SetInParent()
            _fill(inner, value)
        elif isinstance(value, list):
            _fill_list(getattr(frame, name), value)
        else:
            setattr(frame, name, value)


def _fill_list(repeated: Any, values: list[Any]) -> None:
    for value in values:
        if isinstance(value, Message):
            _fill(repeated.add(), value)
        else:
            repeated.append(value)
