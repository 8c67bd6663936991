"""Another server, as a client of its JSON over HTTP: every failure is one of this package's errors."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from milagro.errors import ConfigError, MalformedEnvelope, Unavailable
from milagro.roles.refusals import refusal
from milagro.roles.transport.tracing import outgoing
from milagro.roles.wire import ErrorBody, Message
from milagro.stores.urls import is_loopback, url_fault

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

Answer = TypeVar("Answer", bound=Message)
_ANSWER_LIMIT = 1 << 22  # the bundles of a whole network
_SECONDS = 15.0
_CONNECT_SECONDS = 5.0


class Peer:
    """One server at `url`, over TLS unless it is on this machine."""

    def __init__(
        self,
        url: str,
        ca_certificate: Path | None = None,
        transport: httpx.BaseTransport | None = None,
        client_certificate: tuple[Path, Path] | None = None,
        seconds: float = _SECONDS,
    ) -> None:
        fault = url_fault(url)
        if fault:
            raise ConfigError(f"the server's URL {fault}")
        self.url = url.rstrip("/")
        local = is_loopback(urlsplit(url).hostname or "")
        self._client = httpx.Client(
            base_url=self.url,
            verify=_trust(ca_certificate, client_certificate),
            timeout=httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS)),
            transport=transport,
            trust_env=not local,  # a proxy named in the environment does not reach this machine's own ports
            follow_redirects=False,
        )

    def get(self, path: str, answer: type[Answer], token: str | None = None) -> Answer:
        """The answer to a GET.

        Raises: Unavailable, MalformedEnvelope, and whatever the server refuses with
        """
        return self._ask("GET", path, None, answer, token)

    def post(self, path: str, message: Message, answer: type[Answer], token: str | None = None) -> Answer:
        """The answer to a POST of `message`.

        Raises: Unavailable, MalformedEnvelope, and whatever the server refuses with
        """
        return self._ask("POST", path, message.model_dump(mode="json", exclude_none=True), answer, token)

    def close(self) -> None:
        """Ends all connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None, answer: type[Answer], token: str | None
    ) -> Answer:
        headers = {**outgoing(), **({"authorization": f"Bearer {token}"} if token else {})}
        try:
            with self._client.stream(method, path, json=body, headers=headers) as response:
                content = self._read(response)
        except httpx.HTTPError as error:
            raise Unavailable(f"the server {self.url} cannot be reached: {error or type(error).__name__}") from error
        if response.status_code != httpx.codes.OK:
            raise self._refusal(response, content)
        return self._parse(content, answer)

    def _read(self, response: httpx.Response) -> bytes:
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > _ANSWER_LIMIT:
                raise MalformedEnvelope(f"the server {self.url} sent more than an answer can have")
        return bytes(content)

    def _refusal(self, response: httpx.Response, content: bytes) -> Exception:
        status, after = response.status_code, response.headers.get("retry-after", "")
        seconds = float(after) if after.isdecimal() else None
        try:
            error = ErrorBody.model_validate_json(content).error
        except ValidationError:
            return refusal(status, "refused", f"the server {self.url} answered with status {status}", seconds)
        return refusal(status, error.code, f"{error.message} [{error.code}]", seconds)

    def _parse(self, content: bytes, answer: type[Answer]) -> Answer:
        try:
            return answer.model_validate_json(content)
        except ValidationError:
            raise MalformedEnvelope(f"the server {self.url} sent an answer of an unknown shape") from None


def _trust(ca_certificate: Path | None, client_certificate: tuple[Path, Path] | None) -> ssl.SSLContext:
    try:
        trust = ssl.create_default_context(cafile=str(ca_certificate) if ca_certificate else None)
        if client_certificate is not None:
            trust.load_cert_chain(*client_certificate)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"a certificate for connections to servers cannot be used: {error}") from error
    return trust
