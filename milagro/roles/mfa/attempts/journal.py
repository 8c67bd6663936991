"""The journal of one server process: how many attempts each device has used, in a file outside the database.

    FOLDER/1.journal    64 octets of header, then 64 octets a record, only ever added to
    FOLDER/1.lock       held by the process whose journal it is; a second process of the same folder takes 2, and so on

    header   "milagro attempts" || id (16) || be(base, 8) || gap (1) || 0 (8)   || check
    record   kind (1) || key (32) || be(first, 8) || be(second, 8)              || check
    check    SHA-256(id || be(place, 8) || the 49 octets)[:15]; place: 0 for the header, base + n for the n-th record

Records of attempts are on the disk before anything is judged; threads that wait at the same moment share one fsync. The
octets of a record that was being written when the machine stopped are cut off at the next opening; a record that does
not fit while a later one does means that the file was damaged, and then it is not `whole`.

When most records are superseded the live ones are written anew, under a larger `base`, so base plus the number of
records, the `mark`, never falls. Devices that have used something are kept for good, the others while there is room.

Spec: spec/mpin.md#restores
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import threading
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from milagro.errors import NotFound, StoreError, Unavailable
from milagro.octets import i2osp, os2ip
from milagro.stores import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

ID_OCTETS: Final = 16
_SIZE: Final = 64
_BODY: Final = 49
_MAGIC: Final = b"milagro attempts"
_MAX_FILE: Final = 1 << 30
_SLOTS: Final = 64
_LEAST: Final = 4096  # records before the file is written anew
_STARTS: Final = 256  # of so many it is known what was drawn
_ROOM: Final = 1 << 16  # for devices that have used nothing
_OWNER_ONLY: Final = 0o600


class Kind(IntEnum):
    """What a record is of."""

    ATTEMPTS = 1  # key: a device's digest; first: how often its attempts have changed; second: how many are used
    START = 2  # key: drawn at a start; first: how often this process was started; second: the mark before
    PEER = 3  # key: another replica's id
    GONE = 4  # key: the id of one that will not come back
    UNCOVERED = 5  # first: the latest restore of which no journal knows everything
    TABLES = 6  # first: the number by which PostgreSQL knows the table that was last seen
    REGISTERED = 7  # the database has a row of this replica


_KINDS: Final = frozenset(int(kind) for kind in Kind)


@dataclass(frozen=True, slots=True)
class Used:
    """How often a device's attempts have changed, and how many are used since."""

    count: int
    used: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record."""

    kind: Kind
    key: bytes = b""
    first: int = 0
    second: int = 0

    def to_bytes(self) -> bytes:
        """Its first 49 octets."""
        return bytes([self.kind]) + self.key.ljust(32, b"\0") + i2osp(self.first, 8) + i2osp(self.second, 8)

    @classmethod
    def of_attempts(cls, digest: bytes, used: Used) -> Record:
        """What a device has used."""
        return cls(Kind.ATTEMPTS, digest, used.count, used.used)


@dataclass(frozen=True, slots=True)
class Start:
    """A start: what was drawn then, and the mark before."""

    run: bytes
    mark: int


@dataclass(slots=True)
class Content:
    """What the records come to."""

    attempts: dict[bytes, Used] = field(default_factory=dict)  # the latest last
    starts: dict[int, Start] = field(default_factory=dict)  # the latest of them
    peers: dict[bytes, bool] = field(default_factory=dict)  # True: will not come back
    uncovered: int = 0
    tables: int | None = None
    registered: bool = False

    @property
    def start(self) -> int:
        """The number of the last start."""
        return max(self.starts, default=0)

    def add(self, record: Record) -> None:
        """Takes a record in."""
        match record.kind:
            case Kind.ATTEMPTS:
                known = self.attempts.pop(record.key, None)
                new = Used(record.first, record.second)
                self.attempts[record.key] = new if known is None or known.count < new.count else known
            case Kind.START:
                self.starts[record.first] = Start(record.key[:ID_OCTETS], record.second)
            case Kind.PEER:
                self.peers.setdefault(record.key[:ID_OCTETS], False)
            case Kind.GONE:
                self.peers[record.key[:ID_OCTETS]] = True
            case Kind.UNCOVERED:
                self.uncovered = max(self.uncovered, record.first)
            case Kind.TABLES:
                self.tables = record.first
            case Kind.REGISTERED:
                self.registered = True

    def records(self, room: int = _ROOM) -> list[Record]:
        """As few records as come to the same; of devices that have used nothing only the latest, if there are many."""
        spare = len(self.attempts) - room
        kept = self.attempts.items() if spare <= 0 else _without_unused(self.attempts, spare)
        found = [Record.of_attempts(digest, used) for digest, used in kept]
        found += [Record(Kind.GONE if gone else Kind.PEER, peer) for peer, gone in self.peers.items()]
        latest = sorted(self.starts.items())[-_STARTS:]
        found += [Record(Kind.START, start.run, number, start.mark) for number, start in latest]
        found += [Record(Kind.UNCOVERED, first=self.uncovered)] if self.uncovered else []
        found += [Record(Kind.TABLES, first=self.tables)] if self.tables is not None else []
        return found + ([Record(Kind.REGISTERED)] if self.registered else [])


@dataclass(frozen=True, slots=True)
class Header:
    """The first 64 octets. `gap`: before this journal began there were attempts that none knows."""

    id: bytes
    base: int = 0
    gap: bool = False

    def to_bytes(self) -> bytes:
        """The octets."""
        return self.sealed(0, _MAGIC + self.id + i2osp(self.base, 8) + bytes([self.gap]) + bytes(8))

    def sealed(self, place: int, body: bytes) -> bytes:
        """The octets with their check."""
        return body + hashlib.sha256(self.id + i2osp(place, 8) + body).digest()[: _SIZE - _BODY]


class Journal:
    """A journal that this process holds. Threads may share it.

    Raises: StoreError, Unavailable
    """

    def __init__(self, path: Path, lock: int, *, gap: bool) -> None:
        self._path, self._slot = path, lock
        self._lock, self._syncing = threading.Lock(), threading.Lock()
        self._fault: str | None = None
        self._file = -1
        found = _read(path)
        self.is_new = found is None
        self.header, self.content, self._count, self.whole = found or (
            Header(secrets.token_bytes(ID_OCTETS), gap=gap),
            Content(),
            0,
            True,
        )
        self._synced = self._count
        if not self.whole:  # what it has is another replica's from now on
            self.renew(secrets.token_bytes(ID_OCTETS), gap=True)
            return
        with self._errors():
            if self.is_new:
                files.replace(path, self.header.to_bytes())
            self._reopen()

    @property
    def id(self) -> bytes:
        """Whose journal it is."""
        return self.header.id

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def mark(self) -> int:
        """How many records it has ever had, of those that are on the disk."""
        return self.header.base + self._synced

    @property
    def run(self) -> bytes:
        """What was drawn at the last start."""
        return self.content.starts[self.content.start].run if self.content.starts else b""

    def begin(self) -> None:
        """Notes a start, with something drawn, so that two that go on from one copy of this file differ.

        Raises: Unavailable
        """
        self.add([Record(Kind.START, secrets.token_bytes(ID_OCTETS), self.content.start + 1, self.mark)])

    def has(self, start: int, run: bytes, mark: int) -> bool:
        """Whether this journal is the one that was so far, at that start, or a later state of it."""
        starts = self.content.starts
        if start not in starts:
            return start < min(starts, default=1)
        later = starts.get(start + 1)
        return starts[start].run == run and mark <= (self.mark if later is None else later.mark)

    def known(self, digest: bytes) -> Used | None:
        """What it says of a device."""
        return self.content.attempts.get(digest)

    def attempts(self) -> dict[bytes, Used]:
        """What it says of all devices, the latest last."""
        with self._lock:
            return dict(self.content.attempts)

    def check(self) -> None:
        """Refuses while the file cannot be written.

        Raises: Unavailable
        """
        if self._fault is not None:
            self.renew()  # what may not have reached the disk is written anew, whole

    def add(self, records: Sequence[Record], *, durable: bool = True) -> None:
        """Adds records; on the disk on return if they are to be `durable`, else with the next ones that are.

        Raises: Unavailable
        """
        if not records:
            return
        with self._lock:
            if self._fault is not None:
                raise Unavailable(self._fault)
            self._append(records)
            written = self._count
            crowded = self._count > max(_LEAST, 4 * (len(self.content.attempts) + len(self.content.peers)))
        if durable:
            self._sync(written)
        if crowded:
            self.renew()

    def renew(self, identity: bytes | None = None, *, gap: bool = False) -> None:
        """Writes the live records anew; with another identity, as another replica's, which starts for the first time.

        Raises: Unavailable
        """
        with self._syncing, self._lock, self._errors():
            mark = self.header.base + self._count
            if identity is not None:
                self.content.peers |= {self.id: True} if self.id else {}
                self.content.starts, self.content.registered = {}, False
            records = self.content.records()
            base = max(0, mark - len(records))
            self.header = Header(identity or self.id, base, gap or self.header.gap)
            places = range(base + 1, base + 1 + len(records))
            bodies = [self.header.sealed(place, one.to_bytes()) for place, one in zip(places, records, strict=True)]
            files.replace(self._path, self.header.to_bytes() + b"".join(bodies))
            self._count = self._synced = len(records)
            content = Content()
            for record in records:
                content.add(record)
            self.content, self._fault = content, None
            self._reopen()

    def close(self) -> None:
        """Gives the journal back."""
        with self._syncing, self._lock:
            for descriptor in (self._file, self._slot):
                if descriptor >= 0:
                    os.close(descriptor)
            self._file = self._slot = -1
            self._fault = "the journal of attempts was closed"

    def _append(self, records: Sequence[Record]) -> None:
        place = self.header.base + self._count + 1
        octets = b"".join(self.header.sealed(place + at, one.to_bytes()) for at, one in enumerate(records))
        with self._errors():
            if os.write(self._file, octets) != len(octets):
                raise OSError(0, "it was written in part")
        self._count += len(records)
        for record in records:
            self.content.add(record)

    def _sync(self, written: int) -> None:
        with self._syncing:
            if self._synced >= written:  # somebody else's fsync came after our records
                return
            with self._lock:
                upto, file = self._count, self._file
            with self._errors():
                os.fdatasync(file)
            self._synced = max(self._synced, upto)

    def _reopen(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        os.ftruncate(self._file, (1 + self._count) * _SIZE)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._fault = f"the journal of attempts {self._path} cannot be written: {error.strerror}"
            raise Unavailable(self._fault) from error
        except Unavailable as error:
            self._fault = str(error)
            raise


def take(folder: Path, *, gap: bool) -> Journal:
    """The first journal of the folder that no process has, made if there is none; `gap` is for a new one.

    Raises: StoreError, Unavailable
    """
    files.make_folder(folder)
    for number in range(1, _SLOTS + 1):
        lock = _held(folder / f"{number}.lock")
        if lock is not None:
            try:
                return Journal(folder / f"{number}.journal", lock, gap=gap)
            except BaseException:
                os.close(lock)
                raise
    raise StoreError(f"more than {_SLOTS} processes use the folder {folder}")


def left_behind(folder: Path, own: Path) -> Iterator[tuple[Header, Content, int, bool]]:
    """The journals of the folder that no process has, with their mark and whether they are whole; held meanwhile.

    Raises: StoreError
    """
    for path in sorted(folder.glob("*.journal")):
        if path == own or (lock := _held(path.with_suffix(".lock"))) is None:
            continue
        try:
            found = _read(path)
            if found is not None:
                header, content, count, whole = found
                yield header, content, header.base + count, whole
        finally:
            os.close(lock)


def _held(path: Path) -> int | None:
    """The lock, unless another process has it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
    except OSError as error:
        raise StoreError(f"the file {path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _read(path: Path) -> tuple[Header, Content, int, bool] | None:
    """Header, content, number of records, and whether it is whole; None if there is no file that begins as one."""
    try:
        octets = files.read(path, _MAX_FILE)
    except NotFound:
        return None
    header = _header(octets[:_SIZE])
    if header is None:
        return Header(b"", gap=True), Content(), 0, False
    content, count, rest = Content(), 0, octets[_SIZE:]
    while (record := _record(header, count + 1, rest)) is not None:
        content.add(record)
        count += 1
    later = [_record(header, number, rest) for number in range(count + 2, len(rest) // _SIZE + 1)]
    found = [record for record in later if record is not None]
    for record in found:
        content.add(record)
    return header, content, count, not found


def _header(octets: bytes) -> Header | None:
    if len(octets) != _SIZE or not octets.startswith(_MAGIC):
        return None
    found = Header(octets[16:32], os2ip(octets[32:40]), octets[40] == 1)
    return found if found.to_bytes() == octets else None


def _record(header: Header, number: int, rest: bytes) -> Record | None:
    octets = rest[(number - 1) * _SIZE : number * _SIZE]
    if len(octets) != _SIZE or header.sealed(header.base + number, octets[:_BODY]) != octets:
        return None
    if octets[0] not in _KINDS:  # of a later release
        return None
    return Record(Kind(octets[0]), octets[1:33], os2ip(octets[33:41]), os2ip(octets[41:49]))


def _without_unused(attempts: Mapping[bytes, Used], spare: int) -> Iterator[tuple[bytes, Used]]:
    for digest, used in attempts.items():
        if used.used == 0 and spare > 0:
            spare -= 1
        else:
            yield digest, used
