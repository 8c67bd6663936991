"""Spent tickets, the horizon before which they are forgotten, and what was issued: the tables of release 0.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, Integer, String

from milagro.stores.state import Int64

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "1"
down_revision = None
compatible_from = 1


def upgrade(op: Operations) -> None:
    """Makes the tables."""
    op.create_table(
        "spent_ticket",
        Column("jti", String, primary_key=True),
        Column("expires", Int64, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_spent_ticket_expires", "spent_ticket", ["expires"])
    op.create_table("horizon", Column("id", Integer, primary_key=True), Column("forgotten", Int64, nullable=False))
    op.create_table(
        "issue",
        Column("id", Int64, primary_key=True),
        Column("jti", String, nullable=False),
        Column("authority", String, nullable=False),
        Column("purpose", String, nullable=False),
        Column("subject", String, nullable=False),
        Column("slot", Int64),
        Column("at", Int64, nullable=False),
    )
