"""Several replicas of one server on one database: a ticket is good once, and guesses are counted exactly."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING

from milagro.protocols.mpin.v2 import Identity
from milagro.protocols.mpin.v2.client_key import Ed25519Key
from milagro.roles.mfa.records import MAX_ATTEMPTS, MfaRecords
from milagro.roles.suites import open_suite
from tests.roles.replicas import NOW, guess, in_processes, spend

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.stores.state import Database


def test_a_thousand_uses_of_one_ticket_at_once_spend_it_once(database: Database, tmp_path: Path) -> None:
    assert in_processes(4, partial(spend, tmp_path), database, 250) == {"done": 1, "ticket-reused": 999}


def test_guesses_through_all_replicas_are_counted_together(database: Database) -> None:
    records = MfaRecords(database)
    key = Ed25519Key.generate(secrets.token_bytes)
    suite = open_suite("BLS12-381", "sha256", 3600)
    identity = Identity.create(suite, "login.test", "alice", "laptop", key, NOW, secrets.token_bytes)
    records.invite(b"code", "alice", NOW + 100)
    records.enrol(b"code", identity, NOW)
    assert in_processes(4, guess, database, 25) == {"done": MAX_ATTEMPTS, "locked": 100 - MAX_ATTEMPTS}
    device = records.pinned("alice", "laptop")
    assert device is not None
    assert device.attempts == MAX_ATTEMPTS
    records.state.close()
