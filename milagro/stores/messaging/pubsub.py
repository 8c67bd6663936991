"""Hints over the pubsub of a Kubo daemon: to every party in the swarm that listens to the topic."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from milagro.errors import MalformedEnvelope, MilagroError, StoreError
from milagro.stores import kubo
from milagro.stores.retry import Backoff

if TYPE_CHECKING:
    from milagro.stores.messaging.channel import Receive, Subscription

_IDLE_SECONDS: Final = 300.0  # a connection that was silent so long is made anew


class Pubsub:
    """The channel of the Kubo daemon at `url`.

    Raises: ConfigError if the URL is not one
    """

    def __init__(self, url: str = kubo.DEFAULT_URL, timeout_seconds: float = 10.0) -> None:
        self._daemon = kubo.Daemon(url, timeout_seconds)

    def publish(self, topic: str, frame: bytes) -> None:
        """Gives the frame to the daemon to spread.

        Raises: Unavailable with the cure, StoreError
        """
        self._daemon.publish(topic, frame)

    def subscribe(self, topic: str, receive: Receive) -> Subscription:
        """Hands on what comes; a subscription that breaks is made again, for as long as it takes."""
        return _Subscription(self._daemon, topic, receive)

    def check(self) -> None:
        """Refuses unless the daemon answers, is new enough and has pubsub.

        Raises: Unavailable with the cure, StoreError
        """
        self._daemon.version()
        self._daemon.require_pubsub()

    def close(self) -> None:
        """Ends all connections."""
        self._daemon.close()


class _Subscription:
    def __init__(self, daemon: kubo.Daemon, topic: str, receive: Receive) -> None:
        self._daemon, self._topic, self._receive = daemon, topic, receive
        self._backoff = Backoff(first_seconds=0.2, longest_seconds=10.0)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._stream: kubo.PubsubStream | None = None
        self._fault: MilagroError | None = None
        self._thread = threading.Thread(target=self._run, name=f"pubsub {topic}", daemon=True)
        self._thread.start()

    def fault(self) -> MilagroError | None:
        return self._fault

    def close(self) -> None:
        self._closing.set()
        with self._lock:
            if self._stream is not None:
                self._stream.stop()
        self._thread.join()

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                for frame in self._open():
                    failures = 0
                    self._receive(frame)
            except (StoreError, MalformedEnvelope) as error:
                self._fault = error
            failures += 1
            self._closing.wait(self._backoff.wait_seconds(failures))

    def _open(self) -> kubo.PubsubStream:
        stream = self._daemon.subscribe(self._topic, _IDLE_SECONDS)
        self._fault = None
        with self._lock:
            self._stream = stream
            if self._closing.is_set():
                stream.stop()
        return stream
