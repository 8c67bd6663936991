"""Enrolment by e-mail: both halves are needed, once, with few tries; and what was acknowledged is sent.

spec/enrolment.md#ways
"""

from __future__ import annotations

import email
import re
import socketserver
import ssl
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from milagro.errors import ConfigError
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa.mail.config import SmtpConfig, canonical_address
from milagro.roles.mfa.mail.operations import MailDesk, open_mail
from milagro.roles.wire import to_text
from tests.roles.tls import TestAuthority
from tests.roles.world import PIN, World, application, login, toml_mfa, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EMAIL = """
[mfa.email]
sender = "login@login.test"
domains = ["example.com", "login.test"]
outbox = "outbox"
per_address = 3
per_network = 5
"""
ASK, CONFIRM = "/v1/enrolments/email", "/v1/enrolments/email/confirm"


class Mailing(World):
    """A world whose MFA server enrols by e-mail; its outbox is emptied by hand."""

    mail: MailDesk

    def application(self) -> Any:
        mail = open_mail(self.mfa)
        assert mail is not None
        self.mail = mail
        return mfa_http.create_app(self.mfa, self.config.common.server, None, mail)

    def letters(self) -> dict[str, str]:
        """The texts of the letters that were sent, by their addresses."""
        self.mail.outbox.deliver()
        found = [email.message_from_bytes(path.read_bytes()) for path in (self.folder / "mfa" / "outbox").glob("*.eml")]
        return {str(one["To"]): str(one.get_payload()) for one in found}

    def ask(self, address: str = "alice@example.com") -> str:
        status, body = self.post(ASK, {"address": address})
        assert (status, sorted(body)) == (200, ["browser", "expires"])
        return str(body["browser"])

    def code(self, address: str = "alice@example.com") -> str:
        found = re.search(r"^ {4}(\S{4}-\S{4})$", self.letters()[address], re.MULTILINE)
        assert found is not None
        return found[1]

    def confirm(self, browser: str, code: str) -> str:
        status, body = self.post(CONFIRM, {"browser": browser, "code": code})
        return f"{body['user']} {body['code']}" if status == 200 else str(body["error"]["code"])


@pytest.fixture
def mailing(folder: Path, clock: Any) -> Iterator[Mailing]:
    built = Mailing(folder, clock, store=lambda: EMAIL)
    built.build()
    yield built
    built.close()


def test_a_letter_leads_to_an_enrolment_once(mailing: Mailing, capsys: pytest.CaptureFixture[str]) -> None:
    assert mailing.http.get("/v1/status").json()["email"] is True
    browser = mailing.ask(" Alice@Example.COM ")
    code = mailing.code()
    user, invitation = mailing.confirm(browser, code.lower().replace("-", " ").replace("0", "o")).split()
    assert user == "alice@example.com"
    assert mailing.confirm(browser, code) == "email-code-refused"
    client = mailing.client()
    client.enrol(application(user, "laptop", invitation), lambda: PIN)
    login(client)
    said = "".join(capsys.readouterr())
    for secret in (code, browser, invitation, "alice@", "Alice@"):
        assert secret not in said
    assert len(mailing.letters()) == 1  # and nothing is sent again


def test_neither_half_is_enough(mailing: Mailing) -> None:
    mine, other = mailing.ask(), mailing.ask("mallory@example.com")
    code = mailing.code()
    assert mailing.confirm(other, code) == "email-code-refused"
    assert mailing.confirm(to_text(bytes(32)), code) == "email-code-refused"
    assert mailing.confirm(mine, mailing.code("mallory@example.com")) == "email-code-refused"
    assert mailing.confirm(mine, code).startswith("alice@example.com ")


def test_five_tries_and_no_more(mailing: Mailing) -> None:
    browser = mailing.ask()
    code = mailing.code()
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(mailing.confirm(browser, "0000"))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["email-code-refused"] * 5
    assert mailing.confirm(browser, code) == "email-code-refused"


