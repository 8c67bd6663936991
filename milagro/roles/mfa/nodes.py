"""The D-TAs of a network as an MFA server knows them: from the charter's file, and newer bundles beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.errors import ConfigError, MilagroError
from milagro.octets import frame, i2osp
from milagro.protocols import pki
from milagro.protocols.pki import Replica
from milagro.roles import logs
from milagro.roles.charter import Charter, CharterFile, Seat
from milagro.roles.correspondence.keys import recipients_of
from milagro.roles.issuance import Node
from milagro.roles.messages import NetworkAnswer, NodeAnswer
from milagro.stores import files
from milagro.stores.identities import read_bundle

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from milagro.cid import CID
    from milagro.protocols.envelope import EncryptionPublicKey
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


def read_nodes(charter_path: Path, bundles: Iterable[Path], suite: SuiteConfig) -> Nodes:
    """The members of the charter, each with what is known of its identity.

    Raises: ConfigError if the charter is of another suite, or fewer members than its threshold can be relied on
    """
    file = read_charter(charter_path)
    _check_suite(file.charter, suite)
    known = _known(file, bundles)
    members: list[Node] = []
    answers: list[NodeAnswer] = []
    recipients: list[EncryptionPublicKey] = []
    for seat in file.charter.seats:
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
    if len(members) < file.charter.threshold:
        raise ConfigError(f"{charter_path}: only {len(members)} of its members can be relied on; see the log")
    network = file.charter.network
    answer = NetworkAnswer(network=str(network), version=_version(network, answers), nodes=answers)
    return Nodes(network, file.charter.threshold, tuple(members), tuple(recipients), answer)


def _known(file: CharterFile, bundles: Iterable[Path]) -> dict[CID, Replica]:
    known: dict[CID, Replica] = {}
    for replica in [*file.replicas(), *map(read_bundle, bundles)]:
        known.setdefault(replica.identity, Replica(replica.identity)).merge(replica)
    return known


def _member(seat: Seat, known: dict[CID, Replica]) -> tuple[Node, list[EncryptionPublicKey]]:
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
