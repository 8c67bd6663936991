"""What a server process does about an older copy of the database: nobody is heard until the journals are in it.

    the copy is older: its epoch is below the file's, its tables are others, a journal or a D-TA knows more than it does
        --> noted in the database for all replicas; sessions from before are over
    each replica    merges its journal: a device has used what the latest of row and journals says
    all have        logins go on, with the attempts that were left
    one cannot      it lost its journal, or the operator has said that it will not come back (`milagro mfa replicas
                    forget`): each device has at most `attempts_after_restore` left until it logs in

Spec: spec/mpin.md#restores
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field, replace
from itertools import islice
from secrets import token_bytes
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Table, bindparam, func, insert, select, update

from milagro.roles import logs
from milagro.roles.issuance.standings import Standing
from milagro.roles.mfa.attempts.journal import ID_OCTETS, Kind, Record, Used, left_behind, take
from milagro.roles.mfa.attempts.tables import REPLICA
from milagro.roles.mfa.pins import too_soon
from milagro.roles.refusals import TooSoon

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Connection

    from milagro.roles.mfa.attempts.journal import Journal
    from milagro.stores.state import Origin, State

_RECENT: Final = 256  # records that are compared with the database at every look
_CHUNK: Final = 500
_RETRY_SECONDS: Final = 1
_COMPARING: Final = "the server compares an older copy of its database with its journals"
_log = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class Replica:
    """One row of the table."""

    id: bytes
    start: int = 0
    run: bytes = bytes(ID_OCTETS)
    mark: int = 0
    seen: int = 0
    merged: int = 0
    tables: int = 0
    uncovered: int = 0
    gone: bool = False


@dataclass(slots=True)
class View:
    """The replicas as the database has them, and those that this process knows of beside."""

    origin: Origin
    rows: dict[bytes, Replica]
    changed: set[bytes] = field(default_factory=set)

    @property
    def at(self) -> int:
        """The latest restore, 0 if there was none."""
        return self.origin.restored_at or 0

    @property
    def uncovered(self) -> int:
        """The latest restore of which not everything is known."""
        return max((row.uncovered for row in self.rows.values()), default=0)

    @property
    def awaited(self) -> list[bytes]:
        """Whose journals are to be merged yet; none where nothing more can be lost."""
        if self.uncovered >= self.at:
            return []
        return sorted(row.id for row in self.rows.values() if not row.gone and row.merged < self.at)

    def change(self, replica: bytes, **values: Any) -> None:
        """Changes columns of a replica, or adds it."""
        self.rows[replica] = replace(self.rows.get(replica, Replica(replica)), **values)
        self.changed.add(replica)

    def give_up(self, replica: bytes) -> None:
        """Notes that a replica will not come back: what it had to say of the latest restore, nobody knows."""
        row = self.rows.get(replica, Replica(replica))
        lost = row.merged < self.at and not row.gone
        self.change(replica, gone=True, uncovered=self.at if lost else row.uncovered)

    def write(self, connection: Connection) -> None:
        """Writes what has changed."""
        for replica in sorted(self.changed):
            row = self.rows[replica]
            values = {name: getattr(row, name) for name in Replica.__dataclass_fields__}
            if connection.execute(update(REPLICA).where(REPLICA.c.id == replica).values(values)).rowcount == 0:
                connection.execute(insert(REPLICA).values(values))


class Guard:
    """The journal of this process, and what it and the others know beside the database. Threads share it.

    `knew` says whether this place had a database's epoch before; then a journal that is not there was lost, or is of a
    release that kept none.

    Spec: spec/mpin.md#restores
    Raises: StoreError, Unavailable
    """

    def __init__(self, state: State, device: Table, folder: Path, *, knew: bool) -> None:
        self._state, self._device, self._folder = state, device, folder
        self._alone = state.database.path is not None and not any(folder.glob("*.journal"))
        self._journal: Journal = take(folder, gap=knew and self._is_used())
        self._settling = threading.Lock()
        self._settled: tuple[int | None, int] | None = None
        self._again = 0.0
        self.uncovered = 0
        self.awaited: list[bytes] = []
        self.restored_at = 0
        self.asks, self.witnessed = False, False  # whether D-TAs are asked, and enough have answered
        self.asked = 0  # the restore after which they were
        self.wake = threading.Event()
        self._journal.begin()
        with contextlib.suppress(TooSoon):
            self.settle()

    @property
    def id(self) -> bytes:
        """This replica."""
        return self._journal.id

    def _is_used(self) -> bool:
        with self._state.read() as connection:
            return connection.execute(select(self._device.c.digest).limit(1)).first() is not None

    # -- what is asked at each attempt -----------------------------------------------------------------------------
    def is_settled(self, origin: Origin) -> bool:
        """Whether all that the journals know is in this database."""
        return self._settled == (origin.restored_at, origin.tables)

    def check(self) -> None:
        """Refuses while attempts cannot be noted here.

        Raises: Unavailable
        """
        self._journal.check()

    def known(self, digest: bytes) -> int:
        """How often the attempts of a device have changed, as far as the journal knows."""
        found = self._journal.known(digest)
        return 0 if found is None else found.count

    def note(self, digest: bytes, used: Used) -> None:
        """Notes what a device has used: on the disk on return, unless that is nothing.

        Raises: Unavailable
        """
        self._journal.add([Record.of_attempts(digest, used)], durable=used.used > 0)

    # -- restores ----------------------------------------------------------------------------------------------------
    def settle(self, about: bytes = b"") -> None:
        """Compares the database with what is known beside it, `about` this device as well, and merges that into it.

        Raises: TooSoon while other replicas have to do so; Unavailable
        """
        with self._settling:
            if time.monotonic() < self._again:
                raise too_soon(_RETRY_SECONDS, _COMPARING)
            recent = self._recent(about)
            with self._state.write() as connection:
                view = self._view(connection, recent)
                self._register(view)
                if view.rows[self.id].merged < view.at:
                    self._merge(connection, view)
                view.write(connection)
            self._write_down(view)
            self._conclude(view)

    def _conclude(self, view: View) -> None:
        self.restored_at = view.at
        if self.asks and self.asked != view.at:  # another replica may have come since the copy was made: they know
            self._again = time.monotonic() + _RETRY_SECONDS
            self.wake.set()
            raise too_soon(_RETRY_SECONDS, _COMPARING)
        before, self.awaited, self.uncovered = self.awaited, view.awaited, view.uncovered
        if self.awaited:
            self._again = time.monotonic() + _RETRY_SECONDS
            if before != self.awaited:
                waiting = ", ".join(one.hex() for one in self.awaited)
                _log.warning("the database is an older copy: nobody logs in until these have merged", replicas=waiting)
            raise too_soon(_RETRY_SECONDS, _COMPARING)
        key = view.origin.restored_at, view.origin.tables
        if view.at and self._settled != key:
            covered = self.uncovered < view.at
            text = "the attempts are whole again" if covered else "not every journal is whole: devices are limited"
            (_log.info if covered else _log.error)(f"the database is an older copy; {text}")
        self._settled = key

    def _view(self, connection: Connection, recent: Mapping[bytes, Used]) -> View:
        """The replicas, once a restore that this process sees has been noted."""
        origin = self._state.notice_restore(connection)
        view = View(origin, rows_of(connection))
        if reason := self._older(connection, view, recent):
            _log.warning("the database is an older copy", reason=reason)
            self._state.note_restored(connection)
            view.origin = self._state.origin(connection)
        return view

    def _older(self, connection: Connection, view: View, recent: Mapping[bytes, Used]) -> str:
        """How this process sees that the database is an older copy; nothing if it does not."""
        content, own = self._journal.content, view.rows.get(self.id)
        if content.registered and own is None:
            return "it does not know this replica"
        if any(peer not in view.rows for peer in content.peers):
            return "it does not know a replica that this one knows"
        if self._alone and not content.registered and any(not row.gone for row in view.rows.values()):
            return "its journals are not here"
        others = {row.tables for row in view.rows.values()}
        if content.tables is not None and view.origin.tables not in {content.tables, *others}:
            return "its tables were made anew"
        return "it has fewer attempts than the journal" if self._is_behind(connection, recent) else ""

    def _is_behind(self, connection: Connection, recent: Mapping[bytes, Used]) -> bool:
        column = self._device.c
        query = select(column.digest, func.coalesce(column.changes, 0)).where(column.digest.in_(list(recent)))
        return any(changes < recent[bytes(digest)].count for digest, changes in connection.execute(query))

    def _recent(self, about: bytes = b"") -> dict[bytes, Used]:
        """Taken before the database is looked at, so that it has all of it unless it is older."""
        found = self._journal.attempts()
        latest = dict(islice(reversed(found.items()), _RECENT))
        return latest | ({about: found[about]} if about in found else {})

    # -- registering -------------------------------------------------------------------------------------------------
    def _register(self, view: View) -> None:
        journal, own = self._journal, view.rows.get(self.id)
        noticed = journal.content.registered or (journal.is_new and self._state.restored)
        missing = own is None and journal.header.gap and noticed
        if own is not None and (own.gone or not journal.has(own.start, own.run, own.mark)):
            self._be_another(gap=not own.gone)
            own, missing = None, False
        content = journal.content
        for peer, gone in content.peers.items():
            if gone and not (peer in view.rows and view.rows[peer].gone):
                view.give_up(peer)
            elif peer not in view.rows:
                view.change(peer)
        known = max(content.uncovered, own.uncovered if own else 0, view.at if missing else 0)
        view.change(
            self.id, start=content.start, run=journal.run, mark=journal.mark, seen=int(time.time()),
            tables=view.origin.tables, uncovered=known,
        )  # fmt: skip

    def _be_another(self, *, gap: bool) -> None:
        """Takes another id: the operator gave this one up, or somebody knows more of it than its journal does."""
        _log.warning("this replica goes on under another id", lost=gap)
        self._journal.renew(token_bytes(ID_OCTETS), gap=gap)
        self._journal.begin()

    def _write_down(self, view: View) -> None:
        """Keeps outside the database what it says of replicas."""
        content, records = self._journal.content, list[Record]()
        for row in view.rows.values():
            if row.id != self.id and content.peers.get(row.id) is not row.gone and not content.peers.get(row.id):
                records.append(Record(Kind.GONE if row.gone else Kind.PEER, row.id))
        if view.uncovered > content.uncovered:
            records.append(Record(Kind.UNCOVERED, first=view.uncovered))
        if content.tables != view.origin.tables:
            records.append(Record(Kind.TABLES, first=view.origin.tables))
        if not content.registered:
            records.append(Record(Kind.REGISTERED))
        self._journal.add(records)

    # -- merging -----------------------------------------------------------------------------------------------------
    def _merge(self, connection: Connection, view: View) -> None:
        """Puts into the database what this journal knows, and those of processes of this folder that do not run."""
        self._apply(connection, self._journal.attempts())
        view.change(self.id, merged=view.at)
        for header, content, mark, whole in left_behind(self._folder, self._journal.path):
            self._apply(connection, content.attempts)
            if header.id and content.registered:
                row = view.rows.get(header.id)
                short = row is not None and (row.start, row.mark) > (content.start, mark)
                lost = short or not whole or (row is None and header.gap)
                uncovered = max(content.uncovered, row.uncovered if row else 0, view.at if lost else 0)
                view.change(header.id, merged=view.at, uncovered=uncovered)

    def _apply(self, connection: Connection, attempts: Mapping[bytes, Used]) -> None:
        column = self._device.c
        later = (
            update(self._device)
            .where(column.digest == bindparam("of"), func.coalesce(column.changes, 0) < bindparam("count"))
            .values(attempts=bindparam("used"), changes=bindparam("count"))
        )
        rows = [{"of": of, "count": used.count, "used": used.used} for of, used in _in_order(attempts)]
        for at in range(0, len(rows), _CHUNK):
            connection.execute(later, rows[at : at + _CHUNK])

    # -- again and again ---------------------------------------------------------------------------------------------
    def look(self) -> None:
        """Sees in good time what the next attempt would see: other replicas, and whether the database is older.

        Raises: Unavailable, StoreError
        """
        self._journal.check()
        recent = self._recent()
        with self._state.read() as connection:
            view = View(self._state.origin(connection), rows_of(connection))
            own, strange = view.rows.get(self.id), view.rows.keys() - self._journal.content.peers.keys() - {self.id}
            calm = self.is_settled(view.origin) and own is not None and not own.gone and not strange
            calm = calm and not self._is_behind(connection, recent)
        if not calm:
            with contextlib.suppress(TooSoon):
                self.settle()

    # -- witnesses ---------------------------------------------------------------------------------------------------
    def question(self) -> Standing:
        """A standing that D-TAs answer and that takes no later one's place."""
        return Standing(self.id, 0, 0, 0)

    def standings(self, limit: int) -> list[Standing]:
        """What the D-TAs are to keep: this replica, then those that will not come back, the latest first.

        Raises: Unavailable
        """
        journal = self._journal
        at = journal.content.start, journal.mark
        own = {"start": at[0], "run": journal.run, "mark": at[1], "seen": int(time.time())}
        with self._state.write() as connection:
            # In the database before the D-TAs know it: so one that knows less than they do is an older copy.
            connection.execute(update(REPLICA).where(REPLICA.c.id == self.id).values(own))
            epoch, rows = self._state.origin(connection).epoch, rows_of(connection)
        gone = sorted((row for row in rows.values() if row.gone), key=lambda row: -row.seen)
        first = Standing(self.id, *at, epoch, run=journal.run)
        return [first, *(Standing(row.id, row.start, row.mark, 0, gone=True, run=row.run) for row in gone)][:limit]

    def hear(self, standings: Iterable[Standing], at: int) -> None:
        """Acts as for a restore if the D-TAs know more than the database does, or than the journal.

        They were asked after the restore `at`, which is settled if they know no more.
        Raises: Unavailable, StoreError
        """
        heard = list(standings)
        with self._settling, self._state.write() as connection:
            view = View(self._state.origin(connection), rows_of(connection))
            lost = self._is_lost(heard)  # and the database, which knew it before they did, did not say so
            ahead = lost or any(_is_ahead(one, view) for one in heard)
            if ahead:
                _log.warning("the database is an older copy", reason="the D-TAs know more")
                self._state.note_restored(connection, max(one.epoch for one in heard))
                view.origin = self._state.origin(connection)
                for one in heard:
                    self._learn(view, one)
            if lost:
                self._be_another(gap=True)
            view.write(connection)
        self._again, before, self.asked = 0.0, self.asked, at
        if ahead or before != at:
            with contextlib.suppress(TooSoon):
                self.settle()

    def _is_lost(self, heard: Sequence[Standing]) -> bool:
        own = [one for one in heard if one.replica == self.id and one.start]
        return any(not self._journal.has(one.start, one.run, one.mark) for one in own)

    def _learn(self, view: View, one: Standing) -> None:
        row = view.rows.get(one.replica, Replica(one.replica))
        if one.gone and not row.gone:
            view.give_up(one.replica)
        if one.replica != self.id and (one.start, one.mark) > (row.start, row.mark):
            view.change(one.replica, start=one.start, run=one.run, mark=one.mark)

    def close(self) -> None:
        """Gives the journal back."""
        self._journal.close()


def _is_ahead(one: Standing, view: View) -> bool:
    """Whether the D-TAs know more of a replica than the database does; also if the two have gone different ways."""
    row = view.rows.get(one.replica)
    if row is None or (one.gone and not row.gone) or one.epoch > view.origin.epoch:
        return True
    forked = one.start == row.start and one.run != row.run and one.start > 0
    return not row.gone and (forked or (one.start, one.mark) > (row.start, row.mark))


def _in_order(attempts: Mapping[bytes, Used]) -> list[tuple[bytes, Used]]:
    """By digest, so that replicas that merge at once never wait for each other in a circle."""
    return sorted(attempts.items(), key=lambda pair: pair[0])


def rows_of(connection: Connection) -> dict[bytes, Replica]:
    """The replicas that the database knows."""
    found = [Replica(**row._mapping) for row in connection.execute(select(REPLICA))]
    return {bytes(row.id): row for row in found}
