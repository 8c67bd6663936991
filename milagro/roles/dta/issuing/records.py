"""What a D-TA remembers of issuing: tickets that were used, what was counted, and the audit log.

One transaction holds the lock of the log's head from its first statement, so on SQLite and on PostgreSQL, for all
replicas of a D-TA together, one request is decided after the other.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from milagro.errors import BrokenChain, MilagroError, ProtocolError, RateLimited
from milagro.protocols.issuance import LEEWAY, MAX_LIFETIME, Entry, Issue, Restored, entry_digest
from milagro.roles.dta.issuing.log import AuditLog
from milagro.roles.dta.issuing.tables import COUNT, ENTRY, LOG, SPENT
from milagro.roles.dta.issuing.watermark import Mark, Watermark
from milagro.roles.refusals import AuthorityQuota, IdentityQuota, TicketBeforeRestore, TicketExpired, TicketReused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Select

    from milagro.cid import CID
    from milagro.protocols.issuance import Ticket
    from milagro.roles.dta.issuing.authorities import AuthorityTerms
    from milagro.stores.state import State

HOUR: Final = 3600
DAY: Final = 86400
_BATCH: Final = 64
_Row: TypeAlias = dict[str, Any]

# What every transaction executes, put together once: two questions, then each table is written once.
_LOCK = select(LOG).with_for_update()
_SPEND, _WRITE, _BEGIN = insert(SPENT), insert(ENTRY), insert(COUNT)
_AGAIN = (
    update(SPENT)
    .where(SPENT.c.authority == bindparam("of"), SPENT.c.jti == bindparam("id"))
    .values(epoch=bindparam("to"))
)
_COUNT = (
    update(COUNT)
    .where(COUNT.c.scope == bindparam("of"), COUNT.c.began == bindparam("at"))
    .values(issued=bindparam("to"))
)
_MOVE = update(LOG).values(number=bindparam("to"), digest=bindparam("with"))


@cache
def _known(tickets: int) -> Select[Any]:
    """Asks for so many tickets."""
    one = (and_(SPENT.c.authority == bindparam(f"of{i}"), SPENT.c.jti == bindparam(f"id{i}")) for i in range(tickets))
    return select(SPENT.c.authority, SPENT.c.jti, SPENT.c.request, SPENT.c.epoch).where(or_(*one))


@cache
def _counted(places: int) -> Select[Any]:
    """Asks for so many counts."""
    one = (
        and_(COUNT.c.scope == bindparam(f"scope{i}"), COUNT.c.began == bindparam(f"began{i}")) for i in range(places)
    )
    return select(COUNT.c.scope, COUNT.c.began, COUNT.c.issued).where(or_(*one))


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a ticket: the ticket, on whose terms, for which request, answered with which epoch of its key."""

    ticket: Ticket
    terms: AuthorityTerms
    request: bytes
    epoch: int

    @property
    def id(self) -> tuple[str, bytes]:
        """What the ticket is known by."""
        return self.terms.name, self.ticket.jti

    @property
    def issue(self) -> Issue:
        """What the log says of it."""
        ticket = self.ticket
        parties = self.terms.identity, ticket.purpose, ticket.subject
        return Issue(*parties, ticket.key_id, self.epoch, self.request, ticket.jti, ticket.slot)


@dataclass(frozen=True, slots=True)
class Quotas:
    """How much of each quota is used: what an operator looks at."""

    authority_hour: int
    authority_day: int


@dataclass(slots=True)
class _Waiting:
    """A use that is to be decided: True or False as `use` says, or the refusal."""

    use: Use
    now: int
    decided: Future[bool] = field(default_factory=Future)


@dataclass(slots=True)
class _Log:
    """The end of the log within a transaction."""

    number: int
    digest: bytes
    lost: int
    forgotten: int

    @property
    def mark(self) -> Mark:
        return Mark(self.number, self.digest)

    def next(self, now: int, event: Issue | Restored) -> _Row:
        """The row of the next entry, which is the end of the log from now on."""
        octets = Entry(self.number + 1, self.digest, now, event).to_bytes()
        self.number, self.digest = self.number + 1, entry_digest(octets)
        return {"number": self.number, "octets": octets, "digest": self.digest}


