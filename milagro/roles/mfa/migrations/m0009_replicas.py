"""Attempts outside the database: the replicas that keep journals, and how often a device's attempts have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Boolean, Column, LargeBinary

from milagro.stores.state import Int64

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "9"
down_revision = "8"
compatible_from = 1  # replicas of the releases before go on; what they count is in no journal


def upgrade(op: Operations) -> None:
    """Adds the table and the column."""
    op.add_column("device", Column("changes", Int64))
    op.create_table(
        "replica",
        Column("id", LargeBinary, primary_key=True),
        Column("start", Int64, nullable=False),
        Column("run", LargeBinary, nullable=False),
        Column("mark", Int64, nullable=False),
        Column("seen", Int64, nullable=False),
        Column("merged", Int64, nullable=False),
        Column("tables", Int64, nullable=False),
        Column("uncovered", Int64, nullable=False),
        Column("gone", Boolean, nullable=False),
    )
