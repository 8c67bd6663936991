"""The tables of enrolment by e-mail, in the database of the MFA server."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table

from milagro.stores.state import Int64

METADATA = MetaData()

# One row for each time that somebody asked. It stays for an hour after its use, too, as the limits count it.
ASKED = Table(
    "email_enrolment",
    METADATA,
    Column("id", LargeBinary, primary_key=True),  # of the browser's secret, hashed
    Column("user", String, nullable=False, index=True),
    Column("network", String),
    Column("code", LargeBinary),  # hashed with the browser's secret; none once it is used
    Column("tries", Integer, nullable=False),
    Column("begun", Int64, nullable=False, index=True),
    Column("expires", Int64, nullable=False),
)

# What is to be sent. A row goes once its letter is on its way, or when its code is over.
OUTBOX = Table(
    "email_outbox",
    METADATA,
    Column("id", String, primary_key=True),
    Column("address", String, nullable=False),
    Column("code", String, nullable=False),
    Column("expires", Int64, nullable=False),
    Column("due", Int64, nullable=False, index=True),
    Column("tries", Integer, nullable=False),
)
