"""Accounts, devices, invitations, logins under way, and the clock: the tables of release 0.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Boolean, Column, ForeignKey, Integer, LargeBinary, String, text

from milagro.stores.state import Int64

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "1"
down_revision = None
compatible_from = 1


def upgrade(op: Operations) -> None:
    """Makes the tables."""
    op.create_table(
        "account",
        Column("user", String, primary_key=True),
        Column("suspended", Boolean, nullable=False),
        Column("created", Int64, nullable=False),
    )
    op.create_table(
        "device",
        Column("digest", LargeBinary, primary_key=True),
        Column("user", String, ForeignKey("account.user"), nullable=False),
        Column("name", String, nullable=False),
        Column("identity", LargeBinary, nullable=False),
        Column("state", String, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("created", Int64, nullable=False),
        Column("last_login", Int64),
    )
    pinned = text("state != 'removed'")
    op.create_index(
        "one_identity", "device", ["user", "name"], unique=True, sqlite_where=pinned, postgresql_where=pinned
    )
    op.create_table(
        "invitation",
        Column("code_hash", LargeBinary, primary_key=True),
        Column("user", String, nullable=False),
        Column("expires", Int64, nullable=False),
        Column("device", LargeBinary, ForeignKey("device.digest")),
    )
    op.create_table(
        "session",
        Column("id", LargeBinary, primary_key=True),
        Column("device", LargeBinary, ForeignKey("device.digest"), nullable=False),
        Column("first_pass", LargeBinary, nullable=False, unique=True),
        Column("expires", Int64, nullable=False),
        Column("state", LargeBinary, nullable=False),
    )
    op.create_index("ix_session_expires", "session", ["expires"])
    op.create_table("clock", Column("id", Integer, primary_key=True), Column("latest", Int64, nullable=False))
