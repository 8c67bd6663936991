"""The other members over HTTP: hints are pushed to them, and blocks are asked of them.

Who they are changes with the charter, so both sides are made and dropped member by member.

Spec: spec/dta-network.md, Letters
"""

from __future__ import annotations

import ssl
import threading
import time
from typing import TYPE_CHECKING, Final

from milagro.errors import MilagroError, NotFound, StoreError
from milagro.stores.content.store import DEFAULT_TIMEOUT_SECONDS
from milagro.stores.messaging.http import HttpBlocks, HttpPush

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from milagro.cid import CID
    from milagro.stores.content import ContentStore
    from milagro.stores.messaging.channel import Receive, Subscription

_SHORTEST: Final = 0.5


class Peers:
    """A channel to members at their URLs, and a source of the blocks that they have.

    `app`, made by `serve`, takes what they send and hands out what is in one's own store.
    """

    def __init__(self, ca_certificate: Path | None = None) -> None:
        self._verify = ssl.create_default_context(cafile=str(ca_certificate)) if ca_certificate else True
        self._lock = threading.Lock()
        self._push: dict[str, HttpPush] = {}
        self._blocks: dict[str, HttpBlocks] = {}
        self._failed: dict[str, float] = {}
        self._here: HttpPush | None = None
        self._store: ContentStore | None = None

    def serve(self, store: ContentStore) -> HttpPush:
        """One's own side: its `app` is to be mounted under /messages."""
        self._store, self._here = store, HttpPush(store)
        return self._here

    def use(self, urls: Iterable[str]) -> None:
        """Goes on with the members at these URLs."""
        assert self._store is not None  # noqa: S101 - `serve` comes first
        wanted = {url for url in urls if url}
        with self._lock:
            gone = [(self._push.pop(url), self._blocks.pop(url)) for url in self._push.keys() - wanted]
            for url in wanted - self._push.keys():
                self._push[url] = HttpPush(self._store, [url], verify=self._verify)
                self._blocks[url] = HttpBlocks(url, verify=self._verify)
        for push, blocks in gone:
            push.close()
            blocks.close()

    def publish(self, topic: str, frame: bytes) -> None:
        """Queues the frame for every member."""
        with self._lock:
            pushes = list(self._push.values())
        for push in pushes:
            push.publish(topic, frame)

    def subscribe(self, topic: str, receive: Receive) -> Subscription:
        """Hands on what is posted here."""
        assert self._here is not None  # noqa: S101 - as above
        return self._here.subscribe(topic, receive)

    def get(self, cid: CID, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> bytes:
        """The block from the first member that has it; those that failed lately are asked last.

        Raises: NotFound, Unavailable, CorruptBlock
        """
        deadline = time.monotonic() + timeout_seconds
        with self._lock:
            sources = sorted(self._blocks.items(), key=lambda one: self._failed.get(one[0], 0.0))
        failure: StoreError = NotFound(f"no member is known who could have the block {cid}")
        for position, (url, source) in enumerate(sources):
            left = max(_SHORTEST, (deadline - time.monotonic()) / (len(sources) - position))
            try:
                return source.get(cid, left)
            except NotFound as error:
                failure = error
            except StoreError as error:
                self._failed[url] = time.monotonic()
                failure = error
        raise failure

    def faults(self) -> dict[str, MilagroError | None]:
        """Why a member cannot be written to now, by its URL."""
        with self._lock:
            return {url: fault for push in self._push.values() for url, fault in push.faults().items()}

    def close(self) -> None:
        """Ends all connections."""
        self.use(())
        if self._here is not None:
            self._here.close()
