"""What an MFA server remembers: invitations, accounts, their devices, and the logins under way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    case,
    delete,
    false,
    func,
    insert,
    literal,
    select,
    update,
)

from milagro.errors import AlreadyExists, NotFound, Replay
from milagro.protocols.mpin.v2 import Identity
from milagro.roles.mfa import pins
from milagro.roles.mfa.attempts.guard import Guard
from milagro.roles.mfa.attempts.journal import Used
from milagro.roles.mfa.oidc import endings
from milagro.roles.mfa.tables import ACCOUNT, CLOCK, DEVICE, INVITATION, SCHEMA, SESSION
from milagro.roles.refusals import (
    Busy,
    DevicePinned,
    DeviceWaiting,
    InvitationRefused,
    Locked,
    Suspended,
    UnknownIdentity,
)
from milagro.stores.state import Database, Int64, State, larger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.sql.dml import ReturningUpdate

    from milagro.errors import RateLimited

MAX_ATTEMPTS = 3
_SESSIONS_PER_DEVICE = 64
_LATE_SECONDS = 60  # for so long an answer that comes too late hears that it is late

_RESTORED = bindparam("restored", type_=Int64)  # the last restore that is not covered; none: there was none
_CHANGED = func.coalesce(DEVICE.c.changes, 0) + 1
_ROUNDS = 4


class _Unsettled:
    """The journals know more than the database, or may: they are to be compared first."""


class DeviceState(StrEnum):
    """Where a device stands: pending or waiting, then active; `removed` is final."""

    PENDING = "pending"
    WAITING = "waiting"  # until another device of the user confirms it
    ACTIVE = "active"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Device:
    """One account's device, as it is on record."""

    identity: Identity
    state: DeviceState
    attempts: int
    suspended: bool
    last_login: int | None

    @property
    def locked(self) -> bool:
        """Whether the wrong PINs are used up."""
        return self.attempts >= MAX_ATTEMPTS


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A login between its passes: octets of `Challenged`, which hold no secret."""

    session_id: bytes
    digest: bytes
    first_pass: bytes
    expires: int
    octets: bytes


class MfaRecords:
    """The MFA server's database. Every method is one transaction and durable on return.

    With a folder for `journals`, attempts are in this process's journal as well before anybody judges them.
    """

    def __init__(
        self,
        database: Database | Path,
        busy_timeout_ms: int = 5000,
        rules: pins.PinRules = pins.DEFAULT_RULES,
        journals: Path | None = None,
    ) -> None:
        epoch_file = database.epoch_file if isinstance(database, Database) else None
        knew = epoch_file is not None and epoch_file.exists()
        self.state = State(database, SCHEMA, busy_timeout_ms)
        self.guard = None if journals is None else Guard(self.state, DEVICE, journals, knew=knew)
        self._rules = rules
        self._swept = -1  # the second in which sessions that are over were deleted last
        self._open = 0  # sessions then, and those that this process opened since

    def close(self) -> None:
        """Lets the database and the journal go."""
        if self.guard is not None:
            self.guard.close()
        self.state.close()

    # -- invitations and enrolment ---------------------------------------------------------------------------
    def invite(self, code_hash: bytes, user: str, expires: int, *, replaces: bool = False) -> None:
        """Notes an invitation."""
        with self.state.write() as connection:
            row = {"code_hash": code_hash, "user": user, "expires": expires, "replaces": replaces}
            connection.execute(insert(INVITATION).values(row))

    def enrol(self, code_hash: bytes, identity: Identity, now: int, *, replace: bool = False) -> Identity:
        """Pins `identity`, or hands back the one that the same invitation and the same key pinned before.

        `replace`: in the place of the user's device of the same name, if the invitation is good for that.
        Raises: InvitationRefused, DevicePinned, Suspended
        """
        with self.state.write() as connection:
            query = select(INVITATION).where(INVITATION.c.code_hash == code_hash)
            invitation = connection.execute(query).one_or_none()
            if invitation is None or invitation.user != identity.user:
                raise InvitationRefused(_INVITATION)
            if invitation.device is not None:
                return _enrolled_before(connection, invitation.device, identity)
            if invitation.expires <= now:
                raise InvitationRefused(_INVITATION)
            if replace and invitation.replaces:
                _unpin(connection, identity.user, identity.device)
            state = DeviceState.PENDING if invitation.inviter is None else DeviceState.WAITING
            _pin(connection, identity, state, now, self.state.restored_at(connection))
            used = update(INVITATION).where(INVITATION.c.code_hash == code_hash)
            connection.execute(used.values(device=identity.digest()))
            return identity

    def invite_from(self, code_hash: bytes, inviter: bytes, user: str, expires: int) -> None:
        """Notes an invitation by the user's own device, in the place of one that it made before."""
        with self.state.write() as connection:
            _end_invitations(connection, INVITATION.c.inviter == inviter)
            row = {"code_hash": code_hash, "user": user, "expires": expires, "inviter": inviter}
            connection.execute(insert(INVITATION).values(row))

    def confirm(self, digest: bytes) -> DeviceState:
        """Ends the time in which the invitation still works for this device, unless it waits; its state."""
        with self.state.write() as connection:
            _activate(connection, digest)
            state = connection.execute(select(DEVICE.c.state).where(DEVICE.c.digest == digest)).scalar_one()
        return DeviceState(state)

    def approve(self, digest: bytes) -> bool:
        """Lets a device that waits log in; False if it does not wait."""
        with self.state.write() as connection:
            waiting = update(DEVICE).where(DEVICE.c.digest == digest, DEVICE.c.state == DeviceState.WAITING)
            return connection.execute(waiting.values(state=DeviceState.ACTIVE)).rowcount == 1

    # -- devices -----------------------------------------------------------------------------------------------
    def pinned(self, user: str, name: str) -> Device | None:
        """The device that is pinned for the account, if there is one."""
        with self.state.read() as connection:
            where = (DEVICE.c.user == user, DEVICE.c.name == name, DEVICE.c.state != DeviceState.REMOVED)
            row = connection.execute(_devices().where(*where)).one_or_none()
        return None if row is None else _read_device(row)

    def devices(self, user: str | None = None) -> list[Device]:
        """All devices, or those of one user, by user and name; removed ones too."""
        query = _devices() if user is None else _devices().where(DEVICE.c.user == user)
        with self.state.read() as connection:
            rows = connection.execute(query.order_by(DEVICE.c.user, DEVICE.c.name, DEVICE.c.created)).all()
        return [_read_device(row) for row in rows]

    def remove(self, user: str, name: str) -> None:
        """Unpins a device, so that it can be enrolled anew. Its old identity never works again.

        Raises: NotFound
        """
        with self.state.write() as connection:
            if not _unpin(connection, user, name):
                raise NotFound(f"user {user!r} has no device {name!r}")

    def suspend(self, user: str, suspended: bool) -> None:
        """Stops an account, and with it all of its sessions and tokens; or lets it go on, with new ones.

        Spec: spec/administration.md#suspension
        Raises: NotFound
        """
        with self.state.write() as connection:
            change = update(ACCOUNT).where(ACCOUNT.c.user == user).values(suspended=suspended)
            if connection.execute(change).rowcount == 0:
                raise NotFound(f"there is no user {user!r}")
            if suspended:
                _end_invitations(connection, INVITATION.c.user == user, INVITATION.c.inviter.is_not(None))
                endings.end_user(connection, user)

    # -- logins ------------------------------------------------------------------------------------------------
    def open_session(self, session: StoredSession, now: int, limit: int) -> None:
        """Stores a login between its passes, and once a second deletes those that are over.

        Then they are counted, too, and whenever the limit seems to be reached. Replicas find out that often about each
        other's, and together exceed the limit by what they open in a second at most.
        Raises: Busy if `limit` logins are under way, or too many of this device; Replay if this one is; TooSoon while
            the database is compared with the journals
        """
        for _ in range(_ROUNDS):
            if self._try_open(session, now, limit):
                return
            if self.guard is not None:
                self.guard.settle()
        raise pins.too_soon(1, "the database changes under the server")

    def _try_open(self, session: StoredSession, now: int, limit: int) -> bool:
        with self.state.write() as connection:
            origin = self.state.notice_restore(connection)
            if self.guard is not None and not self.guard.is_settled(origin):
                return False
            is_due = now != self._swept
            if is_due:
                connection.execute(_SWEEP, {"over": now - _LATE_SECONDS})
            if is_due or self._open >= limit:
                self._open = connection.execute(_COUNT).scalar_one()
            of = {"by_first_pass": session.first_pass, "by_device": session.digest}
            seen = connection.execute(_BESIDE, of).one()
            if seen.same:
                raise Replay("this login was begun before; start again")
            if self._open >= limit:
                raise Busy("too many logins are under way; try again")
            if seen.own >= _SESSIONS_PER_DEVICE:
                raise Busy("too many logins of this device are under way; try again in a few minutes")
            connection.execute(_OPEN, _row_of(session, origin.restored_at))
            if is_due and connection.execute(_LATER, {"now": now}).rowcount == 0:
                connection.execute(insert(CLOCK).values(id=1, latest=now))
            self._open += 1
        self._swept = now
        return True

    def look_up(self, user: str, name: str) -> tuple[Device | None, int]:
        """The device that is pinned for the account, if there is one; and the latest time at which a login was begun.

        One statement, whether there is one or not.
        """
        row = self.state.find(_LOOK_UP, {"by_user": user, "by_name": name})
        return None if row.digest is None else _read_device(row), row.latest or 0

    def session(self, session_id: bytes) -> StoredSession | None:
        """A login between its passes, left where it is."""
        row = self.state.find(_SESSION, {"by_id": session_id})
        return None if row is None else StoredSession(row.id, row.device, row.first_pass, row.expires, row.state)

    def count_attempt(self, session: StoredSession, now: int, network: str | None = None) -> bool:
        """Uses the session up and takes one attempt; False if another request used it up before.

        Spec: spec/mpin.md#pin-protection
        Raises: Locked if no attempt is left, Suspended, UnknownIdentity if the device was removed. TooSoon,
            NetworkBudget, ServerBudget, Unavailable: these leave the session open
        """
        if self.guard is not None:
            self.guard.check()
        for _ in range(_ROUNDS):
            outcome = self._try_count(session, now, network)
            if isinstance(outcome, Used):
                if self.guard is not None:
                    self.guard.note(session.digest, outcome)
                return True
            if outcome is None or self.guard is None:
                return False
            self.guard.settle(session.digest)
        raise pins.too_soon(1, "the database changes under the server")

    def _try_count(self, session: StoredSession, now: int, network: str | None) -> Used | _Unsettled | None:
        """What the device has used, with this attempt; None if the session was used up; or nothing is known yet."""
        guard, digest = self.guard, session.digest
        known = guard.known(digest) if guard else 0
        with self.state.write(_lock(digest)) as connection:
            origin = self.state.notice_restore(connection)
            if guard is not None and not guard.is_settled(origin):
                return _Unsettled()
            uncovered = guard.uncovered if guard else origin.restored_at
            if not _use_up(connection, session, origin.restored_at):
                return None
            full = pins.full_places(connection, self._rules, _places(network), now)
            of = {"by_digest": digest, "restored": uncovered, "at": now, "known": known}
            take = _take(self._rules, pins.SERVER in full, full[:1] == [network])
            counted = connection.execute(take, of).one_or_none()
            if counted is not None:
                return Used(*counted)
            query = _devices().add_columns(_used(self._rules).label("used")).where(DEVICE.c.digest == digest)
            row = connection.execute(query, {"restored": uncovered}).one()
            if (row.changes or 0) < known:
                return _Unsettled()
            unusable = row.state in {DeviceState.REMOVED, DeviceState.WAITING} or row.suspended
            if not unusable and row.used < MAX_ATTEMPTS:
                raise _wait(row, full, now)
        # The session is spent, so this refusal stands outside the transaction.
        check_usable(replace(_read_device(row), attempts=row.used))
        return None

    def note_wrong(self, network: str | None, now: int) -> list[str]:
        """Counts a wrong PIN for its network and for the server; those whose budget it fills."""
        with self.state.write("wrong PINs") as connection:
            counts = {place: pins.add_wrong(connection, place, now) for place in _places(network)}
        return [place for place, count in counts.items() if count == self._rules.limit(place)]

    def succeed(self, digest: bytes, now: int, bind: Callable[[Connection], None] | None = None) -> None:
        """Gives all attempts back after a right PIN; `bind` does in the same transaction what the login was for."""
        with self.state.write(_lock(digest)) as connection:
            changes = connection.execute(_SUCCEED, {"by_digest": digest, "now": now}).scalar_one()
            if bind is not None:
                bind(connection)
        if self.guard is not None:
            self.guard.note(digest, Used(changes, 0))


