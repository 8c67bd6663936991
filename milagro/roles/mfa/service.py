"""What an MFA server does: it enrols, hands out tickets for permits, and checks logins."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from milagro.errors import AuthenticationFailed, Expired, InvalidSignature, MilagroError, ParameterError, Replay
from milagro.octets import frame, unframe
from milagro.protocols.mpin.v2 import (
    Authenticated,
    Countable,
    Identity,
    Limits,
    PassOne,
    PassTwo,
    Suite,
    Verifier,
)
from milagro.roles import logs, proofs
from milagro.roles.clock import Clock, unix_now
from milagro.roles.mfa.attempts.witness import Witnessing
from milagro.roles.mfa.batches import LoginVerifier
from milagro.roles.mfa.records import Device, DeviceState, MfaRecords, StoredSession, check_usable
from milagro.roles.mfa.split.counters import Counters
from milagro.roles.mfa.split.joining import Joining
from milagro.roles.purposes import context_for
from milagro.roles.refusals import HolderNotProven, UnknownIdentity

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from milagro.roles.messages import NetworkTicket
    from milagro.roles.mfa.config import MfaConfig
    from milagro.roles.mfa.network import Issuers
    from milagro.roles.mfa.network_keys import LoginSecret
    from milagro.roles.proofs import Applicant

Checkpoint = Callable[[str], None]
Bind = Callable[["Connection", Authenticated], None]
FRESH_SECONDS = 60
_ANSWERED = "this login was answered before, or is over; start again"
_SALT_OCTETS = 16
_USER_OCTETS = 256
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U
_CODE_LENGTH = 16
_log = logs.logger(__name__)


def no_checkpoint(_name: str) -> None:
    """Does nothing; tests pass something that kills the process here."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A pinned identity, and the ticket for its client shares."""

    identity: Identity
    ticket: NetworkTicket


