"""A network of D-TAs that hold dealt shares, an authority that signs tickets, and holders: all in this process."""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from milagro.cid import CID
from milagro.errors import Expired, ProtocolError
from milagro.groups import curve
from milagro.protocols import sharing
from milagro.protocols.issuance import M_PIN, Asked, Purpose, Ticket, subject_of
from milagro.protocols.mpin.v2 import Ed25519Key, Identity, Suite
from milagro.protocols.sharing import KeyRing, KeyShare, deal
from milagro.roles.config import ServerConfig
from milagro.roles.correspondence.directory import Directory
from milagro.roles.correspondence.keys import recipients_of
from milagro.roles.dta.holdings import Holding
from milagro.roles.dta.issuing import Authorities, AuthorityTerms, IssuingNode, IssuingRecords, IssuingService
from milagro.roles.dta.issuing.tables import SCHEMA
from milagro.roles.dta.issuing.watermark import Watermark
from milagro.roles.dta.member.operations import SERVICE, Desk
from milagro.roles.issuance import NetworkView, Node, seal_ticket
from milagro.roles.issuance.messages import IssueRequest
from milagro.roles.transport.front import Front
from milagro.roles.transport.http import application
from milagro.roles.transport.metrics import Metrics
from milagro.roles.transport.readiness import Readiness
from milagro.stores.content.memory import MemoryStore
from milagro.stores.state import State
from tests.roles.clocks import SetClock
from tests.roles.correspondents import Owner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from milagro.protocols.envelope import EncryptionKey
    from milagro.roles.dta.member.service import Member
    from milagro.stores.state import Database

NETWORK = CID.of(b"a charter")
REALM = "login.example"


class Hand:
    """Holdings of one node in memory."""

    def __init__(self, share: KeyShare) -> None:
        self.share: KeyShare | None = share
        self.retiring: list[tuple[KeyShare, int]] = []

    def current(self) -> Holding:
        if self.share is None:
            raise ProtocolError("there is no key")
        return Holding(self.share, None)

    def find(self, key_id: bytes, now: int) -> Holding:
        if self.current().share.key.key_id == key_id:
            return self.current()
        for share, until in self.retiring:
            if share.key.key_id == key_id and now < until:
                return Holding(share, until)
        raise Expired("no key with this id")

    def public(self, now: int) -> KeyRing:
        retiring = tuple((share.key, until) for share, until in self.retiring if now < until)
        return KeyRing(self.current().share.key, retiring)


@dataclass
class Dta:
    """One D-TA of the network."""

    index: int
    owner: Owner
    hand: Hand
    folder: Path
    network: CID = field(init=False)
    service: IssuingService = field(init=False)

    @property
    def name(self) -> str:
        return f"dta-{self.index}"

    def open(self, network: Network, database: Database | None = None) -> Dta:
        """Starts it, as after a restart; on a database of others, as a replica."""
        now, self.network = network.clock(), network.id
        state = State(database or self.folder / "state.sqlite", SCHEMA, busy_timeout_ms=30_000)
        mark = Watermark(self.folder / "state.mark")
        records = IssuingRecords(state, mark, self.owner.identity, network.id, now)
        keys = self.owner.pairs[-1]
        node = IssuingNode(
            self.owner.identity, network.id, network.suite, keys.signing, self.owner.keys.opening, network.purposes
        )
        authorities = Authorities(network.terms, network.directory)
        self.service = IssuingService(node, self.hand, authorities, records, network.clock)
        return self

    def app(self) -> FastAPI:
        config = ServerConfig("127.0.0.1", 1, "http://127.0.0.1:1", None, None, 1 << 18, 10, 256)
        metrics, readiness = Metrics(), Readiness(self.service.check_ready)
        node = SimpleNamespace(history=lambda _after: ([], []))  # its key was dealt, so there is none
        issuer = cast("Member", SimpleNamespace(issuing=lambda: self.service, node=node))
        desk = Desk(issuer, readiness, metrics.counter("milagro_dta_issued", "Shares issued", "purpose"))
        return application("D-TA", "Issues.", Front(SERVICE, desk, config, readiness, metrics))