def _unpin(connection: Connection, user: str, name: str) -> bool:
    """Removes a user's device, its logins and sessions; False if there is none of this name."""
    where = (DEVICE.c.user == user, DEVICE.c.name == name, DEVICE.c.state != DeviceState.REMOVED)
    digest = connection.execute(select(DEVICE.c.digest).where(*where)).scalar()
    if digest is None:
        return False
    connection.execute(delete(SESSION).where(SESSION.c.device == digest))
    _end_invitations(connection, INVITATION.c.inviter == digest)
    endings.end_device(connection, digest)
    connection.execute(update(DEVICE).where(DEVICE.c.digest == digest).values(state=DeviceState.REMOVED))
    return True


def _row_of(session: StoredSession, restored: int | None) -> dict[str, Any]:
    return {
        "id": session.session_id,
        "device": session.digest,
        "first_pass": session.first_pass,
        "expires": session.expires,
        "state": session.octets,
        "after_restore": restored,
    }


def _lock(digest: bytes) -> str:
    """Attempts of one device wait for each other, those of others do not."""
    return f"device {digest.hex()}"


def _places(network: str | None) -> tuple[str, ...]:
    """What a wrong PIN is counted under, the narrower first."""
    return (pins.SERVER,) if network is None else (network, pins.SERVER)


