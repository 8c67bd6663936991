"""What is remembered of logins for another browser. Every method is one transaction and durable on return.

    open --right code--> matched --right PIN--> done --the desktop takes it--> (gone)
      |--3 wrong codes--> failed      `--refused--> denied <--refused-- open

Each step is one statement that says from which state it goes, so that it is taken once among any number of replicas.

Spec: spec/oidc.md#crossing
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, or_, select, update

from milagro.octets import frame
from milagro.roles.mfa.oidc.records import digest
from milagro.roles.mfa.oidc.requests import AuthorizationRequest
from milagro.roles.mfa.oidc.tables import CROSSING, INTERACTION
from milagro.roles.refusals import Busy, CrossingOver, MatchingCodeRefused

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from milagro.stores.state import State

MAX_TRIES: Final = 3
_OVER: Final = "this login for another device is over; start again there"


class Step(StrEnum):
    """How far a crossing is."""

    OPEN = "open"
    MATCHED = "matched"
    DONE = "done"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Desktop:
    """The browser that asks: its interaction, its cookie, and what only its page has. Secret: all of it."""

    interaction: str
    browser: str
    secret: str

    def __repr__(self) -> str:
        return "Desktop()"


@dataclass(frozen=True, slots=True)
class Asking:
    """What the phone is told of the browser that asks, and what is compared with its own network."""

    agent: str
    network: str | None


@dataclass(frozen=True, slots=True)
class Crossing:
    """One that is open or matched, with the request that it is for."""

    request: AuthorizationRequest
    agent: str
    network: bytes | None
    expires: int


def code_hash(link: str, code: str) -> bytes:
    """What is stored of a matching code; without the link it cannot be searched, though the code is short."""
    digits = "".join(code.split())
    return hashlib.sha256(frame(b"MILAGRO-ROLES-V1_CROSSING_CODE", link.encode(), digits.encode())).digest()


def network_hash(link: str, network: str | None) -> bytes | None:
    """What is stored of a network: 4 or 6, and a hash under the link."""
    if network is None:
        return None
    kind = b"6" if ":" in network else b"4"
    octets = frame(b"MILAGRO-ROLES-V1_CROSSING_NETWORK", link.encode(), network.encode())
    return kind + hashlib.sha256(octets).digest()


class CrossingRecords:
    """The crossings in the MFA server's database."""

    def __init__(self, state: State, limit: int) -> None:
        self._state, self._limit = state, limit

    # -- the desktop -----------------------------------------------------------------------------------------------
    def begin(self, link: str, code: str, desktop: Desktop, asking: Asking, expires: int, now: int) -> None:
        """Stores a crossing, in the place of one of the same interaction. Raises: Busy"""
        with self._state.write("oidc crossings") as connection:
            over = or_(CROSSING.c.expires <= now, CROSSING.c.interaction == digest(desktop.interaction))
            connection.execute(delete(CROSSING).where(over))
            if connection.execute(select(func.count()).select_from(CROSSING)).scalar_one() >= self._limit:
                raise Busy("too many logins are under way; try again in a few minutes")
            values = {
                "id": digest(link),
                "interaction": digest(desktop.interaction),
                "browser": digest(desktop.browser),
                "desktop": digest(desktop.secret),
                "code": code_hash(link, code),
                "agent": asking.agent,
                "network": network_hash(link, asking.network),
                "state": Step.OPEN,
                "tries": 0,
                "expires": expires,
            }
            connection.execute(insert(CROSSING).values(values))

    def step(self, desktop: Desktop, now: int) -> Step:
        """How far the desktop's crossing is. Raises: CrossingOver"""
        with self._state.read() as connection:
            found = connection.execute(select(CROSSING.c.state).where(*_of(desktop, now))).scalar()
        if found is None:
            raise CrossingOver(_OVER)
        return Step(found)

    def take(self, desktop: Desktop, now: int) -> str:
        """Who logged in on the phone, once. Raises: CrossingOver"""
        gone = delete(CROSSING).where(*_of(desktop, now), CROSSING.c.state == Step.DONE)
        with self._state.write("oidc crossings") as connection:
            who: str | None = connection.execute(gone.returning(CROSSING.c.login)).scalar()
        if who is None:
            raise CrossingOver(_OVER)
        return who

    def stop(self, desktop: Desktop, now: int) -> None:
        """Ends the desktop's crossing, if it is there."""
        with self._state.write("oidc crossings") as connection:
            connection.execute(delete(CROSSING).where(*_of(desktop, now)))

    # -- the phone -------------------------------------------------------------------------------------------------
    def find(self, link: str, now: int) -> Crossing:
        """The crossing of a link, whose interaction still waits for a login. Raises: CrossingOver"""
        query = (
            select(CROSSING, INTERACTION.c.request)
            .join(INTERACTION, INTERACTION.c.id == CROSSING.c.interaction)
            .where(*_going(link, now), INTERACTION.c.expires > now, INTERACTION.c.fresh.is_(False))
        )
        with self._state.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise CrossingOver(_OVER)
        return Crossing(AuthorizationRequest.from_json(row.request), row.agent, row.network, row.expires)

    def match(self, link: str, code: str, phone: str, now: int) -> None:
        """Gives the crossing to the phone on which the right code was typed; the try is counted first.

        Raises: MatchingCodeRefused; CrossingOver, also for the last wrong code
        """
        columns = CROSSING.c
        still = (columns.id == digest(link), columns.state == Step.OPEN, columns.expires > now)
        with self._state.write(f"oidc crossing {digest(link).hex()}") as connection:
            counted = update(CROSSING).where(*still, columns.tries < MAX_TRIES).values(tries=columns.tries + 1)
            tries = connection.execute(counted.returning(columns.tries)).scalar()
            right = update(CROSSING).where(*still, columns.code == code_hash(link, code))
            matched = tries is not None and _did(connection, right.values(state=Step.MATCHED, phone=digest(phone)))
            if not matched and tries == MAX_TRIES:
                connection.execute(update(CROSSING).where(*still).values(state=Step.FAILED))
        # The try is counted either way, so the refusals stand outside the transaction.
        if matched:
            return
        if tries is None or tries >= MAX_TRIES:
            raise CrossingOver(_OVER)
        raise MatchingCodeRefused("this is not the code that the other device shows")

    def check_matched(self, link: str, phone: str, now: int) -> None:
        """Refuses a phone that the crossing was not given to. Raises: CrossingOver"""
        with self._state.read() as connection:
            found = select(CROSSING.c.id).where(*_of_phone(link, phone, now))
            if connection.execute(found).one_or_none() is None:
                raise CrossingOver(_OVER)

    def finish(self, connection: Connection, link: str, phone: str, who: str, now: int) -> bool:
        """Notes in this transaction who logged in on the phone; False if the crossing is over."""
        return _did(connection, update(CROSSING).where(*_of_phone(link, phone, now)).values(state=Step.DONE, login=who))

    def deny(self, link: str, now: int) -> None:
        """Ends a crossing that somebody with its link does not want. Raises: CrossingOver"""
        with self._state.write(f"oidc crossing {digest(link).hex()}") as connection:
            denied = _did(connection, update(CROSSING).where(*_going(link, now)).values(state=Step.DENIED))
        if not denied:
            raise CrossingOver(_OVER)


def _of(desktop: Desktop, now: int) -> tuple[Any, ...]:
    columns = CROSSING.c
    return (
        columns.interaction == digest(desktop.interaction),
        columns.browser == digest(desktop.browser),
        columns.desktop == digest(desktop.secret),
        columns.expires > now,
    )


def _going(link: str, now: int) -> tuple[Any, ...]:
    return CROSSING.c.id == digest(link), CROSSING.c.state.in_((Step.OPEN, Step.MATCHED)), CROSSING.c.expires > now


def _of_phone(link: str, phone: str, now: int) -> tuple[Any, ...]:
    columns = CROSSING.c
    own = columns.id == digest(link), columns.phone == digest(phone)
    return *own, columns.state == Step.MATCHED, columns.expires > now


def _did(connection: Connection, statement: Any) -> bool:
    return bool(connection.execute(statement).rowcount == 1)
