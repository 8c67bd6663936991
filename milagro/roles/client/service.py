"""What a client does: enrol, fetch permits, log in."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from milagro.errors import (
    AlreadyExists,
    AuthenticationFailed,
    ConfigError,
    Expired,
    MalformedEnvelope,
    MilagroError,
    RateLimited,
    Unavailable,
)
from milagro.octets import equal
from milagro.protocols.mpin.v2 import ClientSecret, Credential, Identity, Permit, Suite, Token, start_login
from milagro.roles import proofs, purposes
from milagro.roles.client.device import DeviceFolder, DeviceRecord, PermitRecord, SoftwareKey
from milagro.roles.client.network import NetworkHolder, Tell
from milagro.roles.clock import Clock, unix_now
from milagro.roles.device_messages import DeviceInvitationAnswer
from milagro.roles.issuance.calls import HttpDial
from milagro.roles.issuance.requester import Patience
from milagro.roles.messages import (
    ConfirmationAnswer,
    EnrolmentAnswer,
    EnrolmentRequest,
    FirstPass,
    HolderRequest,
    LoginAnswer,
    MfaStatusAnswer,
    NetworkTicket,
    PassMessage,
    PermitsAnswer,
    PermitsRequest,
)
from milagro.roles.peer import Peer
from milagro.roles.purposes import context_for
from milagro.roles.refusals import KeyOver, TooSoon, code_of
from milagro.roles.suites import open_suite
from milagro.stores.urls import canonical_origin

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.roles.issuance.calls import Dial as NetworkDial

Dial = Callable[[str], Peer]
Said = TypeVar("Said", bound=LoginAnswer)
_MOVE_SECONDS = 5.0  # a login does not wait longer for the next key
_LONGEST_WAIT = 60.0  # seconds for which a login waits by itself after a wrong PIN
_LINGER = 0.3  # seconds in which D-TAs that are not needed any more may still show what is wrong with them


def tell_nobody(_text: str) -> None:
    """Says nothing."""


@dataclass(frozen=True, slots=True)
class Application:
    """What a user says to enrol a device. Secret: `code`."""

    server: str
    user: str
    device: str
    code: str
    algorithm: str = "ed25519"
    replace: bool = False  # the user's device of this name, of which nothing is left here, goes

    def __repr__(self) -> str:
        return f"Application(server={self.server!r}, user={self.user!r}, device={self.device!r})"


class Client:
    """One device and the servers it speaks to."""

    def __init__(
        self,
        folder: DeviceFolder,
        dial: Dial,
        clock: Clock = unix_now,
        network_dial: Callable[[], NetworkDial] = HttpDial,
        patience: Patience | None = None,
        tell: Tell = tell_nobody,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder = folder
        self._dial = dial
        self._clock = clock
        self._network_dial = network_dial
        self._patience = patience or Patience(linger=_LINGER)
        self._tell = tell
        self._sleep = sleep

    def enrol(self, application: Application, choose_pin: Callable[[], str]) -> DeviceRecord:
        """Enrols this device: an identity, a client secret from the D-TAs, and a token under the chosen PIN.

        The key is stored before it is first used and the server pins the identity before it answers, so that an
        enrolment which broke off is taken up by calling this again with the same code.

        Spec: spec/mpin.md#recombination
        Raises: AlreadyExists, Unavailable, and whatever the servers refuse with
        Secret: the PIN and the token
        """
        if self._folder.enrolled():
            raise AlreadyExists(f"{self._folder.path} is an enrolled device already; choose another folder")
        key = self._folder.key(application.algorithm)
        origin = canonical_origin(application.server)
        with self._dial(application.server) as server:
            status = server.get("/v1/status", MfaStatusAnswer)
            suite = open_suite(status.curve, status.hash, status.slot_seconds)
            answer = self._apply(server, status, origin, application, key)
            identity = self._check_identity(answer.identity, status, application, key)
            holder = _Holder(suite, identity, key, server)
            secret, source = self._client_secret(holder, answer.ticket)
            record = _record(application, status, secret.token(choose_pin()), source)
            self._folder.keep(record)
            with contextlib.suppress(Unavailable):  # the first login confirms as well
                self._confirm(server, record, key)
        return record

    def login(self, ask_pin: Callable[[], str]) -> LoginAnswer:
        """Who the server says has logged in.

        Spec: spec/mpin.md#two-pass
        Raises: AuthenticationFailed for a wrong PIN, VerificationError with the code locked or suspended, Unavailable
        Secret: the PIN
        """
        return self._enter(_PLAIN, ask_pin)

    def invite_device(self, ask_pin: Callable[[], str]) -> DeviceInvitationAnswer:
        """A one-time code for another device of the user, after a login for nothing else.

        Spec: spec/mpin.md#second-device
        Raises: as `login`
        Secret: the PIN, and the code in the result
        """
        return self._enter(_Errand("/v1/devices/invite", DeviceInvitationAnswer, purposes.ADD_DEVICE), ask_pin)

    def _enter(self, errand: _Errand[Said], ask_pin: Callable[[], str]) -> Said:
        record, waiting = self._folder.record(), self._folder.waiting()
        key = self._folder.stored_key()
        pin = ask_pin()
        with self._dial(record.server) as server:
            visit = _Visit(server, key, pin, errand)
            try:
                answer = self._login(visit, record)
            except KeyOver:
                if waiting is None:
                    raise
                answer = self._log_in_with_next(visit, waiting)
            else:
                if answer.move is not None:
                    self._move(visit, record, waiting, answer.move)
        return answer.model_copy(update={"move": None})  # a ticket is nobody else's business

    def server_status(self) -> MfaStatusAnswer:
        """What the device's server says about itself now."""
        with self._dial(self._folder.record().server) as server:
            return server.get("/v1/status", MfaStatusAnswer)

    # -- enrolment ---------------------------------------------------------------------------------------------
    def _apply(
        self, server: Peer, status: MfaStatusAnswer, origin: str, application: Application, key: SoftwareKey
    ) -> EnrolmentAnswer:
        applicant = proofs.Applicant(
            application.user,
            application.device,
            application.code,
            key.algorithm,
            key.public_key,
            application.replace,
        )
        request = EnrolmentRequest(
            user=application.user,
            device=application.device,
            code=application.code,
            algorithm=key.algorithm,
            public_key=key.public_key,
            signature=key.sign(proofs.enrolment(status.name, origin, applicant)),
            replace=application.replace,
        )
        return server.post("/v1/enrolments", request, EnrolmentAnswer)

    def _check_identity(
        self, octets: bytes, status: MfaStatusAnswer, application: Application, key: SoftwareKey
    ) -> Identity:
        identity = Identity.from_bytes(octets)
        own_key = equal(identity.public_key, key.public_key) and identity.algorithm == key.algorithm
        if not own_key or identity.realm != status.name or identity.suite_id != status.suite:
            raise MalformedEnvelope("the server answered with an identity that is not this device's")
        return identity

    def _client_secret(self, holder: _Holder, ticket: NetworkTicket) -> tuple[ClientSecret, _Source]:
        network = self._network(holder)
        secret, names = network.client_secret(ticket)
        return secret, _Source(names, ticket.network, network.key_of(ticket))

    def _network(self, holder: _Holder) -> NetworkHolder:
        return NetworkHolder(
            holder.suite,
            holder.identity,
            holder.key,
            self._folder,
            holder.server,
            self._network_dial(),
            self._patience,
            self._tell,
        )

    def _confirm(self, server: Peer, record: DeviceRecord, key: SoftwareKey) -> None:
        at = self._clock()
        statement = proofs.confirmation(record.server_name, canonical_origin(record.server), record.identity, at)
        request = HolderRequest(identity=record.identity, at=at, signature=key.sign(statement))
        server.post("/v1/enrolments/confirm", request, ConfirmationAnswer)

    # -- permits -----------------------------------------------------------------------------------------------
    def _permit(self, holder: _Holder, record: DeviceRecord) -> Permit | None:
        slot = holder.suite.slot_at(self._clock())
        if slot is None:
            return None
        kept = self._folder.permit()
        if kept is not None and (kept.slot, kept.key_id) == (slot, record.key_id):
            return Permit.from_bytes(holder.suite, kept.permit)
        return self._fetch_permit(holder, record)

    def _fetch_permit(self, holder: _Holder, record: DeviceRecord) -> Permit:
        at, key_id = self._clock(), record.key_id
        origin = canonical_origin(record.server)
        statement = proofs.permits(record.server_name, origin, record.identity, at, key_id)
        signature = holder.key.sign(statement)
        request = PermitsRequest(identity=record.identity, at=at, signature=signature, key_id=key_id)
        answer = holder.server.post("/v1/permits", request, PermitsAnswer)
        if answer.slot is None:
            raise ConfigError("the server has stopped using permits; enrol anew")
        permit = self._combined_permit(holder, record, answer, answer.slot)
        self._folder.keep_permit(PermitRecord(slot=answer.slot, permit=permit.to_bytes(), key_id=key_id))
        return permit

    def _combined_permit(self, holder: _Holder, record: DeviceRecord, answer: PermitsAnswer, slot: int) -> Permit:
        if answer.ticket is None or answer.ticket.network != record.network:
            raise MalformedEnvelope("the server answered with a ticket for other D-TAs than this device's")
        return self._network(holder).permit(answer.ticket, slot, record.key_id)

    # -- moving to the network's next key ----------------------------------------------------------------------
    def _move(
        self, visit: _Visit[Any], record: DeviceRecord, waiting: DeviceRecord | None, ticket: NetworkTicket
    ) -> None:
        """Makes a token of the next key under the PIN that has just logged in, and takes it once it has logged in, too.

        Whatever fails here is told, and tried again at the next login: the token in force still works.
        """
        visit = _Visit(visit.server, visit.key, visit.pin, _PLAIN)  # what the first login was for is done
        hasty = self._with(replace(self._patience, overall=min(self._patience.overall, _MOVE_SECONDS)))
        try:
            following = hasty._next(visit, record, waiting, ticket)
            hasty._log_in_with_next(visit, following)
        except AuthenticationFailed:
            self._folder.drop_waiting()
            self._tell("the token of the network's next key does not log in; it is made anew at the next login")
        except MilagroError as error:
            self._tell(f"this device has not moved to the network's next key yet: {error}")

    def _next(
        self, visit: _Visit[Any], record: DeviceRecord, waiting: DeviceRecord | None, ticket: NetworkTicket
    ) -> DeviceRecord:
        suite = open_suite(record.curve, record.hash, record.slot_seconds)
        holder = _Holder(suite, Identity.from_bytes(record.identity), visit.key, visit.server)
        if ticket.network != record.network:
            raise MalformedEnvelope("the server offers the key of another network of D-TAs")
        if waiting is not None and waiting.key_id == self._network(holder).key_of(ticket):
            return waiting
        secret, source = self._client_secret(holder, ticket)
        token = secret.token(visit.pin).to_bytes()
        following = record.model_copy(update={"token": token, "key_id": source.key_id, "issuers": source.issuers})
        self._folder.keep_waiting(following)
        return following

    def _log_in_with_next(self, visit: _Visit[Said], waiting: DeviceRecord) -> Said:
        answer = self._login(visit, waiting)
        self._folder.move_over(waiting)
        return answer

    def _with(self, patience: Patience) -> Client:
        return Client(self._folder, self._dial, self._clock, self._network_dial, patience, self._tell, self._sleep)

    # -- login -------------------------------------------------------------------------------------------------
    def _login(self, visit: _Visit[Said], record: DeviceRecord) -> Said:
        """A login with the token of this record. Raises: KeyOver if its key is not accepted any more."""
        suite = open_suite(record.curve, record.hash, record.slot_seconds)
        token = Token.from_bytes(suite, record.token)
        holder = _Holder(suite, token.identity, visit.key, visit.server)
        try:
            permit = self._permit(holder, record)
            try:
                return self._two_passes(visit, record, token, permit)
            except _SlotOver:
                return self._two_passes(visit, record, token, self._fetch_permit(holder, record))
        except Expired as error:
            if code_of(error) == KeyOver.code:
                raise KeyOver(str(error)) from error
            raise

    def _two_passes(self, visit: _Visit[Said], record: DeviceRecord, token: Token, permit: Permit | None) -> Said:
        errand, origin = visit.errand, canonical_origin(record.server)
        context = context_for(record.server_name, origin, record.relying_party, errand.purpose)
        started = start_login(Credential(token, visit.key), context, self._clock(), secrets.token_bytes, permit)
        try:
            message = started.message.to_bytes()
            first = FirstPass(message=message, key_id=record.key_id, purpose=errand.purpose)
            challenge = visit.server.post("/v1/login/pass1", first, PassMessage)
        except Expired as error:
            if code_of(error) == KeyOver.code:
                raise
            raise _SlotOver from error
        answer = started.answer(challenge.message, visit.pin, self._clock())
        return self._pass_two(visit, PassMessage(message=answer.to_bytes()))

    def _pass_two(self, visit: _Visit[Said], message: PassMessage) -> Said:
        """The end of a login. What comes too soon after a wrong PIN is sent again in its time: nothing was counted.

        Spec: spec/mpin.md#pin-protection
        """
        try:
            return visit.server.post(visit.errand.path, message, visit.errand.answer)
        except RateLimited as error:
            seconds = error.retry_after
            if code_of(error) != TooSoon.code or seconds is None or seconds > _LONGEST_WAIT:
                raise
            self._tell(f"a wrong PIN came just before; this login goes on in {seconds:.0f} s")
            self._sleep(seconds)
        return visit.server.post(visit.errand.path, message, visit.errand.answer)


