"""One's own log, cursors, entries, heads and forks: the tables of release 0.1. A role's own migration may call it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, LargeBinary, Text

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "1"
down_revision = None
compatible_from = 1


def upgrade(op: Operations) -> None:
    """Makes the tables."""
    op.create_table(
        "log_own",
        Column("topic", Text, primary_key=True),
        Column("seq", BigInteger, primary_key=True),
        Column("cid", LargeBinary, nullable=False),
    )
    op.create_table("log_cursor", *_log_columns(), Column("cid", LargeBinary, nullable=False))
    op.create_table(
        "log_entry",
        Column("topic", Text, primary_key=True),
        Column("sender", Text, primary_key=True),
        Column("seq", BigInteger, primary_key=True),
        Column("block", LargeBinary, nullable=False),
    )
    op.create_table("log_head", *_log_columns(), Column("block", LargeBinary, nullable=False))
    op.create_table(
        "log_fork",
        *_log_columns(),
        Column("first", LargeBinary, nullable=False),
        Column("second", LargeBinary, nullable=False),
    )


def _log_columns() -> tuple[Column[str], Column[str], Column[int]]:
    return (
        Column("topic", Text, primary_key=True),
        Column("sender", Text, primary_key=True),
        Column("seq", BigInteger, nullable=False),
    )
