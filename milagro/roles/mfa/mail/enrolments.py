"""Who asked to enrol by e-mail, and whether what they typed came from the letter."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select, update

from milagro.errors import ParameterError, RateLimited
from milagro.octets import frame
from milagro.roles.mfa.mail.config import canonical_address
from milagro.roles.mfa.mail.tables import ASKED, OUTBOX
from milagro.roles.mfa.proven import give_invitation, is_upstream
from milagro.roles.refusals import Busy, EmailCodeRefused, UpstreamOnly

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from milagro.roles.mfa.mail.config import EmailConfig
    from milagro.roles.mfa.proven import Invited
    from milagro.stores.state import State

WINDOW_SECONDS: Final = 3600
MAX_TRIES: Final = 5
SECRET_OCTETS: Final = 32
_CODE: Final = "this code does not fit, was used, or is over; look again, or ask for a new one"
_SPELLINGS: Final = str.maketrans({"-": None, " ": None, "O": "0", "I": "1", "L": "1"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What the browser that asked gets: its half. Secret: `browser`."""

    browser: bytes = field(repr=False)
    expires: int


class EmailEnrolments:
    """The requests for letters. Every method is one transaction and durable on return."""

    def __init__(self, config: EmailConfig, state: State, new_code: Callable[[], str]) -> None:
        self._config, self._state, self._new_code = config, state, new_code

    def ask(self, address: str, network: str | None, now: int) -> Asked:
        """Puts a letter with a code into the outbox, whether the address is known or not; the browser's half of it.

        Raises: ParameterError for what is no address of an allowed domain; RateLimited, Busy
        """
        user = canonical_address(address)
        if user is None or not self._config.allows(user):
            raise ParameterError("this is no e-mail address at a domain that may enrol here")
        browser, code = secrets.token_bytes(SECRET_OCTETS), self._new_code()
        expires = now + self._config.code_seconds
        with self._state.write("email enrolment") as connection:
            connection.execute(delete(ASKED).where(ASKED.c.begun <= now - WINDOW_SECONDS))
            self._check_limits(connection, user, network)
            row = {"id": _id(browser), "user": user, "network": network, "code": code_hash(browser, code)}
            connection.execute(insert(ASKED).values(**row, tries=0, begun=now, expires=expires))
            letter = {"id": secrets.token_hex(16), "address": user, "code": code, "expires": expires}
            connection.execute(insert(OUTBOX).values(**letter, due=now, tries=0))
        return Asked(browser, expires)

    def _check_limits(self, connection: Connection, user: str, network: str | None) -> None:
        def count(*where: Any) -> int:
            found: int = connection.execute(select(func.count()).select_from(ASKED).where(*where)).scalar_one()
            return found

        if count() >= self._config.max_pending:
            raise Busy("too many people are enrolling by e-mail; try again later")
        often = count(ASKED.c.user == user) >= self._config.per_address
        if often or (network is not None and count(ASKED.c.network == network) >= self._config.per_network):
            error = RateLimited("too many letters were asked for; try again in an hour, or ask for an invitation")
            error.retry_after = float(WINDOW_SECONDS)
            raise error

    def confirm(self, browser: bytes, code: str, now: int) -> Invited:
        """The invitation that this code is good for, once; the try is counted first.

        Raises: EmailCodeRefused, one text for every reason; UpstreamOnly to who has the right code
        """
        invited = None
        with self._state.write(f"email enrolment {_id(browser).hex()}") as connection:
            user = self._use(connection, browser, code, now)
            if user is not None and not is_upstream(connection, user):
                invited = give_invitation(connection, user, now)
        # The try is counted either way, so the refusals stand outside the transaction.
        if user is None:
            raise EmailCodeRefused(_CODE)
        if invited is None:
            raise UpstreamOnly("this account enrols by the upstream provider, or with an invitation")
        return invited

    def _use(self, connection: Connection, browser: bytes, code: str, now: int) -> str | None:
        columns, mine = ASKED.c, ASKED.c.id == _id(browser)
        good = (mine, columns.tries < MAX_TRIES, columns.expires > now)
        if connection.execute(update(ASKED).where(*good).values(tries=columns.tries + 1)).rowcount != 1:
            return None
        used = update(ASKED).where(mine, columns.code == code_hash(browser, code)).values(code=None)
        return connection.execute(used.returning(columns.user)).scalar_one_or_none()


def _id(browser: bytes) -> bytes:
    return hashlib.sha256(frame(b"MILAGRO-ROLES-V1_EMAIL_BROWSER", browser)).digest()


def code_hash(browser: bytes, code: str) -> bytes:
    """What is stored of a code; without the browser's secret it cannot be searched, though the code is short."""
    letters = code.upper().translate(_SPELLINGS)
    return hashlib.sha256(frame(b"MILAGRO-ROLES-V1_EMAIL_CODE", browser, letters.encode())).digest()
