"""How many logins of a device are under way is read off an index; among ten thousand it was most of a first pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "8"
down_revision = "7"
compatible_from = 1


def upgrade(op: Operations) -> None:
    """Makes the index."""
    op.create_index("ix_session_device", "session", ["device"])
