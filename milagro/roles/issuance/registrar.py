"""The side of a registration authority: it signs tickets for the D-TAs of one network."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from milagro.errors import ParameterError
from milagro.protocols.issuance import Purpose, Ticket, subject_of
from milagro.roles.correspondence.keys import recipients_of
from milagro.roles.issuance.tickets import seal_ticket

if TYPE_CHECKING:
    from milagro.cid import CID
    from milagro.groups import Random
    from milagro.protocols.envelope import SigningKey
    from milagro.protocols.mpin.v2 import Identity
    from milagro.roles.issuance.views import NetworkView


class Registrar:
    """An authority that says who may have what issued by the D-TAs of `view`.

    Spec: spec/issuing.md
    Secret: signing
    """

    def __init__(
        self, identity: CID, signing: SigningKey, view: NetworkView, random: Random = secrets.token_bytes
    ) -> None:
        self.identity, self.view = identity, view
        self._signing, self._random = signing, random

    def ticket(
        self,
        purpose: Purpose,
        holder: Identity,
        now: int,
        *,
        slot: int | None = None,
        key_id: bytes | None = None,
        lifetime: int = 120,
    ) -> bytes:
        """A ticket for the holder of an identity, sealed to all D-TAs.

        Spec: spec/issuing.md#tickets
        Raises: ParameterError for a server share, which is for an authority
        """
        if purpose is Purpose.SERVER_SHARE:
            raise ParameterError("a server share is issued to an authority, not to the holder of an identity")
        return self._sealed(purpose, subject_of(holder.to_bytes()), now, slot, key_id, lifetime)

    def server_ticket(self, now: int, *, key_id: bytes | None = None, lifetime: int = 120) -> bytes:
        """A ticket for this authority's own server share.

        Spec: spec/issuing.md#tickets
        """
        return self._sealed(Purpose.SERVER_SHARE, subject_of(self.identity.to_bytes()), now, None, key_id, lifetime)

    def _sealed(
        self, purpose: Purpose, subject: bytes, now: int, slot: int | None, key_id: bytes | None, lifetime: int
    ) -> bytes:
        key, network = self.view.key(key_id), self.view.network
        ticket = Ticket.fresh(network, purpose, subject, key.key_id, now, self._random, slot=slot, lifetime=lifetime)
        recipients = [known for node in self.view.nodes for known in recipients_of(node.state)]
        return seal_ticket(ticket, self._signing, recipients, self._random)