def test_one_of_many_at_once_gets_the_invitation(mailing: Mailing) -> None:
    browser, results = mailing.ask(), []
    code = mailing.code()
    threads = [threading.Thread(target=lambda: results.append(mailing.confirm(browser, code))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result == "email-code-refused" for result in results) == [False, True, True, True]


def test_codes_end(mailing: Mailing) -> None:
    browser = mailing.ask()
    code = mailing.code()
    mailing.clock.now += 900
    assert mailing.confirm(browser, code) == "email-code-refused"
    mailing.ask("late@example.com")
    mailing.clock.now += 900
    assert "late@example.com" not in mailing.letters()  # it would be of no use


def test_known_and_unknown_addresses_get_the_same(mailing: Mailing) -> None:
    mailing.enrol("alice@example.com")
    mailing.ask()
    mailing.ask("bob@example.com")
    first, second = (mailing.letters()[f"{name}@example.com"] for name in ("alice", "bob"))
    hidden = re.compile(r"\S{4}-\S{4}")
    assert hidden.sub("-", first) == hidden.sub("-", second)


def test_limits(mailing: Mailing) -> None:
    for _ in range(3):
        mailing.ask()
    status, body = mailing.post(ASK, {"address": "alice@example.com"})
    assert (status, body["error"]["code"]) == (429, "rate-limited")
    enrolments, now = mailing.mail.enrolments, mailing.clock()
    for at in range(5):
        enrolments.ask(f"a{at}@example.com", "192.0.2.7", now)
    with pytest.raises(Exception, match="too many letters"):
        enrolments.ask("a6@example.com", "192.0.2.7", now)
    enrolments.ask("a6@example.com", "192.0.2.8", now)
    mailing.clock.now += 3600
    mailing.ask()


def test_only_addresses_of_allowed_domains(mailing: Mailing) -> None:
    for address in ("alice@evil.test", "alice@sub.example.com", "alice", "a@b@example.com", "a\r\nBcc: x@example.com"):
        status, body = mailing.post(ASK, {"address": address})
        assert status == 400, address
        assert address not in body["error"]["message"]
    assert canonical_address("\u212aate@example.com") is None
    assert canonical_address(f"{'a' * 65}@example.com") is None
    assert canonical_address(".a@example.com") is None
    assert canonical_address("A.b+c@Example.com") == "a.b+c@example.com"


def test_what_was_acknowledged_is_sent_after_a_crash(mailing: Mailing) -> None:
    browser = mailing.ask()
    mailing.start_mfa()  # another process, on the same database
    assert mailing.letters()
    mailing.mail.start()  # also by its thread
    other = mailing.ask("bob@example.com")
    for _ in range(200):
        if len(list((mailing.folder / "mfa" / "outbox").glob("*.eml"))) == 2:
            break
        threading.Event().wait(0.05)
    mailing.mail.close()
    assert mailing.confirm(browser, mailing.code()).startswith("alice@")
    assert mailing.confirm(other, mailing.code("bob@example.com")).startswith("bob@")


def test_a_server_that_is_away_is_tried_again(
    mailing: Mailing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    password = write(tmp_path / "password", "mail-pass\n")
    authority = TestAuthority(tmp_path)
    browser = mailing.ask()
    with smtp_server(authority) as server:
        config = SmtpConfig("localhost", 1, "starttls", "login", password, authority.path)
        outbox = mailing.mail.outbox
        outbox._config = replace(outbox._config, smtp=config)
        outbox.deliver()
        outbox._config = replace(outbox._config, smtp=replace(config, port=server.server_address[1]))
        outbox.deliver()
        assert server.letters == []  # not yet
        mailing.clock.now += 10
        outbox.deliver()
        outbox.deliver()
    assert [user for user, _ in server.letters] == ["AGxvZ2luAG1haWwtcGFzcw=="]  # RFC 4616, inside TLS only
    found = re.search(r"^ {4}(\S{4}-\S{4})$", server.letters[0][1], re.MULTILINE)
    assert found is not None
    assert mailing.confirm(browser, found[1]).startswith("alice@example.com ")
    said = "".join(capsys.readouterr())
    assert "a letter was not sent" in said
    assert "alice@" not in said


class Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321, STARTTLS and AUTH PLAIN as a letter needs."""

    def handle(self) -> None:
        user, secure = "", False
        self.say("220 test")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "EHLO":
                self.say("250-test\r\n250 AUTH PLAIN" if secure else "250-test\r\n250 STARTTLS")
            elif verb == "STARTTLS":
                self.say("220 go")
                self.request = self.server.tls.wrap_socket(self.request, server_side=True)  # type: ignore[attr-defined]
                self.setup()
                secure = True
            elif verb == "AUTH":
                user = line.split()[2]
                self.say("235 welcome")
            elif verb == "DATA":
                self.say("354 go")
                lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
                self.server.letters.append((user, "\n".join(lines)))  # type: ignore[attr-defined]
                self.say("250 taken")
            else:
                self.say("221 bye" if verb == "QUIT" else "250 ok")

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, authority: TestAuthority) -> None:
        super().__init__(("127.0.0.1", 0), Smtp)
        self.letters: list[tuple[str, str]] = []
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(*authority.issue("localhost"))


@contextmanager
def smtp_server(authority: TestAuthority) -> Iterator[MailServer]:
    with MailServer(authority) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def test_a_server_without_it_refuses(world: World) -> None:
    assert world.http.get("/v1/status").json()["email"] is False
    assert world.post(ASK, {"address": "alice@example.com"})[0] == 404


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[mfa.email]\nsender = "a@b.test"\n', "mfa.email.domains is missing"),
        ('[mfa.email]\nsender = "nobody"\ndomains = ["*"]\n', "must be an e-mail address"),
        ('[mfa.email]\nsender = "a@b.test"\ndomains = ["@b.test"]\n', "which is no domain"),
        (
            '[mfa.email]\nsender = "a@b.test"\ndomains = ["*"]\noutbox = "o"\n[mfa.email.smtp]\nhost = "localhost"\n',
            "two ways",
        ),
        (
            '[mfa.email]\nsender = "a@b.test"\ndomains = ["*"]\n[mfa.email.smtp]\nhost = "mx.test"\ntls = "none"\n',
            "on this machine only",
        ),
        (
            '[mfa.email]\nsender = "a@b.test"\ndomains = ["*"]\n[mfa.email.smtp]\nhost = "mx.test"\nuser = "u"\n',
            "given together",
        ),
    ],
)
def test_faults_of_the_configuration(tmp_path: Path, text: str, fault: str) -> None:
    write(tmp_path / "charter", "")
    with pytest.raises(ConfigError) as caught:
        mfa_config.read_config(write(tmp_path / "milagro.toml", toml_mfa(store=text)))
    assert fault in f"{caught.value} {caught.value.args}" or fault in "".join(getattr(caught.value, "problems", []))
