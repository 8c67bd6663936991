"""What one replica counts by itself: attempts of each device, in a SQLite file that no other machine writes.

    split_device    attempts since the last login that this replica saw to be right; at three it answers no more
    split_attempt   the guesses it knows, by name, until their slot is long over: known ones are not counted again

The shared database cannot set these back: whoever stole another replica has that one's password.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import Boolean, Column, Integer, LargeBinary, MetaData, Table, delete, insert, select, update

from milagro.errors import RateLimited
from milagro.roles.mfa.records import MAX_ATTEMPTS
from milagro.roles.refusals import Locked
from milagro.stores import files
from milagro.stores.state import Int64, Schema, State

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sqlalchemy import Connection

MAX_RUNS: Final = 32  # with one guess: a batch of 16 takes at most five, and a leader may begin anew
_tables = MetaData()

_device = Table(
    "split_device",
    _tables,
    Column("digest", LargeBinary, primary_key=True),
    Column("attempts", Integer, nullable=False),
)

_attempt = Table(
    "split_attempt",
    _tables,
    Column("name", LargeBinary, primary_key=True),
    Column("device", LargeBinary, nullable=False),
    Column("expires", Int64, nullable=False, index=True),
    Column("runs", Integer, nullable=False),
    Column("right", Boolean, nullable=False),
)

SCHEMA = Schema(_tables, version=1, application=0x4D4D4653)


@dataclass(frozen=True, slots=True)
class Guess:
    """One attempt: its name, the digest of the identity, and until when its name is kept."""

    name: bytes
    device: bytes
    expires: int


class Counters:
    """The file at `path`. Every method is one transaction and durable on return.

    Spec: spec/mpin.md#split-secret
    """

    def __init__(self, path: Path) -> None:
        files.make_folder(path.parent)
        self._state = State(path, SCHEMA)

    def count(self, guesses: Iterable[Guess], now: int) -> None:
        """Takes one attempt of its device for each guess that is new; all of them, or none if one is refused.

        Raises: Locked if a device has none left here, RateLimited if a guess was in too many runs
        """
        with self._state.write() as connection:
            connection.execute(delete(_attempt).where(_attempt.c.expires < now))
            for guess in guesses:
                if not _known(connection, guess):
                    _take(connection, guess)

    def give_back(self, guesses: Iterable[Guess]) -> None:
        """Sets the attempts of the devices to 0, once for each guess: a right login gives nothing a second time."""
        with self._state.write() as connection:
            for guess in guesses:
                new = update(_attempt).where(_attempt.c.name == guess.name, _attempt.c.right.is_(False))
                if connection.execute(new.values(right=True)).rowcount:
                    done = update(_device).where(_device.c.digest == guess.device)
                    connection.execute(done.values(attempts=0))

    def attempts(self, device: bytes) -> int:
        """How many attempts a device has used here."""
        with self._state.read() as connection:
            return connection.execute(select(_device.c.attempts).where(_device.c.digest == device)).scalar() or 0

    def check(self) -> None:
        """Refuses while the file takes no writes. Raises: Unavailable"""
        self._state.check()

    def close(self) -> None:
        """Lets the file go."""
        self._state.close()


def _known(connection: Connection, guess: Guess) -> bool:
    """Whether the guess was counted before; then this is one more run with it."""
    runs = connection.execute(select(_attempt.c.runs).where(_attempt.c.name == guess.name)).scalar()
    if runs is None:
        return False
    if runs >= MAX_RUNS:
        raise RateLimited("this attempt was looked at too often; start again")
    connection.execute(update(_attempt).where(_attempt.c.name == guess.name).values(runs=runs + 1))
    return True


def _take(connection: Connection, guess: Guess) -> None:
    used = connection.execute(select(_device.c.attempts).where(_device.c.digest == guess.device)).scalar()
    if used is None:
        connection.execute(insert(_device).values(digest=guess.device, attempts=0))
    if (used or 0) >= MAX_ATTEMPTS:
        raise Locked("no attempt of this device is left at a server that shares the secret; enrol it anew")
    connection.execute(update(_device).where(_device.c.digest == guess.device).values(attempts=(used or 0) + 1))
    values = {"name": guess.name, "device": guess.device, "expires": guess.expires, "runs": 1, "right": False}
    connection.execute(insert(_attempt).values(values))
