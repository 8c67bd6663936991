"""The .proto file of a service: written from its models, and read back into descriptors when a server starts.

The shipped text is what a server serves. Nothing is generated into code: a small reader takes the few forms that
`written` writes, and protobuf's own pool checks what it makes of them. The file is also the record of the field
numbers: a field keeps its number for ever, and the number of a field that went is reserved.

    str -> string, bytes -> bytes, bool -> bool, float -> double, int -> uint64 where its lower bound is 0, else int64,
    list[X] -> repeated, X | None or a default -> optional, a model -> its message
"""

from __future__ import annotations

import re
import types
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import annotated_types

from milagro.errors import ParameterError
from milagro.roles.wire import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic.fields import FieldInfo

    from milagro.roles.transport.operations import Service

_WIDTH = 120
_TOKEN = re.compile(r'\s*(?://[^\n]*\n\s*)*("[^"\n]*"|[A-Za-z_][\w.]*|\d+|[{}()=;,])')
_SCALARS = {str: "string", bytes: "bytes", bool: "bool", float: "double"}
HEADER = "Written by tools/make_proto.py from the models of the operations. A field keeps its number for ever."


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    name: str
    kind: str  # a scalar's name in protobuf, or a message's
    label: Literal["", "optional", "repeated"] = ""
    number: int = 0


@dataclass(slots=True)
class MessageText:
    """One message of a file."""

    name: str
    fields: list[Field] = field(default_factory=list)
    reserved_numbers: list[int] = field(default_factory=list)
    reserved_names: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ProtoFile:
    """What a .proto file says."""

    package: str = ""
    service: str = ""
    methods: list[tuple[str, str, str]] = field(default_factory=list)
    messages: dict[str, MessageText] = field(default_factory=dict)


def models_of(service: Service) -> list[type[Message]]:
    """Every model that the service's operations use, in order of use, each after those inside it."""
    found: dict[str, type[Message]] = {}

    def visit(model: type[Message]) -> None:
        for inner in (_inner_model(info.annotation) for info in model.model_fields.values()):
            if inner is not None and inner.__name__ not in found:
                visit(inner)
        if found.setdefault(model.__name__, model) is not model:
            raise ParameterError(f"two models of {service.name} have the name {model.__name__}")

    for operation in service.operations:
        visit(operation.request)
        visit(operation.answer)
    return list(found.values())


def fields_of(model: type[Message]) -> list[Field]:
    """The model's fields, without numbers.

    Raises: ParameterError if one has a type that protobuf has no form for
    """
    return [_field(f"{model.__name__}.{name}", name, info) for name, info in model.model_fields.items()]


def described(service: Service, before: ProtoFile | None = None) -> ProtoFile:
    """The file that the service's models make, with the numbers of the one `before`."""
    known = before or ProtoFile()
    methods = [(each.name, each.request.__name__, each.answer.__name__) for each in service.operations]
    messages = {
        model.__name__: _numbered(model, known.messages.get(model.__name__, MessageText(model.__name__)))
        for model in models_of(service)
    }
    return ProtoFile(service.package, service.name, methods, messages)


def written(service: Service, before: ProtoFile | None = None) -> str:
    """The text of the service's .proto file."""
    file, models = described(service, before), {model.__name__: model for model in models_of(service)}
    lines = [*_comment(HEADER), 'syntax = "proto3";', "", f"package {service.package};", ""]
    lines += [*_comment(service.summary), f"service {service.name} {{"]
    for operation, (name, request, answer) in zip(service.operations, file.methods, strict=True):
        note = "" if operation.caller == "public" else f" For {operation.caller}s only."
        over = f" Over HTTP: {operation.method} {operation.path}"
        lines += [*_comment(operation.summary + note + over, "  "), f"  rpc {name}({request}) returns ({answer});"]
    lines.append("}")
    for message in file.messages.values():
        lines += ["", *_comment((models[message.name].__doc__ or "").strip()), *_message_lines(message)]
    return "\n".join(lines) + "\n"