def _use_up(connection: Connection, session: StoredSession, restored: int | None) -> bool:
    """Whether the session was there; one from before a restore may have been used, so it counts as if it was."""
    return connection.execute(_USE_UP, {"by_id": session.session_id, "restored": restored}).rowcount == 1


@lru_cache
def _used(rules: pins.PinRules) -> ColumnElement[int]:
    """The attempts that a device has used: those on record, and after a restore at least all but `after_restore`."""
    unproven = func.coalesce(DEVICE.c.after_restore, 0) < func.coalesce(_RESTORED, 0)
    return case((unproven, larger(DEVICE.c.attempts, MAX_ATTEMPTS - rules.after_restore)), else_=DEVICE.c.attempts)


@lru_cache
def _take(rules: pins.PinRules, server_is_full: bool, network_is_full: bool) -> ReturningUpdate[Any]:
    """The one statement that judges by the device's row whether it has an attempt now, and takes it."""
    used, now = _used(rules), bindparam("at", type_=Int64)
    delays = [(used == wrong - 1, now + rules.delay(wrong)) for wrong in range(1, MAX_ATTEMPTS)]
    taken = update(DEVICE).where(
        DEVICE.c.digest == bindparam("by_digest"),
        used < MAX_ATTEMPTS,
        func.coalesce(DEVICE.c.not_before, 0) <= now,
        DEVICE.c.state.not_in((DeviceState.REMOVED, DeviceState.WAITING)),
        DEVICE.c.user.in_(select(ACCOUNT.c.user).where(ACCOUNT.c.suspended.is_(False))),
        func.coalesce(DEVICE.c.changes, 0) >= bindparam("known"),
    )
    if server_is_full:  # its budget is for devices whose last PIN was wrong
        taken = taken.where(DEVICE.c.attempts == 0)
    if network_is_full:
        taken = taken.where(false())
    values = {"attempts": used + 1, "not_before": case(*delays, else_=now), "changes": _CHANGED}
    return taken.values(values | {"after_restore": _RESTORED}).returning(DEVICE.c.changes, DEVICE.c.attempts)


