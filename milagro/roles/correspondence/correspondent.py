"""A correspondent: an identity that writes letters to other identities and receives theirs.

    send(payload, to)    state of each recipient -> their encryption keys -> envelope, signed with one's own key of now
                         -> log of the mailbox, each entry signed with that key and telling of one's own operations
    deliver(apply)       entry of somebody followed -> envelope for me? -> opened with the sender's keys -> handed over

Letters of one sender come once and in order. An entry that is announced counts only under a key that its sender lists
now; what it links to counts under any key that the sender ever listed, since the newer entry stands for it.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from milagro.cid import CID
from milagro.errors import BrokenChain, EncodingError, MalformedEnvelope, MilagroError, NotFound
from milagro.protocols.envelope import Opened, Reader, Terms, inspect, open_envelope, seal
from milagro.protocols.pki import EntrySignature
from milagro.roles.clock import Clock, unix_now
from milagro.roles.correspondence.entries import Judge, Signer
from milagro.roles.correspondence.finder import Finder
from milagro.roles.correspondence.keys import EnvelopeKeys, recipients_of, senders_of
from milagro.stores.messaging.herald import Timing
from milagro.stores.messaging.mailbox import Mailbox

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import Connection

    from milagro.protocols import pki
    from milagro.protocols.pki import Replica
    from milagro.roles.correspondence.directory import Directory
    from milagro.stores.content import ContentStore
    from milagro.stores.messaging.channel import Channel
    from milagro.stores.messaging.mailbox import Delivery
    from milagro.stores.messaging.outbox import Receipt
    from milagro.stores.messaging.tables import Tables
    from milagro.stores.state import State

NOTICE: Final = b"\x00"
ENVELOPE: Final = b"\x01"
_KEPT_REFUSALS: Final = 256


@dataclass(frozen=True, slots=True)
class Letter:
    """One payload that somebody sealed to this identity; `number` is that of its entry in the sender's log."""

    sender: CID
    number: int
    payload: bytes = field(repr=False)
    opened: Opened = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One entry of somebody's log that was passed over, because it is no letter that can be accepted."""

    sender: CID
    number: int
    error: MilagroError


Apply: TypeAlias = "Callable[[Connection, Letter], None]"
"""What the application does with a letter, in the transaction that moves the cursor."""


