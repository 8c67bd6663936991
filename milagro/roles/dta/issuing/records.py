"""What a D-TA remembers of issuing: tickets that were used, what was counted, and the audit log.

One transaction holds the lock of the log's head from its first statement, so on SQLite and on PostgreSQL, for all
replicas of a D-TA together, one request is decided after the other.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, insert, select, update

from milagro.errors import BrokenChain, Unavailable
from milagro.protocols.issuance import LEEWAY, MAX_LIFETIME, Entry, Issue, Restored, entry_digest
from milagro.roles.dta.issuing.log import AuditLog
from milagro.roles.dta.issuing.tables import COUNT, ENTRY, LOG, SPENT
from milagro.roles.dta.issuing.watermark import Mark, Watermark
from milagro.roles.refusals import AuthorityQuota, IdentityQuota, TicketBeforeRestore, TicketExpired, TicketReused

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from milagro.cid import CID
    from milagro.protocols.issuance import Ticket
    from milagro.roles.dta.issuing.authorities import AuthorityTerms
    from milagro.stores.state import State

HOUR: Final = 3600
DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a ticket: the ticket, on whose terms, for which request, answered with which epoch of its key."""

    ticket: Ticket
    terms: AuthorityTerms
    request: bytes
    epoch: int

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
class _Log:
    """The end of the log within a transaction."""

    number: int
    digest: bytes
    lost: int
    forgotten: int

    @property
    def mark(self) -> Mark:
        return Mark(self.number, self.digest)


class IssuingRecords:
    """The D-TA's part of a database, and the watermark beside it.

    Spec: spec/issuing.md
    """

    def __init__(self, state: State, watermark: Watermark, node: CID, network: CID, now: int) -> None:
        self.state, self._watermark = state, watermark
        self.log = AuditLog(state, node, network)
        self._marked = watermark.read()
        self._marking = threading.Lock()
        with state.write() as connection:
            if connection.execute(select(LOG.c.id)).first() is None:
                empty = {"id": 1, "number": 0, "digest": self.log.origin, "lost": -1, "forgotten": -1}
                connection.execute(insert(LOG).values(empty))
            log = self._lock(connection, now)
            if self._marked is None and log.number:
                # There is a log, and nothing says how far it was: it may lack what has left.
                self._note_restore(connection, log, now, log.number + 1)
            self._check_same(connection, log)
        self._raise(log.mark)

    # -- using a ticket ------------------------------------------------------------------------------------------------
    def use(self, use: Use, now: int) -> bool:
        """Spends the ticket, counts and logs it, all or nothing and durable on return; False if this was done before.

        Spec: spec/issuing.md
        Raises: TicketReused, TicketExpired, TicketBeforeRestore, AuthorityQuota, IdentityQuota, Unavailable
        """
        with self.state.write() as connection:
            log = self._lock(connection, now)
            lost = log.lost  # a restore that was noticed just now stays noted though this ticket is refused
            fresh = False
            if use.ticket.issued > lost:
                fresh = self._use(connection, log, use, now)
        self._raise(log.mark)
        if use.ticket.issued <= lost:
            raise TicketBeforeRestore("the ticket is from before a restore of this D-TA; ask for a new one")
        return fresh

    def _use(self, connection: Connection, log: _Log, use: Use, now: int) -> bool:
        ticket = use.ticket
        if ticket.expires <= log.forgotten:
            raise TicketExpired("the ticket's time is over; ask for a new one")
        key = (SPENT.c.authority == str(use.terms.identity)) & (SPENT.c.jti == ticket.jti)
        known = connection.execute(select(SPENT.c.request, SPENT.c.epoch).where(key)).first()
        if known is not None:
            if known.request != use.request:
                raise TicketReused("the ticket was used before, by another request; ask for a new one")
            if known.epoch == use.epoch:
                return False
            connection.execute(update(SPENT).where(key).values(epoch=use.epoch))
        else:
            connection.execute(insert(SPENT).values(_spent_row(use)))
            self._count(connection, use, now)
        self._append(connection, log, now, use.issue)
        return known is None

    # -- quotas --------------------------------------------------------------------------------------------------------
    def _count(self, connection: Connection, use: Use, now: int) -> None:
        terms, ticket = use.terms, use.ticket
        authority, subject = terms.identity, ticket.subject.hex()
        if _counted(connection, f"{authority}/hour", HOUR, now) > terms.per_hour:
            raise _over(AuthorityQuota, f"the authority may have {terms.per_hour} shares issued an hour", HOUR, now)
        if _counted(connection, f"{authority}/day", DAY, now) > terms.per_day:
            raise _over(AuthorityQuota, f"the authority may have {terms.per_day} shares issued a day", DAY, now)
        most = terms.identity_per_day[ticket.purpose]
        if _counted(connection, f"{subject}/{ticket.purpose}", DAY, now) > most:
            raise _over(IdentityQuota, f"an identity has at most {most} times a {ticket.purpose} a day", DAY, now)

    def quotas(self, terms: AuthorityTerms, now: int) -> Quotas:
        """How much an authority has used of its quotas."""
        with self.state.read() as connection:
            used = [
                connection.execute(
                    select(COUNT.c.issued).where(
                        (COUNT.c.scope == f"{terms.identity}/{name}") & (COUNT.c.began == now - now % span)
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
        row = connection.execute(select(LOG).with_for_update()).one()
        log = _Log(row.number, row.digest, row.lost, row.forgotten)
        marked = self._marked
        if marked is not None and log.number < marked.number:
            lost_from = log.number + 1
            log.number, log.digest = marked.number, marked.digest
            self._note_restore(connection, log, now, lost_from)
        return log

    def _note_restore(self, connection: Connection, log: _Log, now: int, lost_from: int) -> None:
        log.lost = now + LEEWAY
        connection.execute(update(LOG).values(lost=log.lost))
        self._append(connection, log, now, Restored(lost_from))

    def _append(self, connection: Connection, log: _Log, now: int, event: Issue | Restored) -> None:
        octets = Entry(log.number + 1, log.digest, now, event).to_bytes()
        log.number, log.digest = log.number + 1, entry_digest(octets)
        connection.execute(insert(ENTRY).values(number=log.number, octets=octets, digest=log.digest))
        connection.execute(update(LOG).values(number=log.number, digest=log.digest))

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


def _spent_row(use: Use) -> dict[str, object]:
    return {
        "authority": str(use.terms.identity),
        "jti": use.ticket.jti,
        "request": use.request,
        "epoch": use.epoch,
        "expires": use.ticket.expires,
    }


def _counted(connection: Connection, scope: str, span: int, now: int) -> int:
    """How many there are in this window, this one included."""
    began = now - now % span
    here = (COUNT.c.scope == scope) & (COUNT.c.began == began)
    if connection.execute(update(COUNT).where(here).values(issued=COUNT.c.issued + 1)).rowcount == 0:
        connection.execute(insert(COUNT).values(scope=scope, began=began, ends=began + span, issued=1))
        return 1
    return int(connection.execute(select(COUNT.c.issued).where(here)).scalar_one())


def _over(kind: type[Unavailable], text: str, span: int, now: int) -> Unavailable:
    error = kind(f"{text}; try again later")
    error.retry_after = float(span - now % span)
    return error
