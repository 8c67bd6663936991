"""From the members in the charter's file to those of now: what is proved to an MFA server of later charters.

    file of the charter --switch, proved by a quorum of the members before and after--> .. --> where the network stands
    FOLDER/standing     how far that has been proved, so that it goes on from there when the first members are long gone

Any member may tell of a switch, and none is believed: of every one the confirmations are verified, n - f of the members
before and n - f of those after. A charter in the file that is later than what was kept is where it begins anew.

Spec: spec/dta-network.md, History
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from milagro import cbor
from milagro.cbor import Fields
from milagro.cid import CID
from milagro.errors import ConfigError, MalformedEnvelope, MilagroError, ProtocolError
from milagro.protocols.pki import Replica
from milagro.protocols.sharing import KeyRing, SharedKey, Suite
from milagro.roles import logs
from milagro.roles.charter import Charter
from milagro.roles.correspondence.directory import Directory
from milagro.roles.issuance.calls import NoAnswer
from milagro.roles.issuance.messages import HistoryAnswer, HistoryRequest
from milagro.roles.lineage import Standing, after, certificate_of, verify
from milagro.roles.switches import Proposal, Step
from milagro.stores import files
from milagro.stores.content.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from milagro.protocols.sharing import Member, Signatures
    from milagro.roles.charter import CharterFile
    from milagro.roles.issuance import Node
    from milagro.roles.issuance.calls import Dial

VERSION: Final = 1
_PAGES: Final = 64
_MAX_FILE: Final = 16 << 20
_LIMITS: Final = cbor.Limits(octets=_MAX_FILE)
_log = logs.logger(__name__)


@dataclass(frozen=True)
class Known:
    """Where the network stands, as far as it was proved, and the identities that are known."""

    standing: Standing
    replicas: dict[CID, Replica] = field(repr=False)

    def to_bytes(self) -> bytes:
        """What is kept of it."""
        ring = self.standing.ring
        value: dict[str, cbor.Value] = {
            "milagro": "dta network standing",
            "version": VERSION,
            "charter": self.standing.charter.to_bytes(),
            "ring": ring.to_bytes() if ring else b"",
            "bundles": [replica.to_bytes() for replica in self.replicas.values()],
        }
        return cbor.encode(value, _LIMITS)

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Known:
        """What was kept. Raises: EncodingError."""
        fields = Fields(cbor.decode(octets, _LIMITS), "the standing of the network")
        if fields.text("milagro") != "dta network standing" or fields.integer("version") != VERSION:
            raise MalformedEnvelope("this is no standing of a network that this release reads")
        charter, ring = Charter.from_bytes(fields.octets("charter")), fields.octets("ring")
        bundles = [one for one in fields.array("bundles") if isinstance(one, bytes)]
        fields.finish()
        standing = Standing(charter, KeyRing.from_bytes(suite, ring) if ring else None)
        return cls(standing, merged({}, map(Replica.from_bytes, bundles)))


@dataclass(frozen=True)
class Call:
    """How D-TAs are asked, and how long one may take."""

    dial: Dial
    seconds: float


class Following:
    """What an MFA server knows of a network's switches, kept in a file.

    Spec: spec/dta-network.md, History
    """

    def __init__(self, path: Path, suite: Suite, keys: Signatures | None = None) -> None:
        self._path, self._suite, self._keys = path, suite, keys

    def read(self, file: CharterFile, replicas: Iterable[Replica]) -> Known:
        """Where the network stands: as it was kept, or as the file says if that is of later, or of another network.

        Raises: ConfigError if what was kept is damaged
        """
        begun = Known(_begin(self._suite, file), merged({}, [*file.replicas(), *replicas]))
        kept = self._kept()
        if kept is None or kept.standing.charter.network != file.charter.network:
            return begun
        if kept.standing.charter.number < file.charter.number:
            return begun
        return Known(kept.standing, merged(kept.replicas, begun.replicas.values()))

    def _kept(self) -> Known | None:
        if not self._path.exists():
            return None
        try:
            return Known.from_bytes(self._suite, files.read(self._path, _MAX_FILE))
        except MilagroError as error:
            raise ConfigError(f"{self._path} is damaged; remove it, and the charter's file counts: {error}") from error

    def take(self, known: Known, file: CharterFile, answer: HistoryAnswer, now: int) -> Known:
        """Where the network stands after the switches in the answer; kept.

        Raises: EncodingError, VerificationError, ProtocolError at the first that is not proved: nothing is kept then
        """
        replicas = merged(known.replicas, map(Replica.from_bytes, answer.bundles))
        keys, standing = self._keys or _ByIdentity(replicas.values()), known.standing
        for octets in answer.steps:
            step = Step.from_bytes(octets)
            standing = after(step, certificate_of(self._suite, step, standing, keys), standing, keys, now)
            if standing.charter.number == file.charter.number and standing.charter.cid != file.charter.cid:
                raise ProtocolError("the network went on with another charter than the one in the file")
        named = {seat.identity for seat in standing.charter.seats}
        found = Known(standing, {identity: one for identity, one in replicas.items() if identity in named})
        files.make_folder(self._path.parent)
        files.replace(self._path, found.to_bytes())
        return found

    def follow(self, known: Known, file: CharterFile, nodes: Sequence[Node], call: Call, now: int) -> Known:
        """Where the network stands now, as far as any of the D-TAs proves it."""
        if known.standing.ring is None and known.standing.charter.number > 1:
            return known
        for _ in range(_PAGES):
            before = known
            for name, answer in _asked(nodes, call, known.standing.base):
                if before is known and answer.steps:
                    known = self._tried(name, known, file, answer, now)
            if known is before:
                break
        return known

    def _tried(self, name: str, known: Known, file: CharterFile, answer: HistoryAnswer, now: int) -> Known:
        try:
            found = self.take(known, file, answer, now)
        except MilagroError as error:
            _log.warning("a D-TA tells of a switch that is not proved", dta=name, reason=str(error))
            return known
        _log.info("followed", charter=found.standing.charter.number, steps=len(answer.steps))
        return found


class _ByIdentity:
    """What the keys of these identities signed."""

    def __init__(self, replicas: Iterable[Replica]) -> None:
        self._directory = Directory(MemoryStore())
        for replica in replicas:
            self._directory.add(replica)

    def verify(self, member: Member, message: bytes, signature: bytes) -> None:
        """Nothing, if a key that the member's identity ever listed signed the message. Raises: InvalidSignature."""
        verify(self._directory, CID.from_bytes(member.public_key), "run", message, signature)


