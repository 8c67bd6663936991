"""How far the replicas of MFA servers are, which their D-TAs witness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Boolean, Column, LargeBinary, String

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "3"
down_revision = "2"
compatible_from = 1  # the releases before do not look at it


def upgrade(op: Operations) -> None:
    """Makes the table."""
    op.create_table(
        "issuing_standing",
        Column("authority", String(59), primary_key=True),
        Column("replica", LargeBinary(16), primary_key=True),
        Column("gone", Boolean, nullable=False),
        Column("run", LargeBinary(16), nullable=False),
        *(Column(name, BigInteger, nullable=False) for name in ("start", "mark", "epoch")),
        Column("signing_key", LargeBinary(32), nullable=False),
        Column("signature", LargeBinary, nullable=False),
    )
