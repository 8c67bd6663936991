"""What a mailbox must remember over a restart, as tables in the database of the one who uses it.

log_own      number and CID of every entry that was sent; the links of the next one come from here
log_cursor   how far each sender's log was handed over
log_entry    the last entries that were handed over: evidence, should others turn up under their numbers
log_head     the newest entry seen of each log
log_fork     two entries of one sender under one number
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text, delete, select

from milagro.cid import CID
from milagro.stores.messaging.entry import Entry, Fork
from milagro.stores.state import Database, Schema, State, put

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_APPLICATION: Final = 0x4D4C4F47  # "MLOG"
_VERSION: Final = 1
_MIGRATIONS: Final = Path(__file__).with_name("migrations")


class Tables:
    """The tables, added to `metadata`, which may hold the caller's own as well."""

    def __init__(self, metadata: MetaData) -> None:
        self._own = Table(
            "log_own",
            metadata,
            Column("topic", Text, primary_key=True),
            Column("seq", BigInteger, primary_key=True),
            Column("cid", LargeBinary, nullable=False),
        )
        self._cursor = Table("log_cursor", metadata, *_log_columns(), Column("cid", LargeBinary, nullable=False))
        self._entry = Table(
            "log_entry",
            metadata,
            Column("topic", Text, primary_key=True),
            Column("sender", Text, primary_key=True),
            Column("seq", BigInteger, primary_key=True),
            Column("block", LargeBinary, nullable=False),
        )
        self._head = Table("log_head", metadata, *_log_columns(), Column("block", LargeBinary, nullable=False))
        self._fork = Table(
            "log_fork",
            metadata,
            *_log_columns(),
            Column("first", LargeBinary, nullable=False),
            Column("second", LargeBinary, nullable=False),
        )

    # -- one's own log ----------------------------------------------------------------------------------------
    def last_sent(self, connection: Connection, topic: str) -> tuple[int, CID | None]:
        """Number and CID of the newest entry sent; 0 and None before the first."""
        own = self._own.c
        query = select(own.seq, own.cid).where(own.topic == topic).order_by(own.seq.desc()).limit(1)
        row = connection.execute(query).one_or_none()
        return (0, None) if row is None else (row.seq, CID.from_bytes(row.cid))

    def sent(self, connection: Connection, topic: str, sequence: int) -> CID | None:
        """The CID of one's own entry of this number."""
        own = self._own.c
        found = connection.execute(select(own.cid).where(own.topic == topic, own.seq == sequence)).scalar_one_or_none()
        return None if found is None else CID.from_bytes(found)

    def add_sent(self, connection: Connection, entry: Entry) -> None:
        """Remembers an entry as sent. Raises: IntegrityError if its number is taken"""
        row = {"topic": entry.topic, "seq": entry.sequence, "cid": entry.cid.to_bytes()}
        connection.execute(self._own.insert().values(row))
        self.set_head(connection, entry)

    # -- others' logs -----------------------------------------------------------------------------------------
    def cursor(self, connection: Connection, topic: str, sender: str) -> tuple[int, CID | None]:
        """Number and CID of the last entry that was handed over; 0 and None before the first."""
        cursor = self._cursor.c
        query = select(cursor.seq, cursor.cid).where(cursor.topic == topic, cursor.sender == sender)
        row = connection.execute(query).one_or_none()
        return (0, None) if row is None else (row.seq, CID.from_bytes(row.cid))

    def advance(self, connection: Connection, entry: Entry, kept: int) -> None:
        """Moves the cursor to `entry`, keeps its block, and lets go of blocks more than `kept` numbers back."""
        put(connection, self._cursor, _log_of(entry) | {"cid": entry.cid.to_bytes()})
        connection.execute(self._entry.insert().values(_log_of(entry) | {"block": entry.block}))
        column = self._entry.c
        old = column.seq <= entry.sequence - kept
        connection.execute(delete(self._entry).where(column.topic == entry.topic, column.sender == entry.sender, old))

    def handed_over(self, connection: Connection, topic: str, sender: str, sequence: int) -> Entry | None:
        """The entry of this number that was handed over, while it is kept."""
        column = self._entry.c
        query = select(column.block).where(column.topic == topic, column.sender == sender, column.seq == sequence)
        block = connection.execute(query).scalar_one_or_none()
        return None if block is None else Entry.decode(block)

    # -- any log ----------------------------------------------------------------------------------------------
    def head(self, connection: Connection, topic: str, sender: str) -> Entry | None:
        """The newest entry seen of a log."""
        column = self._head.c
        query = select(column.block).where(column.topic == topic, column.sender == sender)
        block = connection.execute(query).scalar_one_or_none()
        return None if block is None else Entry.decode(block)

    def set_head(self, connection: Connection, entry: Entry) -> None:
        """Remembers the newest entry seen of a log."""
        put(connection, self._head, _log_of(entry) | {"block": entry.block})

    def remove_head(self, connection: Connection, topic: str, sender: str) -> None:
        """Forgets the newest entry seen of a log."""
        column = self._head.c
        connection.execute(delete(self._head).where(column.topic == topic, column.sender == sender))

    def forget_own(self, connection: Connection, sender: str) -> None:
        """Forgets one's own logs, of which others have seen more: `take_up` then goes on where they end."""
        connection.execute(delete(self._own))
        connection.execute(delete(self._head).where(self._head.c.sender == sender))

    def add_fork(self, connection: Connection, fork: Fork) -> None:
        """Keeps the evidence; the first one of a sender stays."""
        row = _log_of(fork.first) | {"first": fork.first.block, "second": fork.second.block}
        put(connection, self._fork, row, keep=True)

    def forks(self, connection: Connection, topic: str) -> Iterator[Fork]:
        """The evidence that is kept."""
        column = self._fork.c
        for row in connection.execute(select(column.first, column.second).where(column.topic == topic)):
            yield Fork(Entry.decode(row.first), Entry.decode(row.second))

    def remove_fork(self, connection: Connection, topic: str, sender: str) -> None:
        """Lets go of the evidence against a sender."""
        column = self._fork.c
        connection.execute(delete(self._fork).where(column.topic == topic, column.sender == sender))


def open_state(database: Database | Path) -> tuple[State, Tables]:
    """A database with these tables only, made if it is new.

    Raises: ConfigError, StoreError, Unavailable
    """
    metadata = MetaData()
    tables = Tables(metadata)
    return State(database, Schema(metadata, _VERSION, _APPLICATION, _MIGRATIONS)), tables


def _log_columns() -> tuple[Column[str], Column[str], Column[int]]:
    return (
        Column("topic", Text, primary_key=True),
        Column("sender", Text, primary_key=True),
        Column("seq", BigInteger, nullable=False),
    )


def _log_of(entry: Entry) -> dict[str, object]:
    return {"topic": entry.topic, "sender": entry.sender, "seq": entry.sequence}
