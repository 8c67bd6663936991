"""How hints travel: to whoever listens to a topic now, perhaps, perhaps twice, in any order, and unauthenticated."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

if TYPE_CHECKING:
    from types import TracebackType

    from milagro.errors import MilagroError

Receive: TypeAlias = Callable[[bytes], None]
"""Takes a frame at once and keeps nobody waiting."""


class Subscription(Protocol):
    """Frames of one topic, handed on until it is closed."""

    def fault(self) -> MilagroError | None:
        """Why nothing is received now, or None."""
        ...

    def close(self) -> None:
        """Ends it."""
        ...


class Channel(Protocol):
    """A way to send hints.

    Spec: spec/messaging.md, Channels
    """

    def publish(self, topic: str, frame: bytes) -> None:
        """Sends a frame to those who listen. That it returns says nothing of whether anyone got it.

        Raises: Unavailable, StoreError
        """
        ...

    def subscribe(self, topic: str, receive: Receive) -> Subscription:
        """Hands every frame that comes to `receive`, also one's own, also one that is too long or no frame."""
        ...


class Listeners:
    """Who listens to what in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, list[Receive]] = {}

    def add(self, topic: str, receive: Receive) -> _Listening:
        """A subscription that `hand_on` serves."""
        with self._lock:
            self._listeners.setdefault(topic, []).append(receive)
        return _Listening(self, topic, receive)

    def hand_on(self, topic: str, frame: bytes) -> bool:
        """Gives the frame to all that listen to the topic; whether there are any."""
        with self._lock:
            listeners = list(self._listeners.get(topic, ()))
        for receive in listeners:
            receive(frame)
        return bool(listeners)

    def discard(self, topic: str, receive: Receive) -> None:
        """Serves the listener no more."""
        with self._lock:
            left = [other for other in self._listeners.get(topic, ()) if other is not receive]
            if left:
                self._listeners[topic] = left
            else:
                self._listeners.pop(topic, None)


class _Listening:
    def __init__(self, listeners: Listeners, topic: str, receive: Receive) -> None:
        self._listeners, self._topic, self._receive = listeners, topic, receive

    def fault(self) -> MilagroError | None:
        return None

    def close(self) -> None:
        self._listeners.discard(self._topic, self._receive)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


class InProcess:
    """A channel between parties in one process."""

    def __init__(self) -> None:
        self._listeners = Listeners()

    def publish(self, topic: str, frame: bytes) -> None:
        """Hands the frame to every listener before it returns."""
        self._listeners.hand_on(topic, frame)

    def subscribe(self, topic: str, receive: Receive) -> Subscription:
        """Hands every frame of the topic to `receive`."""
        return self._listeners.add(topic, receive)
