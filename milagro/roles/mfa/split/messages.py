"""The JSON between replicas that share a server secret. A MAC under their common key says that one of them asks."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated, Final, Literal, Self

from pydantic import Field

from milagro.octets import frame, i2osp
from milagro.roles.issuance.types import Digest
from milagro.roles.mfa.split.types import Index, Run, SessionOctets
from milagro.roles.wire import Message, Octets, SecretOctets, UnixTime
from milagro.secret_value import SecretValue

MAX_ATTEMPTS: Final = 16  # in one run, so that a request stays below the usual limit of 64 KiB
LINK_OCTETS: Final = 32
_LABEL: Final = b"MILAGRO-ROLES-V1_SPLIT"


class LinkKey(SecretValue):
    """The common key of the replicas, 32 octets. It keeps strangers out, and is not what the secret hangs on.

    Secret: all of it
    """

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def mac(self, *fields: bytes) -> bytes:
        """HMAC-SHA-256 over the label and the fields."""
        return hmac.digest(self._octets, frame(_LABEL, *fields), hashlib.sha256)


class Request(Message):
    """What each request has: of which key and run, from whom, to whom, when, and the MAC over all of it."""

    key_id: Digest
    run: Run
    sender: Index
    receiver: Index
    at: UnixTime
    mac: SecretOctets

    def said(self) -> tuple[bytes, ...]:
        """The fields of this kind of request beside those that each has."""
        return ()

    def _fields(self) -> tuple[bytes, ...]:
        numbers = (i2osp(self.sender, 2), i2osp(self.receiver, 2), i2osp(self.at, 8))
        return (type(self).__name__.encode(), self.key_id, self.run, *numbers, *self.said())

    def under(self, key: LinkKey) -> Self:
        """The same request with its MAC."""
        return self.model_copy(update={"mac": key.mac(*self._fields())})

    def is_under(self, key: LinkKey) -> bool:
        """Whether the MAC is right."""
        return hmac.compare_digest(self.mac, key.mac(*self._fields()))


class Evidence(Message):
    """One attempt: the session that the leader opened, and the client's second pass."""

    session: SessionOctets
    second: Octets


class JoinRequest(Request):
    """The attempts that the receiver is to count, and to contribute weights for."""

    attempts: Annotated[list[Evidence], Field(min_length=1, max_length=MAX_ATTEMPTS)]

    def said(self) -> tuple[bytes, ...]:
        """Session and second pass of each attempt."""
        return tuple(octets for one in self.attempts for octets in (one.session, one.second))


class JoinAnswer(Message):
    """The receiver's contribution."""

    contribution: Octets


class AnswerRequest(Request):
    """The contributions of all servers of the run."""

    contributions: Annotated[list[Octets], Field(min_length=2, max_length=32)]

    def said(self) -> tuple[bytes, ...]:
        """The contributions."""
        return tuple(self.contributions)


class PartialAnswer(Message):
    """The receiver's partial product."""

    partial: Octets


class SettleRequest(Request):
    """The partial products of all servers of a run in which all attempts were right."""

    partials: Annotated[list[Octets], Field(min_length=2, max_length=32)]

    def said(self) -> tuple[bytes, ...]:
        """The partial products."""
        return tuple(self.partials)


class SettleAnswer(Message):
    """The attempts were given back."""

    status: Literal["settled"]
