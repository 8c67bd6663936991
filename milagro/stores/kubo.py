"""A Kubo daemon, spoken to over the HTTP API of its own machine: whether it can be used, and its pubsub.

The client library for content, `ipfshttpclient`, knows daemons up to 0.9. What it has of pubsub no longer works:
since 0.11 topics are multibase, a message is a file of a form, and what arrives is a stream of JSON lines.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import socket
import threading
import warnings
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx

from milagro.errors import ConfigError, MalformedEnvelope, NotFound, StoreError, Unavailable
from milagro.stores.urls import is_loopback, url_fault

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_URL: Final = "http://127.0.0.1:5001"
OLDEST: Final = (0, 39, 0)  # the oldest that was tried
SAFE: Final = (0, 43, 0)  # the first without CVE-2026-46679, by which anyone could fill the memory of a pubsub node
_ANSWER_LIMIT: Final = 1 << 20
_CONNECT_SECONDS: Final = 3.0
_BASE64URL: Final = "u"
_SOCKET: Final = "unix:"


class Daemon:
    """The daemon whose API is at `url`, or behind the socket that `unix:/path` names. May be used from several threads.

    Raises: ConfigError if the URL is not one
    """

    def __init__(self, url: str = DEFAULT_URL, timeout_seconds: float = 10.0) -> None:
        socket_path = socket_of(url)
        fault = None if socket_path else url_fault(url)
        if fault:
            raise ConfigError(f"the URL of the Kubo daemon {fault}")
        self.url = url.rstrip("/")
        self._timeout = httpx.Timeout(timeout_seconds, connect=_CONNECT_SECONDS)
        self._lock = threading.Lock()
        self._checked = False
        self._client = httpx.Client(
            base_url=f"{'http://localhost' if socket_path else self.url}/api/v0/",
            timeout=self._timeout,
            transport=httpx.HTTPTransport(uds=socket_path) if socket_path else None,
            trust_env=not is_near(url),
            follow_redirects=False,
        )

    def version(self) -> tuple[int, ...]:
        """The daemon's version.

        Raises: Unavailable, StoreError if what answers is no Kubo daemon
        """
        answer = self.ask("version")
        text = answer.get("Version") if isinstance(answer, dict) else None
        try:
            return tuple(int(part) for part in str(text).split("-", 1)[0].split("."))
        except ValueError:
            raise StoreError(f"what answers at {self.url} is no Kubo daemon; check the port") from None

    def require(self) -> None:
        """Refuses a daemon that is missing or too old; warns once of one that can be attacked.

        Raises: Unavailable with the cure, StoreError
        """
        with self._lock:
            if self._checked:
                return
            version = self.version()
            shown = ".".join(map(str, version))
            if version < OLDEST:
                wanted = ".".join(map(str, SAFE))
                raise StoreError(f"the Kubo daemon at {self.url} is {shown}: too old; install {wanted} or newer")
            if version < SAFE:
                warnings.warn(
                    f"the Kubo daemon at {self.url} is {shown}; below {'.'.join(map(str, SAFE))} anyone who reaches a "
                    "node with pubsub can exhaust its memory (CVE-2026-46679): update it",
                    RuntimeWarning,
                    stacklevel=2,
                )
            self._checked = True

    def require_pubsub(self) -> None:
        """Refuses a daemon without pubsub.

        Raises: Unavailable with the cure, StoreError
        """
        self.require()
        self.ask("pubsub/ls")

    def publish(self, topic: str, message: bytes) -> None:
        """Gives a message to the daemon to spread; that it returns says nothing of whether anyone got it.

        Raises: Unavailable, StoreError
        """
        self.require()
        self.ask("pubsub/pub", {"arg": _multibase(topic.encode())}, message)

    def subscribe(self, topic: str, idle_seconds: float) -> PubsubStream:
        """The messages of a topic from now on.

        Raises: Unavailable with the cure, StoreError
        """
        self.require()
        request = self._client.build_request(
            "POST",
            "pubsub/sub",
            params={"arg": _multibase(topic.encode())},
            timeout=httpx.Timeout(idle_seconds, connect=_CONNECT_SECONDS),
        )
        try:
            response = self._client.send(request, stream=True)
            if response.status_code == httpx.codes.OK:
                return PubsubStream(self, response)
            with contextlib.closing(response):
                answer = _bounded(response, self.url)
        except httpx.HTTPError as error:
            raise self.failure(error) from error
        raise self._refusal(response.status_code, answer)

    def ask(self, path: str, parameters: dict[str, str] | None = None, content: bytes | None = None) -> Any:
        """The daemon's JSON answer to one request, None where it says nothing.

        Raises: Unavailable with the cure, NotFound, StoreError
        """
        form = None if content is None else {"file": content}
        try:
            with self._client.stream("POST", path, params=parameters, files=form) as response:
                answer = _bounded(response, self.url)
        except httpx.HTTPError as error:
            raise self.failure(error) from error
        if response.status_code != httpx.codes.OK:
            raise self._refusal(response.status_code, answer)
        try:
            return _json(answer) if answer.strip() else None
        except ValueError:
            raise StoreError(f"what answers at {self.url} is no Kubo daemon; check the port") from None

    def close(self) -> None:
        """Ends all connections."""
        self._client.close()

    def failure(self, error: httpx.HTTPError) -> Unavailable:
        """The error for a request that got no answer."""
        self._checked = False  # what comes back may be another version
        return unreachable(self.url, str(error) or type(error).__name__)

    def _refusal(self, status: int, answer: bytes) -> StoreError:
        try:
            body = _json(answer)
            message = str(body["Message"]) if isinstance(body, dict) else ""
        except (ValueError, KeyError):
            message = ""
        return refusal(self.url, status, message)


class PubsubStream:
    """Messages of a topic as they come, until the daemon goes away, is silent too long, or `stop` is called."""

    def __init__(self, daemon: Daemon, response: httpx.Response) -> None:
        self._daemon, self._response = daemon, response

    def __iter__(self) -> Iterator[bytes]:
        """The messages.

        Raises: Unavailable when it ends, StoreError
        """
        url = self._daemon.url
        try:
            for line in _lines(self._response, url):
                yield _message(line, url)
        except httpx.HTTPError as error:
            raise self._daemon.failure(error) from error
        finally:
            self._response.close()
        raise Unavailable(f"the Kubo daemon at {url} ended the subscription")

    def stop(self) -> None:
        """Ends it, also from another thread while that one waits for a message."""
        stream = self._response.extensions["network_stream"]
        with contextlib.suppress(OSError):
            # Closing would not wake the one who reads.
            stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def socket_of(url: str) -> str | None:
    """The path of the socket that the URL names; None if it names none.

    Raises: ConfigError if the path is not one that can be used
    """
    if not url.startswith(_SOCKET):
        return None
    path = url.removeprefix(_SOCKET)
    # `ipfshttpclient` takes the path for the name of a host, of which case is no part.
    if not path.startswith("/") or path != path.lower() or not path.isprintable():
        raise ConfigError(f"{url!r} names no socket of a Kubo daemon: give a whole path without capital letters")
    return path


def is_near(url: str) -> bool:
    """Whether the daemon is on this machine, where a proxy that the environment names does not reach it."""
    return url.startswith(_SOCKET) or is_loopback(urlsplit(url).hostname or "")


def unreachable(url: str, reason: str) -> Unavailable:
    """The error for a daemon that does not answer."""
    return Unavailable(f"no Kubo daemon answers at {url} ({reason}); run `ipfs daemon`, or name its API's URL")


def refusal(url: str, status: int, message: str) -> StoreError:
    """The error for an answer that is not 200, with the cure where one is known."""
    if "pubsub feature not enabled" in message or "pubsub not enabled" in message.lower():
        return Unavailable(
            f"pubsub is off in the Kubo daemon at {url}; `ipfs config --json Pubsub.Enabled true`, then restart it"
        )
    if "deadline exceeded" in message or "could not find" in message or "not found locally" in message:
        return NotFound(f"the Kubo daemon at {url} did not find the block in time")
    if status in (401, 403):
        return StoreError(f"the Kubo daemon at {url} refuses this client; see API.Authorizations in its configuration")
    if status in (404, 405):
        return StoreError(f"what answers at {url} is no Kubo daemon with its HTTP API; check the port")
    if status in (429, 502, 503, 504):
        return Unavailable(f"the Kubo daemon at {url} is overloaded (status {status})")
    return StoreError(f"the Kubo daemon at {url} failed: {message[:200] or f'status {status}'}")


def _json(octets: bytes) -> Any:
    """The value of a JSON text. Raises: ValueError, also where it is nested deeper than Python goes."""
    try:
        return json.loads(octets)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _multibase(octets: bytes) -> str:
    return _BASE64URL + base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _unmultibase(text: object) -> bytes:
    if not isinstance(text, str) or not text.startswith(_BASE64URL):
        raise MalformedEnvelope("a message of the daemon is not in the base64url of multibase")
    try:
        return base64.b64decode(text[1:] + "=" * (-len(text[1:]) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise MalformedEnvelope("a message of the daemon is not in the base64url of multibase") from None


def _message(line: bytes, url: str) -> bytes:
    try:
        body = _json(line)
    except ValueError:
        body = None
    if not isinstance(body, dict) or "data" not in body:
        raise StoreError(f"the Kubo daemon at {url} sent something else than messages")
    return _unmultibase(body["data"])


def _bounded(response: httpx.Response, url: str) -> bytes:
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > _ANSWER_LIMIT:
            raise StoreError(f"what answers at {url} sent more than an answer can have")
    return bytes(content)


def _lines(response: httpx.Response, url: str) -> Iterator[bytes]:
    """The lines of a stream; unlike httpx's own, bounded."""
    rest = b""
    for chunk in response.iter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)
        if len(rest) > 2 * _ANSWER_LIMIT:
            raise StoreError(f"what answers at {url} sent a line without end")
