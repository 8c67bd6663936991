"""Single D-TAs, each with an additive share of the master secret: all of them are needed, each with its own ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.roles.messages import DtaName, DtaTicket
from milagro.roles.mfa.issuers import Tickets
from milagro.roles.tickets import Authority, Purpose

if TYPE_CHECKING:
    from milagro.protocols.mpin.v2 import Identity, ServerSecret
    from milagro.roles.mfa.config import MfaConfig


class AdditiveIssuers:
    """The D-TAs in [[mfa.dtas]].

    Secret: the server secret and the authority's key
    """

    def __init__(self, config: MfaConfig, authority: Authority, server_secret: ServerSecret) -> None:
        self._config, self._authority, self._secret = config, authority, server_secret

    def client_share(self, identity: Identity, now: int) -> Tickets:
        """As Issuers."""
        return self._tickets(identity, Purpose.CLIENT_SHARE, now)

    def permit(self, identity: Identity, slot: int, key_id: bytes | None, now: int) -> Tickets:
        """As Issuers; there are no keys to choose from."""
        return self._tickets(identity, Purpose.PERMIT, now, slot)

    def move(self, identity: Identity, key_id: bytes | None, now: int) -> None:
        """As Issuers; a master secret that is shared additively has no successor."""

    def server_secret(self, key_id: bytes | None, now: int) -> ServerSecret:
        """As Issuers; there is one."""
        return self._secret

    def names(self) -> list[DtaName]:
        """As Issuers."""
        return [DtaName(name=dta.name, url=dta.url) for dta in self._config.dtas]

    def network(self) -> None:
        """As Issuers; they are none."""

    def start(self) -> None:
        """As Issuers; there is nothing to follow."""

    def close(self) -> None:
        """As Issuers."""

    def _tickets(self, identity: Identity, purpose: Purpose, now: int, slot: int | None = None) -> Tickets:
        subject, sign = identity.digest().hex(), self._authority.ticket
        return Tickets(
            [
                DtaTicket(name=dta.name, url=dta.url, ticket=sign(dta.name, subject, purpose, now, slot=slot))
                for dta in self._config.dtas
            ]
        )
