"""Telling clients that a session is over (OpenID Connect Back-Channel Logout 1.0), now and again until they have heard.

    note in the transaction that ended the session --sent--> 200 or 204: done
        --no such answer--> again after 10 s, 20 s, 40 s, ... ; after 8 times it is given up, and logged

Replicas share the notes; each takes a note by one statement before it sends.

Spec: spec/oidc.md#logout
"""

from __future__ import annotations

import ssl
import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Final

import httpx
from sqlalchemy import delete, select, update

from milagro.roles import logs
from milagro.roles.mfa.oidc.tables import LOGOUT
from milagro.roles.mfa.watch import KeyWatch

if TYPE_CHECKING:
    from sqlalchemy import Row

    from milagro.roles.mfa.oidc.provider import Provider

_POLL_SECONDS: Final = 5.0
_SWEEP_SECONDS: Final = 60.0
_FIRST_PAUSE: Final = 10
_MOST_TRIES: Final = 8
_AT_ONCE: Final = 8
_PATIENCE_SECONDS: Final = 4.0  # a browser that logs out does not wait longer for what other sites say
_HEARD: Final = frozenset({200, 204})
_log = logs.logger(__name__)


class Notifier:
    """Sends the logout tokens of one provider. Secret: none is kept"""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="logout")
        self._watch = KeyWatch(self._background, _POLL_SECONDS)
        self._swept = float("-inf")
        trust = ssl.create_default_context()
        self._http = httpx.Client(verify=trust, timeout=_PATIENCE_SECONDS, trust_env=False)

    def start(self) -> None:
        """Begins to look for notes."""
        self._watch.start()

    def close(self) -> None:
        """Ends that."""
        self._watch.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._http.close()

    def deliver(self) -> None:
        """Sends what is due, and waits a little for the answers."""
        tasks = [self._pool.submit(self._send, row) for row in self._due()]
        wait(tasks, _PATIENCE_SECONDS)

    def _background(self) -> None:
        self.deliver()
        if time.monotonic() - self._swept > _SWEEP_SECONDS:
            self._swept = time.monotonic()
            self._provider.records.sweep(self._provider.now())

    def _due(self) -> list[Row[Any]]:
        query = select(LOGOUT).where(LOGOUT.c.due <= self._provider.now()).order_by(LOGOUT.c.due).limit(100)
        with self._provider.records.state.read() as connection:
            return list(connection.execute(query).all())

    def _send(self, row: Row[Any]) -> None:
        client = self._provider.client(row.client)
        if client is None or not client.backchannel_logout_uri:
            self._forget(row)
            return
        if not self._take(row):
            return
        token = self._provider.statements.logout_token(client, row.subject, row.sid, self._provider.now())
        if self._post(client.backchannel_logout_uri, token):
            self._forget(row)
        elif row.tries + 1 >= _MOST_TRIES:
            _log.error("a client does not hear of a logout; it is given up", client=row.client)
            self._forget(row)
        else:
            _log.warning("a client has not heard of a logout; it is told again", client=row.client)

    def _post(self, uri: str, token: str) -> bool:
        try:
            return self._http.post(uri, data={"logout_token": token}).status_code in _HEARD
        except httpx.HTTPError:
            return False

    def _take(self, row: Row[Any]) -> bool:
        later = self._provider.now() + _FIRST_PAUSE * 2**row.tries
        taken = update(LOGOUT).where(LOGOUT.c.id == row.id, LOGOUT.c.due == row.due)
        with self._provider.records.state.write(f"oidc logout {row.id}") as connection:
            return connection.execute(taken.values(due=later, tries=row.tries + 1)).rowcount == 1

    def _forget(self, row: Row[Any]) -> None:
        with self._provider.records.state.write(f"oidc logout {row.id}") as connection:
            connection.execute(delete(LOGOUT).where(LOGOUT.c.id == row.id))