def _wait(row: Row[Any], full: Sequence[str], now: int) -> RateLimited:
    """Why a device that may log in waits: the budget that is full, else its own delay."""
    return pins.budget_full(full[0], now) if full else pins.too_soon((row.not_before or now) - now)


_INVITATION = "there is no such invitation for this user, or it was used or is over; ask for a new one"


def check_usable(device: Device) -> None:
    """Refuses a device that may not log in.

    Raises: UnknownIdentity, Suspended, DeviceWaiting, Locked
    """
    if device.state is DeviceState.REMOVED:
        raise UnknownIdentity("this device was removed; enrol it anew")
    if device.suspended:
        raise Suspended("the account is suspended; its operator can resume it")
    if device.state is DeviceState.WAITING:
        raise DeviceWaiting("this device waits until another one of the user confirms it")
    if device.locked:
        raise Locked("locked after three wrong PINs; have the device removed and enrol it anew")


def _enrolled_before(connection: Connection, digest: bytes, identity: Identity) -> Identity:
    row = connection.execute(_devices().where(DEVICE.c.digest == digest)).one()
    device = _read_device(row)
    before = device.identity
    same = (before.device, before.algorithm, before.public_key) == (
        identity.device,
        identity.algorithm,
        identity.public_key,
    )
    if not same or device.state not in {DeviceState.PENDING, DeviceState.WAITING}:
        raise InvitationRefused(_INVITATION)
    return before


