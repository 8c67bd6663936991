"""What a client does: enrol, fetch permits, log in."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.errors import AlreadyExists, ConfigError, Expired, MalformedEnvelope, MilagroError, Unavailable
from milagro.octets import equal
from milagro.protocols.mpin.v2 import (
    ClientShare,
    Context,
    Credential,
    Identity,
    Permit,
    PermitShare,
    Suite,
    Token,
    combine_client_shares,
    combine_permit_shares,
    start_login,
)
from milagro.roles import proofs
from milagro.roles.client.device import DeviceFolder, DeviceRecord, PermitRecord, SoftwareKey
from milagro.roles.clock import Clock, unix_now
from milagro.roles.config import canonical_origin
from milagro.roles.messages import (
    ClientShareRequest,
    ConfirmationAnswer,
    DtaTicket,
    EnrolmentAnswer,
    EnrolmentRequest,
    HolderRequest,
    LoginAnswer,
    MfaStatusAnswer,
    PassMessage,
    PermitRequest,
    PermitsAnswer,
    ShareAnswer,
)
from milagro.roles.peer import Peer
from milagro.roles.suites import open_suite

if TYPE_CHECKING:
    from pathlib import Path

Dial = Callable[[str], Peer]


@dataclass(frozen=True, slots=True)
class Application:
    """What a user says to enrol a device. Secret: `code`."""

    server: str
    user: str
    device: str
    code: str
    algorithm: str = "ed25519"

    def __repr__(self) -> str:
        return f"Application(server={self.server!r}, user={self.user!r}, device={self.device!r})"


class Client:
    """One device and the servers it speaks to."""

    def __init__(self, folder: DeviceFolder, dial: Dial, clock: Clock = unix_now) -> None:
        self._folder = folder
        self._dial = dial
        self._clock = clock

    def enrol(self, application: Application, choose_pin: Callable[[], str]) -> DeviceRecord:
        """Enrols this device: an identity, a share from every D-TA, and a token under the chosen PIN.

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
            shares = [self._client_share(suite, dta, answer.identity, key) for dta in answer.dtas]
            issuers = [dta.name for dta in answer.dtas]
            token = combine_client_shares(shares, issuers).token(choose_pin())
            record = _record(application, status, identity, token, issuers)
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
        record = self._folder.record()
        key = self._folder.stored_key()
        pin = ask_pin()
        suite = open_suite(record.curve, record.hash, record.slot_seconds)
        credential = Credential(Token.from_bytes(suite, record.token), key)
        with self._dial(record.server) as server:
            permit = self._permit(server, suite, record, key)
            try:
                return self._two_passes(server, record, credential, permit, pin)
            except _SlotOver:
                permit = self._fetch_permit(server, suite, record, key)
                return self._two_passes(server, record, credential, permit, pin)

    def server_status(self) -> MfaStatusAnswer:
        """What the device's server says about itself now."""
        with self._dial(self._folder.record().server) as server:
            return server.get("/v1/status", MfaStatusAnswer)

    # -- enrolment ---------------------------------------------------------------------------------------------
    def _apply(
        self, server: Peer, status: MfaStatusAnswer, origin: str, application: Application, key: SoftwareKey
    ) -> EnrolmentAnswer:
        applicant = proofs.Applicant(
            application.user, application.device, application.code, key.algorithm, key.public_key
        )
        request = EnrolmentRequest(
            user=application.user,
            device=application.device,
            code=application.code,
            algorithm=key.algorithm,
            public_key=key.public_key,
            signature=key.sign(proofs.enrolment(status.name, origin, applicant)),
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

    def _client_share(self, suite: Suite, dta: DtaTicket, identity: bytes, key: SoftwareKey) -> ClientShare:
        signature = key.sign(proofs.share(dta.name, dta.ticket, identity))
        request = ClientShareRequest(ticket=dta.ticket, identity=identity, signature=signature)
        with self._dial(dta.url) as peer:
            answer = peer.post("/v1/shares/client", request, ShareAnswer)
        return ClientShare.from_bytes(suite, answer.share)

    def _confirm(self, server: Peer, record: DeviceRecord, key: SoftwareKey) -> None:
        at = self._clock()
        statement = proofs.confirmation(record.server_name, canonical_origin(record.server), record.identity, at)
        request = HolderRequest(identity=record.identity, at=at, signature=key.sign(statement))
        server.post("/v1/enrolments/confirm", request, ConfirmationAnswer)

    # -- permits -----------------------------------------------------------------------------------------------
    def _permit(self, server: Peer, suite: Suite, record: DeviceRecord, key: SoftwareKey) -> Permit | None:
        slot = suite.slot_at(self._clock())
        if slot is None:
            return None
        kept = self._folder.permit()
        if kept is not None and kept.slot == slot:
            return Permit.from_bytes(suite, kept.permit)
        return self._fetch_permit(server, suite, record, key)

    def _fetch_permit(self, server: Peer, suite: Suite, record: DeviceRecord, key: SoftwareKey) -> Permit:
        at = self._clock()
        statement = proofs.permits(record.server_name, canonical_origin(record.server), record.identity, at)
        request = HolderRequest(identity=record.identity, at=at, signature=key.sign(statement))
        answer = server.post("/v1/permits", request, PermitsAnswer)
        if answer.slot is None:
            raise ConfigError("the server has stopped using permits; enrol anew")
        slot = answer.slot
        shares = [self._permit_share(suite, dta, record.identity, slot, key) for dta in answer.dtas]
        permit = combine_permit_shares(shares, record.issuers)
        self._folder.keep_permit(PermitRecord(slot=slot, permit=permit.to_bytes()))
        return permit

    def _permit_share(self, suite: Suite, dta: DtaTicket, identity: bytes, slot: int, key: SoftwareKey) -> PermitShare:
        signature = key.sign(proofs.share(dta.name, dta.ticket, identity))
        request = PermitRequest(ticket=dta.ticket, identity=identity, slot=slot, signature=signature)
        with self._dial(dta.url) as peer:
            answer = peer.post("/v1/permits", request, ShareAnswer)
        return PermitShare.from_bytes(suite, answer.share)

    # -- login -------------------------------------------------------------------------------------------------
    def _two_passes(
        self,
        server: Peer,
        record: DeviceRecord,
        credential: Credential,
        permit: Permit | None,
        pin: str,
    ) -> LoginAnswer:
        context = Context(record.server_name, canonical_origin(record.server), record.relying_party)
        started = start_login(credential, context, self._clock(), secrets.token_bytes, permit)
        try:
            challenge = server.post("/v1/login/pass1", PassMessage(message=started.message.to_bytes()), PassMessage)
        except Expired as error:
            raise _SlotOver from error
        answer = started.answer(challenge.message, pin, self._clock())
        return server.post("/v1/login/pass2", PassMessage(message=answer.to_bytes()), LoginAnswer)


class _SlotOver(MilagroError):
    """The permit was of another slot than the server's current one."""


def _record(
    application: Application, status: MfaStatusAnswer, identity: Identity, token: Token, issuers: Sequence[str]
) -> DeviceRecord:
    return DeviceRecord(
        server=application.server.rstrip("/"),
        server_name=status.name,
        relying_party=status.relying_party,
        curve=status.curve,
        hash=status.hash,
        slot_seconds=status.slot_seconds,
        user=identity.user,
        device=identity.device,
        issuers=list(issuers),
        identity=identity.to_bytes(),
        token=token.to_bytes(),
    )


def open_client(path: Path, ca_certificate: Path | None = None) -> Client:
    """The client whose device is kept in the folder `path`."""
    return Client(DeviceFolder(path), lambda url: Peer(url, ca_certificate))