def parse(text: str) -> ProtoFile:
    """What a file that `written` wrote says.

    Raises: ParameterError if it has another form
    """
    return _Parser(text).file()


def differences(service: Service, file: ProtoFile) -> list[str]:
    """Where the file is not what the models make; each line says what `tools/make_proto.py` would change."""
    try:
        wanted = described(service, file)
    except ParameterError as error:
        return [str(error)]
    pairs = [(kind, getattr(file, kind), getattr(wanted, kind)) for kind in ("package", "service", "methods")]
    names = sorted({*wanted.messages, *file.messages})
    pairs += [(f"message {name}", file.messages.get(name), wanted.messages.get(name)) for name in names]
    return [f"{what}: {has} is not {should}" for what, has, should in pairs if has != should]


def _field(where: str, name: str, info: FieldInfo) -> Field:
    annotation, metadata, optional = _unwrapped(info.annotation, info.metadata)
    repeated = get_origin(annotation) is list
    if repeated:
        annotation, metadata, nested = _unwrapped(get_args(annotation)[0], [])
        if nested or get_origin(annotation) is list or optional:
            raise ParameterError(f"{where}: protobuf has lists of values only, and no list that may be missing")
    kind = _kind(where, annotation, metadata)
    label: Literal["", "optional", "repeated"] = "repeated" if repeated else ""
    # A message always says whether it is there; a scalar does so only if it is told to.
    if not repeated and (optional or not info.is_required()):
        label = "optional"
    return Field(name, kind, label)


def _kind(where: str, annotation: Any, metadata: Sequence[Any]) -> str:
    if get_origin(annotation) is Literal and all(isinstance(value, str) for value in get_args(annotation)):
        return "string"
    if isinstance(annotation, type) and issubclass(annotation, Message):
        return annotation.__name__
    if annotation is int:
        low = [entry.ge for entry in metadata if isinstance(entry, annotated_types.Ge)]
        return "uint64" if low and typing.cast("int", low[0]) >= 0 else "int64"
    if annotation not in _SCALARS:
        raise ParameterError(f"{where}: {annotation} has no form in protobuf here")
    return _SCALARS[annotation]


def _unwrapped(annotation: Any, metadata: Sequence[Any]) -> tuple[Any, list[Any], bool]:
    found, optional = list(metadata), False
    while True:
        if get_origin(annotation) is typing.Annotated:
            annotation, *more = get_args(annotation)
            found += _constraints(more)
        elif get_origin(annotation) in (Union, types.UnionType):
            rest = [entry for entry in get_args(annotation) if entry is not type(None)]
            if len(rest) != 1:
                return annotation, found, optional
            annotation, optional = rest[0], True
        else:
            return annotation, _constraints(found), optional


def _constraints(metadata: Sequence[Any]) -> list[Any]:
    return [inner for entry in metadata for inner in (entry.metadata if hasattr(entry, "metadata") else [entry])]


def _inner_model(annotation: Any) -> type[Message] | None:
    annotation = _unwrapped(annotation, [])[0]
    if get_origin(annotation) is list:
        annotation = _unwrapped(get_args(annotation)[0], [])[0]
    return annotation if isinstance(annotation, type) and issubclass(annotation, Message) else None


def _numbered(model: type[Message], before: MessageText) -> MessageText:
    numbers = {entry.name: entry.number for entry in before.fields}
    wanted = fields_of(model)
    back = {entry.name for entry in wanted} & set(before.reserved_names)
    if back:
        raise ParameterError(f"{model.__name__}: {sorted(back)} went once and cannot come back; take another name")
    gone = [entry for entry in before.fields if entry.name not in {kept.name for kept in wanted}]
    types_before = {entry.name: _type(entry) for entry in before.fields}
    changed = [entry.name for entry in wanted if types_before.get(entry.name, _type(entry)) != _type(entry)]
    if changed:
        raise ParameterError(f"{model.__name__}: {changed} changed its type; give the new field a new name")
    following = 1 + max([0, *numbers.values(), *before.reserved_numbers])
    fields = []
    for entry in wanted:
        number = numbers.get(entry.name, following)
        following += number == following
        fields.append(Field(entry.name, entry.kind, entry.label, number))
    return MessageText(
        model.__name__,
        sorted(fields, key=lambda entry: entry.number),
        sorted([*before.reserved_numbers, *(entry.number for entry in gone)]),
        [*before.reserved_names, *(entry.name for entry in gone)],
    )


