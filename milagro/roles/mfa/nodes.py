"""The D-TAs of a network as an MFA server knows them: from the charter, newer bundles, and what was proved since."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.errors import ConfigError, MilagroError
from milagro.octets import frame, i2osp
from milagro.protocols import pki
from milagro.roles import logs
from milagro.roles.charter import Charter, CharterFile, Seat
from milagro.roles.correspondence.keys import recipients_of
from milagro.roles.issuance import Node
from milagro.roles.messages import NetworkAnswer, NodeAnswer
from milagro.roles.mfa.following import merged
from milagro.stores import files
from milagro.stores.identities import read_bundle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from milagro.cid import CID
    from milagro.protocols.envelope import EncryptionPublicKey
    from milagro.protocols.pki import Replica
    from milagro.roles.mfa.following import Call, Following, Known
    from milagro.roles.suites import SuiteConfig

_MAX_FILE = 16 << 20
_log = logs.logger(__name__)


@dataclass(frozen=True)
class Nodes:
    """The network, and those of its members whose identities can be relied on and sealed to."""

    network: CID
    threshold: int
    nodes: tuple[Node, ...]
    recipients: tuple[EncryptionPublicKey, ...]
    answer: NetworkAnswer


def read_charter(path: Path) -> CharterFile:
    """The file of a charter.

    Raises: ConfigError, NotFound, StoreError
    """
    try:
        return CharterFile.from_bytes(files.read(path, _MAX_FILE))
    except MilagroError as error:
        raise ConfigError(f"{path} is no charter of a network of D-TAs: {error}") from error


@dataclass(frozen=True)
class Members:
    """The members of the network in `charter`, or of the later charter that it was proved to have.

    Raises: ConfigError if the charter is of another suite
    """

    charter: Path
    bundles: tuple[Path, ...]
    suite: SuiteConfig
    following: Following

    def read(self) -> Nodes:
        """The members of now, as far as is known here.

        Raises: ConfigError if fewer of them than the threshold can be relied on
        """
        return self._nodes(*self._known())

    def follow(self, nodes: Nodes, call: Call, now: int) -> Nodes:
        """The members of now, as far as any of these D-TAs proves it.

        Raises: as `read`
        """
        file, known = self._known()
        found = self.following.follow(known, file, nodes.nodes, call, now)
        return nodes if found is known else self._nodes(file, found)

    def _known(self) -> tuple[CharterFile, Known]:
        file = read_charter(self.charter)
        _check_suite(file.charter, self.suite)
        return file, self.following.read(file, map(read_bundle, self.bundles))

    def _nodes(self, file: CharterFile, known: Known) -> Nodes:
        later = max(known.standing.charter, file.charter, key=lambda charter: charter.number)
        return nodes_of(later, known.replicas)


def read_nodes(path: Path, bundles: Iterable[Path], suite: SuiteConfig) -> Nodes:
    """The members in a charter's file, whatever came after it.

    Raises: ConfigError as `Members`
    """
    file = read_charter(path)
    _check_suite(file.charter, suite)
    return nodes_of(file.charter, merged({}, [*file.replicas(), *map(read_bundle, bundles)]))


def nodes_of(charter: Charter, known: Mapping[CID, Replica]) -> Nodes:
    """The members of the charter, each with what is known of its identity.

    Raises: ConfigError if fewer members than its threshold can be relied on
    """
    members: list[Node] = []
    answers: list[NodeAnswer] = []
    recipients: list[EncryptionPublicKey] = []
    for seat in charter.seats:
        try:
            node, keys = _member(seat, known)
        except MilagroError as error:  # retired, contradictory, or without keys: the others go on
            _log.warning("a D-TA is left out", dta=seat.name, reason=str(error))
            continue
        members.append(node)
        recipients += keys
        answers.append(
            NodeAnswer(index=seat.index, name=seat.name, url=seat.url, bundle=known[seat.identity].to_bytes())
        )
    if len(members) < charter.threshold:
        raise ConfigError(
            f"the network {charter.name!r}: only {len(members)} of its members can be relied on; see the log"
        )
    network = charter.network
    answer = NetworkAnswer(network=str(network), version=_version(network, answers), nodes=answers)
    return Nodes(network, charter.threshold, tuple(members), tuple(recipients), answer)


def _member(seat: Seat, known: Mapping[CID, Replica]) -> tuple[Node, list[EncryptionPublicKey]]:
    if seat.identity not in known:
        raise ConfigError("no bundle of its identity is here")
    state = pki.resolve(known[seat.identity]).require()
    return Node(seat.index, seat.name, seat.identity, state, seat.url), recipients_of(state)


def _check_suite(charter: Charter, suite: SuiteConfig) -> None:
    names = ("curve", "hash", "slot_seconds")
    problems = [
        f"suite.{name} is {getattr(suite, name)!r}, and in the charter it is {getattr(charter, name)!r}"
        for name in names
        if getattr(suite, name) != getattr(charter, name)
    ]
    if problems:
        raise ConfigError("the network's charter does not fit this server:", problems)


def _version(network: CID, nodes: list[NodeAnswer]) -> bytes:
    parts = [frame(i2osp(one.index, 2), one.name.encode(), one.url.encode(), one.bundle) for one in nodes]
    return hashlib.sha256(frame(network.to_bytes(), *parts)).digest()
