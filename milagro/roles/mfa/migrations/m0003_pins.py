"""PIN protection: delays after wrong PINs, budgets of wrong PINs, and what is taken back after a restore."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, Integer, String

from milagro.stores.state import Int64

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "3"
down_revision = "2"
compatible_from = 1


def upgrade(op: Operations) -> None:
    """Adds the columns and the table."""
    op.add_column("device", Column("not_before", Int64))
    op.add_column("device", Column("after_restore", Int64))
    op.add_column("session", Column("after_restore", Int64))
    op.create_table(
        "wrong_pins",
        Column("place", String, primary_key=True),
        Column("hour", Int64, primary_key=True, autoincrement=False),
        Column("count", Integer, nullable=False),
    )