class IssuingRecords:
    """The D-TA's part of a database, and the watermark beside it.

    Spec: spec/issuing.md
    """

    def __init__(self, state: State, watermark: Watermark, node: CID, network: CID, now: int) -> None:
        self.state, self._watermark = state, watermark
        self.log = AuditLog(state, node, network)
        self._marked = watermark.read()
        self._marking = threading.Lock()
        self._turn = threading.Lock()
        self._queue: deque[_Waiting] = deque()
        with contextlib.suppress(IntegrityError), state.write() as connection:  # of two that begin at once, one does
            if connection.execute(select(LOG.c.id)).first() is None:
                empty = {"id": 1, "number": 0, "digest": self.log.origin, "lost": -1, "forgotten": -1}
                connection.execute(insert(LOG).values(empty))
        with state.write() as connection:
            log = self._lock(connection, now)
            restored = state.restored_at(connection) or 0
            if restored + LEEWAY > log.lost and restored:  # put back, and nothing has left since
                self._note_restore(connection, log, now, log.number + 1, restored)
            elif self._marked is None and log.number:
                # There is a log, and nothing says how far it was: it may lack what has left.
                self._note_restore(connection, log, now, log.number + 1, now)
            self._check_same(connection, log)
        self._raise(log.mark)

    # -- using a ticket ------------------------------------------------------------------------------------------------
    def use(self, use: Use, now: int) -> bool:
        """Spends the ticket, counts and logs it, all or nothing and durable on return; False if this was done before.

        Spec: spec/issuing.md
        Raises: TicketReused, TicketExpired, TicketBeforeRestore, AuthorityQuota, IdentityQuota, Unavailable
        """
        mine = _Waiting(use, now)
        self._queue.append(mine)
        with self._turn:
            while not mine.decided.done():
                self._decide()
        return mine.decided.result()

    def _decide(self) -> None:
        """Decides what waits, as much as one transaction may hold: so many share one wait for the disk."""
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), _BATCH))]
        results: Sequence[bool | Exception]
        try:
            with self.state.write() as connection:
                log = self._lock(connection, max(one.now for one in batch))
                page = _Page.read(connection, batch)
                results = [self._result(page, log, one) for one in batch]
                page.write(connection)
                if page.entries:
                    self._write(connection, log, page.entries)
            self._raise(log.mark)
        except Exception as error:  # noqa: BLE001 - whatever it is, each of those who wait is told
            results = [error] * len(batch)
        for one, result in zip(batch, results, strict=True):
            if isinstance(result, bool):
                one.decided.set_result(result)
            else:
                one.decided.set_exception(result)

    def _result(self, page: _Page, log: _Log, one: _Waiting) -> bool | MilagroError:
        """What comes of one use. What is refused has changed nothing, so the others are not touched."""
        try:
            if one.use.ticket.issued <= log.lost:
                raise TicketBeforeRestore("the ticket is from before a restore of this D-TA; ask for a new one")
            return self._use(page, log, one.use, one.now)
        except (ProtocolError, RateLimited) as error:
            return error

    def _use(self, page: _Page, log: _Log, use: Use, now: int) -> bool:
        ticket = use.ticket
        if ticket.expires <= log.forgotten:
            raise TicketExpired("the ticket's time is over; ask for a new one")
        known = page.spent.get(use.id)
        if known is not None:
            if known.request != use.request:
                raise TicketReused("the ticket was used before, by another request; ask for a new one")
            if known.epoch == use.epoch:
                return False
        else:
            page.count(use, now)  # refuses before it changes anything
        page.spend(use)
        page.entries.append(log.next(now, use.issue))
        return known is None

    # -- quotas --------------------------------------------------------------------------------------------------------
    def quotas(self, terms: AuthorityTerms, now: int) -> Quotas:
        """How much an authority has used of its quotas."""
        with self.state.read() as connection:
            used = [
                connection.execute(
                    select(COUNT.c.issued).where(
                        (COUNT.c.scope == f"{terms.name}/{name}") & (COUNT.c.began == now - now % span)
                    )
                ).scalar()
                for name, span in (("hour", HOUR), ("day", DAY))
            ]
        return Quotas(used[0] or 0, used[1] or 0)

    # -- upkeep --------------------------------------------------------------------------------------------------------
    def forget(self, now: int) -> int:
        """Deletes the ids of tickets that have been over for long, and counts whose time is over; how many ids."""
        before = now - MAX_LIFETIME
        with self.state.write() as connection:
            log = self._lock(connection, now)
            last = connection.execute(select(func.max(SPENT.c.expires)).where(SPENT.c.expires < before)).scalar()
            if last is not None and last > log.forgotten:
                connection.execute(update(LOG).values(forgotten=last))
            connection.execute(delete(COUNT).where(COUNT.c.ends < before))
            return connection.execute(delete(SPENT).where(SPENT.c.expires < before)).rowcount

    def close(self) -> None:
        """Lets the database and the file go."""
        self.state.close()
        self._watermark.close()

    # -- inside a transaction ------------------------------------------------------------------------------------------
    def _lock(self, connection: Connection, now: int) -> _Log:
        """The end of the log, which nobody else moves until the transaction ends; a restore is noted here."""
        row = connection.execute(_LOCK).one()
        log = _Log(row.number, bytes(row.digest), row.lost, row.forgotten)
        marked = self._marked
        if marked is not None and log.number < marked.number:
            lost_from = log.number + 1
            log.number, log.digest = marked.number, marked.digest
            self._note_restore(connection, log, now, lost_from, now)
        return log

    def _note_restore(self, connection: Connection, log: _Log, now: int, lost_from: int, at: int) -> None:
        log.lost = at + LEEWAY
        connection.execute(update(LOG).values(lost=log.lost))
        self._write(connection, log, [log.next(now, Restored(lost_from))])

    def _write(self, connection: Connection, log: _Log, entries: list[_Row]) -> None:
        connection.execute(_WRITE, entries)
        connection.execute(_MOVE, {"to": log.number, "with": log.digest})

    def _check_same(self, connection: Connection, log: _Log) -> None:
        """Nothing, if the log is the one that the watermark is of. Raises: BrokenChain."""
        marked = self._marked
        first = connection.execute(select(ENTRY.c.octets).where(ENTRY.c.number == 1)).scalar()
        before = log.digest if log.number == 0 else first and Entry.from_bytes(bytes(first)).previous
        if before not in (None, self.log.origin):
            raise BrokenChain("the database has the audit log of another D-TA or network")
        if marked is None or marked.number == 0 or log.number < marked.number:
            return
        query = select(ENTRY.c.digest).where(ENTRY.c.number == marked.number)
        found = connection.execute(query).scalar()
        if found is not None and bytes(found) != marked.digest:
            raise BrokenChain("the database has another audit log than the one that its watermark is of")

    def _raise(self, mark: Mark) -> None:
        self._watermark.raise_to(mark)
        with self._marking:
            if self._marked is None or self._marked.number < mark.number:
                self._marked = mark


