"""The replicas of an MFA server, in its database: whose journals a restored copy has to be compared with."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, LargeBinary, MetaData, Table

from milagro.stores.state import Int64

METADATA: Final = MetaData()

REPLICA: Final = Table(
    "replica",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("start", Int64, nullable=False, default=0),
    Column("run", LargeBinary, nullable=False, default=b""),
    Column("mark", Int64, nullable=False, default=0),
    Column("seen", Int64, nullable=False, default=0),
    Column("merged", Int64, nullable=False, default=0),  # the latest restore that its journal was compared after
    Column("tables", Int64, nullable=False, default=0),  # the number of the tables that it has seen last
    Column("uncovered", Int64, nullable=False, default=0),  # the latest restore of which it does not know everything
    Column("gone", Boolean, nullable=False, default=False),
)
