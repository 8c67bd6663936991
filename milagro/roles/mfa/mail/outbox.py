"""The letters with codes: from the table to an SMTP server, or into a folder, in a thread of its own.

    row, written with the request --taken by one statement--> sent: the row goes
        --not sent--> again after 5 s, 10 s, 20 s, ... until its code is over

A process that ends in between leaves the row, and the letter is sent again: twice rather than never. Replicas share the
table. No log has an address or a code.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
import threading
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, select, update

from milagro.errors import AlreadyExists, MilagroError, Unavailable
from milagro.roles import logs
from milagro.roles.mfa.mail.tables import OUTBOX
from milagro.stores import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Row

    from milagro.roles.mfa.mail.config import EmailConfig, SmtpConfig
    from milagro.stores.state import State

_POLL_SECONDS: Final = 5.0
_LEASE_SECONDS: Final = 60  # longer than one attempt to send takes
_FIRST_PAUSE: Final = 5
_LONGEST_PAUSE: Final = 60
_PATIENCE_SECONDS: Final = 10.0
_AT_ONCE: Final = 20
_log = logs.logger(__name__)


class Outbox:
    """Sends what is in the table. `site` is whom people enrol with, `origin` the address of the page."""

    def __init__(self, config: EmailConfig, state: State, clock: Callable[[], int], site: str, origin: str) -> None:
        self._config, self._state, self._clock = config, state, clock
        self._site, self._origin = site, origin
        self._wake, self._over = threading.Event(), False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to send, also what an earlier process left."""
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._wake.set()
        self._thread.start()

    def wake(self) -> None:
        """Says that there is something to send."""
        self._wake.set()

    def close(self) -> None:
        """Ends, without waiting for a letter under way: its row is still there."""
        self._over = True
        self._wake.set()

    def _run(self) -> None:
        while not self._over:
            self._wake.wait(_POLL_SECONDS)
            self._wake.clear()
            try:
                self.deliver()
            except MilagroError as error:
                _log.warning("the outbox was not looked through", reason=str(error))
            except Exception:  # noqa: BLE001 - a thread that ends silently would be found out by those who wait
                _log.error("the outbox failed", exc_info=True)

    def deliver(self) -> None:
        """Sends what is due now."""
        now = self._clock()
        with self._state.read() as connection:
            query = select(OUTBOX).where(OUTBOX.c.due <= now).order_by(OUTBOX.c.due).limit(_AT_ONCE)
            rows = connection.execute(query).all()
        for row in rows:
            if self._over:
                return
            self._handle(row, now)

    def _handle(self, row: Row[Any], now: int) -> None:
        if row.expires <= now:
            _log.error("a letter could not be sent until its code was over", letter=row.id)
            self._forget(row.id)
        elif self._set_due(row.id, row.due, now + _LEASE_SECONDS, row.tries + 1):
            try:
                self._send(row)
            except (OSError, smtplib.SMTPException, MilagroError) as error:
                # What an SMTP server says may hold the address.
                _log.warning("a letter was not sent; it is tried again", letter=row.id, error=type(error).__name__)
                pause = min(_FIRST_PAUSE << min(row.tries, 8), _LONGEST_PAUSE)
                self._set_due(row.id, now + _LEASE_SECONDS, now + pause, row.tries + 1)
            else:
                self._forget(row.id)

    def _send(self, row: Row[Any]) -> None:
        letter = self._letter(row.address, row.code)
        if self._config.smtp is not None:
            send(self._config.smtp, letter)
            return
        files.make_folder(self._config.outbox)
        with contextlib.suppress(AlreadyExists):  # sent before, by a process that ended at once
            files.write_new(self._config.outbox / f"{row.id}.eml", letter.as_bytes())

    def _letter(self, address: str, code: str) -> EmailMessage:
        letter = EmailMessage()
        letter["From"], letter["To"] = self._config.sender, address
        letter["Subject"] = f"Your code for {self._site}"
        letter["Date"] = formatdate()
        letter["Message-ID"] = make_msgid(domain=self._config.sender.rpartition("@")[2])
        letter["Auto-Submitted"] = "auto-generated"
        minutes = self._config.code_seconds // 60
        letter.set_content(
            f"Your code for {self._site}:\n\n    {code}\n\n"
            f"Type it into the page at {self._origin} on which you asked for it, within {minutes} minutes. It works\n"
            "only there, and only once.\n\n"
            "If you did not ask for it, somebody typed your address. Do not pass the code on; then nothing happens.\n"
        )
        return letter

    def _set_due(self, letter: str, before: int, due: int, tries: int) -> bool:
        taken = update(OUTBOX).where(OUTBOX.c.id == letter, OUTBOX.c.due == before)
        with self._state.write(f"email outbox {letter}") as connection:
            return connection.execute(taken.values(due=due, tries=tries)).rowcount == 1

    def _forget(self, letter: str) -> None:
        with self._state.write(f"email outbox {letter}") as connection:
            connection.execute(delete(OUTBOX).where(OUTBOX.c.id == letter))


def send(config: SmtpConfig, letter: EmailMessage) -> None:
    """Hands a letter to the SMTP server.

    Raises: OSError, smtplib.SMTPException, Unavailable if the password cannot be read
    """
    cafile = None if config.ca_certificate is None else str(config.ca_certificate)
    trust = ssl.create_default_context(cafile=cafile)
    if config.tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(config.host, config.port, timeout=_PATIENCE_SECONDS, context=trust)
    else:
        server = smtplib.SMTP(config.host, config.port, timeout=_PATIENCE_SECONDS)
    with server:
        if config.tls == "starttls":
            server.starttls(context=trust)
        if config.password_file is not None:
            server.login(config.user, _password(config.password_file))
        server.send_message(letter)


def _password(path: Path) -> str:
    try:
        return files.read(path, 4096).decode().strip()
    except UnicodeDecodeError:
        raise Unavailable("the password of the SMTP server is not UTF-8") from None
