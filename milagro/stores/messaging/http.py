"""Hints by HTTP: each party runs a small ASGI application, and knows the URLs of those it writes to.

    POST {path}/frames/{topic}   one frame for whoever listens to the topic here; 202, 400, 404, 413
    GET  {path}/blocks/{cid}     a block that is in this party's own store; 200, 400, 404

The topic is in base64url without padding. Frames prove themselves, so there is no other authentication. A block goes to
whoever knows its CID: put nothing into the store that is not sealed.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
import threading
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

import httpx

from milagro.cid import CID
from milagro.errors import ConfigError, CorruptBlock, EncodingError, MilagroError, NotFound, StoreError, Unavailable
from milagro.stores.content.store import DEFAULT_TIMEOUT_SECONDS, MAX_BLOCK_OCTETS
from milagro.stores.messaging.channel import Listeners
from milagro.stores.messaging.frames import MAX_FRAME_OCTETS
from milagro.stores.retry import Backoff
from milagro.stores.urls import is_loopback, url_fault

if TYPE_CHECKING:
    from milagro.stores.content import ContentStore
    from milagro.stores.messaging.channel import Receive, Subscription

_Scope: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
QUEUED_FRAMES: Final = 256
_CONNECT_SECONDS: Final = 3.0
_CLOSING_SECONDS: Final = 1.0


class HttpPush:
    """A channel to the applications at `peers`, URLs below which `path` lies; `app` is this party's own.

    Spec: spec/messaging.md, Channels
    Raises: ConfigError if a URL should not be used
    """

    def __init__(
        self,
        store: ContentStore,
        peers: Sequence[str] = (),
        path: str = "/messages",
        backoff: Backoff | None = None,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._listeners = Listeners()
        self._peers = [_Peer(url, path, backoff or Backoff(first_seconds=0.2), verify) for url in peers]
        self.app = Application(store, self._listeners, path)

    def publish(self, topic: str, frame: bytes) -> None:
        """Queues the frame for every peer; where a queue is full, its oldest frame goes."""
        for peer in self._peers:
            peer.push(topic, frame)

    def subscribe(self, topic: str, receive: Receive) -> Subscription:
        """Hands on what is posted here."""
        return self._listeners.add(topic, receive)

    def faults(self) -> dict[str, MilagroError | None]:
        """Why a peer cannot be reached now, by its URL."""
        return {peer.url: peer.fault for peer in self._peers}

    def close(self) -> None:
        """Sends nothing more."""
        for peer in self._peers:
            peer.close()


class HttpBlocks:
    """A source of the blocks that the application at `url` hands out.

    Raises: ConfigError if the URL should not be used
    """

    def __init__(self, url: str, path: str = "/messages", verify: ssl.SSLContext | bool = True) -> None:
        self._url = url.rstrip("/")
        self._client = _client(url, path, verify)

    def get(self, cid: CID, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> bytes:
        """The block, checked against its name.

        Raises: NotFound, CorruptBlock, Unavailable
        """
        timeout = httpx.Timeout(timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds))
        content = bytearray()
        try:
            with self._client.stream("GET", f"blocks/{cid}", timeout=timeout) as response:
                _refuse(response.status_code, self._url)
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > MAX_BLOCK_OCTETS:
                        raise CorruptBlock(f"{self._url} sent more than a block can have")
        except httpx.HTTPError as error:
            raise _unreachable(self._url, error) from error
        cid.check(bytes(content))
        return bytes(content)

    def close(self) -> None:
        """Ends all connections."""
        self._client.close()


class Application:
    """The ASGI application: takes frames for the listeners, hands out blocks of the store."""

    def __init__(self, store: ContentStore, listeners: Listeners, path: str = "/messages") -> None:
        self._store, self._listeners, self._path = store, listeners, path.rstrip("/")

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answers one request. May stand alone, or be mounted below `path` or at the root of another application."""
        if scope["type"] != "http":
            raise RuntimeError(f"this application answers HTTP, not {scope['type']}")
        status, body = await self._answer(scope, receive)
        kind = b"application/octet-stream" if status == httpx.codes.OK else b"text/plain; charset=utf-8"
        headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: _Scope, receive: _Receive) -> tuple[int, bytes]:
        # A mounted application sees the whole path, and in root_path what of it led here.
        path = scope["path"].removeprefix(scope.get("root_path", "")).removeprefix(self._path)
        match scope["method"], path.split("/"):
            case "POST", ["", "frames", topic]:
                return await self._take(topic, receive)
            case "GET", ["", "blocks", name]:
                return await asyncio.to_thread(self._block, name)
            case _, ["", "frames" | "blocks", _]:
                return 405, b"method not allowed"
        return 404, b"not found"

    async def _take(self, encoded: str, receive: _Receive) -> tuple[int, bytes]:
        try:
            topic = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode()
        except (binascii.Error, ValueError):
            topic = ""
        if not topic or _segment(topic) != encoded:
            return 400, b"the topic is not base64url"
        frame = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return 400, b"the request broke off"
            frame += message.get("body", b"")
            more = message.get("more_body", False)
            if len(frame) > MAX_FRAME_OCTETS:
                return 413, b"a frame is not so long"
        return (202, b"") if self._listeners.hand_on(topic, bytes(frame)) else (404, b"nobody listens to this topic")

    def _block(self, name: str) -> tuple[int, bytes]:
        try:
            cid = CID.from_text(name)
            # Only what is here: nobody makes this party search a swarm.
            return (200, self._store.get(cid)) if self._store.has(cid) else (404, b"there is no such block")
        except EncodingError:
            return 400, b"this is no CID"
        except NotFound:
            return 404, b"there is no such block"
        except StoreError:
            return 503, b"the store cannot be read now"


