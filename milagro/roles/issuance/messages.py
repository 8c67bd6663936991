"""The JSON of issuing: what a D-TA is asked and what it answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from milagro.roles.issuance.types import (
    AnswerOctets,
    CidText,
    Digest,
    HeadOctets,
    IdentityOctets,
    KeyOctets,
    ReplicaId,
    ReplyKey,
    SetId,
    Signature,
    StepOctets,
    TicketOctets,
)
from milagro.roles.wire import BundleOctets, Message, SignatureOctets, UnixTime

MAX_SUCCESSIONS = 8
MAX_STANDINGS = 64


class IssueRequest(Message):
    """A ticket; and unless it is for a server share, who asks, where the answer goes, and the holder's signature."""

    ticket: TicketOctets
    identity: IdentityOctets | None = None
    reply_to: ReplyKey | None = None
    signature: SignatureOctets | None = None


class IssueAnswer(Message):
    """An envelope with the share, sealed to the reply key, or to the authority."""

    envelope: AnswerOctets


class Endorsement(Message):
    """A holder of the old key, by its index, and its signature over a succession."""

    index: Annotated[int, Field(ge=1, lt=1 << 16)]
    signature: Signature


class SuccessionAnswer(Message):
    """That one key follows another, and who says so."""

    succession: KeyOctets
    endorsements: Annotated[list[Endorsement], Field(max_length=256)]


class KeyView(Message):
    """What a D-TA says of the network's keys, signed with a key of its identity."""

    node: CidText
    network: CidText
    keys: KeyOctets
    at: UnixTime
    signing_key: Digest
    signature: Signature
    successions: Annotated[list[SuccessionAnswer], Field(max_length=MAX_SUCCESSIONS, default_factory=list)]


class HistoryRequest(Message):
    """From which key on: the set id of the last one that is known; without one, from the first."""

    after: SetId | None = None


class HistoryAnswer(Message):
    """Switches of the network in their order, each with its proof, and the identities of those who prove them."""

    steps: Annotated[list[StepOctets], Field(max_length=64)]
    bundles: Annotated[list[BundleOctets], Field(max_length=256)]


class ReplicaStanding(Message):
    """How far one replica of an MFA server is: its starts, what it drew at the last one, the length of its journal,
    the epoch of its database."""

    replica: ReplicaId
    start: Annotated[int, Field(ge=0, lt=1 << 62)]
    run: ReplicaId
    mark: Annotated[int, Field(ge=0, lt=1 << 62)]
    epoch: Annotated[int, Field(ge=0, lt=1 << 62)]
    gone: bool
    signing_key: Digest
    signature: Signature


class WitnessRequest(Message):
    """What an MFA server wants kept: its own standing, and those of replicas that will not come back."""

    standings: Annotated[list[ReplicaStanding], Field(min_length=1, max_length=MAX_STANDINGS)]


class WitnessAnswer(Message):
    """The latest standing of every replica of this MFA server that was ever told here."""

    standings: Annotated[list[ReplicaStanding], Field(max_length=MAX_STANDINGS)]


class LogHead(Message):
    """The head of a D-TA's audit log, signed with a key of its identity."""

    head: HeadOctets
    signing_key: Digest
    signature: Signature
