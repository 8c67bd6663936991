"""Parties that write to each other in tests: identities with real keys, channels that lose, and a mailbox each."""

from __future__ import annotations

import random
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature as WrongSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from milagro.errors import InvalidSignature
from milagro.stores.messaging.herald import Timing
from milagro.stores.messaging.mailbox import Mailbox
from milagro.stores.messaging.tables import open_state
from milagro.stores.retry import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from milagro.stores.content import ContentStore
    from milagro.stores.messaging.channel import Channel, Receive, Subscription
    from milagro.stores.messaging.entry import Fork
    from milagro.stores.state import Database

FAST = Timing(
    announce_seconds=0.01,
    repeat_seconds=0.3,
    ask_seconds=0.3,
    fetch_seconds=5.0,
    backoff=Backoff(first_seconds=0.05, longest_seconds=0.5),
)


@dataclass(frozen=True)
class Identity:
    """An Ed25519 key, known by its public key in hexadecimal."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @classmethod
    def of(cls, name: str) -> Identity:
        """The same key for the same name, every time."""
        return cls(Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)[:32]))

    @property
    def name(self) -> str:
        return self.key.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)


def verify(name: str, message: bytes, signature: bytes) -> None:
    """Accepts a signature of the key that the name is."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(name)).verify(signature, message)
    except (WrongSignature, ValueError):
        raise InvalidSignature("the signature is not of this key") from None


@dataclass
class Faulty:
    """A channel in front of another: loses, repeats and delays what is published, by a seeded generator."""

    behind: Channel
    seed: int
    loss: float = 0.0
    repeat: float = 0.0
    delay: float = 0.0
    published: int = 0
    passed: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()
        self._held: list[tuple[str, bytes]] = []

    def publish(self, topic: str, frame: bytes) -> None:
        with self._lock:
            self.published += 1
            out = [(topic, frame)] if self._random.random() >= self.loss else []
            if out and self._random.random() < self.repeat:
                out *= 3
            if out and self._random.random() < self.delay:
                self._held.extend(out)
                out = []
            if self._held and self._random.random() < 0.3:
                self._random.shuffle(self._held)
                out += self._held
                self._held = []
            self.passed += len(out)
        for one in out:
            self.behind.publish(*one)

    def subscribe(self, topic: str, receive: Receive) -> Subscription:
        return self.behind.subscribe(topic, receive)


@dataclass
class Party:
    """One who sends and receives; `restart` is what a process does that comes back after kill -9."""

    identity: Identity
    store: ContentStore
    channel: Channel
    database: Path | Database
    topic: str = "topic"
    timing: Timing = FAST
    on_fork: Callable[[Fork], None] | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Party:
        self.state, self.tables = open_state(self.database)
        self._stack.callback(self.state.close)
        self.mailbox = self._stack.enter_context(
            Mailbox(
                self.topic, self.identity, verify, self.store, self.channel, self.state, self.tables,
                self.timing, self.on_fork,
            )
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def name(self) -> str:
        return self.identity.name

    def restart(self) -> None:
        self._stack.close()
        self.__enter__()

    def take(self, count: int, timeout_seconds: float = 60.0) -> list[tuple[str, int, bytes]]:
        """The next so many deliveries; fewer if there is silence for so long."""
        taken = []
        while len(taken) < count:
            delivery = self.mailbox.deliver(lambda _connection, _delivery: None, timeout_seconds)
            if delivery is None:
                break
            taken.append((delivery.sender, delivery.sequence, delivery.payload))
        return taken
