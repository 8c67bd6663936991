"""Enrolment by e-mail: who asked, and what is to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, Integer, LargeBinary, String

from milagro.stores.state import Int64

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "4"
down_revision = "3"
compatible_from = 1


def upgrade(op: Operations) -> None:
    """Makes the tables."""
    op.create_table(
        "email_enrolment",
        Column("id", LargeBinary, primary_key=True),
        Column("user", String, nullable=False),
        Column("network", String),
        Column("code", LargeBinary),
        Column("tries", Integer, nullable=False),
        Column("begun", Int64, nullable=False),
        Column("expires", Int64, nullable=False),
    )
    op.create_index("ix_email_enrolment_user", "email_enrolment", ["user"])
    op.create_index("ix_email_enrolment_begun", "email_enrolment", ["begun"])
    op.create_table(
        "email_outbox",
        Column("id", String, primary_key=True),
        Column("address", String, nullable=False),
        Column("code", String, nullable=False),
        Column("expires", Int64, nullable=False),
        Column("due", Int64, nullable=False),
        Column("tries", Integer, nullable=False),
    )
    op.create_index("ix_email_outbox_due", "email_outbox", ["due"])