def _begin(suite: Suite, file: CharterFile) -> Standing:
    """Before the switch that put the file's charter in force; the first charter has none before it.

    A later charter may come without its proposal: then its members count, and nothing can be followed from it.
    """
    charter = file.charter
    if charter.number == 1 or not file.proposal:
        return Standing(charter)
    try:
        previous = Proposal.from_bytes(file.proposal).previous
        ring = KeyRing(SharedKey.from_bytes(suite, charter.base))
    except MilagroError as error:
        raise ConfigError(f"the charter's file has no proposal that fits it: {error}") from error
    if previous is None or previous.cid != charter.previous:
        raise ConfigError("the charter's file has a proposal that changes another charter")
    return Standing(previous, ring)


def merged(known: dict[CID, Replica], others: Iterable[Replica]) -> dict[CID, Replica]:
    """The identities, each with all that is known of it."""
    found = dict(known)
    for other in others:
        merged = Replica(other.identity)
        if other.identity in found:
            merged.merge(found[other.identity])
        merged.merge(other)
        found[other.identity] = merged
    return found


def _asked(nodes: Sequence[Node], call: Call, base: bytes) -> list[tuple[str, HistoryAnswer]]:
    request = HistoryRequest(after=base or None)

    async def one(node: Node) -> tuple[str, HistoryAnswer] | None:
        try:
            async with call.dial(node) as caller:
                return node.name, await caller.history(request, call.seconds)
        except (NoAnswer, MilagroError):
            return None  # an older release, or not there: the others are asked as well

    async def everyone() -> list[tuple[str, HistoryAnswer] | None]:
        return await asyncio.gather(*map(one, nodes))

    return [found for found in asyncio.run(everyone()) if found is not None]