@dataclass(frozen=True, slots=True)
class _Window:
    """A quota: what is counted, for how long, how much there may be, and the refusal of more."""

    scope: str
    span: int
    most: int
    error: type[RateLimited]
    text: str

    def at(self, now: int) -> tuple[str, int]:
        """What it is counted under."""
        return self.scope, now - now % self.span

    def over(self, now: int) -> RateLimited:
        error = self.error(f"{self.text.format(self.most)}; try again later")
        error.retry_after = float(self.span - now % self.span)
        return error


def _windows(use: Use) -> tuple[_Window, _Window, _Window]:
    terms, purpose = use.terms, use.ticket.purpose
    one = f"an identity has at most {{}} times a {purpose} a day"
    hour, day = (f"the authority may have {{}} shares issued {span}" for span in ("an hour", "a day"))
    return (
        _Window(f"{terms.name}/hour", HOUR, terms.per_hour, AuthorityQuota, hour),
        _Window(f"{terms.name}/day", DAY, terms.per_day, AuthorityQuota, day),
        _Window(f"{use.ticket.subject.hex()}/{purpose}", DAY, terms.identity_per_day[purpose], IdentityQuota, one),
    )


@dataclass(frozen=True, slots=True)
class _Spent:
    """A ticket that was used."""

    request: bytes
    epoch: int


