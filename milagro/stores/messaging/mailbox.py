"""Every envelope of every sender, once and in order, over a channel that may lose, repeat and reorder what it carries.

    send(payload)      blocks and entry into the content store -> number taken in the database -> announced
    heard an entry     signature checked -> the log's known end moves
    receive / deliver  entries fetched from the known end back to the cursor -> payload fetched -> handed over
    confirm / deliver  effects of the application and cursor -> one transaction

The channel only makes it quick. What makes it certain is that ends are announced again on a timer and asked for on
another, and that everything between the cursor and an end can be fetched.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from milagro.cid import CID
from milagro.errors import (
    BrokenChain,
    EncodingError,
    InvalidSignature,
    MilagroError,
    ParameterError,
    StoreError,
    WrongRound,
)
from milagro.stores.messaging import frames
from milagro.stores.messaging.entry import MAX_NAME_OCTETS, Author, Entry, Fork, Verify
from milagro.stores.messaging.inbox import Forked, Reader, Rewritten
from milagro.stores.messaging.outbox import Outbox, Receipt
from milagro.stores.retry import Backoff

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import Connection

    from milagro.stores.content import ContentStore
    from milagro.stores.messaging.channel import Channel, Subscription
    from milagro.stores.messaging.tables import Tables
    from milagro.stores.state import State

QUEUED_FRAMES: Final = 1024
KEPT_ENTRIES: Final = 10_000
_PREFETCHED: Final = 16
_PREFETCHED_OCTETS: Final = 1 << 16
_THREADS: Final = 8
_SAVE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Timing:
    """How often a mailbox speaks without being spoken to, and how long it waits for content.

    The two long intervals are spread by a quarter either way, so that parties do not speak at one moment.
    """

    announce_seconds: float = 0.05  # at least so far apart, however much is sent
    repeat_seconds: float = 20.0
    ask_seconds: float = 20.0
    fetch_seconds: float = 10.0
    backoff: Backoff = field(default_factory=lambda: Backoff(first_seconds=0.2, longest_seconds=30.0))


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


@dataclass(slots=True)
class _Follow:
    reader: Reader
    failures: int = 0
    retry_at: float = 0.0
    problem: MilagroError | None = None
    stopped: bool = False
    unsaved: bool = False
    answer_due: bool = False
    answered_at: float = float("-inf")
    fetching: dict[CID, Future[bytes]] = field(default_factory=dict)


class Mailbox:
    """What `author` sends and receives in `topic`. Use it as a context, or call `start` and `close`.

    `state` is a database with `tables` in it. `on_fork` is told of each fork once, and keeps nobody waiting.

    Spec: spec/messaging.md#delivery
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
    ) -> None:
        _check_name(topic)
        _check_name(author.name)
        self._topic, self._name, self._verify, self._store = topic, author.name, verify, store
        self._channel, self._state, self._tables = channel, state, tables
        self._timing, self._on_fork = timing or Timing(), on_fork
        self._outbox = Outbox(topic, author, store, state, tables)
        self._follows: dict[str, _Follow] = {}
        self._changed = threading.Condition()
        self._consumer = threading.RLock()
        self._frames: deque[bytes] = deque(maxlen=QUEUED_FRAMES)  # full: the oldest hint goes
        self._own = _Follow(Reader(topic, author.name, (0, None), None), answer_due=True)
        self._channel_problem: MilagroError | None = None
        self._failure: Exception | None = None
        self._closing = False
        self._subscription: Subscription | None = None
        self._thread = threading.Thread(target=self._run, name=f"mailbox {topic}", daemon=True)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="fetch")
        self._load_forks()

    # -- life -------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begins to listen and to announce."""
        self._subscription = self._channel.subscribe(self._topic, self._on_frame)
        self._thread.start()

    def close(self) -> None:
        """Ends it; what was not handed over is handed over next time."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._subscription is not None:
            self._subscription.close()
            self._thread.join()
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

        Spec: spec/messaging.md#sending
        Raises: ParameterError, BrokenChain if the database is older than what was sent, Unavailable, StoreError
        """
        entry = self._outbox.append(payload)
        with self._changed:
            self._own.answer_due = True
            self._changed.notify_all()
        return Receipt(entry.sequence, entry.cid)

    def sent(self) -> int:
        """How many payloads were sent: the number of the last one."""
        return self._outbox.last()

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
        follow = _Follow(Reader(self._topic, sender, cursor, head))
        if forked:
            follow.stopped, follow.problem = True, BrokenChain(f"{sender!r} forked its log")
        with self._changed:
            self._follows.setdefault(sender, follow)
            self._changed.notify_all()
        self._publish(frames.Question(self._topic, sender, follow.reader.sequence))

    def unfollow(self, sender: str) -> None:
        """Receives nothing more from `sender`; the cursor stays."""
        with self._changed:
            self._follows.pop(sender, None)

    def receive(self, timeout_seconds: float = 0.0) -> Delivery | None:
        """The next payload of some sender, or None if none comes in time; the same one again until it is confirmed.

        Spec: spec/messaging.md#delivery
        """
        with self._consumer:
            found = self._next(time.monotonic() + timeout_seconds)
            return found and found[1]

    def confirm(self, delivery: Delivery, apply: Apply | None = None) -> bool:
        """Moves the cursor over `delivery`, in one transaction with `apply`; whether another process had done so.

        Raises: WrongRound if it is not the next one of its sender, Unavailable, and whatever `apply` raises
        """
        with self._consumer:
            follow = self._follows.get(delivery.sender)
            if follow is None or delivery.sequence != follow.reader.sequence + 1:
                raise WrongRound(f"entry {delivery.sequence} of {delivery.sender!r} is not the next one")
            return not self._commit(follow, delivery, apply)

    def deliver(self, apply: Apply, timeout_seconds: float = 0.0) -> Delivery | None:
        """The payload that was now handed to `apply`, or None if none came in time.

        What `apply` writes through its connection is committed with the cursor or not at all: exactly once. If it
        raises, nothing is committed, and the same payload comes again.

        Spec: spec/messaging.md#delivery
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
        """Goes on with a sender that was stopped for a fork, after what was handed over; the evidence is let go of."""
        with self._state.write() as connection:
            self._tables.remove_fork(connection, self._topic, sender)
        with self._changed:
            if self._follows.pop(sender, None) is not None:
                self._changed.notify_all()
        self.follow(sender)

    def status(self) -> dict[str, SenderStatus]:
        """How things stand with every sender that is followed."""
        with self._changed:
            return {
                name: SenderStatus(follow.reader.sequence, follow.reader.known(), follow.problem, follow.stopped)
                for name, follow in self._follows.items()
            }

    def fault(self) -> MilagroError | None:
        """Why hints do not travel now, or None. Payloads still arrive, late, once they do again."""
        listening = self._subscription.fault() if self._subscription is not None else None
        return listening or self._channel_problem

    # -- handing over -----------------------------------------------------------------------------------------
    def _next(self, deadline: float) -> tuple[_Follow, Delivery] | None:
        while True:
            if self._failure is not None:
                raise self._failure
            for follow in self._ready():
                delivery = self._prepare(follow)
                if delivery is not None:
                    return follow, delivery
            with self._changed:
                if self._closing or not self._wait_for_more(deadline):
                    return None

    def _ready(self) -> list[_Follow]:
        """Those with something to fetch now, the one that waited longest first."""
        now = time.monotonic()
        with self._changed:
            ready = [
                follow
                for follow in self._follows.values()
                if not follow.stopped and follow.retry_at <= now and follow.reader.has_more()
            ]
            for follow in ready[:1]:  # to the end of the line
                self._follows[follow.reader.sender] = self._follows.pop(follow.reader.sender)
        return ready

    def _wait_for_more(self, deadline: float) -> bool:
        """Waits until there may be more; False if it is too late. Called with the condition held."""
        now = time.monotonic()
        if now >= deadline:
            return False
        waiting = [f.retry_at for f in self._follows.values() if f.reader.has_more() and not f.stopped]
        if not any(retry_at <= now for retry_at in waiting):
            self._changed.wait(min([deadline, *waiting]) - now)
        return True

    def _prepare(self, follow: _Follow) -> Delivery | None:
        try:
            window = follow.reader.window(self._fetch_entry, self._verify)
            if not window:
                return None
            delivery = self._with_payload(follow, window)
            fork = follow.reader.contradiction(delivery.entry)
        except Forked as error:
            fork = error.fork
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
            self._forked(follow, fork)
            return None
        follow.failures, follow.problem = 0, None
        return delivery

    def _fetch_entry(self, cid: CID) -> bytes:
        return self._store.get(cid, self._timing.fetch_seconds)

    def _with_payload(self, follow: _Follow, window: deque[Entry]) -> Delivery:
        for ahead in islice(window, 1, _PREFETCHED):
            if ahead.size <= _PREFETCHED_OCTETS and ahead.cid not in follow.fetching:
                follow.fetching[ahead.cid] = self._pool.submit(self._fetch_entry, ahead.parts[0])
        entry = window[0]
        begun = follow.fetching.pop(entry.cid, None)
        payload = begun.result() if begun else b"".join(map(self._fetch_entry, entry.parts))
        if len(payload) != entry.size:
            raise BrokenChain(f"entry {entry.sequence} of {entry.sender!r} has a payload of another size than it says")
        return Delivery(entry.sender, entry.sequence, payload, entry)

    def _commit(self, follow: _Follow, delivery: Delivery, apply: Apply | None) -> bool:
        """Whether the delivery was handed over here; if not, another process has done so."""
        with self._state.write() as connection:
            cursor = self._tables.cursor(connection, self._topic, delivery.sender)
            here = cursor[0] == delivery.sequence - 1
            if here:
                if apply is not None:
                    apply(connection, delivery)
                self._tables.advance(connection, delivery.entry, KEPT_ENTRIES)
        with self._changed:
            if here:
                follow.reader.moved(delivery.entry)
            else:
                follow.fetching.clear()
                follow.reader = Reader(self._topic, delivery.sender, cursor, follow.reader.head)
        return here

    # -- forks ------------------------------------------------------------------------------------------------
    def _load_forks(self) -> None:
        with self._state.read() as connection:
            if any(fork.sender == self._name for fork in self._tables.forks(connection, self._topic)):
                self._own.stopped = True

    def _rewritten(self, follow: _Follow, error: Rewritten) -> Fork | None:
        with self._state.read() as connection:
            first = self._tables.handed_over(connection, self._topic, follow.reader.sender, error.entry.sequence)
        if first is None:  # not kept any more: there is no evidence, but no going on either
            follow.stopped, follow.problem = True, error
            return None
        return Fork(first, error.entry)

    def _forked(self, follow: _Follow, fork: Fork) -> None:
        with self._state.write() as connection:
            self._tables.add_fork(connection, fork)
        with self._changed:
            told, follow.stopped = follow.stopped, True
            follow.problem = BrokenChain(f"{fork.sender!r} signed two entries with number {fork.sequence}")
        if not told and self._on_fork is not None:
            self._on_fork(fork)

    # -- the thread -------------------------------------------------------------------------------------------
    def _on_frame(self, frame: bytes) -> None:
        if len(frame) > frames.MAX_FRAME_OCTETS:
            return
        with self._changed:
            self._frames.append(frame)
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._ask()
            ask_at, repeat_at = self._later(self._timing.ask_seconds), self._later(self._timing.repeat_seconds)
            save_at = time.monotonic() + _SAVE_SECONDS
            while not self._closing:
                self._handle_frames(min(ask_at, repeat_at, save_at))
                now = time.monotonic()
                if now >= ask_at:
                    self._ask()
                    ask_at = self._later(self._timing.ask_seconds)
                if now >= repeat_at:
                    self._own.answer_due = True
                    repeat_at = self._later(self._timing.repeat_seconds)
                if now >= save_at:
                    self._save_heads()
                    save_at = now + _SAVE_SECONDS
                self._answer(now)
            self._save_heads()
        except Exception as error:  # noqa: BLE001 - told to whoever calls next: the thread has no caller of its own
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _later(self, seconds: float) -> float:
        return time.monotonic() + seconds * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, hides nothing

    def _handle_frames(self, until: float) -> None:
        with self._changed:
            if not self._frames and not self._closing:
                due = [f.answered_at + self._timing.announce_seconds for f in self._logs() if f.answer_due]
                self._changed.wait(max(0.0, min([until, *due]) - time.monotonic()))
            waiting = list(islice(self._frames, 64))
            for _ in waiting:
                self._frames.popleft()
        for octets in waiting:
            try:
                frame = frames.decode(octets)
            except EncodingError:
                continue  # anyone can send anything
            if frame.topic != self._topic:
                continue
            if isinstance(frame, frames.Question):
                self._on_question(frame)
            else:
                self._on_entry(frame)

    def _logs(self) -> list[_Follow]:
        return [self._own, *self._follows.values()]

    def _log(self, name: str) -> _Follow | None:
        return self._own if name == self._name else self._follows.get(name)

    def _on_question(self, question: frames.Question) -> None:
        follow = self._log(question.sender)
        if follow is not None:
            head = self._outbox.head() if follow is self._own else follow.reader.head
            follow.answer_due = follow.answer_due or (head is not None and head.sequence > question.sequence)

    def _on_entry(self, entry: Entry) -> None:
        follow = self._log(entry.sender)
        if follow is None or follow.stopped or self._is_known(follow, entry):
            return
        try:
            entry.check(self._verify)
        except InvalidSignature:
            return
        try:
            fork = self._heard(follow, entry)
        except StoreError as error:  # heard again later
            follow.problem = error
            return
        if fork is not None:
            self._forked(follow, fork)

    def _is_known(self, follow: _Follow, entry: Entry) -> bool:
        """Whether the entry says nothing new, found out without a signature check."""
        with self._changed:
            if not follow.reader.is_news(entry):
                return True
        with self._state.read() as connection:
            if follow is self._own:
                return self._tables.sent(connection, self._topic, entry.sequence) == entry.cid
            if entry.sequence > follow.reader.sequence:
                return False
            known = self._tables.handed_over(connection, self._topic, entry.sender, entry.sequence)
        return known is None or known.cid == entry.cid

    def _heard(self, follow: _Follow, entry: Entry) -> Fork | None:
        if follow is self._own:
            own = self._outbox.saw(entry)
            return Fork(own, entry) if own is not None else None
        with self._changed:
            if entry.sequence > follow.reader.sequence:
                fork = follow.reader.heard(entry)
                follow.unsaved = True
                follow.retry_at = min(follow.retry_at, time.monotonic() + self._timing.backoff.first_seconds)
                self._changed.notify_all()
                return fork
        with self._state.read() as connection:
            known = self._tables.handed_over(connection, self._topic, entry.sender, entry.sequence)
        return Fork(known, entry) if known is not None and known.cid != entry.cid else None

    def _ask(self) -> None:
        with self._changed:
            known = [(name, follow.reader.known()) for name, follow in self._follows.items()]
        # One's own as well: who knows a later entry of it says that this database is an old copy.
        for name, sequence in [*known, (self._name, self._outbox.last())]:
            self._publish(frames.Question(self._topic, name, sequence))

    def _answer(self, now: float) -> None:
        """Announces what is due, each log at most once in `announce_seconds`."""
        with self._changed:
            due = [f for f in self._logs() if f.answer_due and f.answered_at + self._timing.announce_seconds <= now]
        for follow in due:
            follow.answer_due, follow.answered_at = False, now
            head = self._outbox.head() if follow is self._own else follow.reader.head
            if head is not None and not follow.stopped:
                self._publish(head)

    def _publish(self, frame: Entry | frames.Question) -> None:
        try:
            self._channel.publish(self._topic, frames.encode(frame))
        except StoreError as error:
            self._channel_problem = error  # a hint; the timers send another
        else:
            self._channel_problem = None

    def _save_heads(self) -> None:
        with self._changed:
            unsaved = [follow for follow in self._follows.values() if follow.unsaved and follow.reader.head]
        if not unsaved:
            return
        with self._state.write() as connection:
            for follow in unsaved:
                follow.unsaved = False
                if follow.reader.head is not None:
                    self._tables.set_head(connection, follow.reader.head)


def _check_name(name: str) -> None:
    if not 1 <= len(name.encode(errors="surrogatepass")) <= MAX_NAME_OCTETS:
        raise ParameterError(f"a name has 1 to {MAX_NAME_OCTETS} octets")