class _Peer:
    def __init__(self, url: str, path: str, backoff: Backoff, verify: ssl.SSLContext | bool) -> None:
        self.url = url.rstrip("/")
        self.fault: MilagroError | None = None
        self._client = _client(url, path, verify)
        self._backoff = backoff
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=QUEUED_FRAMES)
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"push {self.url}", daemon=True)
        self._thread.start()

    def push(self, topic: str, frame: bytes) -> None:
        with self._changed:
            self._waiting.append((topic, frame))
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(_CLOSING_SECONDS)  # one that a peer keeps waiting ends by itself

    def _run(self) -> None:
        with self._client:
            self._push_all()

    def _push_all(self) -> None:
        failures = 0
        while True:
            with self._changed:
                while not (self._waiting or self._closing):
                    self._changed.wait()
                if self._closing:
                    return
                topic, frame = self._waiting.popleft()
            try:
                self._post(topic, frame)
                failures, self.fault = 0, None
            except StoreError as error:
                self.fault = error
                failures += 1
                self._try_again(topic, frame, failures)

    def _try_again(self, topic: str, frame: bytes, failures: int) -> None:
        with self._changed:
            if failures < self._backoff.attempts and len(self._waiting) < QUEUED_FRAMES:
                self._waiting.appendleft((topic, frame))
            if not self._closing:
                self._changed.wait_for(lambda: self._closing, self._backoff.wait_seconds(failures))

    def _post(self, topic: str, frame: bytes) -> None:
        try:
            response = self._client.post(f"frames/{_segment(topic)}", content=frame)
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from error
        if response.status_code != httpx.codes.NOT_FOUND:  # nobody listens: a hint that nobody needed
            _refuse(response.status_code, self.url)


def _segment(topic: str) -> str:
    return base64.urlsafe_b64encode(topic.encode()).decode().rstrip("=")


def _refuse(status: int, url: str) -> None:
    if status in (200, 202):
        return
    if status == httpx.codes.NOT_FOUND:
        raise NotFound(f"{url} does not have the block")
    if status in (429, 502, 503, 504):
        raise Unavailable(f"{url} is overloaded (status {status})")
    raise StoreError(f"{url} answered with status {status}; is a Milagro server there, and under this path?")


def _unreachable(url: str, error: httpx.HTTPError) -> Unavailable:
    return Unavailable(f"{url} cannot be reached: {error or type(error).__name__}")


def _client(url: str, path: str, verify: ssl.SSLContext | bool) -> httpx.Client:
    fault = url_fault(url)
    if fault:
        raise ConfigError(f"the URL of a peer {fault}")
    return httpx.Client(
        base_url=f"{url.rstrip('/')}{path.rstrip('/')}/",
        verify=verify,
        timeout=httpx.Timeout(10.0, connect=_CONNECT_SECONDS),
        trust_env=not is_loopback(urlsplit(url).hostname or ""),
        follow_redirects=False,
    )