@dataclass
class Holder:
    """An identity with its key."""

    identity: Identity
    key: Ed25519Key

    @classmethod
    def new(cls, suite: Suite, now: int, realm: str = REALM, user: str = "alice") -> Holder:
        key = Ed25519Key.generate(secrets.token_bytes)
        return cls(Identity.create(suite, realm, user, "laptop", key, now, secrets.token_bytes), key)

    @property
    def subject(self) -> bytes:
        return self.identity.digest()

    def request(self, dta: Dta, ticket: bytes, reply: EncryptionKey, **changes: Any) -> IssueRequest:
        """A good request, but for `changes`."""
        octets = self.identity.to_bytes()
        asked = self.asked(dta, ticket, reply)
        fields: dict[str, Any] = {"ticket": ticket, "identity": octets, "reply_to": asked.reply}
        fields["signature"] = self.key.sign(asked.statement)
        return IssueRequest(**{**fields, **changes})

    def asked(self, dta: Dta, ticket: bytes, reply: EncryptionKey) -> Asked:
        return Asked(dta.network, dta.owner.identity, ticket, reply.public.octets, self.identity.to_bytes())


class Network:
    """t of n D-TAs, each with a database in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        threshold: int = 2,
        count: int = 3,
        *,
        purposes: frozenset[Purpose] = M_PIN,
        clock: Any = None,
        slot_seconds: int = 3600,
        start: bool = True,
        **terms: Any,
    ) -> None:
        self.suite = Suite(
            curve("BLS12-381", backend="native"), "sha256", timedelta(seconds=slot_seconds) if slot_seconds else None
        )
        self.id = NETWORK
        self.sharing = sharing.Suite(self.suite.curve)
        self.clock = clock or SetClock()
        self.purposes = purposes
        self.secret = self.suite.curve.random_scalar(secrets.token_bytes)
        self.authority = Owner.new()
        self.directory = Directory(MemoryStore())
        self.directory.add(self.authority.replica)
        given: dict[str, Any] = {"realms": frozenset({REALM}), "purposes": purposes, **terms}
        self.terms = [AuthorityTerms(self.authority.identity, **given)]
        shares = deal(self.sharing, self.secret, threshold, count, secrets.token_bytes)
        self.dtas: list[Dta] = []
        for share in shares:
            own = folder / f"dta-{share.index}"
            own.mkdir(parents=True, exist_ok=True)
            self.dtas.append(Dta(share.index, Owner.new(), Hand(share), own))
        if start:
            self.start()

    def start(self) -> None:
        for dta in self.dtas:
            dta.open(self)

    @property
    def key(self) -> sharing.SharedKey:
        share = self.dtas[0].hand.share
        assert share is not None
        return share.key

    def holder(self, **changes: Any) -> Holder:
        return Holder.new(self.suite, self.clock(), **changes)

    def ticket(self, subject: bytes, purpose: Purpose = Purpose.CLIENT_SHARE, **changes: Any) -> Ticket:
        now = self.clock()
        fields: dict[str, Any] = {
            "network": self.id,
            "purpose": purpose,
            "subject": subject,
            "key_id": self.key.key_id,
            "jti": secrets.token_bytes(16),
            "issued": now,
            "expires": now + 120,
            "slot": self.suite.slot_at(now) if purpose is Purpose.PERMIT else None,
        }
        return Ticket(**{**fields, **changes})

    def sealed(self, ticket: Ticket, by: Owner | None = None, to: list[Dta] | None = None) -> bytes:
        recipients = [key for dta in to or self.dtas for key in recipients_of(dta.owner.state)]
        return seal_ticket(ticket, (by or self.authority).pairs[-1].signing, recipients, secrets.token_bytes)

    def for_holder(self, holder: Holder, purpose: Purpose = Purpose.CLIENT_SHARE, **changes: Any) -> bytes:
        return self.sealed(self.ticket(holder.subject, purpose, **changes))

    def for_server(self, **changes: Any) -> bytes:
        subject = subject_of(self.authority.identity.to_bytes())
        return self.sealed(self.ticket(subject, Purpose.SERVER_SHARE, **changes))

    def view(self, urls: dict[int, str] | None = None, **changes: Any) -> NetworkView:
        known = urls or {}
        nodes = tuple(
            Node(dta.index, dta.name, dta.owner.identity, dta.owner.state, known.get(dta.index, "http://127.0.0.1:9"))
            for dta in self.dtas
        )
        return NetworkView(self.id, self.suite, nodes, (self.key,), **changes)

    def close(self) -> None:
        for dta in self.dtas:
            dta.service.close()


@contextmanager
def serving(*apps: Any) -> Iterator[list[str]]:
    """The applications, each on a port of its own; their URLs."""
    with ExitStack() as stack:
        yield [stack.enter_context(_served(app)) for app in apps]


@contextmanager
def _served(app: Any) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    server.config.timeout_graceful_shutdown = 1
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
