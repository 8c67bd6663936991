"""A member at work: the driver with its letters and its clock, in a thread of a D-TA's server.

    operator's commands --> intents --> tick --+
    letters of members  --> deliver --> apply -+--> one transaction --> outgoing --> send

Spec: spec/dta-network.md, Letters; What a node keeps
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import httpx
from sqlalchemy import MetaData

from milagro import backend
from milagro.cid import CID
from milagro.errors import MilagroError, NotFound, StoreError
from milagro.groups import curve
from milagro.protocols.pki import Replica
from milagro.protocols.sharing import Certificate, Succession, Suite
from milagro.roles import logs
from milagro.roles.charter import Charter
from milagro.roles.correspondence.correspondent import Correspondent
from milagro.roles.correspondence.directory import Directory
from milagro.roles.correspondence.keys import EnvelopeKeys
from milagro.roles.dta.issuing.tables import TABLES
from milagro.roles.dta.network.credentials import IdentityCredentials
from milagro.roles.dta.network.driver import Driver
from milagro.roles.dta.network.holdings import StoredHoldings
from milagro.roles.dta.network.peers import Peers
from milagro.roles.dta.network.records import NetworkTables
from milagro.roles.dta.network.sealing import open_data_key
from milagro.roles.dta.network.status import read_status
from milagro.roles.switches import Step, read
from milagro.stores.content.cached import CachedStore
from milagro.stores.content.folder import FolderStore
from milagro.stores.identities import IdentityFolder, KnownIdentities
from milagro.stores.messaging.herald import Timing
from milagro.stores.messaging.tables import Tables
from milagro.stores.retry import Backoff
from milagro.stores.state import Schema, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from starlette.types import ASGIApp

    from milagro.protocols.sharing import SharedKey
    from milagro.roles.charter import Seat
    from milagro.roles.dta.network.config import NodeConfig
    from milagro.roles.dta.network.status import NetworkStatus
    from milagro.stores.content import ContentStore
    from milagro.stores.keys import SealingKey
    from milagro.stores.messaging.pubsub import Pubsub

_log = logs.logger(__name__)
APPLICATION: Final = 0x4D444E54  # "MDNT"
VERSION: Final = 3
_MIGRATIONS: Final = Path(__file__).with_name("migrations")
_IDLE_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 5.0
_HEAD_SECONDS: Final = 4.0
_STEPS: Final = 1 << 16
_HISTORY_STEPS: Final = 16
HISTORY_OCTETS: Final = 320 << 10
_TIMING: Final = Timing(repeat_seconds=10.0, ask_seconds=10.0, backoff=Backoff(first_seconds=0.2, longest_seconds=5.0))


@dataclass(frozen=True, slots=True)
class Database:
    """The database of a node with its tables."""

    state: State
    letters: Tables
    network: NetworkTables

    def charter(self) -> Charter | None:
        """The charter in force, if a network was joined. Raises: Unavailable."""
        with self.state.read() as connection:
            octets = self.network.fact(connection, "charter")
        return Charter.from_bytes(octets) if octets else None


def open_database(config: NodeConfig) -> Database:
    """The database of a node, made if it is new.

    Raises: ConfigError, StoreError, Unavailable
    """
    schema, letters, network = node_schema()
    return Database(State(config.common.store, schema), letters, network)


def node_schema() -> tuple[Schema, Tables, NetworkTables]:
    """The schema of a node's database: letters, the network, and what it issues, whoever makes the database first."""
    metadata = MetaData()
    letters, network = Tables(metadata), NetworkTables(metadata)
    for table in TABLES.sorted_tables:
        table.to_metadata(metadata)
    return Schema(metadata, VERSION, APPLICATION, _MIGRATIONS), letters, network


@lru_cache(maxsize=16)
def sharing_suite(curve_name: str) -> Suite:
    """The sharing suite of a curve on the process's backend. Raises: BackendUnavailable, ParameterError."""
    return Suite(curve(curve_name, backend.default_name()))


class Acquaintances:
    """What is known of members' identities, in the directory and in the folder behind it."""

    def __init__(self, directory: Directory, known: KnownIdentities) -> None:
        self._directory, self._known = directory, known

    def bundle(self, identity: CID) -> bytes | None:
        """The bundle of an identity, if it is known."""
        replica = self._known.read(identity)
        return replica.to_bytes() if identity in replica else None

    def learn(self, bundle: bytes) -> None:
        """Takes a bundle. Raises: MilagroError."""
        self._directory.add(Replica.from_bytes(bundle))