class _SlotOver(MilagroError):
    """The permit was of another slot than the server's current one."""


@dataclass(frozen=True, slots=True)
class _Errand(Generic[Said]):
    """What a login is for: where its second pass goes, and what is answered."""

    path: str
    answer: type[Said]
    purpose: str | None = None


_PLAIN: Final = _Errand("/v1/login/pass2", LoginAnswer)


@dataclass(frozen=True, slots=True, repr=False)
class _Visit(Generic[Said]):
    """A login at the server: the connection, what the user brings, and what for. Secret: key, pin."""

    server: Peer
    key: SoftwareKey
    pin: str
    errand: _Errand[Said]


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who asks for shares, and through which server. Secret: key."""

    suite: Suite
    identity: Identity
    key: SoftwareKey
    server: Peer


@dataclass(frozen=True, slots=True)
class _Source:
    """The network that issued a secret, its D-TAs, and the key."""

    issuers: list[str]
    network: str
    key_id: bytes


def _record(application: Application, status: MfaStatusAnswer, token: Token, source: _Source) -> DeviceRecord:
    return DeviceRecord(
        server=application.server.rstrip("/"),
        server_name=status.name,
        relying_party=status.relying_party,
        curve=status.curve,
        hash=status.hash,
        slot_seconds=status.slot_seconds,
        user=token.identity.user,
        device=token.identity.device,
        issuers=source.issuers,
        identity=token.identity.to_bytes(),
        token=token.to_bytes(),
        network=source.network,
        key_id=source.key_id,
    )


def open_client(path: Path, ca_certificate: Path | None = None, tell: Tell = tell_nobody) -> Client:
    """The client whose device is kept in the folder `path`."""
    return Client(
        DeviceFolder(path),
        lambda url: Peer(url, ca_certificate),
        network_dial=lambda: HttpDial(ca_certificate),
        tell=tell,
    )