def _type(entry: Field) -> tuple[str, bool]:
    return entry.kind, entry.label == "repeated"


def _message_lines(message: MessageText) -> Iterator[str]:
    if not message.fields and not message.reserved_numbers:
        yield f"message {message.name} {{}}"
        return
    yield f"message {message.name} {{"
    if message.reserved_numbers:
        yield f"  reserved {', '.join(map(str, message.reserved_numbers))};"
        yield "  reserved " + ", ".join(f'"{name}"' for name in message.reserved_names) + ";"
    for entry in message.fields:
        yield f"  {entry.label + ' ' if entry.label else ''}{entry.kind} {entry.name} = {entry.number};"
    yield "}"


def _comment(text: str, indent: str = "") -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= _WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(f"{indent}// {word}")
    return lines


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = self._split(text)
        self._at = 0

    def file(self) -> ProtoFile:
        file = ProtoFile()
        self._expect("syntax", "=", '"proto3"', ";", "package")
        file.package = self._next()
        self._expect(";", "service")
        file.service = self._next()
        self._expect("{")
        while not self._skip("}"):
            file.methods.append(self._method())
        while self._at < len(self._tokens):
            message = self._message()
            if file.messages.setdefault(message.name, message) is not message:
                raise ParameterError(f"the .proto file has two messages {message.name}")
        return file

    def _method(self) -> tuple[str, str, str]:
        self._expect("rpc")
        name = self._next()
        self._expect("(")
        request = self._next()
        self._expect(")", "returns", "(")
        answer = self._next()
        self._expect(")", ";")
        return name, request, answer

    def _message(self) -> MessageText:
        self._expect("message")
        message = MessageText(self._next())
        self._expect("{")
        while not self._skip("}"):
            if self._skip("reserved"):
                self._reserved(message)
            else:
                message.fields.append(self._field())
        return message

    def _reserved(self, message: MessageText) -> None:
        while True:
            token = self._next()
            if token.startswith('"'):
                message.reserved_names.append(token.strip('"'))
            else:
                message.reserved_numbers.append(self._number(token))
            if self._skip(";"):
                return
            self._expect(",")

    def _field(self) -> Field:
        label: Literal["", "optional", "repeated"] = ""
        if self._skip("optional"):
            label = "optional"
        elif self._skip("repeated"):
            label = "repeated"
        kind, name = self._next(), self._next()
        self._expect("=")
        number = self._number(self._next())
        self._expect(";")
        return Field(name, kind, label, number)

    @staticmethod
    def _number(token: str) -> int:
        if not token.isdecimal():
            raise ParameterError(f"the .proto file has {token} where a field's number should be")
        return int(token)

    def _next(self) -> str:
        if self._at == len(self._tokens):
            raise ParameterError("the .proto file ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _skip(self, token: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == token
        self._at += found
        return found

    def _expect(self, *tokens: str) -> None:
        for token in tokens:
            found = self._next()
            if found != token:
                raise ParameterError(f"the .proto file has {found} where {token} should be")

    @staticmethod
    def _split(text: str) -> list[str]:
        text = re.sub(r"//[^\n]*", "", text)
        tokens, at = [], 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise ParameterError(f"the .proto file has something unknown at {text[at:].strip()[:20]!r}")
            tokens.append(found[1])
            at = found.end()
        return tokens
