"""[mfa.email]: whether people enrol by e-mail, at which domains, and how letters leave."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from milagro.stores.urls import is_loopback

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.roles.config import Reader

ANY_DOMAIN: Final = "*"
_LONGEST: Final = 254  # RFC 5321, section 4.5.3.1.3, without the angle brackets
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ATOM: Final = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_ADDRESS: Final = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@({_DOMAIN.pattern})")


@dataclass(frozen=True, slots=True)
class SmtpConfig:
    """[mfa.email.smtp]: the server that letters are handed to."""

    host: str
    port: int
    tls: str
    user: str
    password_file: Path | None
    ca_certificate: Path | None


@dataclass(frozen=True, slots=True)
class EmailConfig:
    """Who may enrol by e-mail, how often, and where letters go: to a server, or else into a folder."""

    sender: str
    domains: tuple[str, ...]
    outbox: Path
    smtp: SmtpConfig | None
    code_seconds: int
    per_address: int
    per_network: int
    max_pending: int

    def allows(self, address: str) -> bool:
        """Whether users may have this address, in its canonical form."""
        return ANY_DOMAIN in self.domains or address.rpartition("@")[2] in self.domains


def canonical_address(text: str) -> str | None:
    """The one spelling of an address that a user's name has: ASCII, small letters; None if it is no such address."""
    address = text.strip().lower() if text.isascii() else ""
    return address if len(address) <= _LONGEST and _ADDRESS.fullmatch(address) else None


def read_email(reader: Reader) -> EmailConfig:
    """The table [mfa.email]."""
    smtp = reader.optional("smtp")
    if smtp is not None and "outbox" in reader:
        reader.fault("outbox", "and [mfa.email.smtp] are two ways for one letter; give one of them")
    config = EmailConfig(
        sender=reader.text("sender", limit=_LONGEST),
        domains=tuple(domain.lower() for domain in reader.texts("domains")),
        outbox=reader.path("outbox", "outbox"),
        smtp=_read_smtp(smtp) if smtp is not None else None,
        code_seconds=reader.integer("code_seconds", 60, 3600, 900),
        per_address=reader.integer("per_address", 1, 1000, 5),
        per_network=reader.integer("per_network", 1, 1_000_000, 30),
        max_pending=reader.integer("max_pending", 10, 1_000_000, 10_000),
    )
    if config.sender and canonical_address(config.sender) is None:
        reader.fault("sender", "must be an e-mail address, such as login@example.com")
    if wrong := [domain for domain in config.domains if domain != ANY_DOMAIN and not _DOMAIN.fullmatch(domain)]:
        reader.fault("domains", f"has {wrong[0]!r}, which is no domain; '*' stands for any")
    return config


def _read_smtp(reader: Reader) -> SmtpConfig:
    config = SmtpConfig(
        host=reader.text("host", limit=253),
        port=reader.integer("port", 1, 65535, 587),
        tls=reader.choice("tls", ("starttls", "tls", "none"), "starttls"),
        user=reader.text("user", "", limit=_LONGEST),
        password_file=reader.file("password_file", required=False),
        ca_certificate=reader.file("ca_certificate", required=False),
    )
    if config.tls == "none" and config.host and not is_loopback(config.host):
        reader.fault("tls", "can be 'none' for a server on this machine only")
    if bool(config.user) != (config.password_file is not None):
        reader.fault("user", "and password_file must be given together")
    return config
