"""The pages for administrators: which sessions someone logged in for them with, and when each was used last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column

from milagro.stores.state import Int64

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "7"
down_revision = "6"
compatible_from = 1


def upgrade(op: Operations) -> None:
    """Adds the column."""
    op.add_column("browser_session", Column("administers", Int64))