@dataclass(frozen=True, slots=True)
class PermitTicket:
    """The ticket for the shares of the permit for `slot`."""

    slot: int
    ticket: NetworkTicket


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Who logged in, when, and what moves the device over to a newer key, if there is one."""

    identity: Identity
    at: int
    move: NetworkTicket | None = None


class MfaService:
    """One MFA server at work.

    `checkpoint` is called with a name after each durable step, so that a test can end the process exactly there.

    Secret: what the issuers hold, which never leaves
    """

    def __init__(
        self,
        config: MfaConfig,
        suite: Suite,
        issuers: Issuers,
        *,
        clock: Clock = unix_now,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> None:
        self.config = config
        self.suite = suite
        self.records = MfaRecords(config.common.store, rules=config.pins, journals=config.journals)
        self.issuers = issuers
        self._clock = clock
        self._checkpoint = checkpoint
        self._logins = LoginVerifier()
        guard = self.records.guard
        self.witnessing = None if guard is None else Witnessing(guard, issuers.witnesses)
        context = context_for(config.name, config.origin, config.relying_party)
        self._verifier = Verifier(suite, context, Limits(lifetime=timedelta(seconds=config.session_seconds)))
        self.joining = self._open_joining()

    def _open_joining(self) -> Joining | None:
        """This replica's side of logins that others lead, where the server secret is split."""
        split = self.config.split
        if split is None:
            return None
        counters = Counters(split.counters)
        return Joining(self.suite, self._verifier, self.records, counters, self.issuers.dealt, self._clock)

    # -- enrolment ---------------------------------------------------------------------------------------------
    def enrol(self, applicant: Applicant, signature: bytes) -> Enrolment:
        """Pins a new identity with this client key for the invited user's device; durable on return.

        Spec: spec/mpin.md#sessions
        Raises: HolderNotProven, InvitationRefused, DevicePinned, Suspended, EncodingError, ParameterError
        """
        now = self._clock()
        statement = proofs.enrolment(self.config.name, self.config.origin, applicant)
        wanted = Identity(
            self.suite.id,
            self.config.name,
            applicant.user,
            applicant.device,
            now,
            secrets.token_bytes(_SALT_OCTETS),
            applicant.algorithm,
            applicant.public_key,
        )
        _check_proven(wanted, signature, statement)
        identity = self.records.enrol(code_hash(applicant.code), wanted, now, replace=applicant.replace)
        self._checkpoint("enrolled")
        return Enrolment(identity, self.issuers.client_share(identity, now))

    def confirm(self, identity: bytes, at: int, signature: bytes) -> DeviceState:
        """Notes that the device has its shares, so that its invitation is used up; the state in which it is now.

        Raises: HolderNotProven, Expired, UnknownIdentity
        """
        now = self._clock()
        holder = Identity.from_bytes(identity)
        statement = proofs.confirmation(self.config.name, self.config.origin, identity, at)
        _check_proven(holder, signature, statement)
        _check_fresh(at, now)
        return self.records.confirm(self._pinned(holder).identity.digest())

    def permits(self, identity: bytes, at: int, signature: bytes, key_id: bytes) -> PermitTicket | None:
        """The ticket for this slot's permit, unless the account is suspended or the device locked; None without slots.

        `key_id` is the network's key that the holder's token is of.
        Spec: spec/mpin.md#permits
        Raises: HolderNotProven, Expired, UnknownIdentity, Suspended, Locked, KeyOver
        """
        now = self._clock()
        holder = Identity.from_bytes(identity)
        statement = proofs.permits(self.config.name, self.config.origin, identity, at, key_id)
        _check_proven(holder, signature, statement)
        _check_fresh(at, now)
        check_usable(self._pinned(holder))
        slot = self.suite.slot_at(now)
        if slot is None:
            return None
        return PermitTicket(slot, self.issuers.permit(holder, slot, key_id, now))

    # -- login -------------------------------------------------------------------------------------------------
    def pass_one(self, message: bytes, key_id: bytes, purpose: str | None = None) -> bytes:
        """The challenge to a first pass whose signature and identity are right, for this purpose.

        `key_id` is the network's key that the client's token is of: with its secret the second pass is checked.
        The session keeps it. Attempts are counted by device and before that check, so that a choice of keys is no
        choice of more attempts.
        Spec: spec/mpin.md#two-pass
        Raises: InvalidSignature, AuthenticationFailed, Expired, Suspended, Locked, Busy, Replay, KeyOver, EncodingError
        """
        now = self._clock()
        received = PassOne.from_bytes(message)
        device, latest = self.records.look_up(received.identity.user, received.identity.device)
        pinned = device.identity if device else None
        verifier = self._verifier_for(purpose)
        challenged = verifier.challenge(received, pinned, now, secrets.token_bytes, latest)
        if device is not None:
            check_usable(device)  # only the holder of the pinned key gets this far
        self.issuers.server_secret(key_id, now)  # a key that is over is told of before an attempt is counted
        session = StoredSession(
            challenged.session_id,
            challenged.identity.digest(),
            hashlib.sha256(message).digest(),
            challenged.expires,
            frame(key_id, challenged.to_bytes()),
        )
        self.records.open_session(session, now, self.config.max_sessions)
        self._checkpoint("pass-1")
        return challenged.message.to_bytes()

    def pass_two(
        self, message: bytes, network: str | None = None, purpose: str | None = None, bind: Bind | None = None
    ) -> LoggedIn:
        """Who logged in, if the second pass answers its challenge with the right token and PIN.

        `network` is where it comes from, if that is known. A session that was opened for another purpose is refused
        before anything is counted. `bind` is called in the transaction that gives the attempts back.
        Spec: spec/mpin.md#two-pass, spec/mpin.md#pin-protection
        Raises: InvalidSignature, ParameterError, Replay, Expired, Locked, Suspended, KeyOver, AuthenticationFailed,
            TooSoon, NetworkBudget, ServerBudget
        """
        now = self._clock()
        received = PassTwo.from_bytes(message)
        session = self.records.session(received.session_id)
        if session is None:
            raise Replay(_ANSWERED)
        key_id, octets = unframe(session.octets)
        secret = self.issuers.server_secret(key_id, now)
        # A bad signature ends here: nothing is counted, and the session is left to its owner.
        countable = self._verifier_for(purpose).resume(octets).accept(received, now)
        if not self.records.count_attempt(session, now, network):
            raise Replay(_ANSWERED)
        self._checkpoint("counted")
        try:
            authenticated = self._check(countable, secret, session, now, bind)
        except AuthenticationFailed:
            self._note_wrong(network, now)
            raise
        return LoggedIn(authenticated.identity, authenticated.at, self._move(authenticated, key_id, now))

    def _check(
        self, countable: Countable, secret: LoginSecret, session: StoredSession, now: int, bind: Bind | None
    ) -> Authenticated:
        authenticated = self._logins.verify(secret, countable)
        self._checkpoint("verified")
        self.records.succeed(
            session.digest, now, None if bind is None else lambda connection: bind(connection, authenticated)
        )
        self._checkpoint("succeeded")
        return authenticated

    def _verifier_for(self, purpose: str | None) -> Verifier:
        if purpose is None:
            return self._verifier
        config = self.config
        context = context_for(config.name, config.origin, config.relying_party, purpose)
        return Verifier(self.suite, context, self._verifier.limits)

    def _note_wrong(self, network: str | None, now: int) -> None:
        for place in self.records.note_wrong(network, now):
            _log.warning("wrong PINs have filled a budget of this hour", place=place)

    def _move(self, authenticated: Authenticated, key_id: bytes, now: int) -> NetworkTicket | None:
        """What moves the device over. Only a login that has succeeded gets it: it lets its holder choose a PIN."""
        try:
            return self.issuers.move(authenticated.identity, key_id, now)
        except MilagroError as error:
            _log.warning("no ticket to move over with", reason=str(error))  # the login stands
            return None

    # -- operation ---------------------------------------------------------------------------------------------
    def check_ready(self) -> None:
        """Refuses while the database takes no writes. The keys are there, or this object would not be.

        Raises: Unavailable
        """
        self.records.state.check()
        if self.records.guard is not None:
            self.records.guard.check()
        if self.joining is not None:
            self.joining.check_ready()

    def start(self) -> None:
        """Begins to follow the network's keys, and to compare the attempts with what D-TAs and other replicas know."""
        self.issuers.start()
        if self.witnessing is not None:
            self.witnessing.start()

    def now(self) -> int:
        """The server's clock."""
        return self._clock()

    def close(self) -> None:
        """Lets the database and the D-TAs go."""
        self.issuers.close()
        if self.witnessing is not None:
            self.witnessing.stop()
        if self.joining is not None:
            self.joining.close()
        self.records.close()

    def _pinned(self, holder: Identity) -> Device:
        device = self.records.pinned(holder.user, holder.device)
        if device is None or device.identity != holder:
            raise UnknownIdentity("this server has no such device")
        return device


