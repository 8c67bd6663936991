"""Another server, as a client of its gRPC: the same refusals as over HTTP come out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

import grpc
from google.protobuf.message import DecodeError

from milagro.errors import ConfigError, MalformedEnvelope, MilagroError, Unavailable
from milagro.roles.refusals import InvalidRequest, refusal
from milagro.roles.transport.codec import Codec
from milagro.roles.transport.operations import NoRequest
from milagro.roles.transport.tracing import outgoing
from milagro.roles.wire import Message
from milagro.stores.urls import is_loopback

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from milagro.roles.transport.operations import Service

Answer = TypeVar("Answer", bound=Message)
_ANSWER_LIMIT = 1 << 18
_SECONDS = 15.0
_HTTP = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "DEADLINE_EXCEEDED": 408,
    "ALREADY_EXISTS": 409,
    "FAILED_PRECONDITION": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
}
_BY_CODE = {"ticket-expired": 410, "expired": 410, "too-large": 413}


class RpcPeer:
    """One server's gRPC at host:port, over TLS unless it is on this machine."""

    def __init__(
        self,
        address: str,
        service: Service,
        ca_certificate: Path | None = None,
        client_certificate: tuple[Path, Path] | None = None,
        seconds: float = _SECONDS,
    ) -> None:
        self.address = address
        self._codec = Codec(service)
        self._service = service
        self._seconds = seconds
        options = [("grpc.max_receive_message_length", _ANSWER_LIMIT), ("grpc.enable_http_proxy", 0)]
        if (
            ca_certificate is None
            and client_certificate is None
            and is_loopback(address.rpartition(":")[0].strip("[]"))
        ):
            self._channel = grpc.insecure_channel(address, options)
        else:
            self._channel = grpc.secure_channel(address, _credentials(ca_certificate, client_certificate), options)

    def call(self, name: str, message: Message | None, answer: type[Answer], token: str | None = None) -> Answer:
        """The answer of the operation `name`.

        Raises: Unavailable, MalformedEnvelope, and whatever the server refuses with
        """
        octets = self._codec.write(message or NoRequest())
        metadata = [*outgoing().items(), *([("authorization", f"Bearer {token}")] if token else [])]
        method = self._channel.unary_unary(f"/{self._service.full_name}/{name}")
        try:
            found = method(octets, timeout=self._seconds, metadata=metadata)
        except grpc.RpcError as error:
            raise self._refusal(error) from None
        try:
            return self._codec.read(answer, found)
        except (InvalidRequest, DecodeError):
            raise MalformedEnvelope(f"the server {self.address} sent an answer of an unknown shape") from None

    def close(self) -> None:
        """Ends all connections."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _refusal(self, error: Any) -> MilagroError:
        trailing = dict(error.trailing_metadata() or ())
        code = trailing.get("milagro-code")
        if not isinstance(code, str):
            text = f"the server {self.address} cannot be reached: {error.details() or error.code().name}"
            return Unavailable(text)
        retry = trailing.get("retry-after")
        seconds = float(retry) if isinstance(retry, str) and retry.isdecimal() else None
        status = _BY_CODE.get(code) or _HTTP.get(error.code().name, 500)
        return refusal(status, code, f"{error.details()} [{code}]", seconds)


def _credentials(ca_certificate: Path | None, client_certificate: tuple[Path, Path] | None) -> grpc.ChannelCredentials:
    try:
        roots = ca_certificate.read_bytes() if ca_certificate else None
        chain, key = [path.read_bytes() for path in client_certificate] if client_certificate else (None, None)
    except OSError as error:
        raise ConfigError(f"a certificate for {error.filename} cannot be read: {error.strerror}") from error
    return grpc.ssl_channel_credentials(roots, key, chain)
