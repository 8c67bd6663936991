"""Operations: what a role does for callers, written down once for every transport."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from milagro.errors import ParameterError
from milagro.roles.refusals import CertificateMissing, TokenMissing
from milagro.roles.wire import Message

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.roles.transport.certificates import PeerCertificate
    from milagro.roles.transport.operators import Operator


class Caller(StrEnum):
    """Who may call an operation."""

    PUBLIC = "public"  # anyone; the operation checks what it is given
    OPERATOR = "operator"  # who shows a bearer token that [operators] allows
    PEER = "peer"  # who shows a client certificate that `tls_client_ca` signed


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler may know of a request besides the request."""

    request_id: str
    transport: Literal["http", "grpc"]
    address: str | None = None
    certificate: PeerCertificate | None = None
    operator: Operator | None = None
    deadline: float = field(default=float("inf"))
    """On `time.monotonic`'s clock: an answer after it goes nowhere."""
    caller: str | None = None
    """Whom limits count the request for: an address, or a network of them; behind a proxy, as that reports it."""

    def remaining(self) -> float:
        """Seconds until the deadline, 0 after it."""
        return max(0.0, self.deadline - time.monotonic())


Handler = Callable[[Any, Any, Call], Message]
"""(role, request, call) -> answer. Runs in a thread; raises a MilagroError to refuse."""


class NoRequest(Message):
    """Nothing: the operation needs no arguments."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: over HTTP `method` `path`, over gRPC the method `name`."""

    name: str
    summary: str
    handler: Handler
    request: type[Message]
    answer: type[Message]
    path: str
    method: Literal["GET", "POST"] = "POST"
    caller: Caller = Caller.PUBLIC
    tag: str = "operation"
    begins: bool = False
    """Whether it begins what later requests go on with: where there is too much to do, those come first."""
    cross_origin: bool = False
    """Whether scripts of any web page may call it: it heeds no cookie, and who may ask is in the request."""

    inner: bool = False
    """Whether other servers of the role ask for it while their callers wait: it runs in places of its own."""

    def __post_init__(self) -> None:
        if (self.method == "GET") != (not self.request.model_fields):
            raise ParameterError(f"{self.name}: a GET takes no arguments, and what takes none is a GET")
        if self.cross_origin and self.caller is not Caller.PUBLIC:
            raise ParameterError(f"{self.name}: pages of other origins call public operations only")

    def run(self, role: Any, request: Message, call: Call) -> Message:
        """The role's answer. Who may call was checked before; a gap there would end here.

        Raises: TokenMissing, CertificateMissing, and what the handler refuses with
        """
        if self.caller is Caller.OPERATOR and call.operator is None:
            raise TokenMissing("this operation needs an operator's bearer token")
        if self.caller is Caller.PEER and call.certificate is None:
            raise CertificateMissing("this operation needs a client certificate")
        return self.handler(role, request, call)


@dataclass(frozen=True, slots=True)
class Service:
    """The operations of one role, and the file that describes them to clients of gRPC."""

    name: str
    package: str
    summary: str
    proto: Path
    operations: tuple[Operation, ...]

    def __post_init__(self) -> None:
        for kind in ("name", "path"):
            seen = [getattr(operation, kind) for operation in self.operations]
            if len(set(seen)) != len(seen):
                raise ParameterError(f"two operations of {self.name} have one {kind}: {sorted(seen)}")

    @property
    def full_name(self) -> str:
        """The service's name with its package, as gRPC writes it."""
        return f"{self.package}.{self.name}"

    def operation(self, name: str) -> Operation:
        """The operation of that name.

        Raises: ParameterError
        """
        for operation in self.operations:
            if operation.name == name:
                return operation
        raise ParameterError(f"{self.name} has no operation {name}")
