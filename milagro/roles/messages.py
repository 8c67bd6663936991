"""Every JSON message between the roles: what the D-TA's endpoints take and give, then the MFA server's."""

from __future__ import annotations

from milagro.roles.wire import (
    DeviceName,
    InvitationCode,
    Message,
    Octets,
    PublicKey,
    SignatureOctets,
    SlotNumber,
    TicketText,
    UnixTime,
    UserName,
)


class ClientShareRequest(Message):
    """A ticket for a client share, and the holder's signature over the request."""

    ticket: TicketText
    identity: Octets
    signature: SignatureOctets


class PermitRequest(Message):
    """A ticket for a permit in one slot, and the holder's signature over the request."""

    ticket: TicketText
    identity: Octets
    slot: SlotNumber
    signature: SignatureOctets


class ServerShareRequest(Message):
    """A ticket for a server share."""

    ticket: TicketText


class ShareAnswer(Message):
    """One D-TA's share. Secret."""

    issuer: str
    share: Octets


class DtaStatusAnswer(Message):
    """Who this D-TA is."""

    role: str
    name: str
    suite: str
    curve: str
    slot_seconds: int
    commitment: Octets


class EnrolmentRequest(Message):
    """An invited user's device, its public key, and that key's signature over the request."""

    user: UserName
    device: DeviceName
    code: InvitationCode
    algorithm: str
    public_key: PublicKey
    signature: SignatureOctets


class DtaTicket(Message):
    """A D-TA, and a ticket for one share from it. Secret until it is spent."""

    name: str
    url: str
    ticket: TicketText


class EnrolmentAnswer(Message):
    """The identity that is now pinned, and the tickets for its client shares."""

    identity: Octets
    dtas: list[DtaTicket]


class HolderRequest(Message):
    """A request by the holder of an identity's key: when it was made, and the key's signature over it."""

    identity: Octets
    at: UnixTime
    signature: SignatureOctets


class ConfirmationAnswer(Message):
    """The device is active."""

    status: str


class PermitsAnswer(Message):
    """The slot, none if this suite has no permits, and the tickets for the shares of its permit."""

    slot: SlotNumber | None = None
    dtas: list[DtaTicket]


class PassMessage(Message):
    """One message of a login, as the protocol encodes it."""

    message: Octets


class LoginAnswer(Message):
    """Who logged in."""

    user: str
    device: str
    identity_digest: Octets
    at: UnixTime


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


class DtaOperatorStatusAnswer(Message):
    """How this D-TA is: what its operator may know."""

    name: str
    version: str
    suite: str
    ready: bool
    draining: bool
    started: UnixTime
    authorities: list[str]
    issued: int
    spent_tickets: int
