"""Every envelope of every sender, once and in order, over a channel that may lose, repeat and reorder what it carries.

    send(payload)      blocks and entry into the content store -> number taken in the database -> announced
    heard an entry     signature checked -> the log's known end moves
    receive / deliver  entries fetched from the known end back to the cursor -> payload fetched -> handed over
    confirm / deliver  effects of the application and cursor -> one transaction

The channel only makes it quick. What makes it certain is that ends are announced again on a timer and asked for on
another, and that everything between the cursor and an end can be fetched.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from milagro.cid import Codec
from milagro.errors import BrokenChain, MilagroError, ParameterError, StoreError, WrongRound
from milagro.stores.messaging.entry import MAX_NAME_OCTETS, Author, Entry, Fork, Verify
from milagro.stores.messaging.herald import Follow, Herald, Timing
from milagro.stores.messaging.inbox import Reader, Rewritten
from milagro.stores.messaging.outbox import Outbox, Receipt

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import Connection

    from milagro.cid import CID
    from milagro.stores.content import ContentStore
    from milagro.stores.messaging.channel import Channel
    from milagro.stores.messaging.tables import Tables
    from milagro.stores.state import State

KEPT_ENTRIES: Final = 10_000
_PREFETCHED: Final = 16
_PREFETCHED_OCTETS: Final = 1 << 16
_THREADS: Final = 8


@dataclass(frozen=True, slots=True)
class Delivery:
    """One payload that was handed over, or is about to be."""

    sender: str
    sequence: int
    payload: bytes = field(repr=False)
    entry: Entry = field(repr=False)


Apply: TypeAlias = "Callable[[Connection, Delivery], None]"
"""What the application does with a delivery, in the transaction that moves the cursor."""


@dataclass(frozen=True, slots=True)
class SenderStatus:
    """How things stand with one sender."""

    delivered: int
    known: int
    problem: MilagroError | None
    stopped: bool


class Mailbox:
    """What `author` sends and receives in `topic`. Use it as a context, or call `start` and `close`.

    `state` is a database with `tables` in it. `on_fork` is told of each fork once, and keeps nobody waiting.
    `verify_linked` judges entries that a verified one leads to, where that is another question: a key that was good
    then may be revoked now.

    Spec: spec/messaging.md, Delivery
    Raises: ParameterError if a name is empty or too long
    """

    def __init__(
        self,
        topic: str,
        author: Author,
        verify: Verify,
        store: ContentStore,
        channel: Channel,
        state: State,
        tables: Tables,
        timing: Timing | None = None,
        on_fork: Callable[[Fork], None] | None = None,
        verify_linked: Verify | None = None,
    ) -> None:
        _check_name(topic)
        _check_name(author.name)
        self._topic, self._name, self._store = topic, author.name, store
        self._verify_linked = verify_linked or verify
        self._state, self._tables, self._timing = state, tables, timing or Timing()
        self._outbox = Outbox(topic, author, store, state, tables)
        self._herald = Herald(topic, author.name, verify, channel, state, tables, self._outbox, self._timing, on_fork)
        self._consumer = threading.RLock()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="fetch")

    # -- life -------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begins to listen and to announce."""
        self._herald.start()

    def close(self) -> None:
        """Ends it; what was not handed over is handed over next time."""
        self._herald.close()
        with self._consumer:  # whoever is being handed something gets it
            pass
        self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    # -- sending ----------------------------------------------------------------------------------------------
    def send(self, payload: bytes) -> Receipt:
        """Where `payload` stands in one's log. It is durable now, and will reach everyone who follows.

        Spec: spec/messaging.md, Sending
        Raises: ParameterError, BrokenChain if the database is older than what was sent, Unavailable, StoreError
        """
        entry = self._outbox.append(payload)
        self._herald.announce()
        return Receipt(entry.sequence, entry.cid)

    def newest(self, name: str) -> Entry | None:
        """The newest entry that is kept of the log of `name`, which may be one's own."""
        with self._state.read() as connection:
            return self._tables.head(connection, self._topic, name)

    def sent(self) -> int:
        """How many payloads were sent: the number of the last one."""
        return self._outbox.last()

    def take_up(self) -> int:
        """The number of one's newest entry that others know; the log goes on after it, though this database was lost.

        Spec: spec/messaging.md, Sending
        Raises: NotFound if nobody has told of it, Unavailable
        """
        return self._outbox.take_up()

    # -- receiving --------------------------------------------------------------------------------------------
    def follow(self, sender: str) -> None:
        """Receives what `sender` sent from where the last run ended, or from the beginning.

        Raises: ParameterError if it is no name or one's own
        """
        _check_name(sender)
        if sender == self._name:
            raise ParameterError("a mailbox does not follow its own log")
        with self._state.read() as connection:
            cursor = self._tables.cursor(connection, self._topic, sender)
            head = self._tables.head(connection, self._topic, sender)
            forked = any(fork.sender == sender for fork in self._tables.forks(connection, self._topic))
        follow = Follow(Reader(self._topic, sender, cursor, head))
        if forked:
            follow.stopped, follow.problem = True, BrokenChain(f"{sender!r} forked its log")
        with self._herald.changed:
            self._herald.follows.setdefault(sender, follow)
            self._herald.changed.notify_all()
        self._herald.ask(sender, follow.reader.sequence)

    def unfollow(self, sender: str) -> None:
        """Receives nothing more from `sender`; the cursor stays."""
        with self._herald.changed:
            self._herald.follows.pop(sender, None)

    def receive(self, timeout_seconds: float = 0.0) -> Delivery | None:
        """The next payload of some sender, or None if none comes in time; the same one again until it is confirmed.

        Spec: spec/messaging.md, Delivery
        """
        with self._consumer:
            found = self._next(time.monotonic() + timeout_seconds)
            return found and found[1]

    def confirm(self, delivery: Delivery, apply: Apply | None = None) -> bool:
        """Moves the cursor over `delivery`, in one transaction with `apply`; whether another process had done so.

        Raises: WrongRound if it is not the next one of its sender, Unavailable, and whatever `apply` raises
        """
        with self._consumer:
            follow = self._herald.follows.get(delivery.sender)
            if follow is None or delivery.sequence != follow.reader.sequence + 1:
                raise WrongRound(f"entry {delivery.sequence} of {delivery.sender!r} is not the next one")
            return not self._commit(follow, delivery, apply)

    def deliver(self, apply: Apply, timeout_seconds: float = 0.0) -> Delivery | None:
        """The payload that was now handed to `apply`, or None if none came in time.

        What `apply` writes through its connection is committed with the cursor or not at all: exactly once. If it
        raises, nothing is committed, and the same payload comes again.

        Spec: spec/messaging.md, Delivery
        Raises: Unavailable, and whatever `apply` raises
        """
        deadline = time.monotonic() + timeout_seconds
        with self._consumer:
            while found := self._next(deadline):
                if self._commit(*found, apply):
                    return found[1]
        return None

    def forks(self) -> list[Fork]:
        """The forks that were seen, each with both entries as evidence.

        Spec: spec/messaging.md#forks
        """
        with self._state.read() as connection:
            return list(self._tables.forks(connection, self._topic))

    def forgive(self, sender: str) -> None:
        """Goes on with a sender that was stopped for a fork, after what was handed over.

        The evidence is let go of, and so is the end of the log that was known: the next one announced counts.
        """
        with self._state.write() as connection:
            self._tables.remove_fork(connection, self._topic, sender)
        self.doubt(sender)

    def doubt(self, sender: str) -> None:
        """Lets go of the end of the log that was known, as when its key was revoked since: the next one heard counts.

        What is being handed over at this moment is not taken back.
        """
        with self._state.write() as connection:
            self._tables.remove_head(connection, self._topic, sender)
        with self._herald.changed:
            if self._herald.follows.pop(sender, None) is not None:
                self._herald.changed.notify_all()
        self.follow(sender)

    def status(self) -> dict[str, SenderStatus]:
        """How things stand with every sender that is followed."""
        with self._herald.changed:
            return {
                name: SenderStatus(follow.reader.sequence, follow.reader.known(), follow.problem, follow.stopped)
                for name, follow in self._herald.follows.items()
            }

    def fault(self) -> MilagroError | None:
        """Why hints do not travel now, or None. Payloads still arrive, late, once they do again."""
        return self._herald.fault()

    # -- handing over -----------------------------------------------------------------------------------------
    def _next(self, deadline: float) -> tuple[Follow, Delivery] | None:
        while True:
            if self._herald.failure is not None:
                raise self._herald.failure
            for follow in self._ready():
                delivery = self._prepare(follow)
                if delivery is not None:
                    return follow, delivery
            with self._herald.changed:
                if self._herald.closing or not self._wait_for_more(deadline):
                    return None

    def _ready(self) -> list[Follow]:
        """Those with something to fetch now, the one that waited longest first."""
        now = time.monotonic()
        with self._herald.changed:
            ready = [
                follow
                for follow in self._herald.follows.values()
                if not follow.stopped and follow.retry_at <= now and follow.reader.has_more()
            ]
            for follow in ready[:1]:  # to the end of the line
                self._herald.follows[follow.reader.sender] = self._herald.follows.pop(follow.reader.sender)
        return ready

    def _wait_for_more(self, deadline: float) -> bool:
        """Waits until there may be more; False if it is too late. Called with the condition held."""
        now = time.monotonic()
        if now >= deadline:
            return False
        waiting = [f.retry_at for f in self._herald.follows.values() if f.reader.has_more() and not f.stopped]
        if not any(retry_at <= now for retry_at in waiting):
            self._herald.changed.wait(min([deadline, *waiting]) - now)
        return True

    def _prepare(self, follow: Follow) -> Delivery | None:
        try:
            window = follow.reader.window(self._fetch_entry, self._verify_linked)
            if not window:
                return None
            delivery = self._with_payload(follow, window)
            fork = follow.reader.contradiction(delivery.entry)
        except Rewritten as error:
            fork = self._rewritten(follow, error)
        except BrokenChain as error:
            follow.stopped, follow.problem = True, error
            return None
        except StoreError as error:
            follow.failures += 1
            follow.retry_at = time.monotonic() + self._timing.backoff.wait_seconds(follow.failures)
            follow.problem = error
            return None
        if fork is not None:
            self._herald.forked(follow, fork)
            return None
        follow.failures, follow.problem = 0, None
        return delivery

    def _fetch_entry(self, cid: CID) -> bytes:
        return self._store.get(cid, self._timing.fetch_seconds)

    def _with_payload(self, follow: Follow, window: deque[Entry]) -> Delivery:
        for ahead in islice(window, 1, _PREFETCHED):
            if ahead.size <= _PREFETCHED_OCTETS and ahead.cid not in follow.fetching:
                follow.fetching[ahead.cid] = self._pool.submit(self._fetch_entry, ahead.parts[0])
        entry = window[0]
        begun = follow.fetching.pop(entry.cid, None)
        payload = begun.result() if begun else b"".join(map(self._fetch_entry, entry.parts))
        if len(payload) != entry.size:
            raise BrokenChain(f"entry {entry.sequence} of {entry.sender!r} has a payload of another size than it says")
        return Delivery(entry.sender, entry.sequence, payload, entry)

    def _commit(self, follow: Follow, delivery: Delivery, apply: Apply | None) -> bool:
        """Whether the delivery was handed over here; if not, another process has done so."""
        self._keep_for_others(delivery.entry)
        with self._state.write() as connection:
            cursor = self._tables.cursor(connection, self._topic, delivery.sender)
            here = cursor[0] == delivery.sequence - 1
            if here:
                if apply is not None:
                    apply(connection, delivery)
                self._tables.advance(connection, delivery.entry, KEPT_ENTRIES)
        with self._herald.changed:
            if here:
                follow.reader.moved(delivery.entry)
            else:
                follow.fetching.clear()
                follow.reader = Reader(self._topic, delivery.sender, cursor, follow.reader.head)
        return here

    def _keep_for_others(self, entry: Entry) -> None:
        """An entry that was announced was never fetched: others, its sender as well after a loss, may ask for it."""
        with contextlib.suppress(StoreError):
            if not self._store.has(entry.cid):
                self._store.put(entry.block, Codec.DAG_CBOR)

    # -- forks ------------------------------------------------------------------------------------------------
    def _rewritten(self, follow: Follow, error: Rewritten) -> Fork | None:
        with self._state.read() as connection:
            first = self._tables.handed_over(connection, self._topic, follow.reader.sender, error.entry.sequence)
        if first is None:  # not kept any more: there is no evidence, but no going on either
            follow.stopped, follow.problem = True, error
            return None
        return Fork(first, error.entry)


def _check_name(name: str) -> None:
    if not 1 <= len(name.encode(errors="surrogatepass")) <= MAX_NAME_OCTETS:
        raise ParameterError(f"a name has 1 to {MAX_NAME_OCTETS} octets")
