"""One's own log: an entry is in the content store before its number is taken, and its number before anyone is told."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import IntegrityError

from milagro.cid import CID, Codec
from milagro.errors import BrokenChain, NotFound, ParameterError, Unavailable
from milagro.stores.content import MAX_BLOCK_OCTETS
from milagro.stores.messaging.entry import MAX_PAYLOAD_OCTETS, Author, Entry, skip_target

if TYPE_CHECKING:
    from milagro.stores.content import ContentStore
    from milagro.stores.messaging.tables import Tables
    from milagro.stores.state import State

_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a payload stands in its sender's log."""

    sequence: int
    cid: CID


class Outbox:
    """The log of `author` in `topic`. Threads and processes may share one database; numbers are taken once.

    Spec: spec/messaging.md, Sending
    """

    def __init__(self, topic: str, author: Author, store: ContentStore, state: State, tables: Tables) -> None:
        self._topic, self._author, self._store = topic, author, store
        self._state, self._tables = state, tables
        self._turn = threading.Lock()

    def append(self, payload: bytes) -> Entry:
        """The entry that now holds `payload` in the log, durably.

        Raises: ParameterError if it is empty or too large, BrokenChain if this database is older than what was sent,
            Unavailable, StoreError
        """
        if not 1 <= len(payload) <= MAX_PAYLOAD_OCTETS:
            raise ParameterError(f"a payload has 1 to {MAX_PAYLOAD_OCTETS} octets, not {len(payload)}")
        parts = tuple(
            self._store.put(payload[start : start + MAX_BLOCK_OCTETS])
            for start in range(0, len(payload), MAX_BLOCK_OCTETS)
        )
        with self._turn:
            for _ in range(_ATTEMPTS):
                if entry := self._take_number(parts, len(payload)):
                    return entry
        raise Unavailable("other processes took every number; try again")

    def last(self) -> int:
        """The number of the newest entry, 0 before the first."""
        with self._state.read() as connection:
            return self._tables.last_sent(connection, self._topic)[0]

    def head(self) -> Entry | None:
        """The newest entry."""
        with self._state.read() as connection:
            return self._tables.head(connection, self._topic, self._author.name)

    def saw(self, entry: Entry) -> Entry | None:
        """Takes note of an entry of one's own that came from outside, signature checked; what contradicts it here.

        One with a number that was never given here says that this database is an old copy: `append` refuses from then.
        """
        with self._state.write() as connection:
            last, _ = self._tables.last_sent(connection, self._topic)
            known = self._tables.head(connection, self._topic, self._author.name)
            if entry.sequence > max(last, known.sequence if known else 0):
                self._tables.set_head(connection, entry)
            cid = self._tables.sent(connection, self._topic, entry.sequence)
        if cid is None or cid == entry.cid:
            return None
        return Entry.decode(self._store.get(cid))

    def take_up(self) -> int:
        """The number of one's newest entry that was seen; the log goes on after it, though this database forgot it.

        What others have not heard of is lost: an entry under a number that is given anew is a fork.
        Raises: NotFound if nobody has told of an entry; Unavailable, CorruptBlock if one cannot be fetched
        """
        entry, last = self.head(), self.last()
        if entry is None:
            raise NotFound("nobody has told of an entry of one's own log")
        number, missing = entry.sequence, []
        while entry.sequence > last:
            missing.append(entry)
            if entry.previous is None:
                break
            entry = Entry.decode(self._store.get(entry.previous))
        with self._state.write() as connection:
            for one in reversed(missing):
                self._tables.add_sent(connection, one)
        return number

    def _take_number(self, parts: tuple[CID, ...], size: int) -> Entry | None:
        """The entry, or None if another process took its number in the meantime."""
        entry = self._next_entry(parts, size)
        self._store.put(entry.block, Codec.DAG_CBOR)
        try:
            with self._state.write() as connection:
                self._tables.add_sent(connection, entry)
        except IntegrityError:
            return None
        return entry

    def _next_entry(self, parts: tuple[CID, ...], size: int) -> Entry:
        with self._state.read() as connection:
            # The head first: what another sender on this database wrote was in it before it was heard of.
            head = self._tables.head(connection, self._topic, self._author.name)
            last, previous = self._tables.last_sent(connection, self._topic)
            if head is not None and head.sequence > last:
                raise BrokenChain(
                    f"this database ends at entry {last} of one's own log, and entry {head.sequence} was seen: it is "
                    "an old copy. Going on would fork the log; restore the newest one, or start a new identity or topic"
                )
            skip = self._tables.sent(connection, self._topic, skip_target(last + 1))
        return Entry.signed(self._author, self._topic, last + 1, previous, skip, parts, size)
