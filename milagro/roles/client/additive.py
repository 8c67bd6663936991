"""What single D-TAs issue to a client: a share from every one of them, each against its own ticket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.protocols.mpin.v2 import (
    ClientShare,
    Permit,
    PermitShare,
    Suite,
    combine_client_shares,
    combine_permit_shares,
)
from milagro.roles import proofs
from milagro.roles.messages import ClientShareRequest, DtaTicket, PermitRequest, ShareAnswer

if TYPE_CHECKING:
    from milagro.protocols.mpin.v2 import ClientSecret
    from milagro.roles.client.device import SoftwareKey
    from milagro.roles.peer import Peer


@dataclass(frozen=True, slots=True)
class AdditiveHolder:
    """The holder of an identity's key, who asks single D-TAs."""

    suite: Suite
    identity: bytes
    key: SoftwareKey
    dial: Callable[[str], Peer]

    def client_secret(self, dtas: Sequence[DtaTicket]) -> ClientSecret:
        """CS, the sum of all shares.

        Spec: spec/mpin.md#recombination
        Raises: Unavailable, and whatever a D-TA refuses with
        Secret: the result
        """
        return combine_client_shares([self._client_share(dta) for dta in dtas], [dta.name for dta in dtas])

    def permit(self, dtas: Sequence[DtaTicket], slot: int, issuers: Sequence[str]) -> Permit:
        """TP, the sum of all shares.

        Spec: spec/mpin.md#permits
        Raises: Unavailable, and whatever a D-TA refuses with
        """
        return combine_permit_shares([self._permit_share(dta, slot) for dta in dtas], issuers)

    def _client_share(self, dta: DtaTicket) -> ClientShare:
        request = ClientShareRequest(ticket=dta.ticket, identity=self.identity, signature=self._proof(dta))
        with self.dial(dta.url) as peer:
            answer = peer.post("/v1/shares/client", request, ShareAnswer)
        return ClientShare.from_bytes(self.suite, answer.share)

    def _permit_share(self, dta: DtaTicket, slot: int) -> PermitShare:
        request = PermitRequest(ticket=dta.ticket, identity=self.identity, slot=slot, signature=self._proof(dta))
        with self.dial(dta.url) as peer:
            answer = peer.post("/v1/permits", request, ShareAnswer)
        return PermitShare.from_bytes(self.suite, answer.share)

    def _proof(self, dta: DtaTicket) -> bytes:
        return self.key.sign(proofs.share(dta.name, dta.ticket, self.identity))
