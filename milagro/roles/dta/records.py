"""What a D-TA remembers: which tickets were spent, and what it issued to whom."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Integer, MetaData, String, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from milagro.roles.clock import Clock, unix_now
from milagro.roles.refusals import TicketExpired, TicketReused
from milagro.roles.tickets import LEEWAY
from milagro.stores.state import Database, Int64, Schema, State, larger

if TYPE_CHECKING:
    from milagro.roles.tickets import Ticket

_tables = MetaData()

_spent = Table(
    "spent_ticket",
    _tables,
    Column("jti", String, primary_key=True),
    Column("expires", Int64, nullable=False, index=True),
    sqlite_with_rowid=False,
)

# Tickets that end at or before `forgotten` are refused even where a clock that runs backwards calls them fresh,
# because their spent ids may have been deleted.
_horizon = Table(
    "horizon", _tables, Column("id", Integer, primary_key=True), Column("forgotten", Int64, nullable=False)
)

_issue = Table(
    "issue",
    _tables,
    Column("id", Int64, primary_key=True),
    Column("jti", String, nullable=False),
    Column("authority", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("slot", Int64),
    Column("at", Int64, nullable=False),
)

SCHEMA = Schema(_tables, version=1, application=0x4D444154, migrations=Path(__file__).with_name("migrations"))


class DtaRecords:
    """The D-TA's database: a file, or what [store] says."""

    def __init__(self, database: Database | Path, busy_timeout_ms: int = 5000, clock: Clock = unix_now) -> None:
        self.state = State(database, SCHEMA, busy_timeout_ms, clock=clock)

    def spend(self, ticket: Ticket, now: int) -> None:
        """Spends the ticket and notes the issue, in one transaction that is durable on return.

        Raises: TicketReused, TicketExpired, Unavailable
        """
        try:
            with self.state.write(lock=f"ticket {ticket.jti}") as connection:
                restored = self.state.restored_at(connection)
                if restored is not None and ticket.issued_at <= restored + LEEWAY:
                    raise TicketExpired("the ticket is older than this D-TA's database; ask for a new one")
                forgotten = connection.execute(select(_horizon.c.forgotten)).scalar()
                if forgotten is not None and ticket.expires_at <= forgotten:
                    raise TicketExpired("the ticket's time is over; ask for a new one")
                connection.execute(insert(_spent).values(jti=ticket.jti, expires=ticket.expires_at))
                connection.execute(insert(_issue).values(_issue_row(ticket, now)))
        except IntegrityError:
            raise TicketReused("the ticket was used before; ask for a new one") from None

    def forget_spent(self, before: int) -> int:
        """Deletes the ids of tickets that ended before `before`; the number of them."""
        with self.state.write() as connection:
            last = connection.execute(select(func.max(_spent.c.expires)).where(_spent.c.expires < before)).scalar()
            if last is None:
                return 0
            later = update(_horizon).values(forgotten=larger(_horizon.c.forgotten, last))
            if connection.execute(later).rowcount == 0:
                connection.execute(insert(_horizon).values(id=1, forgotten=last))
            return connection.execute(delete(_spent).where(_spent.c.expires < before)).rowcount

    def counts(self) -> tuple[int, int]:
        """How much was issued in all, and how many spent tickets are remembered."""
        with self.state.read() as connection:
            issued = connection.execute(select(func.count()).select_from(_issue)).scalar_one()
            return issued, connection.execute(select(func.count()).select_from(_spent)).scalar_one()

    def issued(self, subject: str, purpose: str) -> int:
        """How often something was issued for this subject and purpose."""
        with self.state.read() as connection:
            query = select(func.count()).where(_issue.c.subject == subject, _issue.c.purpose == purpose)
            return connection.execute(query).scalar_one()


def _issue_row(ticket: Ticket, now: int) -> dict[str, str | int | None]:
    return {
        "jti": ticket.jti,
        "authority": ticket.issuer,
        "purpose": ticket.purpose.value,
        "subject": ticket.subject,
        "slot": ticket.slot,
        "at": now,
    }
