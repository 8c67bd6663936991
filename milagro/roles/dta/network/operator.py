"""What an operator asks of a node: each command is left in the node's database, where the server takes it up.

So a command works while the server is down, and is done once however often the server is killed.

Spec: spec/dta-network.md, Commands
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from milagro.errors import InvalidSignature, NotFound, ParameterError, ProtocolError
from milagro.protocols import pki
from milagro.protocols.pki import Replica
from milagro.protocols.sharing import KeyRing
from milagro.roles.charter import (
    SERVICE,
    SERVICE_TYPE,
    SESSION_OCTETS,
    Card,
    Charter,
    CharterFile,
    seats_of,
)
from milagro.roles.correspondence.directory import Directory
from milagro.roles.correspondence.keys import EnvelopeKeys, listed
from milagro.roles.dta.network.credentials import sign
from milagro.roles.dta.network.node import Database, open_database, sharing_suite
from milagro.roles.dta.network.sealing import create_data_key
from milagro.roles.dta.network.status import NetworkStatus, read_status
from milagro.roles.lineage import Standing, verify
from milagro.roles.switches import Proposal
from milagro.stores import files
from milagro.stores.content.memory import MemoryStore
from milagro.stores.identities import IdentityFolder, KnownIdentities

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.cid import CID
    from milagro.roles.dta.network.config import NodeConfig
    from milagro.stores.keys import Argon2Cost, SealingKey

CARD: Final = "dta.card"


@dataclass(frozen=True, slots=True)
class Operator:
    """One who commands the node of a configuration.

    Spec: spec/dta-network.md, Commands
    """

    config: NodeConfig
    database: Database

    @classmethod
    def at(cls, config: NodeConfig) -> Operator:
        """The operator of this node. Raises: ConfigError, StoreError, Unavailable."""
        return cls(config, open_database(config))

    def close(self) -> None:
        """Lets the database go."""
        self.database.state.close()

    # -- reading ------------------------------------------------------------------------------------------------------
    @property
    def _folder(self) -> Path:
        return self.config.network.identity

    @property
    def replica(self) -> Replica:
        """This node's identity."""
        return IdentityFolder.at(self._folder).read()

    @property
    def card(self) -> Card:
        """This node's card."""
        return Card(self.config.name, self.replica.to_bytes())

    def status(self) -> NetworkStatus:
        """What the database says. Raises: Unavailable."""
        me = self.replica.identity
        return read_status(self.database.state, self.database.network, self.config, me, time.time())

    def standing(self) -> Standing:
        """Where the network is. Raises: ProtocolError while there is no key."""
        tables = self.database.network
        with self.database.state.write() as connection:
            charter, ring = tables.fact(connection, "charter"), tables.fact(connection, "ring")
        if charter is None or ring is None:
            raise ProtocolError("the network has no key yet; see `milagro dta network status`")
        known = Charter.from_bytes(charter)
        return Standing(known, KeyRing.from_bytes(sharing_suite(known.curve), ring))

    # -- founding and joining -----------------------------------------------------------------------------------------
    def create(
        self,
        name: str,
        threshold: int,
        suite: tuple[str, str, int],
        cards: Sequence[Card],
        sealing: SealingKey,
    ) -> CharterFile:
        """The file of the first charter of a network of this node and those with the cards; this node joins it.

        Raises: ParameterError, BrokenChain
        """
        members = [self.card, *(card for card in cards if card.replica.identity != self.replica.identity)]
        seats = seats_of(members, range(1, len(members) + 1))
        charter = Charter(name, *suite, threshold, seats, secrets.token_bytes(SESSION_OCTETS))
        sharing_suite(charter.curve)  # refuses a curve that this release cannot compute on
        file = self._signed(charter, [card.bundle for card in members], b"", sealing)
        self.join(file)
        return file

    def _signed(self, charter: Charter, bundles: list[bytes], proposal: bytes, sealing: SealingKey) -> CharterFile:
        keys, replica = EnvelopeKeys.read(self._folder, sealing), self.replica
        message = charter.to_bytes() + proposal
        signature = sign(keys, pki.resolve(replica).require(), "charter", message)
        return CharterFile(charter, tuple(bundles), replica.identity, signature, proposal)

    def check(self, file: CharterFile) -> None:
        """Nothing, if a member that is in the file signed it, and this node is one of the members.

        Raises: InvalidSignature, ParameterError, EncodingError, BrokenChain
        """
        replicas = {replica.identity: replica for replica in file.replicas()}
        proposal = Proposal.from_bytes(file.proposal) if file.proposal else Proposal.generate(file.charter)
        if proposal.charter != file.charter or not proposal.members() <= replicas.keys():
            raise InvalidSignature("the charter file is not whole: its parts do not belong together")
        if file.signer not in proposal.members():
            raise InvalidSignature("the charter file is signed by one who is no member")
        if file.charter.seat_of(self.replica.identity) is None:
            raise ParameterError("this node is no member in the charter; was it made with this node's card?")
        with MemoryStore() as store:
            directory = Directory(store)
            directory.add(replicas[file.signer])
            verify(directory, file.signer, "charter", file.charter.to_bytes() + file.proposal, file.signature)

    def join(self, file: CharterFile, *, again: bool = False) -> None:
        """Takes part: this operator's own consent to the charter. `again` after the database was lost.

        Raises: as check; ProtocolError if the node is in a network already
        """
        self.check(file)
        with self.database.state.write() as connection:
            joined = self.database.network.fact(connection, "charter") is not None
            waiting = any(kind.startswith("join") for _, kind, _ in self.database.network.intents(connection))
        if (joined and not file.proposal) or waiting:
            raise ProtocolError("this node has joined a network already")
        self._learn(file.replicas())
        self._intend("join again" if again else "join", file.to_bytes())

    def _learn(self, replicas: list[Replica]) -> None:
        known = KnownIdentities(self._folder / "known")
        for replica in replicas:
            known.save(replica)

    def _intend(self, kind: str, value: bytes = b"") -> None:
        with self.database.state.write() as connection:
            self.database.network.add_intent(connection, kind, value, int(time.time()))

    # -- what members do together -------------------------------------------------------------------------------------
    def reshare(
        self, kind: str, threshold: int | None, cards: Sequence[Card], remove: Sequence[str], sealing: SealingKey
    ) -> CharterFile:
        """The file for new members of a network with other members or another threshold; this node proposes it.

        Raises: ProtocolError while there is no key; NotFound for one who is no member; ParameterError
        """
        standing = self.standing()
        before, key = standing.charter, standing.key
        assert key is not None  # noqa: S101 - `standing` refuses
        if unknown := sorted(set(remove) - {seat.name for seat in before.seats}):
            raise NotFound(f"no member is called {', '.join(unknown)}")
        kept = [seat for seat in before.seats if seat.name not in remove]
        end = before.next_index + len(cards)
        new = seats_of(cards, range(before.next_index, end))
        charter = Charter(
            before.name, before.curve, before.hash, before.slot_seconds, threshold or before.threshold, (*kept, *new),
            secrets.token_bytes(SESSION_OCTETS), before.number + 1, before.network, before.cid, key.to_bytes(), end,
        )  # fmt: skip
        proposal = Proposal(kind, charter, charter.session, key.set_id, before)
        self._learn([card.replica for card in cards])
        file = self._signed(charter, self._bundles(proposal), proposal.to_bytes(), sealing)
        self._intend("propose", proposal.to_bytes())
        return file

    def _bundles(self, proposal: Proposal) -> list[bytes]:
        known, own = KnownIdentities(self._folder / "known"), self.replica
        members: list[CID] = sorted(proposal.members(), key=str)
        return [(own if one == own.identity else known.read(one)).to_bytes() for one in members]

    def refresh(self) -> None:
        """Proposes new shares for the same members. Raises: ProtocolError."""
        self._propose("refresh")

    def rotate(self, overlap_seconds: int) -> None:
        """Proposes another key; what the old one made is accepted for so long. Raises: ProtocolError."""
        self._propose("rotate", int(time.time()) + overlap_seconds)

    def _propose(self, kind: str, overlap_ends: int = 0) -> None:
        standing = self.standing()
        session = secrets.token_bytes(SESSION_OCTETS)
        proposal = Proposal(kind, standing.charter, session, standing.base, overlap_ends=overlap_ends)
        self._intend("propose", proposal.to_bytes())

    def repair(self) -> None:
        """Asks the others for this node's lost share. Raises: ProtocolError."""
        self.standing()
        self._intend("repair")

    def approve(self, prefix: str) -> str:
        """Consents to the proposal whose id begins so; its kind.

        Raises: NotFound, ParameterError if there are several
        """
        with self.database.state.write() as connection:
            rows = self.database.network.proposals(connection, "seen", "failed")
        found = [row for row in rows if row.id.hex().startswith(prefix.lower())]
        if not found or not prefix:
            raise NotFound(f"no proposal that waits for consent begins with {prefix!r}")
        if len(found) > 1:
            raise ParameterError(f"{len(found)} proposals begin with {prefix!r}; give more of the id")
        self._intend("approve", found[0].id)
        return Proposal.from_bytes(found[0].octets).kind


def create_identity(config: NodeConfig, sealing: SealingKey, cost: Argon2Cost | None = None) -> Card:
    """The card of a new identity in the node's folder, with keys for letters and the server's URL; and a new data key.

    Raises: AlreadyExists, StoreError
    """
    folder = config.network.identity
    files.make_folder(folder)
    owned = IdentityFolder.at(folder)
    owned.require_new()
    public = EnvelopeKeys.create(folder, sealing, cost).public
    edits: list[pki.Edit] = [pki.AddKey(key) for key in listed(public)]
    edits.append(pki.SetService(SERVICE, SERVICE_TYPE, config.common.server.public_url))
    replica = owned.create(sealing, int(time.time()), edits, cost=cost)
    create_data_key(config.network.data_key, sealing, cost)
    return Card(config.name, replica.to_bytes())
