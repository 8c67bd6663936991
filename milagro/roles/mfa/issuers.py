"""Where an MFA server's secrets, tickets and permits come from: single D-TAs, or a network of them.

Issuers   what the server asks of either
open      the one that the configuration names
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from milagro.protocols.mpin.v2 import Identity, ServerSecret
    from milagro.roles.messages import DtaName, DtaTicket, NetworkAnswer, NetworkTicket


@dataclass(frozen=True, slots=True)
class Tickets:
    """What a holder needs to be issued something: a ticket for each D-TA, or one for a network."""

    dtas: list[DtaTicket] = field(default_factory=list)
    network: NetworkTicket | None = None


class Issuers(Protocol):
    """The D-TAs of one MFA server. Threads share it.

    Secret: what `server_secret` gives, which never leaves the server
    """

    def client_share(self, identity: Identity, now: int) -> Tickets:
        """Tickets for the shares of a client secret."""

    def permit(self, identity: Identity, slot: int, key_id: bytes | None, now: int) -> Tickets:
        """Tickets for the shares of a permit that goes with a token of this key.

        Raises: KeyOver
        """

    def move(self, identity: Identity, key_id: bytes | None, now: int) -> NetworkTicket | None:
        """A ticket for a client secret of the current key, if the holder's token is of another one."""

    def server_secret(self, key_id: bytes | None, now: int) -> ServerSecret:
        """What logins with tokens of this key are checked with.

        Raises: KeyOver
        """

    def names(self) -> list[DtaName]:
        """The D-TAs."""

    def network(self) -> NetworkAnswer | None:
        """The network, if they are one."""

    def start(self) -> None:
        """Begins to follow what the D-TAs do, in the background."""

    def close(self) -> None:
        """Ends that."""
