"""Which browsers were sent to the upstream provider, whom it vouched for in them, and whose the accounts are.

    asked --callback, once--> taken --vouched for--> proven --confirmed, once--> an invitation; the row goes

Spec: spec/enrolment.md#upstream, spec/enrolment.md#names
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select, update

from milagro.errors import AlreadyExists, NotFound, RateLimited
from milagro.octets import frame
from milagro.roles.mfa.proven import Invited, give_invitation
from milagro.roles.mfa.tables import ACCOUNT
from milagro.roles.mfa.upstream.tables import ASKED, SUBJECT
from milagro.roles.refusals import Busy, UpstreamRefused, UpstreamUser

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from milagro.roles.mfa.upstream.config import UpstreamConfig
    from milagro.stores.state import State

LIFE_SECONDS: Final = 600
_ASKED, _TAKEN, _PROVEN, _NOBODY = "asked", "taken", "proven", "nobody"
_REFUSED: Final = "the provider did not vouch for you in this browser, or too long ago; start again"


@dataclass(frozen=True, slots=True)
class Proven:
    """Whom the provider vouches for: its own name for them, which never changes, and the user's name; none if nobody's.

    Spec: spec/enrolment.md#names
    """

    issuer: str
    subject: str
    user: str | None


class UpstreamEnrolments:
    """The browsers under way, and the subjects. Every method is one transaction and durable on return."""

    def __init__(self, config: UpstreamConfig, state: State) -> None:
        self._config, self._state = config, state

    def begin(self, browser: str, back: str, network: str | None, now: int) -> None:
        """Notes a browser that goes to the provider. Raises: RateLimited, Busy"""
        with self._state.write("upstream enrolment") as connection:
            connection.execute(delete(ASKED).where(ASKED.c.expires <= now))
            self._check_limits(connection, network)
            row = {"id": _id(browser), "network": network, "back": back, "phase": _ASKED, "expires": now + LIFE_SECONDS}
            connection.execute(insert(ASKED).values(row))

    def _check_limits(self, connection: Connection, network: str | None) -> None:
        count = select(func.count()).select_from(ASKED)
        if connection.execute(count).scalar_one() >= self._config.max_pending:
            raise Busy("too many people are enrolling; try again later")
        if network is None:
            return
        if connection.execute(count.where(ASKED.c.network == network)).scalar_one() >= self._config.per_network:
            error = RateLimited("too many people of this network are enrolling; try again in some minutes")
            error.retry_after = float(LIFE_SECONDS)
            raise error

    def back(self, browser: str, now: int) -> str:
        """The interaction that this browser came from; nothing if there is none."""
        with self._state.read() as connection:
            query = select(ASKED.c.back).where(ASKED.c.id == _id(browser), ASKED.c.expires > now)
            return connection.execute(query).scalar() or ""

    def take(self, browser: str, now: int) -> bool:
        """Whether this browser comes back for the first time, as it does from then on no more."""
        return self._move(browser, now, _ASKED, phase=_TAKEN)

    def note(self, browser: str, proven: Proven, now: int) -> None:
        """Notes whom the provider vouches for in this browser."""
        phase = _NOBODY if proven.user is None else _PROVEN
        self._move(browser, now, _TAKEN, phase=phase, issuer=proven.issuer, subject=proven.subject, user=proven.user)

    def _move(self, browser: str, now: int, before: str, **values: Any) -> bool:
        mine = (ASKED.c.id == _id(browser), ASKED.c.phase == before, ASKED.c.expires > now)
        with self._state.write("upstream enrolment") as connection:
            return connection.execute(update(ASKED).where(*mine).values(values)).rowcount == 1

    def confirm(self, browser: str, now: int) -> Invited:
        """An invitation for whom the provider vouched for in this browser, once.

        Raises: UpstreamRefused, UpstreamUser
        """
        with self._state.write() as connection:  # an account is not begun by somebody else meanwhile
            gone = delete(ASKED).where(ASKED.c.id == _id(browser), ASKED.c.expires > now)
            row = connection.execute(gone.returning(ASKED)).one_or_none()
            user = self._user(connection, row, now) if row is not None and row.phase == _PROVEN else None
            invited = give_invitation(connection, user, now) if user is not None else None
        # The row is gone either way, so the refusals stand outside the transaction.
        if row is None or row.phase not in (_PROVEN, _NOBODY):
            raise UpstreamRefused(_REFUSED)
        if invited is None:
            raise UpstreamUser(
                "the provider knows you, but you are no user who may enrol here, or another's account is"
            )
        return invited

    def _user(self, connection: Connection, row: Row[Any], now: int) -> str | None:
        """The user that the subject is, for good; None if the name is somebody else's.

        Spec: spec/enrolment.md#names
        """
        who = (SUBJECT.c.issuer == row.issuer, SUBJECT.c.subject == row.subject)
        pinned: str | None = connection.execute(select(SUBJECT.c.user).where(*who)).scalar()
        if pinned is not None:
            return pinned
        owners = select(SUBJECT.c.user).where(SUBJECT.c.user == row.user)
        if connection.execute(owners).one_or_none() is not None:
            return None
        known = select(ACCOUNT.c.user).where(ACCOUNT.c.user == row.user)
        if connection.execute(known).one_or_none() is not None and not self._config.link_existing:
            return None
        values = {"issuer": row.issuer, "subject": row.subject, "user": row.user, "pinned": now}
        connection.execute(insert(SUBJECT).values(values))
        found: str = row.user
        return found


@dataclass(frozen=True, slots=True)
class Pinned:
    """Whose an account is."""

    user: str
    issuer: str
    subject: str
    pinned: int


class Subjects:
    """Whose the accounts are, for the operator."""

    def __init__(self, state: State) -> None:
        self._state = state

    def all(self) -> list[Pinned]:
        """All of them by the user's name."""
        with self._state.read() as connection:
            rows = connection.execute(select(SUBJECT).order_by(SUBJECT.c.user)).all()
        return [Pinned(row.user, row.issuer, row.subject, row.pinned) for row in rows]

    def link(self, pinned: Pinned) -> None:
        """Gives an account to a subject, whose-ever it was. Raises: AlreadyExists if the subject has another one"""
        who = (SUBJECT.c.issuer == pinned.issuer, SUBJECT.c.subject == pinned.subject)
        with self._state.write() as connection:
            owned = connection.execute(select(SUBJECT.c.user).where(*who)).scalar()
            if owned is not None and owned != pinned.user:
                raise AlreadyExists(f"the subject has the account {owned!r}; unlink that first")
            connection.execute(delete(SUBJECT).where(SUBJECT.c.user == pinned.user))
            connection.execute(insert(SUBJECT).values(asdict(pinned)))

    def unlink(self, user: str) -> None:
        """Makes the account nobody's at the provider. Raises: NotFound"""
        with self._state.write() as connection:
            if connection.execute(delete(SUBJECT).where(SUBJECT.c.user == user)).rowcount != 1:
                raise NotFound(f"the user {user!r} is no subject's of an upstream provider")


def _id(browser: str) -> bytes:
    return hashlib.sha256(frame(b"MILAGRO-ROLES-V1_UPSTREAM_BROWSER", browser.encode())).digest()
