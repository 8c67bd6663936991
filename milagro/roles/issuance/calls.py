"""One question to one D-TA over HTTP: bounded in time and octets, whatever the other side does."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Final, Protocol, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from milagro.errors import ConfigError
from milagro.roles.issuance.messages import HistoryAnswer, IssueAnswer, KeyView, WitnessAnswer
from milagro.roles.issuance.reports import Reason
from milagro.roles.wire import ErrorBody, Message
from milagro.stores.urls import is_loopback, url_fault

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.roles.issuance.messages import HistoryRequest, IssueRequest, WitnessRequest
    from milagro.roles.issuance.views import Node

Answer = TypeVar("Answer", bound=Message)
ISSUE: Final = "/v1/issue"
KEYS: Final = "/v1/keys"
HISTORY: Final = "/v1/history"
WITNESS: Final = "/v1/witness"
MAX_BODY: Final = 1 << 20
_MAX_WAIT: Final = 86400.0
_MAX_CODE: Final = 64
_MAX_DETAIL: Final = 200


class NoAnswer(Exception):
    """That a D-TA gave nothing that could be looked at: why, and whether asking again may help."""

    def __init__(
        self, reason: Reason, detail: str, code: str = "", *, again: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.code = reason, detail[:_MAX_DETAIL], code[:_MAX_CODE]
        self.again, self.retry_after = again, retry_after


class Caller(Protocol):
    """What a D-TA can be asked, over whatever transport. Every failure is a NoAnswer."""

    async def issue(self, request: IssueRequest, seconds: float) -> IssueAnswer:
        """A share, within so many seconds."""

    async def keys(self, seconds: float) -> KeyView:
        """The node's keys, within so many seconds."""

    async def history(self, request: HistoryRequest, seconds: float) -> HistoryAnswer:
        """How the network came from one key to later ones, within so many seconds."""

    async def witness(self, request: WitnessRequest, seconds: float) -> WitnessAnswer:
        """What it knows of the server's replicas, within so many seconds."""


Dial = Callable[["Node"], AbstractAsyncContextManager[Caller]]
"""Gives a connection to a node."""


class HttpDial:
    """Connections over HTTP, by TLS unless the D-TA is on this machine.

    Raises: ConfigError
    """

    def __init__(
        self,
        ca_certificate: Path | None = None,
        transport: Callable[[Node], httpx.AsyncBaseTransport] | None = None,
    ) -> None:
        self._transport = transport
        try:
            self._trust = ssl.create_default_context(cafile=str(ca_certificate) if ca_certificate else None)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"the CA certificate {ca_certificate} cannot be used: {error}") from error

    def __call__(self, node: Node) -> AbstractAsyncContextManager[Caller]:
        """A connection to a node."""
        return self._connection(node)

    @contextlib.asynccontextmanager
    async def _connection(self, node: Node) -> AsyncIterator[Caller]:
        if fault := url_fault(node.url):
            raise NoAnswer(Reason.UNREACHABLE, f"its URL {fault}")
        client = httpx.AsyncClient(
            base_url=node.url,
            verify=self._trust,
            timeout=None,  # noqa: S113 - each call has one limit for all of it
            transport=self._transport(node) if self._transport else None,
            trust_env=not is_loopback(urlsplit(node.url).hostname or ""),
            follow_redirects=False,
            headers={"accept-encoding": "identity"},
        )
        async with client:
            yield HttpCaller(client)


class HttpCaller:
    """One D-TA over HTTP."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def issue(self, request: IssueRequest, seconds: float) -> IssueAnswer:
        """A share, within so many seconds."""
        body = request.model_dump_json(exclude_none=True).encode()
        return await self._ask("POST", ISSUE, body, IssueAnswer, seconds)

    async def keys(self, seconds: float) -> KeyView:
        """The node's keys, within so many seconds."""
        return await self._ask("GET", KEYS, None, KeyView, seconds)

    async def history(self, request: HistoryRequest, seconds: float) -> HistoryAnswer:
        """How the network came from one key to later ones, within so many seconds."""
        body = request.model_dump_json(exclude_none=True).encode()
        return await self._ask("POST", HISTORY, body, HistoryAnswer, seconds)

    async def witness(self, request: WitnessRequest, seconds: float) -> WitnessAnswer:
        """What it knows of the server's replicas, within so many seconds."""
        body = request.model_dump_json(exclude_none=True).encode()
        return await self._ask("POST", WITNESS, body, WitnessAnswer, seconds)

    async def _ask(self, method: str, path: str, body: bytes | None, kind: type[Answer], seconds: float) -> Answer:
        began: list[int] = []
        try:
            async with asyncio.timeout(seconds):
                status, after, content = await self._exchange(method, path, body, began)
        except TimeoutError:
            if began:
                raise NoAnswer(Reason.SLOW, f"its answer was not whole after {seconds:.1f} s", again=True) from None
            raise NoAnswer(Reason.SILENT, f"no answer within {seconds:.1f} s", again=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            text = f"it cannot be reached: {error or type(error).__name__}"
            raise NoAnswer(Reason.UNREACHABLE, text, again=True) from None
        if status != httpx.codes.OK:
            raise _refused(status, after, content)
        try:
            return kind.model_validate_json(content)
        except ValidationError:
            raise NoAnswer(Reason.GARBAGE, "its answer is not of the documented shape") from None

    async def _exchange(
        self, method: str, path: str, body: bytes | None, began: list[int]
    ) -> tuple[int, float | None, bytes]:
        headers = {"content-type": "application/json"} if body is not None else {}
        async with self._client.stream(method, path, content=body, headers=headers) as response:
            began.append(response.status_code)
            if response.is_redirect or 300 <= response.status_code < 400:
                raise NoAnswer(Reason.REDIRECTED, f"it sends elsewhere, with status {response.status_code}")
            content = bytearray()
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > MAX_BODY:
                    raise NoAnswer(Reason.TOO_LARGE, f"its answer has more than {MAX_BODY} octets")
            return response.status_code, _seconds(response.headers.get("retry-after")), bytes(content)


def _refused(status: int, after: float | None, content: bytes) -> NoAnswer:
    again = status >= 500 or status in (408, 425, 429)
    try:
        error = ErrorBody.model_validate_json(content).error
    except ValidationError:
        return NoAnswer(Reason.REFUSED, f"it refused with status {status}", again=again, retry_after=after)
    text = "".join(character for character in error.message if character.isprintable())
    return NoAnswer(Reason.REFUSED, text, error.code, again=again, retry_after=after)


def _seconds(text: str | None) -> float | None:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    return min(float(text), _MAX_WAIT)
