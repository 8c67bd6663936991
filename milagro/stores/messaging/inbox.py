"""One sender's log as a reader sees it: what it ends with, which entries come next, and what speaks against it.

    heard(entry) ----> head, claims          what was announced, signature checked
    window()     ----> entries cursor+1 ..   fetched back from the head by skip links, then one by one
    moved(entry) ----> cursor                after the hand-over was committed

Memory is bounded: WINDOW entries fetched, and as many announced ones that are not fetched yet.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from milagro.errors import BrokenChain, EncodingError, InvalidSignature
from milagro.stores.messaging.entry import Entry, Fork

if TYPE_CHECKING:
    from collections.abc import Callable

    from milagro.cid import CID
    from milagro.stores.messaging.entry import Verify

WINDOW: Final = 256


class Reader:
    """The log of `sender` in `topic`, read from entry `cursor[0]` + 1 on.

    Spec: spec/messaging.md#pulling
    """

    def __init__(self, topic: str, sender: str, cursor: tuple[int, CID | None], head: Entry | None) -> None:
        self.topic, self.sender = topic, sender
        self.sequence, self._cid = cursor
        self.head = head
        self._claims: dict[int, Entry] = {}
        self._window: deque[Entry] = deque()

    def is_news(self, entry: Entry) -> bool:
        """Whether an announced entry may tell something, so that its signature is worth checking."""
        if entry.sequence <= self.sequence:
            return True  # the one who holds the entries that were handed over compares
        known = self._known(entry.sequence)
        return known is None or known.cid != entry.cid

    def heard(self, entry: Entry) -> Fork | None:
        """Takes note of an announced entry after the cursor, signature checked; the fork that it shows, if it does."""
        known = self._known(entry.sequence)
        if known is not None:
            return Fork(known, entry) if known.cid != entry.cid else None
        if self.head is None or entry.sequence > self.head.sequence:
            self._claim(self.head)
            self.head = entry
        else:
            self._claim(entry)
        return None

    def known(self) -> int:
        """The highest number known of."""
        return max(self.sequence, self.head.sequence if self.head is not None else 0)

    def has_more(self) -> bool:
        """Whether entries after the cursor are known of."""
        return self.known() > self.sequence

    def window(self, fetch: Callable[[CID], bytes], verify: Verify) -> deque[Entry]:
        """The entries after the cursor, in order, as many as fit the window; the caller takes none out.

        Raises: BrokenChain if the sender signed what makes no log, StoreError if an entry cannot be fetched
        """
        if not self._window and self.has_more():
            self._window = deque(self._fetch(fetch, verify))
        return self._window

    def contradiction(self, entry: Entry) -> Fork | None:
        """The fork that `entry`, about to be handed over, makes with what was announced under its number."""
        claim = self._claims.get(entry.sequence)
        return Fork(claim, entry) if claim is not None and claim.cid != entry.cid else None

    def moved(self, entry: Entry) -> None:
        """Takes note that `entry` was handed over."""
        self.sequence, self._cid = entry.sequence, entry.cid
        if self._window and self._window[0].cid == entry.cid:
            self._window.popleft()
        else:
            self._window.clear()
        self._claims = {number: claim for number, claim in self._claims.items() if number > entry.sequence}

    def _known(self, sequence: int) -> Entry | None:
        if self.head is not None and self.head.sequence == sequence:
            return self.head
        if self._window and 0 <= sequence - self._window[0].sequence < len(self._window):
            return self._window[sequence - self._window[0].sequence]
        return self._claims.get(sequence)

    def _claim(self, entry: Entry | None) -> None:
        if entry is not None and self.sequence < entry.sequence:
            self._claims[entry.sequence] = entry
            if len(self._claims) > WINDOW:  # the nearest ones are needed first
                del self._claims[max(self._claims)]

    def _fetch(self, fetch: Callable[[CID], bytes], verify: Verify) -> list[Entry]:
        assert self.head is not None  # noqa: S101 - for the type checker; the caller asked has_more
        at, top = self.head, min(self.head.sequence, self.sequence + WINDOW)
        while at.sequence > top:
            at = self._follow(*at.step_towards(top), fetch, verify)
        entries = [at]
        while at.sequence > self.sequence + 1:
            assert at.previous is not None  # noqa: S101 - decoding saw to it
            at = self._follow(at.sequence - 1, at.previous, fetch, verify)
            entries.append(at)
        if at.previous != self._cid:
            self._contradicts_cursor(at, fetch, verify)
        entries.reverse()
        return entries

    def _follow(self, sequence: int, cid: CID, fetch: Callable[[CID], bytes], verify: Verify) -> Entry:
        claim = self._claims.get(sequence)
        if claim is not None and claim.cid == cid:
            return claim
        try:
            entry = Entry.decode(fetch(cid))
        except EncodingError as error:
            raise BrokenChain(
                f"a link of {self.sender!r} to entry {sequence} leads to what is none: {error}"
            ) from error
        if (entry.topic, entry.sender, entry.sequence) != (self.topic, self.sender, sequence):
            raise BrokenChain(f"a link of {self.sender!r} to entry {sequence} leads to another entry")
        try:
            entry.check(verify)
        except InvalidSignature as error:
            raise BrokenChain(f"a link of {self.sender!r} to entry {sequence} leads to one not signed") from error
        return entry

    def _contradicts_cursor(self, at: Entry, fetch: Callable[[CID], bytes], verify: Verify) -> None:
        """Entry cursor+1 continues something else than what was handed over."""
        if at.previous is None:
            raise BrokenChain(f"entry {at.sequence} of {self.sender!r} continues nothing")
        raise Rewritten(self._follow(self.sequence, at.previous, fetch, verify))


class Rewritten(BrokenChain):
    """The log contains `entry` under a number under which another one was handed over."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(f"{entry.sender!r} signed another entry {entry.sequence} than the one handed over")
        self.entry = entry
