"""What this server asks the upstream provider, and what it asks nobody else: few origins, little time, few octets.

Spec: spec/enrolment.md#upstream
"""

from __future__ import annotations

import json
import ssl
import time
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    from milagro.roles.mfa.upstream.config import UpstreamConfig

_PATIENCE_SECONDS: Final = 5.0  # for a connection, and for each piece of an answer
_WHOLE_SECONDS: Final = 8.0  # for all of it
_SIZE_LIMIT: Final = 1 << 18


class Bounded(httpx.BaseTransport):
    """A transport that reaches the provider's origins only, and gives up on what is late or large."""

    def __init__(self, config: UpstreamConfig, inner: httpx.BaseTransport | None = None) -> None:
        cafile = None if config.ca_certificate is None else str(config.ca_certificate)
        self._config = config
        self._inner = inner or httpx.HTTPTransport(verify=ssl.create_default_context(cafile=cafile))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The whole answer. Raises: httpx.RequestError"""
        if not self._config.reaches(str(request.url)):
            raise httpx.UnsupportedProtocol("an address that is not among the provider's", request=request)
        until = time.monotonic() + _WHOLE_SECONDS
        request.headers["accept-encoding"] = "identity"
        response = self._inner.handle_request(request)
        try:
            content = self._read(response, request, until)
        finally:
            response.close()
        return httpx.Response(response.status_code, headers=_plain(response, request), content=content, request=request)

    def _read(self, response: httpx.Response, request: httpx.Request, until: float) -> bytes:
        content = bytearray()
        assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101 - the type of all such transports
        for piece in response.stream:
            content += piece
            if len(content) > _SIZE_LIMIT:
                raise httpx.ReadError("a larger answer than there is", request=request)
            if time.monotonic() > until:
                raise httpx.ReadTimeout("an answer that takes too long", request=request)
        return bytes(content)

    def close(self) -> None:
        """Ends all connections."""
        self._inner.close()


def _plain(response: httpx.Response, request: httpx.Request) -> dict[str, str]:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx.DecodingError("an answer in an encoding that was not asked for", request=request)
    return {"content-type": response.headers.get("content-type", "")}


def client(config: UpstreamConfig, inner: httpx.BaseTransport | None = None) -> httpx.Client:
    """An HTTP client on such a transport: no redirects, no cookies of its own that matter, no proxies."""
    return httpx.Client(
        transport=Bounded(config, inner), timeout=_PATIENCE_SECONDS, follow_redirects=False, trust_env=False
    )


def json_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer with status 200.

    Raises: httpx.HTTPError, ValueError
    """
    if response.status_code != httpx.codes.OK:
        raise httpx.HTTPStatusError(f"status {response.status_code}", request=response.request, response=response)
    try:
        found = json.loads(response.content)
    except RecursionError:
        raise ValueError("no JSON") from None
    if not isinstance(found, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - one error for all faults of form
    return found