@dataclass(slots=True)
class _Page:
    """What the database says of the tickets and quotas of a batch, and what becomes of them in it.

    Only who holds the lock of the log writes here, so a count that was read can be written back as a number.
    """

    spent: dict[tuple[str, bytes], _Spent]
    counts: dict[tuple[str, int], int]
    entries: list[_Row] = field(default_factory=list)
    _new: dict[tuple[str, bytes], _Row] = field(default_factory=dict)
    _again: dict[tuple[str, bytes], _Row] = field(default_factory=dict)
    _begun: dict[tuple[str, int], _Row] = field(default_factory=dict)
    _moved: set[tuple[str, int]] = field(default_factory=set)

    @classmethod
    def read(cls, connection: Connection, batch: Sequence[_Waiting]) -> Self:
        places = {window.at(one.now) for one in batch for window in _windows(one.use)}
        scopes: dict[str, str | int] = {}
        for i, (scope, began) in enumerate(places):
            scopes |= {f"scope{i}": scope, f"began{i}": began}
        tickets: dict[str, str | bytes] = {}
        for i, one in enumerate(batch):
            tickets |= {f"of{i}": one.use.id[0], f"id{i}": one.use.id[1]}
        known = connection.execute(_known(len(batch)), tickets)
        counted = connection.execute(_counted(len(places)), scopes)
        return cls(
            {(row.authority, bytes(row.jti)): _Spent(bytes(row.request), row.epoch) for row in known},
            {(row.scope, row.began): row.issued for row in counted},
        )

    def count(self, use: Use, now: int) -> None:
        """Counts the use in all its windows. Raises: AuthorityQuota, IdentityQuota."""
        windows = _windows(use)
        for window in windows:
            if self.counts.get(window.at(now), 0) >= window.most:
                raise window.over(now)
        for window in windows:
            place = window.at(now)
            if place in self.counts:
                self._moved.add(place)
            else:
                self._begun[place] = {"scope": place[0], "began": place[1], "ends": place[1] + window.span}
            self.counts[place] = self.counts.get(place, 0) + 1

    def spend(self, use: Use) -> None:
        """Notes that this request used the ticket, and with which epoch it was answered last."""
        if use.id in self._new:
            self._new[use.id]["epoch"] = use.epoch
        elif use.id in self.spent:
            self._again[use.id] = {"of": use.id[0], "id": use.id[1], "to": use.epoch}
        else:
            row = {"request": use.request, "epoch": use.epoch, "expires": use.ticket.expires}
            self._new[use.id] = {"authority": use.id[0], "jti": use.id[1], **row}
        self.spent[use.id] = _Spent(use.request, use.epoch)

    def write(self, connection: Connection) -> None:
        """Writes what has changed."""
        moved = [
            {"of": scope, "at": at, "to": self.counts[scope, at]} for scope, at in self._moved - self._begun.keys()
        ]
        begun = [row | {"issued": self.counts[place]} for place, row in self._begun.items()]
        rows = (_SPEND, [*self._new.values()]), (_AGAIN, [*self._again.values()]), (_BEGIN, begun), (_COUNT, moved)
        for statement, values in rows:
            if values:
                connection.execute(statement, values)
