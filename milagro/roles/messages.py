"""The JSON messages of an MFA server, and what a D-TA says about itself; what it issues is in roles/issuance."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from milagro.roles.issuance.types import CidText, Digest, KeyOctets, TicketOctets
from milagro.roles.wire import (
    BundleOctets,
    DeviceName,
    InvitationCode,
    Message,
    Octets,
    PublicKey,
    Purpose,
    SignatureOctets,
    SlotNumber,
    UnixTime,
    UserName,
)

MAX_NODES = 64


class EnrolmentRequest(Message):
    """An invited user's device, its public key, and that key's signature over the request."""

    user: UserName
    device: DeviceName
    code: InvitationCode
    algorithm: str
    public_key: PublicKey
    signature: SignatureOctets
    replace: bool = False  # the user's device of this name goes, if the invitation is good for that


class NodeAnswer(Message):
    """A D-TA of a network: the bundle of its identity shows the keys that its answers are signed with."""

    index: Annotated[int, Field(ge=1, lt=1 << 16)]
    name: Annotated[str, Field(min_length=1, max_length=64)]
    url: Annotated[str, Field(max_length=2000)]
    bundle: BundleOctets


class NetworkAnswer(Message):
    """The network of D-TAs that a server works with. `version` is another one whenever anything in it is."""

    network: CidText
    version: Digest
    nodes: Annotated[list[NodeAnswer], Field(max_length=MAX_NODES)]


class NetworkTicket(Message):
    """One ticket for all D-TAs of a network, and the key that its shares are of. Secret until it is spent."""

    network: CidText
    version: Digest
    key: KeyOctets
    ticket: TicketOctets


class EnrolmentAnswer(Message):
    """The identity that is now pinned, and the ticket for its client shares."""

    identity: Octets
    ticket: NetworkTicket


class HolderRequest(Message):
    """A request by the holder of an identity's key: when it was made, and the key's signature over it."""

    identity: Octets
    at: UnixTime
    signature: SignatureOctets


class PermitsRequest(HolderRequest):
    """A request for permits, for the key that the holder's token is of."""

    key_id: Digest


class ConfirmationAnswer(Message):
    """The device has its shares: it is `active`, or `waiting` until another device of the user confirms it."""

    status: str


class PermitsAnswer(Message):
    """The slot and the ticket for the shares of its permit; neither if this suite has no permits."""

    slot: SlotNumber | None = None
    ticket: NetworkTicket | None = None


class FirstPass(Message):
    """The first message of a login, the key that the client's token is of, and what it is for, if for one thing."""

    message: Octets
    key_id: Digest
    purpose: Purpose | None = None


class PassMessage(Message):
    """One message of a login, as the protocol encodes it."""

    message: Octets


class LoginAnswer(Message):
    """Who logged in; and if the network has a newer key than the token's, what the client moves over to it with."""

    user: str
    device: str
    identity_digest: Octets
    at: UnixTime
    move: NetworkTicket | None = None


class DtaName(Message):
    """A D-TA of this server."""

    name: str
    url: str


class MfaStatusAnswer(Message):
    """Who this MFA server is, and the suite that it runs."""

    role: str
    name: str
    origin: str
    relying_party: str
    suite: str
    curve: str
    hash: str
    slot_seconds: int
    time: UnixTime
    dtas: list[DtaName]
    email: bool = False  # whether people enrol by e-mail
    upstream: str | None = None  # the name of the OpenID provider by which people enrol


class MemberStatusAnswer(Message):
    """Who this D-TA of a network is, and the key that it knows; no epoch while there is no key."""

    role: str
    name: str
    did: str
    network: str
    network_name: str
    curve: str
    threshold: int
    epoch: int | None = None
    key_id: str
    holds_share: bool


class NetworkMember(Message):
    """One member of the network, as this D-TA sees it."""

    name: str
    did: str
    up: bool
    holds: bool
    fault: str


class MemberOperatorStatusAnswer(Message):
    """How this D-TA and its network are: what its operator may know."""

    name: str
    version: str
    ready: bool
    draining: bool
    started: UnixTime
    failure_tolerance: int | None = None
    members: list[NetworkMember]
