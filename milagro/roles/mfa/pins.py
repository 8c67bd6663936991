"""What protects PINs beside the count of three: delays after wrong ones, and budgets of wrong ones.

    wrong PIN of a device --> the device waits: 1 s after the first, 4 s after the second, none after the third: locked
                          --> one more in this hour for its network, and for the server
    network's budget full --> nobody is heard from this network until the hour is over
    server's budget full  --> no device whose last PIN was wrong is heard until the hour is over; all others are

What is not heard is not counted either, and its session stays open for the same answer later.

Spec: spec/mpin.md#pin-protection
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from milagro.roles.refusals import NetworkBudget, ServerBudget, TooSoon
from milagro.stores.state import Int64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from milagro.errors import RateLimited
    from milagro.roles.config import Reader

HOUR: Final = 3600
SERVER: Final = "server"
_SITE: Final = 56  # what one subscriber has of IPv6 at most providers
_FACTOR: Final = 4

METADATA = MetaData()

WRONG_PINS = Table(
    "wrong_pins",
    METADATA,
    Column("place", String, primary_key=True),  # "server", or a network
    Column("hour", Int64, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class PinRules:
    """[mfa.pins]: seconds until the next attempt, and wrong PINs an hour; 0 is no delay, no budget.

    `after_restore` is how many attempts devices have left, at most, when an older copy of the database was put back and
    not every journal of attempts is whole.
    """

    delay_seconds: int = 1
    longest_delay_seconds: int = 60
    network_per_hour: int = 100
    server_per_hour: int = 1000
    after_restore: int = 0

    def delay(self, wrong: int) -> int:
        """min(delay_seconds 4^(wrong - 1), longest_delay_seconds), what a device waits after so many wrong PINs.

        Spec: spec/mpin.md#pin-protection
        """
        delay: int = self.delay_seconds * _FACTOR ** (wrong - 1)
        return min(delay, self.longest_delay_seconds)

    def limit(self, place: str) -> int:
        """How many wrong PINs the place may have in an hour; 0 is any number."""
        return self.server_per_hour if place == SERVER else self.network_per_hour


DEFAULT_RULES: Final = PinRules()


def read_rules(reader: Reader) -> PinRules:
    """The rules that [mfa.pins] gives."""
    default = DEFAULT_RULES
    return PinRules(
        delay_seconds=reader.integer("delay_seconds", 0, 3600, default.delay_seconds),
        longest_delay_seconds=reader.integer("longest_delay_seconds", 0, 3600, default.longest_delay_seconds),
        network_per_hour=reader.integer("network_per_hour", 0, 1_000_000, default.network_per_hour),
        server_per_hour=reader.integer("server_per_hour", 0, 1_000_000_000, default.server_per_hour),
        after_restore=reader.integer("attempts_after_restore", 0, 1, default.after_restore),
    )


def network_of(caller: str | None) -> str | None:
    """The network that an address is counted under: itself for IPv4, its /56 for IPv6; None if it is not known."""
    if caller is None:
        return None
    found = ipaddress.ip_network(caller, strict=False)
    if found.version == 4:
        return str(found.network_address)
    return str(ipaddress.ip_network((int(found.network_address), _SITE), strict=False))


_COUNTS = select(WRONG_PINS.c.place, WRONG_PINS.c.count).where(
    WRONG_PINS.c.hour == bindparam("of_hour"), WRONG_PINS.c.place.in_(bindparam("of_places", expanding=True))
)


def full_places(connection: Connection, rules: PinRules, places: Sequence[str], now: int) -> list[str]:
    """Those of the places that have had their wrong PINs of this hour, in the same order."""
    limited = [place for place in places if rules.limit(place)]
    if not limited:
        return []
    rows = connection.execute(_COUNTS, {"of_hour": now // HOUR, "of_places": limited}).all()
    counts: dict[str, int] = {place: count for place, count in rows}  # noqa: C416 - a row is not typed as a pair
    return [place for place in limited if counts.get(place, 0) >= rules.limit(place)]


def add_wrong(connection: Connection, place: str, now: int) -> int:
    """Counts one more wrong PIN, in one statement; how many there are now. Those of hours that are over are dropped."""
    hour = now // HOUR
    connection.execute(delete(WRONG_PINS).where(WRONG_PINS.c.hour < hour - 1))
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    one = insert(WRONG_PINS).values(place=place, hour=hour, count=1)
    more = one.on_conflict_do_update(index_elements=["place", "hour"], set_={"count": WRONG_PINS.c.count + 1})
    return int(connection.execute(more.returning(WRONG_PINS.c.count)).scalar_one())


def too_soon(seconds: int, why: str = "too soon after a wrong PIN") -> TooSoon:
    """The refusal of an attempt that comes `seconds` before its time."""
    error = TooSoon(f"{why}; wait, then try again")
    error.retry_after = float(seconds)
    return error


def budget_full(place: str, now: int) -> RateLimited:
    """The refusal of an attempt for which there is no budget left in this hour."""
    error: RateLimited
    if place == SERVER:
        error = ServerBudget("too many wrong PINs at this server; devices whose last PIN was wrong wait")
    else:
        error = NetworkBudget("too many wrong PINs from this network; try again later, or from another one")
    error.retry_after = float(HOUR - now % HOUR)
    return error
