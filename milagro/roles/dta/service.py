"""What a D-TA does: it issues shares against tickets, and says who it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.errors import ConfigError, InvalidSignature, MilagroError, ParameterError
from milagro.protocols.mpin.v2 import Identity, MasterShare, Suite
from milagro.roles import proofs
from milagro.roles.clock import Clock, unix_now
from milagro.roles.dta.records import DtaRecords
from milagro.roles.refusals import HolderNotProven, TicketIdentity, TicketSlot
from milagro.roles.tickets import MAX_LIFETIME, Purpose, Ticket, TicketChecker, check_slot, check_subject
from milagro.stores.keys import Argon2Cost, SealedFile, SealingKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from milagro.roles.dta.config import DtaConfig

_FORGET_EVERY = 3600


@dataclass(frozen=True, slots=True)
class DtaStatus:
    """What a D-TA tells everyone."""

    name: str
    suite: str
    curve: str
    slot_seconds: int
    commitment: bytes


@dataclass(frozen=True, slots=True)
class DtaReport:
    """What a D-TA tells its operator besides."""

    authorities: list[str]
    issued: int
    spent_tickets: int


class DtaService:
    """One D-TA at work.

    Secret: `master`, which never leaves; `client_share`, `server_share` and `permit` return secrets of their holder
    """

    def __init__(self, config: DtaConfig, master: MasterShare, suite: Suite, clock: Clock = unix_now) -> None:
        self._config = config
        self._master = master
        self._suite = suite
        self._clock = clock
        self._checker = TicketChecker(config.name, config.authorities)
        self._records = DtaRecords(config.common.store, clock=clock)
        self._forget_at = 0
        self._commitment = master.commitment()

    def status(self) -> DtaStatus:
        """The D-TA's name, suite and commitment s_i * P1."""
        return DtaStatus(
            name=self._config.name,
            suite=self._suite.id,
            curve=self._config.suite.curve,
            slot_seconds=self._config.suite.slot_seconds,
            commitment=self._commitment.to_bytes(),
        )

    def report(self) -> DtaReport:
        """Whose tickets are taken, and how much was issued.

        Raises: Unavailable
        """
        issued, spent = self._records.counts()
        return DtaReport(sorted(self._config.authorities), issued, spent)

    def client_share(self, token: str, identity: bytes, signature: bytes) -> bytes:
        """s_i * A for the holder of the identity's key.

        Spec: spec/mpin.md#issuing
        Raises: the refusals of a ticket; HolderNotProven; EncodingError
        Secret: the result
        """
        now = self._clock()
        ticket = self._checker.check(token, Purpose.CLIENT_SHARE, now)
        holder = self._check_holder(ticket, token, identity, signature)
        self._spend(ticket, now)
        return self._master.client_share(holder).to_bytes()

    def permit(self, token: str, identity: bytes, slot: int, signature: bytes) -> bytes:
        """s_i * AT for the holder of the identity's key and a slot that is not far off.

        Spec: spec/mpin.md#permits
        Raises: the refusals of a ticket; HolderNotProven; EncodingError
        Secret: the result
        """
        now = self._clock()
        ticket = self._checker.check(token, Purpose.PERMIT, now)
        holder = self._check_holder(ticket, token, identity, signature)
        check_slot(ticket, slot)
        self._check_near(slot, now)
        self._spend(ticket, now)
        return self._master.permit_share(holder, slot).to_bytes()

    def server_share(self, token: str) -> bytes:
        """s_i * P2 for the authority that signed the ticket in its own name.

        Spec: spec/mpin.md#issuing
        Raises: the refusals of a ticket
        Secret: the result
        """
        now = self._clock()
        ticket = self._checker.check(token, Purpose.SERVER_SHARE, now)
        check_subject(ticket, ticket.issuer)
        self._spend(ticket, now)
        return self._master.server_share().to_bytes()

    def check_ready(self) -> None:
        """Refuses while the database takes no writes.

        Raises: Unavailable
        """
        self._records.state.check()

    def close(self) -> None:
        """Lets the database go."""
        self._records.state.close()

    def _check_holder(self, ticket: Ticket, token: str, octets: bytes, signature: bytes) -> Identity:
        identity = Identity.from_bytes(octets)
        check_subject(ticket, identity.digest().hex())
        if identity.realm != ticket.issuer or identity.suite_id != self._suite.id:
            raise TicketIdentity("the identity belongs to another server than the one that signed the ticket")
        try:
            proofs.verify(identity, signature, proofs.share(self._config.name, token, octets))
        except InvalidSignature:
            raise HolderNotProven("the request is not signed by the identity's own key") from None
        return identity

    def _check_near(self, slot: int, now: int) -> None:
        current = self._suite.slot_at(now)
        if current is None:
            raise ParameterError("this D-TA issues no permits: its suite has no slots")
        if not current - 1 <= slot <= current + self._config.slots_ahead:
            raise TicketSlot("the slot is over, or too far ahead for a permit now")

    def _spend(self, ticket: Ticket, now: int) -> None:
        self._records.spend(ticket, now)
        if now >= self._forget_at:
            self._forget_at = now + _FORGET_EVERY
            self._records.forget_spent(now - MAX_LIFETIME)


def sealing_context(config: DtaConfig) -> dict[str, str]:
    """What the header of the sealed share must say, so that no other role's or curve's file is taken for it."""
    return {"role": "dta", "name": config.name, "curve": config.suite.curve, "hash": config.suite.hash}


def create_master_share(
    config: DtaConfig, key: SealingKey, random: Callable[[int], bytes], cost: Argon2Cost | None = None
) -> bytes:
    """Makes and seals a new share of the master secret; its commitment.

    Raises: AlreadyExists, BackendUnavailable
    """
    master = MasterShare.generate(config.suite.open(), config.name, random)
    commitment = master.commitment().to_bytes()
    context = {**sealing_context(config), "key_id": commitment.hex()}
    SealedFile(config.sealed_share).create(master.to_bytes(), key, context, cost)
    return commitment


def open_service(config: DtaConfig, key: SealingKey, clock: Clock = unix_now) -> DtaService:
    """A D-TA from its configuration and its sealed share.

    Raises: NotFound, DecryptionFailed, ConfigError, BackendUnavailable
    """
    suite = config.suite.open()
    octets = SealedFile(config.sealed_share).open(key, sealing_context(config))
    try:
        master = MasterShare.from_bytes(suite, config.name, octets)
    except MilagroError as error:
        raise ConfigError(f"{config.sealed_share} holds no share of a master secret: {error}") from error
    return DtaService(config, master, suite, clock)
