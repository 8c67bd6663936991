"""The replicas as the operator sees them, and how one is given up.

Spec: spec/mpin.md#restores
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.errors import NotFound, ParameterError
from milagro.roles.mfa.attempts.guard import View, rows_of

if TYPE_CHECKING:
    from milagro.roles.mfa.attempts.guard import Replica
    from milagro.stores.state import State


def replicas(state: State) -> tuple[list[Replica], frozenset[bytes]]:
    """All replicas, the latest seen first, and the ids of those that are awaited after a restore."""
    with state.read() as connection:
        view = View(state.origin(connection), rows_of(connection))
    return sorted(view.rows.values(), key=lambda row: -row.seen), frozenset(view.awaited)


def forget(state: State, prefix: str) -> Replica:
    """Gives up the replica whose id begins so, in hexadecimal. If it is awaited, devices are limited from now on.

    Raises: NotFound, ParameterError if several begin so
    """
    with state.write() as connection:
        view = View(state.origin(connection), rows_of(connection))
        found = [one for one in view.rows if one.hex().startswith(prefix.lower())]
        if not found or not prefix:
            raise NotFound(f"there is no replica {prefix!r}")
        if len(found) > 1:
            raise ParameterError(f"{len(found)} replicas begin with {prefix!r}; write more of it")
        view.give_up(found[0])
        view.write(connection)
        return view.rows[found[0]]