def _end_invitations(connection: Connection, *which: ColumnElement[bool]) -> None:
    """Deletes those of them that nothing was enrolled with."""
    connection.execute(delete(INVITATION).where(INVITATION.c.device.is_(None), *which))


def _pin(connection: Connection, identity: Identity, state: DeviceState, now: int, restored: int | None) -> None:
    account = connection.execute(select(ACCOUNT).where(ACCOUNT.c.user == identity.user)).one_or_none()
    if account is None:
        connection.execute(insert(ACCOUNT).values(user=identity.user, suspended=False, created=now))
    elif account.suspended:
        raise Suspended("the account is suspended; its operator can resume it")
    where = (DEVICE.c.user == identity.user, DEVICE.c.name == identity.device)
    pinned = select(func.count()).where(*where, DEVICE.c.state != DeviceState.REMOVED)
    if connection.execute(pinned).scalar_one():
        raise DevicePinned(
            f"user {identity.user!r} has an identity for the device {identity.device!r}; have it removed first"
        )
    if connection.execute(select(func.count()).where(DEVICE.c.digest == identity.digest())).scalar_one():
        raise AlreadyExists("this identity was enrolled before")
    values = {
        "digest": identity.digest(),
        "user": identity.user,
        "name": identity.device,
        "identity": identity.to_bytes(),
        "state": state,
        "attempts": 0,
        "created": now,
        "after_restore": restored,
    }
    connection.execute(insert(DEVICE).values(values))


def _activate(connection: Connection, digest: bytes) -> None:
    pending = update(DEVICE).where(DEVICE.c.digest == digest, DEVICE.c.state == DeviceState.PENDING)
    connection.execute(pending.values(state=DeviceState.ACTIVE))


def _devices() -> Any:
    return select(DEVICE, ACCOUNT.c.suspended).join(ACCOUNT, ACCOUNT.c.user == DEVICE.c.user)


# What each login executes. A statement that is made once is compiled once, and costs a third of what it does otherwise.
_SWEEP = delete(SESSION).where(SESSION.c.expires < bindparam("over"))
_COUNT = select(func.count()).select_from(SESSION)
_BESIDE = select(
    select(func.count()).where(SESSION.c.first_pass == bindparam("by_first_pass")).scalar_subquery().label("same"),
    select(func.count()).where(SESSION.c.device == bindparam("by_device")).scalar_subquery().label("own"),
)
_OPEN = insert(SESSION)
_LATER = update(CLOCK).values(latest=larger(CLOCK.c.latest, bindparam("now", type_=Int64)))
_SESSION = select(SESSION).where(SESSION.c.id == bindparam("by_id"))
_ONE = select(literal(1).label("one")).subquery()
_LOOK_UP = select(DEVICE, ACCOUNT.c.suspended, select(CLOCK.c.latest).scalar_subquery().label("latest")).select_from(
    _ONE.outerjoin(
        DEVICE.join(ACCOUNT, ACCOUNT.c.user == DEVICE.c.user),
        (DEVICE.c.user == bindparam("by_user"))
        & (DEVICE.c.name == bindparam("by_name"))
        & (DEVICE.c.state != DeviceState.REMOVED),
    )
)
_USE_UP = delete(SESSION).where(
    SESSION.c.id == bindparam("by_id"), func.coalesce(SESSION.c.after_restore, 0) >= func.coalesce(_RESTORED, 0)
)
_SUCCEED = (
    update(DEVICE)
    .where(DEVICE.c.digest == bindparam("by_digest"))
    .values(
        state=case((DEVICE.c.state == DeviceState.PENDING, DeviceState.ACTIVE), else_=DEVICE.c.state),
        attempts=0,
        last_login=bindparam("now", type_=Int64),
        not_before=None,
        changes=_CHANGED,
    )
    .returning(DEVICE.c.changes)
)


def _read_device(row: Row[Any]) -> Device:
    return Device(
        Identity.from_bytes(row.identity), DeviceState(row.state), row.attempts, bool(row.suspended), row.last_login
    )
