"""Members of a network in this process, without envelopes and logs: drivers, databases, and a bus between them.

The clock is the test's, and a member that is killed loses all that was not committed.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature as Rejected
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import MetaData

from milagro.cid import CID
from milagro.errors import DecryptionFailed, InvalidSignature
from milagro.groups import curve
from milagro.protocols.sharing import Suite
from milagro.roles.charter import Charter, CharterFile, Seat
from milagro.roles.correspondence.correspondent import Letter
from milagro.roles.dta.network.driver import Driver
from milagro.roles.dta.network.holdings import StoredHoldings
from milagro.roles.dta.network.memory import Settings
from milagro.roles.dta.network.records import NetworkTables
from milagro.roles.switches import Proposal
from milagro.stores.keys import Argon2Cost, DataKey, Passphrase, PassphraseSealer
from milagro.stores.state import Schema, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from milagro.protocols.sharing import Member

CURVE = "BN254"
SEALER = PassphraseSealer(Passphrase(b"correct horse"), Argon2Cost(memory_kib=32, iterations=1, lanes=1))
APPROVE = frozenset({"refresh", "repair", "rotate", "reshare", "retire"})


def identity_of(name: str) -> CID:
    return CID.of(name.encode())


@cache
def _signing(identity: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"sign" + identity).digest())


@cache
def suite_of(name: str) -> Suite:
    return Suite(curve(name, "native"))


@dataclass(frozen=True)
class Keys:
    """Credentials by name; sealing is random as with real keys, so a run restored without its record would show."""

    me: bytes

    def sign(self, message: bytes) -> bytes:
        return _signing(self.me).sign(message)

    def verify(self, member: Member, message: bytes, signature: bytes) -> None:
        try:
            _signing(member.public_key).public_key().verify(signature, message)
        except Rejected:
            raise InvalidSignature("not signed by its sender") from None

    def seal(self, member: Member, plaintext: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + _sealing(member.public_key).encrypt(nonce, plaintext, None)

    def open(self, member: Member, sealed: bytes) -> bytes:
        try:
            return _sealing(self.me).decrypt(sealed[:12], sealed[12:], None)
        except InvalidTag:
            raise DecryptionFailed("not sealed for this member") from None


@cache
def _sealing(identity: bytes) -> AESGCM:
    return AESGCM(hashlib.sha256(b"seal" + identity).digest())


class Killed(Exception):
    """What a member that is killed dies of."""


@dataclass
class Node:
    """One member: a database that lasts, a driver that does not."""

    name: str
    folder: Path
    clock: Callable[[], float]
    settings: Settings
    up: bool = True
    inbox: deque[tuple[CID, bytes]] = field(default_factory=deque)
    transactions: int = 0
    kill_at: int | None = None
    kill_how: str = "uncommitted"  # or "unsent", "half sent"
    dying: bool = False
    watch: Callable[[Node], None] | None = None
    generation: int = 0
    holdings_seen: list[tuple[float, bytes, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.identity = identity_of(self.name)
        self.start()

    def start(self) -> None:
        metadata = MetaData()
        self.tables = NetworkTables(metadata)
        path = self.folder / f"{self.name}-{self.generation}.sqlite"
        self.state = State(path, Schema(metadata, 1, 0x4D444E54))
        sealing = DataKey.open_or_create(self.folder / f"{self.name}.key", SEALER, {"role": "dta"})
        self.driver = Driver(
            self.identity, Keys(self.identity.to_bytes()), self.tables, sealing, suite_of, self.settings, self.clock
        )
        self.holdings = StoredHoldings(self.state, self.tables, sealing, suite_of)
        self.up = True

    def kill(self) -> None:
        """What is in memory is gone; what is in the database can still be looked at."""
        del self.driver, self.holdings
        self.up, self.kill_at, self.dying = False, None, False

    def restart(self) -> None:
        self.state.close()
        self.start()

    def lose_database(self) -> None:
        self.generation += 1
        self.restart()

    def do(self, act: Callable[[Connection], None]) -> bool:
        """One transaction, or none if the member is killed in it; or it is killed before what it says is sent."""
        try:
            with self.state.write() as connection:
                act(connection)
                self.transactions += 1
                due = self.kill_at is not None and self.transactions >= self.kill_at
                if due and self.kill_how == "uncommitted":
                    raise Killed  # noqa: TRY301 - the kill comes after everything and before the commit
        except Killed:
            self.kill()
            return False
        if self.watch is not None:
            self.watch(self)
        if due and self.kill_how == "unsent":
            self.kill()
        self.dying = due and self.up
        return True

    def intend(self, kind: str, value: bytes = b"") -> None:
        with self.state.write() as connection:
            self.tables.add_intent(connection, kind, value, int(self.clock()))

    def see(self) -> None:
        """Notes which share is held, so that a test can look for two at one time."""
        with self.state.read() as connection:
            rows = self.tables.shares(connection, "current")
        for row in rows:
            self.holdings_seen.append((self.clock(), row.set_id, row.epoch))

    @property
    def epoch(self) -> int | None:
        try:
            return self.holdings.current().share.key.epoch
        except Exception:  # noqa: BLE001 - it has none
            return None

    def steps(self) -> list[bytes]:
        with self.state.read() as connection:
            return self.tables.steps_after(connection, b"", 99)

    def notes(self) -> str:
        with self.state.read() as connection:
            return "\n".join(f"{who}: {text}" for _, who, text in self.tables.notes(connection, 100))


class Bus:
    """Members, their letters, and the time."""

    def __init__(self, folder: Path, names: list[str], settings: Settings | None = None) -> None:
        self.folder = folder
        self.now = 1_800_000_000.0
        self.settings = settings or Settings(step_seconds=10, start_seconds=10, ask_seconds=20, approve=APPROVE)
        self.nodes: dict[str, Node] = {}
        self.tamper: Callable[[Node, str, bytes], list[bytes]] | None = None
        self.cut: set[frozenset[str]] = set()
        self.threshold_after = 0  # of the resharing that a test looks at
        for name in names:
            self.add(name)

    def add(self, name: str) -> Node:
        self.nodes[name] = Node(name, self.folder, lambda: self.now, self.settings)
        return self.nodes[name]

    def charter(self, threshold: int, names: list[str] | None = None) -> Charter:
        seats = tuple(
            Seat(index, name, identity_of(name), "") for index, name in enumerate(names or list(self.nodes), 1)
        )
        return Charter("test", CURVE, "sha256", 3600, threshold, seats, secrets.token_bytes(32))

    def found(self, threshold: int, names: list[str] | None = None) -> Charter:
        """A charter that all its members have joined."""
        charter = self.charter(threshold, names)
        for seat in charter.seats:
            self.nodes[seat.name].intend("join", file_of(charter).to_bytes())
        return charter

    def settle(
        self, seconds: float = 0, until: Callable[[], bool] | None = None, at_rest: Callable[[], None] | None = None
    ) -> None:
        """Letters and ticks until nothing is on its way, then on with the clock, for so many seconds."""
        end = self.now + seconds
        while True:
            while self._round():
                if until is not None and until():
                    return
            if at_rest is not None:
                at_rest()
            if (until is not None and until()) or self.now >= end:
                return
            self.now += 1

    def letters(self) -> bool:
        """Whether something is on its way."""
        return any(node.up and node.inbox for node in self.nodes.values())

    def _round(self) -> bool:
        moved = False
        for node in self.nodes.values():
            if node.up and not node.dying:
                node.do(node.driver.tick)
            if node.up:
                moved |= self._send(node)
            while node.up and not node.dying and node.inbox:
                sender, payload = node.inbox[0]
                letter = Letter(sender, 0, payload, None)
                if node.do(lambda connection, letter=letter, node=node: node.driver.apply(connection, letter)):
                    node.inbox.popleft()
                    node.see()
                    moved = True
        return moved

    def _send(self, node: Node) -> bool:
        with node.state.read() as connection:
            letters = node.tables.outgoing(connection, 1000)
        by_identity: dict[str, list[Node]] = {}
        for one in self.nodes.values():
            by_identity.setdefault(str(one.identity), []).append(one)
        for letter in letters:
            others = [other for to in letter.to.split() for other in by_identity.get(to, [])]
            for other in others[: len(others) // 2] if node.dying else others:
                if frozenset({node.name, other.name}) in self.cut:
                    continue
                payloads = [letter.payload] if self.tamper is None else self.tamper(node, other.name, letter.payload)
                other.inbox.extend((node.identity, payload) for payload in payloads)
            if node.dying:
                break
            with node.state.write() as connection:
                node.tables.sent(connection, letter.id)
        if node.dying:
            node.kill()
        return bool(letters)

    def amend(self, kind: str, by: str, threshold: int, add: list[str], remove: list[str]) -> Proposal:
        """Proposes other members by way of one, and gives the file to the new ones."""
        node = self.nodes[by]
        with node.state.read() as connection:
            standing = node.driver.standing(connection)
        assert standing is not None
        assert standing.key is not None
        kept = [seat for seat in standing.charter.seats if seat.name not in remove]
        first = standing.charter.next_index
        new = [Seat(place, name, identity_of(name), "") for place, name in enumerate(add, first)]
        charter = Charter(
            "test", CURVE, "sha256", 3600, threshold, (*kept, *new), secrets.token_bytes(32),
            standing.charter.number + 1, standing.charter.network, standing.charter.cid, standing.key.to_bytes(),
            first + len(add),
        )  # fmt: skip
        proposal = Proposal(kind, charter, charter.session, standing.base, standing.charter)
        node.intend("propose", proposal.to_bytes())
        for name in add:
            self.nodes[name].intend("join", file_of(charter, proposal).to_bytes())
        return proposal

    def propose(self, kind: str, by: str, **fields: int) -> None:
        node = self.nodes[by]
        with node.state.read() as connection:
            standing = node.driver.standing(connection)
        assert standing is not None
        proposal = Proposal(kind, standing.charter, secrets.token_bytes(32), standing.base, None, **fields)
        node.intend("propose", proposal.to_bytes())

    def close(self) -> None:
        for node in self.nodes.values():
            node.state.close()


def file_of(charter: Charter, proposal: Proposal | None = None) -> CharterFile:
    octets = proposal.to_bytes() if proposal else b""
    return CharterFile(charter, (b"",), charter.seats[0].identity, b"", octets)
