"""At which key the members say that they are, asked by one that comes back from a backup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, LargeBinary, Text

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "2"
down_revision = "1"
compatible_from = 1  # the release before does not look at it


def upgrade(op: Operations) -> None:
    """Makes the table."""
    op.create_table(
        "dtanet_whereabouts",
        Column("member", Text, primary_key=True),
        Column("set_id", LargeBinary, nullable=False),
    )
