"""Enrolment by an upstream provider: who asked, whose the accounts are; and invitations that replace a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Boolean, Column, LargeBinary, String

from milagro.stores.state import Int64

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "6"
down_revision = "5"
compatible_from = 1


def upgrade(op: Operations) -> None:
    """Makes the tables, and the column."""
    op.add_column("invitation", Column("replaces", Boolean))
    op.create_table(
        "upstream_enrolment",
        Column("id", LargeBinary, primary_key=True),
        Column("network", String),
        Column("back", String, nullable=False),
        Column("phase", String, nullable=False),
        Column("issuer", String),
        Column("subject", String),
        Column("user", String),
        Column("expires", Int64, nullable=False),
    )
    op.create_index("ix_upstream_enrolment_expires", "upstream_enrolment", ["expires"])
    op.create_table(
        "upstream_subject",
        Column("issuer", String, primary_key=True),
        Column("subject", String, primary_key=True),
        Column("user", String, nullable=False, unique=True),
        Column("pinned", Int64, nullable=False),
    )