def _check_proven(holder: Identity, signature: bytes, statement: bytes) -> None:
    try:
        proofs.verify(holder, signature, statement)
    except InvalidSignature:
        raise HolderNotProven("the request is not signed by the key that it speaks of") from None


def _check_fresh(at: int, now: int) -> None:
    if abs(now - at) > FRESH_SECONDS:
        raise Expired("the request is too old, or the clocks differ; try again")


def new_code() -> str:
    """A fresh invitation code of 80 random bits, such as K3M9-0QXT-7ZC2-V5WB."""
    letters = [secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH)]
    return "-".join("".join(letters[at : at + 4]) for at in range(0, _CODE_LENGTH, 4))


def code_hash(code: str) -> bytes:
    """What is stored of an invitation code; it has enough bits that a plain hash cannot be searched."""
    letters = "".join(code.upper().replace("-", " ").split()).replace("O", "0").replace("I", "1").replace("L", "1")
    return hashlib.sha256(frame(b"MILAGRO-ROLES-V1_INVITATION", letters.encode())).digest()


def invite(records: MfaRecords, user: str, now: int, lifetime: timedelta, *, replaces: bool = False) -> str:
    """A one-time invitation code for `user`, of which the database keeps only the hash.

    `replaces`: a device that is enrolled with it may take the place of the user's device of the same name.

    Raises: ParameterError if no identity can have this name
    Secret: the result, until it is used
    """
    name = canonical_name(user)
    if not name.isprintable() or not 1 <= len(name.encode()) <= _USER_OCTETS:
        raise ParameterError(f"a user's name has 1 to {_USER_OCTETS} octets and no control characters")
    code = new_code()
    records.invite(code_hash(code), name, now + int(lifetime.total_seconds()), replaces=replaces)
    return code


def canonical_name(name: str) -> str:
    """A user's or device's name as identities hold it."""
    return unicodedata.normalize("NFC", name)
