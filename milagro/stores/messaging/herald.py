"""The thread of a mailbox: hears what is announced, announces one's own, asks on a timer, answers who asks.

    frame --> decoded --> of a log that is followed, and new? --> signature checked --> known end moves, or a fork shows

Whatever is sent to it costs bounded memory: QUEUED_FRAMES frames wait, and a log is announced at most once in
`announce_seconds`, however often it is asked for.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from milagro.errors import BrokenChain, EncodingError, InvalidSignature, MilagroError, StoreError
from milagro.stores.messaging import frames
from milagro.stores.messaging.entry import Entry, Fork
from milagro.stores.messaging.inbox import Reader
from milagro.stores.retry import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from milagro.cid import CID
    from milagro.stores.messaging.channel import Channel, Subscription
    from milagro.stores.messaging.entry import Verify
    from milagro.stores.messaging.outbox import Outbox
    from milagro.stores.messaging.tables import Tables
    from milagro.stores.state import State

QUEUED_FRAMES: Final = 1024
_AT_ONCE: Final = 64
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


@dataclass(slots=True)
class Follow:
    """One log and how reading it goes."""

    reader: Reader
    failures: int = 0
    retry_at: float = 0.0
    problem: MilagroError | None = None
    stopped: bool = False
    unsaved: bool = False
    answer_due: bool = False
    answered_at: float = float("-inf")
    fetching: dict[CID, Future[bytes]] = field(default_factory=dict)


class Herald:
    """What `name` hears and says in `topic`. The fields without underscore are shared under `changed`."""

    def __init__(
        self,
        topic: str,
        name: str,
        verify: Verify,
        channel: Channel,
        state: State,
        tables: Tables,
        outbox: Outbox,
        timing: Timing,
        on_fork: Callable[[Fork], None] | None,
    ) -> None:
        self._topic, self._name, self._verify, self._channel = topic, name, verify, channel
        self._state, self._tables, self._outbox = state, tables, outbox
        self._timing, self._on_fork = timing, on_fork
        self.changed = threading.Condition()
        self.follows: dict[str, Follow] = {}
        self.own = Follow(Reader(topic, name, (0, None), None), answer_due=True)
        self.failure: Exception | None = None
        self.closing = False
        self._frames: deque[bytes] = deque(maxlen=QUEUED_FRAMES)  # full: the oldest hint goes
        self._channel_problem: MilagroError | None = None
        self._database_problem: MilagroError | None = None
        self._subscription: Subscription | None = None
        self._thread = threading.Thread(target=self._run, name=f"mailbox {topic}", daemon=True)
        with state.read() as connection:
            self.own.stopped = any(fork.sender == name for fork in tables.forks(connection, topic))

    def start(self) -> None:
        """Begins to listen and to announce."""
        self._subscription = self._channel.subscribe(self._topic, self._on_frame)
        self._thread.start()

    def close(self) -> None:
        """Ends it."""
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        if self._subscription is not None:
            self._subscription.close()
            self._thread.join()

    def fault(self) -> MilagroError | None:
        """Why hints do not travel now, or None."""
        listening = self._subscription.fault() if self._subscription is not None else None
        return listening or self._channel_problem or self._database_problem

    def ask(self, sender: str, sequence: int) -> None:
        """Asks for the newest entry of a log."""
        self._publish(frames.Question(self._topic, sender, sequence))

    def announce(self) -> None:
        """Has one's own newest entry announced."""
        with self.changed:
            self.own.answer_due = True
            self.changed.notify_all()

    def forked(self, follow: Follow, fork: Fork) -> None:
        """Keeps the evidence, stops reading that log, and tells of it once."""
        with self._state.write() as connection:
            self._tables.add_fork(connection, fork)
        with self.changed:
            told, follow.stopped = follow.stopped, True
            follow.problem = BrokenChain(f"{fork.sender!r} signed two entries with number {fork.sequence}")
        if not told and self._on_fork is not None:
            self._on_fork(fork)

    def _on_frame(self, frame: bytes) -> None:
        if len(frame) > frames.MAX_FRAME_OCTETS:
            return
        with self.changed:
            self._frames.append(frame)
            self.changed.notify_all()

    def _run(self) -> None:
        try:
            ask_at = repeat_at = save_at = time.monotonic()
            while not self.closing:
                now = time.monotonic()
                if now >= ask_at:
                    ask_at = self._later(self._timing.ask_seconds)
                    self._try(self._ask)
                if now >= repeat_at:
                    repeat_at = self._later(self._timing.repeat_seconds)
                    self.own.answer_due = True
                if now >= save_at:
                    save_at = now + _SAVE_SECONDS
                    self._try(self._save_heads)
                self._try(self._answer)
                self._handle_frames(min(ask_at, repeat_at, save_at))
            self._try(self._save_heads)
        except Exception as error:  # noqa: BLE001 - told to whoever calls next: the thread has no caller of its own
            with self.changed:
                self.failure = error
                self.changed.notify_all()

    def _try(self, act: Callable[[], None]) -> None:
        """Acts; a database that is busy now is tried again when a timer or a frame asks for it."""
        try:
            act()
        except StoreError as error:
            self._database_problem = error
        else:
            self._database_problem = None

    def _later(self, seconds: float) -> float:
        return time.monotonic() + seconds * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, hides nothing

    def _handle_frames(self, until: float) -> None:
        with self.changed:
            if not self._frames and not self.closing:
                due = [f.answered_at + self._timing.announce_seconds for f in self._logs() if f.answer_due]
                self.changed.wait(max(0.0, min([until, *due]) - time.monotonic()))
            waiting = list(islice(self._frames, _AT_ONCE))
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
                self._try(partial(self._on_question, frame))
            else:
                self._try(partial(self._on_entry, frame))

    def _logs(self) -> list[Follow]:
        return [self.own, *self.follows.values()]

    def _log(self, name: str) -> Follow | None:
        return self.own if name == self._name else self.follows.get(name)

    def _on_question(self, question: frames.Question) -> None:
        follow = self._log(question.sender)
        if follow is not None:
            head = self._outbox.head() if follow is self.own else follow.reader.head
            follow.answer_due = follow.answer_due or (head is not None and head.sequence > question.sequence)

    def _on_entry(self, entry: Entry) -> None:
        follow = self._log(entry.sender)
        if follow is None or follow.stopped or self._is_known(follow, entry):
            return
        try:
            entry.check(self._verify)
        except InvalidSignature:
            return
        fork = self._heard(follow, entry)
        if fork is not None:
            self.forked(follow, fork)

    def _is_known(self, follow: Follow, entry: Entry) -> bool:
        """Whether the entry says nothing new, found out without a signature check."""
        with self.changed:
            if not follow.reader.is_news(entry):
                return True
        with self._state.read() as connection:
            if follow is self.own:
                return self._tables.sent(connection, self._topic, entry.sequence) == entry.cid
            if entry.sequence > follow.reader.sequence:
                return False
            known = self._tables.handed_over(connection, self._topic, entry.sender, entry.sequence)
        return known is None or known.cid == entry.cid

    def _heard(self, follow: Follow, entry: Entry) -> Fork | None:
        if follow is self.own:
            own = self._outbox.saw(entry)
            return Fork(own, entry) if own is not None else None
        with self.changed:
            if entry.sequence > follow.reader.sequence:
                fork = follow.reader.heard(entry)
                follow.unsaved = True
                follow.retry_at = min(follow.retry_at, time.monotonic() + self._timing.backoff.first_seconds)
                self.changed.notify_all()
                return fork
        with self._state.read() as connection:
            known = self._tables.handed_over(connection, self._topic, entry.sender, entry.sequence)
        return Fork(known, entry) if known is not None and known.cid != entry.cid else None

    def _ask(self) -> None:
        with self.changed:
            known = [(name, follow.reader.known()) for name, follow in self.follows.items()]
        # One's own as well: who knows a later entry of it says that this database is an old copy.
        for name, sequence in [*known, (self._name, self._outbox.last())]:
            self._publish(frames.Question(self._topic, name, sequence))

    def _answer(self) -> None:
        """Announces what is due, each log at most once in `announce_seconds`."""
        now = time.monotonic()
        with self.changed:
            due = [f for f in self._logs() if f.answer_due and f.answered_at + self._timing.announce_seconds <= now]
        for follow in due:
            follow.answer_due = False
            head = self._outbox.head() if follow is self.own else follow.reader.head
            if head is not None and not follow.stopped:
                follow.answered_at = now
                self._publish(head)

    def _publish(self, frame: Entry | frames.Question) -> None:
        try:
            self._channel.publish(self._topic, frames.encode(frame))
        except StoreError as error:
            self._channel_problem = error  # a hint; the timers send another
        else:
            self._channel_problem = None

    def _save_heads(self) -> None:
        with self.changed:
            unsaved = [follow for follow in self.follows.values() if follow.unsaved and follow.reader.head]
        if not unsaved:
            return
        with self._state.write() as connection:
            for follow in unsaved:
                if follow.reader.head is not None:
                    self._tables.set_head(connection, follow.reader.head)
        for follow in unsaved:  # one that was heard of since is saved when the next one is
            follow.unsaved = False
