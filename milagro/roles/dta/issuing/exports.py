"""An audit log in a file, and the check of one: in order, linked, signed, witnessed, and continuing what was seen.

    "MLGAUD" || be(1, 2) || frame(start) || frame(entry) .. || frame() || frame(signed head) || frame(cosignature) ..

`frame()` is a field without octets. The entries are read one at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from milagro import cbor
from milagro.cbor import Fields
from milagro.errors import EncodingError, InvalidSignature, MalformedEnvelope
from milagro.octets import frame, os2ip
from milagro.protocols.issuance import Entry, Restored, entry_digest, origin
from milagro.protocols.issuance.audit import DIGEST, MAX_NUMBER
from milagro.roles.dta.issuing.audit import Cosignature, SignedHead
from milagro.roles.refusals import (
    HeadForged,
    LogAltered,
    LogForked,
    LogReordered,
    LogRepeated,
    LogTruncated,
    TooFewWitnesses,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from milagro.cid import CID
    from milagro.protocols.envelope import VerifyingKey
    from milagro.protocols.issuance import Head

MAGIC: Final = b"MLGAUD\x00\x01"
_MAX_ITEM: Final = 1 << 16
_LOOK_AHEAD: Final = 100_000


@dataclass(frozen=True, slots=True)
class Start:
    """Where an export begins: the number of its first entry, and the digest before it."""

    first: int
    previous: bytes

    def to_bytes(self) -> bytes:
        """The start in CBOR."""
        return cbor.encode({0: self.first, 1: self.previous})

    @classmethod
    def from_bytes(cls, octets: bytes) -> Start:
        """The start with these octets. Raises: EncodingError."""
        fields = Fields(cbor.decode(octets), "the start of the log")
        start = cls(fields.integer(0, 1, MAX_NUMBER), fields.octets(1, DIGEST, DIGEST))
        fields.finish()
        return start


class Writable(Protocol):
    """What takes octets."""

    def write(self, octets: bytes, /) -> object:
        """Takes them."""


def write_log(
    file: Writable,
    start: Start,
    entries: Iterable[bytes],
    head: SignedHead,
    cosignatures: Iterable[Cosignature] = (),
) -> None:
    """Writes an export.

    Spec: spec/issuing.md
    """
    file.write(MAGIC + frame(start.to_bytes()))
    for entry in entries:
        file.write(frame(entry))
    file.write(frame(b"", head.to_bytes(), *(one.to_bytes() for one in cosignatures)))


class LogReader:
    """An export that is being read: `start`, then `entries`, after which `head` and `cosignatures` are there.

    Spec: spec/issuing.md
    Raises: EncodingError; LogTruncated if the file ends early
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        if file.read(len(MAGIC)) != MAGIC:
            raise MalformedEnvelope("this is not an exported audit log of a version that this release reads")
        self.start = Start.from_bytes(self._need())
        self.head: SignedHead | None = None
        self.cosignatures: list[Cosignature] = []

    def entries(self) -> Iterator[bytes]:
        """The octets of the entries, in the order of the file."""
        while item := self._need():
            yield item
        self.head = SignedHead.from_bytes(self._need())
        while (cosignature := self._item()) is not None:
            self.cosignatures.append(Cosignature.from_bytes(cosignature))

    def _need(self) -> bytes:
        item = self._item()
        if item is None:
            raise LogTruncated("the file ends before the head of the log")
        return item

    def _item(self) -> bytes | None:
        length = self._file.read(4)
        if not length:
            return None
        if os2ip(length) > _MAX_ITEM:
            raise MalformedEnvelope("an item of the log is longer than any can be")
        item = self._file.read(os2ip(length))
        if len(length) < 4 or len(item) < os2ip(length):
            raise LogTruncated("the file ends within an item")
        return item


# -- checking ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Expected:
    """What the reader of a log knows from elsewhere: keys of the node and of witnesses, and what was seen before.

    `accept_losses` takes entries that the node itself says were lost when its database was restored.
    """

    node: CID
    node_keys: Mapping[bytes, VerifyingKey]
    since: Head | None = None
    witnesses: Mapping[CID, Mapping[bytes, VerifyingKey]] = field(default_factory=dict)
    threshold: int = 0
    accept_losses: bool = False


@dataclass(frozen=True, slots=True)
class VerifiedLog:
    """A log that holds: its signed head, its first entry, who co-signed, and which entries were lost by a restore."""

    head: SignedHead
    first: int
    entries: int
    cosigners: tuple[CID, ...]
    lost: tuple[tuple[int, int], ...]


