"""What a replica of a server does in a process of its own: it uses one ticket, or guesses at one device, again."""

from __future__ import annotations

import multiprocessing
import os
import secrets
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING

from milagro.cid import CID
from milagro.errors import MilagroError
from milagro.protocols.issuance import Purpose, Ticket
from milagro.roles.dta.issuing import AuthorityTerms, IssuingRecords
from milagro.roles.dta.issuing.records import Use
from milagro.roles.dta.issuing.tables import SCHEMA
from milagro.roles.dta.issuing.watermark import Watermark
from milagro.roles.mfa.pins import PinRules
from milagro.roles.mfa.records import MfaRecords, StoredSession
from milagro.roles.refusals import code_of
from milagro.stores.state import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from milagro.stores.state import Database

NOW = 1_800_000_000
NETWORK = CID.of(b"a network")
THREADS = 10


def in_processes(count: int, task: Callable[[Database, int], list[str]], database: Database, uses: int) -> Counter[str]:
    """How often each outcome came, over `count` processes that do `task` at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imports once, for all of them
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        outcomes = [pool.submit(task, database, uses) for _ in range(count)]
        return Counter(code for outcome in outcomes for code in outcome.result())


def spend(folder: Path, database: Database, uses: int) -> list[str]:
    ticket = Ticket(NETWORK, Purpose.CLIENT_SHARE, bytes(32), bytes(32), bytes(16), NOW, NOW + 100)
    terms = AuthorityTerms(CID.of(b"an authority"), frozenset({"login.test"}))
    records = records_of(database, folder / str(os.getpid()))
    try:
        return _at_once(lambda: records.use(Use(ticket, terms, secrets.token_bytes(32), 0), NOW), uses)
    finally:
        records.close()


def records_of(database: Database, mark: Path) -> IssuingRecords:
    """A D-TA's records as a replica opens them that has a watermark of its own and was there before the ticket."""
    return IssuingRecords(State(database, SCHEMA), Watermark(mark), CID.of(b"a node"), NETWORK, NOW - 600)


def guess(database: Database, uses: int) -> list[str]:
    records = MfaRecords(database, rules=PinRules(delay_seconds=0))
    digest = records.devices()[0].identity.digest()

    def one() -> None:
        session = StoredSession(secrets.token_bytes(16), digest, secrets.token_bytes(16), NOW + 100, b"")
        records.open_session(session, NOW, 1000)
        if not records.count_attempt(session, NOW):
            raise AssertionError("nobody else has this session")

    try:
        return _at_once(one, uses)
    finally:
        records.state.close()


def _at_once(use: Callable[[], object], uses: int) -> list[str]:
    def outcome(_: int) -> str:
        try:
            use()
        except MilagroError as error:
            return code_of(error)
        return "done"

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(outcome, range(uses)))