class Node:
    """A D-TA's part in its network. Use it as a context, or call `start` and `close`.

    `app` is to be mounted under /messages of the server; None where letters travel by IPFS.

    Spec: spec/dta-network.md
    Raises: NotFound, DecryptionFailed, ConfigError, BackendUnavailable, StoreError
    """

    def __init__(
        self,
        config: NodeConfig,
        key: SealingKey,
        database: Database | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        network = config.network
        self._config, self._clock = config, clock
        self._replica = IdentityFolder.at(network.identity).read()
        self._keys = EnvelopeKeys.read(network.identity, key)
        sealing = open_data_key(network.data_key, key)
        self._own_database = database is None
        self._database = database or open_database(config)
        self._peers = Peers(network.ca_certificate)
        self._store, self._channel, app = self._open_channel()
        self.app = app if network.takes_part else None
        known = KnownIdentities(network.identity / "known")
        self._directory = Directory(self._store, known)
        self._directory.add(self._replica)
        keys = IdentityCredentials(self.identity, self._keys, self._directory)
        self._acquaintances = Acquaintances(self._directory, known)
        self._driver = Driver(
            self.identity, keys, self._database.network, sealing, sharing_suite, network.settings, clock,
            self._acquaintances,
        )  # fmt: skip
        self.holdings = StoredHoldings(self._database.state, self._database.network, sealing, sharing_suite)
        self._correspondent: Correspondent | None = None
        self._following: set[CID] = set()
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name="network", daemon=True),
            threading.Thread(target=self._look, name="network look-out", daemon=True),
        ]

    @property
    def identity(self) -> CID:
        """This D-TA's identity."""
        return self._replica.identity

    @property
    def replica(self) -> Replica:
        """This D-TA's identity with all its operations."""
        return self._replica

    @property
    def keys(self) -> EnvelopeKeys:
        """The keys of the identity, which sign and open. Secret: all of it."""
        return self._keys

    @property
    def directory(self) -> Directory:
        """What is known of identities here."""
        return self._directory

    def charter(self) -> Charter | None:
        """The charter in force, if a network was joined. Raises: Unavailable."""
        return self._database.charter()

    def successions(self) -> list[tuple[Succession, Mapping[int, bytes]]]:
        """The rotations of the key among the switches that are kept, the oldest first, with who endorsed each.

        Spec: spec/dta-network.md, Switching epochs
        Raises: Unavailable
        """
        with self._database.state.read() as connection:
            steps = [Step.from_bytes(one) for one in self._database.network.steps_after(connection, b"", _STEPS)]
        found: list[tuple[Succession, Mapping[int, bytes]]] = []
        before: SharedKey | None = None
        for step in steps:
            key = Certificate.from_bytes(sharing_suite(step.proposal.charter.curve), step.certificate).key
            if step.proposal.kind == "rotate" and before is not None:
                found.append((Succession(before, key, step.proposal.overlap_ends), step.endorsements))
            before = key
        return found

    def history(self, after: bytes) -> tuple[list[bytes], list[bytes]]:
        """The switches after the one to this set id, or from the first, and bundles of those who are named in them.

        Not more than an answer may hold; the later switches are asked for next.

        Spec: spec/dta-network.md, History
        Raises: Unavailable
        """
        with self._database.state.read() as connection:
            found = self._database.network.steps_after(connection, after, _HISTORY_STEPS)
        steps = _first(found, HISTORY_OCTETS)
        proposals = [Step.from_bytes(one).proposal for one in steps]
        charters = [charter for one in proposals for charter in (one.charter, one.before)]
        named = dict.fromkeys(seat.identity for charter in charters for seat in charter.seats)
        bundles = [bundle for bundle in map(self._acquaintances.bundle, named) if bundle is not None]
        return steps, _first(bundles, HISTORY_OCTETS)

    def _open_channel(self) -> tuple[ContentStore, Peers | Pubsub, ASGIApp | None]:
        network = self._config.network
        if network.channel == "ipfs":
            from milagro.stores.content.ipfs import IpfsStore  # noqa: PLC0415 - needs the ipfs extra
            from milagro.stores.messaging.pubsub import Pubsub  # noqa: PLC0415

            return IpfsStore(network.ipfs_url), Pubsub(network.ipfs_url), None
        store = CachedStore(FolderStore(network.blocks), self._peers)
        return store, self._peers, self._peers.serve(store).app

    # -- life ---------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begins, unless another replica takes part for this node."""
        if self._config.network.takes_part:
            for thread in self._threads:
                thread.start()

    def close(self) -> None:
        """Ends it, after what is being done; what is not sent is sent next time."""
        self._closing.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        if self._correspondent is not None:
            self._correspondent.__exit__(None, None, None)
        self._channel.close()
        self._store.close()
        if self._own_database:
            self._database.state.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def status(self) -> NetworkStatus:
        """What an operator sees. Raises: Unavailable."""
        return read_status(self._database.state, self._database.network, self._config, self.identity, self._clock())

    def check_ready(self) -> None:
        """Refuses while this D-TA could not issue: no database, no key, no share of it, or no one at work.

        Raises: Unavailable, NotReady
        """
        self._database.state.check()
        if self._config.network.takes_part and not self._threads[0].is_alive():
            raise StoreError("the part that talks to the network has ended")
        self.holdings.current()

    # -- work ---------------------------------------------------------------------------------------------------------
    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                self._once()
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, it is logged, and tried again
                failures += 1
                self._driver.forget()
                _log.error("network failed", error=type(error).__name__, reason=str(error), exc_info=failures == 1)
                self._closing.wait(min(10.0, 0.2 * 2**failures))

    def _once(self) -> None:
        state, driver = self._database.state, self._driver
        with state.write() as connection:
            driver.tick(connection)
            driver.show_progress(connection)
            circle = driver.circle(connection)
            standing = driver.standing(connection)
            wait = min(_IDLE_SECONDS, max(0.0, driver.next_time(connection) - self._clock()))
        if standing is None:
            self._closing.wait(_IDLE_SECONDS)
            return
        self._meet(str(standing.charter.network), circle)
        self._take_up_log()
        self._send()
        correspondent = self._correspondent
        if correspondent is not None and correspondent.deliver(driver.apply, wait) is not None:
            self._send()

    def _meet(self, network: str, circle: set[CID]) -> None:
        """Corresponds with these identities, and with nobody else."""
        if self._correspondent is not None and circle == self._following:
            return
        if self._channel is self._peers:
            self._peers.use(seat.url for seat in self._seats() if seat.identity != self.identity)
        if self._correspondent is None:
            made = Correspondent(
                f"dta network {network}", self._replica, self._keys, self._directory, self._store, self._channel,
                self._database.state, self._database.letters, _TIMING,
            )  # fmt: skip
            self._correspondent = made.__enter__()
        for identity in circle - self._following:
            self._correspondent.follow(identity)
        self._following = set(circle)

    def _seats(self) -> list[Seat]:
        # Not by the driver, whose memory belongs to the other thread.
        with self._database.state.read() as connection:
            octets = self._database.network.fact(connection, "charter")
            proposals = [read(row.octets) for row in self._database.network.proposals(connection, "approved")]
        charters = [Charter.from_bytes(octets)] if octets else []
        charters += [charter for one in proposals for charter in (one.before, one.charter)]
        return [seat for charter in charters for seat in charter.seats]

    def _send(self) -> None:
        while not self._closing.is_set():
            with self._database.state.read() as connection:
                letters = self._database.network.outgoing(connection)
                lost = self._database.network.fact(connection, "lost")
            if not letters or self._correspondent is None or lost is not None:
                return
            for letter in letters:
                to = [one for one in map(CID.from_text, letter.to.split()) if self._is_known(one)]
                if to:
                    self._correspondent.send(letter.payload, to)
                with self._database.state.write() as connection:
                    self._database.network.sent(connection, letter.id)

    def _is_known(self, identity: CID) -> bool:
        """Whether a letter can be sealed to an identity; one that was retired gets none."""
        try:
            self._directory.find(identity, timeout_seconds=1.0).require()
        except MilagroError as error:
            _log.warning("no letter can be sealed", member=str(identity), reason=str(error))
            return False
        return True

    def _take_up_log(self) -> None:
        """After the database was lost: goes on with one's own log where the others know it to end."""
        tables, state = self._database.network, self._database.state
        with state.read() as connection:
            lost = tables.fact(connection, "lost")
        if lost is None or self._correspondent is None:
            return
        self._closing.wait(_HEAD_SECONDS)  # the members answer what is asked at the start
        with suppress(NotFound):
            number = self._correspondent.take_up()
            with state.write() as connection:
                tables.set_fact(connection, "lost", None)
            _log.info("own log taken up", number=number)

    # -- looking out --------------------------------------------------------------------------------------------------
    def _look(self) -> None:
        """Looks now and then whether the members' servers answer. It is a hint for the operator, and nothing more."""
        ca = self._config.network.ca_certificate
        verify = str(ca) if ca else True
        with httpx.Client(timeout=2.0, trust_env=False, verify=verify) as client:
            while not self._closing.wait(_LOOK_SECONDS):
                with suppress(MilagroError):
                    self._look_once(client)

    def _look_once(self, client: httpx.Client) -> None:
        found: dict[str, str] = {}
        for seat in self._seats():
            if seat.identity != self.identity and seat.url and str(seat.identity) not in found:
                try:
                    client.get(f"{seat.url}/healthz")
                    found[str(seat.identity)] = ""
                except httpx.HTTPError as error:
                    found[str(seat.identity)] = str(error) or type(error).__name__
        with self._database.state.write() as connection:
            for name, fault in found.items():
                values = {"fault": fault[:200]} if fault else {"fault": "", "reached": int(self._clock())}
                self._database.network.note_member(connection, name, **values)


def _first(listed: list[bytes], most: int) -> list[bytes]:
    """The first of these, as many as have not more octets together, but at least one."""
    count, octets = 0, 0
    for one in listed:
        octets += len(one)
        if count and octets > most:
            break
        count += 1
    return listed[:count]