class Correspondent:
    """What the owner of `replica` writes and receives in `topic`. Use it as a context.

    `state` is a database with `tables` in it, and may hold the application's own.

    Spec: spec/correspondence.md, Letters
    Raises: BrokenChain if one's own identity is retired or contradictory; ParameterError if it lists none of `keys`;
        Unavailable, StoreError
    """

    def __init__(
        self,
        topic: str,
        replica: Replica,
        keys: EnvelopeKeys,
        directory: Directory,
        store: ContentStore,
        channel: Channel,
        state: State,
        tables: Tables,
        timing: Timing | None = None,
        clock: Clock = unix_now,
    ) -> None:
        timing = timing or Timing()
        self.identity = replica.identity
        self._topic, self._directory, self._clock = topic, directory, clock
        self._finder = Finder(directory, self._on_learned, timing.fetch_seconds)
        judge = Judge(directory, self._finder.ask)
        self._signer = Signer(self.identity)
        self._take_up(replica, keys)
        self._mailbox = Mailbox(
            topic, self._signer, judge.heard, store, channel, state, tables, timing, verify_linked=judge.linked
        )
        self._refusals: deque[Refusal] = deque(maxlen=_KEPT_REFUSALS)
        self._problems: dict[CID, MilagroError] = {}

    # -- life ---------------------------------------------------------------------------------------------------------
    def __enter__(self) -> Self:
        self._finder.start()
        self._mailbox.start()
        self._stand_behind()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._finder.close()
        self._mailbox.close()

    def renew(self, replica: Replica, keys: EnvelopeKeys) -> None:
        """Goes on with what one's own identity is now, after a change of it, and tells those who follow.

        Spec: spec/correspondence.md, Notices
        Raises: as the constructor
        """
        self._take_up(replica, keys)
        self._stand_behind()

    def _take_up(self, replica: Replica, keys: EnvelopeKeys) -> None:
        heads = self._directory.publish(replica)
        self._signer.use(heads, keys.signing(self._directory.resolution(self.identity).require()))
        self._keys = keys

    def _stand_behind(self) -> None:
        """Signs the log again if its last signature is of another key, or tells of less, than is the case now."""
        newest = self._mailbox.newest(self._signer.name)
        if newest is not None and not self._signer.stands_behind(newest.signature):
            self._mailbox.send(NOTICE)

    # -- sending ------------------------------------------------------------------------------------------------------
    def send(self, payload: bytes, to: Sequence[CID]) -> Receipt:
        """Where the letter stands in one's log. It is durable now, and only those it is for can open it.

        Spec: spec/correspondence.md, Letters
        Raises: NotFound, Unavailable if a recipient's identity cannot be found; BrokenChain if it is retired or
            contradictory; ParameterError if it lists no key to seal to; what Mailbox.send raises
        """
        keys = [key for identity in to for key in recipients_of(self._directory.find(identity).require())]
        signing = self._keys.signing(self._directory.resolution(self.identity).require()).signing
        terms = Terms(context_of(self.identity, self._topic), self._clock())
        return self._mailbox.send(ENVELOPE + seal(payload, signing, keys, terms, secrets.token_bytes))

    def sent(self) -> int:
        """The number of one's last entry, notices included."""
        return self._mailbox.sent()

    def take_up(self) -> int:
        """The number of one's newest entry that others know; the log goes on after it, though this database was lost.

        Raises: NotFound if nobody has told of it, Unavailable
        """
        return self._mailbox.take_up()

    # -- receiving ----------------------------------------------------------------------------------------------------
    def follow(self, identity: CID) -> None:
        """Receives what `identity` writes to this one, from where the last run ended, or from the beginning.

        Who it is may be found out later, while messages arrive.
        Raises: BrokenChain if it is known and contradictory; ParameterError if it is one's own
        """
        try:
            known = self._directory.resolution(identity)
        except NotFound:
            self._finder.ask(identity, None, proven=True)
        else:
            known.require(active=False)
        self._mailbox.follow(str(identity))
        newest = self._mailbox.newest(str(identity))
        if newest is not None and not self._lists_now(identity, newest.signature):
            self._mailbox.doubt(str(identity))

    def learn(self, replica: Replica) -> None:
        """Takes what a bundle says of an identity.

        Raises: ProtocolError if it is too much, StoreError
        """
        try:
            before: pki.Resolution | None = self._directory.resolution(replica.identity)
        except NotFound:
            before = None
        self._directory.add(replica)
        self._on_learned(replica.identity, before)

    def deliver(self, apply: Apply, timeout_seconds: float = 0.0) -> Letter | None:
        """The letter that was now handed to `apply`, or None if none came in time.

        What `apply` writes through its connection is committed with the cursor or not at all: exactly once.

        Spec: spec/correspondence.md, Letters
        Raises: Unavailable, and whatever `apply` raises
        """
        deadline = time.monotonic() + timeout_seconds
        taken: list[Letter] = []

        def take(connection: Connection, delivery: Delivery) -> None:
            letter = self._read(delivery)
            if letter is not None:
                apply(connection, letter)
                taken.append(letter)

        while not taken:
            if self._mailbox.deliver(take, max(0.0, deadline - time.monotonic())) is None:
                return None
        return taken[-1]

    def refusals(self) -> list[Refusal]:
        """The last entries that were passed over for a fault of theirs."""
        return list(self._refusals)

    def problems(self) -> dict[CID, MilagroError]:
        """Why letters of somebody who is followed do not come, as far as is known."""
        stopped = {CID.from_text(name): one.problem for name, one in self._mailbox.status().items() if one.problem}
        return {**stopped, **self._problems}

    def fault(self) -> MilagroError | None:
        """Why messages do not travel now, or None."""
        return self._mailbox.fault()

    def _read(self, delivery: Delivery) -> Letter | None:
        """The letter in a delivery; None if it is for others, a notice, or refused."""
        sender, kind, body = CID.from_text(delivery.sender), delivery.payload[:1], delivery.payload[1:]
        try:
            if delivery.payload == NOTICE:
                return None
            if kind != ENVELOPE:
                raise MalformedEnvelope("the entry holds no letter of a kind that this release reads")
            if not self._is_for_me(body):
                return None
            senders = senders_of(self._directory.keys(sender))
            reader = Reader(self._keys.opening, senders, context_of(sender, self._topic))
            payload, opened = open_envelope(body, reader)
        except MilagroError as error:
            self._refusals.append(Refusal(sender, delivery.sequence, error))
            return None
        return Letter(sender, delivery.sequence, payload, opened)

    def _is_for_me(self, envelope: bytes) -> bool:
        outline = inspect(envelope)
        return outline.anonymous or any(key.id in outline.key_ids for key in self._keys.opening)

    # -- learning -----------------------------------------------------------------------------------------------------
    def _on_learned(self, identity: CID, before: pki.Resolution | None) -> None:
        """Asks again for what was put off; doubts what a key says that is not listed any more."""
        now, name = self._directory.resolution(identity), str(identity)
        if name not in self._mailbox.status():
            return
        try:
            now.require(active=False)
        except BrokenChain as error:
            self._problems[identity] = error
            self._mailbox.unfollow(name)
            return
        self._problems.pop(identity, None)
        if before is not None and set(before.state.keys) - set(now.state.keys):
            self._mailbox.doubt(name)
        else:
            self._mailbox.follow(name)

    def _lists_now(self, identity: CID, signature: bytes) -> bool:
        try:
            key = EntrySignature.from_bytes(signature).key
            return any(key == listed.id for listed in self._directory.resolution(identity).state.keys)
        except (EncodingError, NotFound):
            return False


def context_of(sender: CID, topic: str) -> str:
    """The context of the letters that an identity writes in a topic.

    It names the sender: a key that two identities list, one of which need not have it, is no proof of which one wrote.
    Spec: spec/correspondence.md, Letters
    """
    return f"milagro correspondence v1 {sender} {topic}"
