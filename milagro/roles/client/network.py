"""What a network of D-TAs issues to a client: any t good shares, each verified, against one ticket for all.

The client believes its MFA server which D-TAs there are and which key is the network's; it keeps network and key with
its token, and takes nothing of another one for it. Whose answer is whose it sees from the D-TAs' own identities, and
whether a share is right from its proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.cid import CID
from milagro.errors import MalformedEnvelope, MilagroError
from milagro.octets import equal
from milagro.protocols import pki
from milagro.protocols.pki import Replica
from milagro.protocols.sharing import SharedKey
from milagro.protocols.sharing import Suite as SharingSuite
from milagro.roles.issuance import NetworkView, Node, Requester
from milagro.roles.messages import NetworkAnswer, NetworkTicket, NodeAnswer

if TYPE_CHECKING:
    from milagro.protocols.mpin.v2 import ClientSecret, Identity, Permit, Suite
    from milagro.roles.client.device import DeviceFolder, SoftwareKey
    from milagro.roles.issuance.calls import Dial
    from milagro.roles.issuance.reports import Report
    from milagro.roles.issuance.requester import Patience
    from milagro.roles.peer import Peer

Tell = Callable[[str], None]
"""Takes a sentence for the user, such as which D-TA was passed over."""


@dataclass(frozen=True, slots=True)
class NetworkHolder:
    """The holder of an identity's key, who asks a network of D-TAs. `server` says who they are."""

    suite: Suite
    identity: Identity
    key: SoftwareKey
    folder: DeviceFolder
    server: Peer
    dial: Dial
    patience: Patience
    tell: Tell

    def client_secret(self, ticket: NetworkTicket) -> tuple[ClientSecret, list[str]]:
        """CS under the key that the ticket names, and who are the network's D-TAs.

        Spec: spec/mpin.md#recombination
        Raises: TooFewAnswers; MalformedEnvelope if the server contradicts itself
        Secret: the result
        """
        view = self._view(ticket)
        key_id = view.current.key_id
        asked = Requester(view, self.dial, self.patience)
        secret, report = asked.client_secret(ticket.ticket, self.identity, self.key, key_id)
        self._tell(report)
        return secret, [node.name for node in view.nodes]

    def permit(self, ticket: NetworkTicket, slot: int, key_id: bytes) -> Permit:
        """TP under the key of the token.

        Spec: spec/mpin.md#permits
        Raises: TooFewAnswers; MalformedEnvelope if the ticket is of another key
        """
        view = self._view(ticket)
        if not equal(view.current.key_id, key_id):
            raise MalformedEnvelope("the server answered with another key than that of this device's token")
        asked = Requester(view, self.dial, self.patience)
        permit, report = asked.permit(ticket.ticket, self.identity, slot, self.key, key_id)
        self._tell(report)
        return permit

    def key_of(self, ticket: NetworkTicket) -> bytes:
        """The id of the key that the ticket is for."""
        return SharedKey.from_bytes(SharingSuite(self.suite.curve), ticket.key).key_id

    # -- the network -------------------------------------------------------------------------------------------
    def _view(self, ticket: NetworkTicket) -> NetworkView:
        known = self._described(ticket)
        key = SharedKey.from_bytes(SharingSuite(self.suite.curve), ticket.key)
        nodes = tuple(node for node in map(self._node, known.nodes) if node is not None)
        return NetworkView(CID.from_text(known.network), self.suite, nodes, (key,))

    def _described(self, ticket: NetworkTicket) -> NetworkAnswer:
        """What is known of the network, asked for again if the server has news of it."""
        known = self.folder.network()
        if known is None or (known.network, known.version) != (ticket.network, ticket.version):
            known = self.server.get("/v1/network", NetworkAnswer)
            self.folder.keep_network(known)
        if known.network != ticket.network:
            raise MalformedEnvelope("the server speaks of two networks of D-TAs at once")
        return known

    def _node(self, answer: NodeAnswer) -> Node | None:
        try:
            replica = Replica.from_bytes(answer.bundle)
            state = pki.resolve(replica).require()
        except MilagroError as error:
            self.tell(f"D-TA {answer.name} is left out: {error}")
            return None
        return Node(answer.index, answer.name, replica.identity, state, answer.url)

    def _tell(self, report: Report) -> None:
        for fault in report.bad:
            self.tell(f"D-TA {fault.name} was passed over: {fault.reason} ({fault.detail})")
