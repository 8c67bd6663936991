"""The tables of an MFA server's database, those of its parts among them, and the schema that they make."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

from milagro.roles.mfa import pins
from milagro.roles.mfa.attempts.tables import REPLICA
from milagro.roles.mfa.mail import tables as mail_tables
from milagro.roles.mfa.oidc import tables as oidc_tables
from milagro.roles.mfa.upstream import tables as upstream_tables
from milagro.stores.state import Int64, Schema

_tables = MetaData()

ACCOUNT = Table(
    "account",
    _tables,
    Column("user", String, primary_key=True),
    Column("suspended", Boolean, nullable=False, default=False),
    Column("created", Int64, nullable=False),
)

DEVICE = Table(
    "device",
    _tables,
    Column("digest", LargeBinary, primary_key=True),
    Column("user", ForeignKey("account.user"), nullable=False),
    Column("name", String, nullable=False),
    Column("identity", LargeBinary, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("created", Int64, nullable=False),
    Column("last_login", Int64),
    Column("not_before", Int64),  # for the next attempt; none: it need not wait
    Column("after_restore", Int64),  # the last restore of the database before its attempts were counted
    Column("changes", Int64),  # how often its attempts have changed: what orders the records of the journals
)
# One identity is pinned per account and device. Removed ones stay on record and do not count.
Index(
    "one_identity",
    DEVICE.c.user,
    DEVICE.c.name,
    unique=True,
    sqlite_where=DEVICE.c.state != "removed",
    postgresql_where=DEVICE.c.state != "removed",
)

INVITATION = Table(
    "invitation",
    _tables,
    Column("code_hash", LargeBinary, primary_key=True),
    Column("user", String, nullable=False),
    Column("expires", Int64, nullable=False),
    Column("device", ForeignKey("device.digest")),
    Column("inviter", LargeBinary),  # the user's device that made it; what is enrolled with it waits for a confirmation
    Column("replaces", Boolean),  # whether its device may take the place of the user's device of the same name
)

SESSION = Table(
    "session",
    _tables,
    Column("id", LargeBinary, primary_key=True),
    Column("device", ForeignKey("device.digest"), nullable=False, index=True),
    Column("first_pass", LargeBinary, nullable=False, unique=True),  # hashed: a recorded one opens no second session
    Column("expires", Int64, nullable=False, index=True),
    Column("state", LargeBinary, nullable=False),
    Column("after_restore", Int64),
)

# The latest time at which this server acted, so that a clock that was set back is noticed, also after a restart.
CLOCK = Table("clock", _tables, Column("id", Integer, primary_key=True), Column("latest", Int64, nullable=False))

_others = (oidc_tables.METADATA, mail_tables.METADATA, upstream_tables.METADATA)
for _table in (pins.WRONG_PINS, REPLICA, *(table for each in _others for table in each.sorted_tables)):
    _table.to_metadata(_tables)

SCHEMA: Final = Schema(_tables, version=9, application=0x4D4D4641, migrations=Path(__file__).with_name("migrations"))
