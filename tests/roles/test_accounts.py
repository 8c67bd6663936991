"""Accounts and enrolment by e-mail on every kind of database."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from milagro.protocols.mpin.v2 import Identity
from milagro.protocols.mpin.v2.client_key import Ed25519Key
from milagro.roles.mfa.accounts import Accounts
from milagro.roles.mfa.mail.config import EmailConfig
from milagro.roles.mfa.mail.enrolments import EmailEnrolments
from milagro.roles.mfa.mail.outbox import Outbox
from milagro.roles.mfa.records import MfaRecords
from milagro.roles.refusals import EmailCodeRefused
from milagro.roles.suites import open_suite
from tests.roles.replicas import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milagro.stores.state import Database


@pytest.fixture
def records(database: Database) -> Iterator[MfaRecords]:
    opened = MfaRecords(database)
    yield opened
    opened.state.close()


def test_accounts_are_listed_and_removed(records: MfaRecords) -> None:
    suite = open_suite("BLS12-381", "sha256", 3600)
    for user, device in (("alice", "laptop"), ("alice", "phone"), ("bob", "laptop")):
        key, code = Ed25519Key.generate(secrets.token_bytes), secrets.token_bytes(8)
        records.invite(code, user, NOW + 100)
        records.enrol(code, Identity.create(suite, "login.test", user, device, key, NOW, secrets.token_bytes), NOW)
    accounts = Accounts(records.state)
    assert [(user.name, user.devices, user.created) for user in accounts.users()] == [
        ("alice", 2, NOW),
        ("bob", 1, NOW),
    ]
    found = [accounts.users(containing=text) for text in ("B", "o", "lic", "%", "_", "x")]
    assert [[user.name for user in users] for users in found] == [["bob"], ["bob"], ["alice"], [], [], []]
    accounts.remove("alice")
    assert [user.name for user in accounts.users()] == ["bob"]
    records.suspend("alice", suspended=True)
    assert [(user.name, user.devices) for user in accounts.users(limit=1)] == [("alice", 0)]
    assert [user.name for user in accounts.users(after="alice")] == ["bob"]


def test_a_letter_and_its_code(records: MfaRecords, tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    config = EmailConfig("login@login.test", ("*",), folder, None, 900, 5, 30, 100)
    enrolments = EmailEnrolments(config, records.state, lambda: "K3M9-0QXT")
    asked = enrolments.ask("alice@example.com", "192.0.2.7", NOW)
    outbox = Outbox(config, records.state, lambda: NOW, "Login", "https://login.test")
    outbox.deliver()
    outbox.deliver()
    (letter,) = folder.iterdir()
    assert b"K3M9-0QXT" in letter.read_bytes()
    with pytest.raises(EmailCodeRefused):
        enrolments.confirm(asked.browser, "wrong", NOW)
    assert enrolments.confirm(asked.browser, "K3M9-0QXT", NOW).user == "alice@example.com"
    with pytest.raises(EmailCodeRefused):
        enrolments.confirm(asked.browser, "K3M9-0QXT", NOW)
