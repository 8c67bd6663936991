"""Logins for another browser, and devices that the user's own devices invite and confirm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, Integer, LargeBinary, String

from milagro.stores.state import Int64

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "5"
down_revision = "4"
compatible_from = 5  # releases before it know no devices that wait


def upgrade(op: Operations) -> None:
    """Makes the table, and the column."""
    op.add_column("invitation", Column("inviter", LargeBinary))
    op.create_table(
        "oidc_crossing",
        Column("id", LargeBinary, primary_key=True),
        Column("interaction", LargeBinary, nullable=False, unique=True),
        Column("browser", LargeBinary, nullable=False),
        Column("desktop", LargeBinary, nullable=False),
        Column("code", LargeBinary, nullable=False),
        Column("agent", String, nullable=False),
        Column("network", LargeBinary),
        Column("state", String, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("phone", LargeBinary),
        Column("login", String),
        Column("expires", Int64, nullable=False),
    )
    op.create_index("ix_oidc_crossing_expires", "oidc_crossing", ["expires"])