def verify_log(file: BinaryIO, expected: Expected) -> VerifiedLog:
    """The log in the file, if all of it holds.

    Spec: spec/issuing.md
    Raises: LogAltered, LogTruncated, LogReordered, LogRepeated, LogForked, HeadForged, TooFewWitnesses; EncodingError
    """
    reader = LogReader(file)
    chain = _Chain(reader.start, expected)
    entries = reader.entries()
    for octets in entries:
        chain.add(octets, entries)
    signed = reader.head
    if signed is None:
        raise LogTruncated("the log has no head")
    _check_head(signed, reader.start, chain, expected)
    chain.check_since(signed.head)
    cosigners = _cosigners(signed.head, reader.cosignatures, expected)
    return VerifiedLog(signed, reader.start.first, chain.count, cosigners, tuple(chain.lost))


def _check_head(signed: SignedHead, start: Start, chain: _Chain, expected: Expected) -> None:
    signed.verify(expected.node_keys)
    head = signed.head
    if head.node != expected.node:
        raise HeadForged("the log is of another node")
    if start.first == 1 and start.previous != origin(head.node, head.network):
        raise LogAltered("the log does not begin where that of this node in this network does")
    if head.number > chain.last:
        raise LogTruncated(f"the entries {chain.last + 1} to {head.number} are missing at the end")
    if (head.number, head.digest) != (chain.last, chain.digest):
        raise LogAltered("the head is not that of the last entry")


def _cosigners(head: Head, cosignatures: Iterable[Cosignature], expected: Expected) -> tuple[CID, ...]:
    found: list[CID] = []
    for one in cosignatures:
        keys = expected.witnesses.get(one.witness)
        if keys is None or one.witness in found:
            continue
        try:
            one.verify(head, keys)
        except InvalidSignature:
            continue
        found.append(one.witness)
    if len(found) < expected.threshold:
        raise TooFewWitnesses(f"{len(found)} witnesses co-signed this head where {expected.threshold} are asked for")
    return tuple(found)


class _Chain:
    """The entries as far as they were read."""

    def __init__(self, start: Start, expected: Expected) -> None:
        self.last, self.digest, self.count = start.first - 1, start.previous, 0
        self.lost: list[tuple[int, int]] = []
        self._since, self._accept_losses = expected.since, expected.accept_losses
        self._seen = self._compare(self.last, self.digest)

    def add(self, octets: bytes, rest: Iterator[bytes]) -> None:
        try:
            entry = Entry.from_bytes(octets)
        except EncodingError as error:
            raise LogAltered(f"the entry behind number {self.last} is none: {error}") from None
        if entry.number != self.last + 1 and not self._is_declared(entry):
            raise self._out_of_order(entry, rest)
        if entry.number == self.last + 1 and entry.previous != self.digest:
            raise LogAltered(f"entry {entry.number} does not follow the entry before it as that is here")
        if entry.number > self.last + 1:
            self.lost.append((self.last + 1, entry.number - 1))
            self._seen |= self._compare(entry.number - 1, entry.previous)
        self.last, self.digest, self.count = entry.number, entry_digest(octets), self.count + 1
        self._seen |= self._compare(self.last, self.digest)

    def _is_declared(self, entry: Entry) -> bool:
        """Whether the entries that are missing before this one are those that it says were lost."""
        declared = isinstance(entry.event, Restored) and entry.event.lost_from == self.last + 1
        if declared and entry.number > self.last + 1 and not self._accept_losses:
            raise LogTruncated(
                f"the node says that its database was restored and the entries {self.last + 1} to {entry.number - 1} "
                "are lost; who has them can tell what they were"
            )
        return declared and entry.number > self.last + 1

    def _out_of_order(self, entry: Entry, rest: Iterator[bytes]) -> Exception:
        if entry.number <= self.last:
            return LogRepeated(f"entry {entry.number} stands twice, or behind later ones")
        missing = self.last + 1
        for _, octets in zip(range(_LOOK_AHEAD), rest, strict=False):
            try:
                if Entry.from_bytes(octets).number == missing:
                    return LogReordered(f"entry {missing} stands behind entry {entry.number}")
            except EncodingError:
                break
        return LogTruncated(f"the entries {missing} to {entry.number - 1} are missing")

    def _compare(self, number: int, digest: bytes) -> bool:
        """Whether this is what was seen before. Raises: LogForked if it is another in its place."""
        if self._since is None or number != self._since.number:
            return False
        if digest != self._since.digest:
            raise LogForked(f"entry {number} is another than the one that was seen before: this log has two histories")
        return True

    def check_since(self, head: Head) -> None:
        """Nothing, if the log goes on from what was seen before."""
        if self._since is None:
            return
        if (self._since.node, self._since.network) != (head.node, head.network):
            raise LogForked("what was seen before is of another node or network")
        if self._since.number > self.last:
            raise LogTruncated(f"the log ends at {self.last}, and {self._since.number} entries of it were seen before")
        if not self._seen:
            raise LogTruncated(
                f"entry {self._since.number}, up to which the log was seen before, is not in this export"
            )
