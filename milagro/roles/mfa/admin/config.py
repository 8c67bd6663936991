"""[mfa.admin]: who sees the pages for administrators, and how fresh a login has to be.

Spec: spec/administration.md#administrators
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from milagro.roles.config import Reader


@dataclass(frozen=True, slots=True)
class AdminConfig:
    """The groups, and in seconds: rest between two pages, age of the login for pages, and for changes."""

    groups: frozenset[str]
    idle_seconds: int
    login_seconds: int
    change_seconds: int


def read_admin(reader: Reader) -> AdminConfig:
    """The table [mfa.admin]."""
    return AdminConfig(
        groups=frozenset(reader.texts("groups")),
        idle_seconds=reader.integer("idle_seconds", 60, 3600, 600),
        login_seconds=reader.integer("login_seconds", 300, 12 * 3600, 3600),
        change_seconds=reader.integer("change_seconds", 30, 3600, 300),
    )
