"""Who takes part in a run: fixed and agreed before it, and part of its name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, Protocol, Self

from milagro.errors import MalformedEnvelope, NonCanonical, ParameterError, VerificationError
from milagro.octets import frame, i2osp, os2ip, unframe
from milagro.protocols.sharing.header import MAX_INDEX
from milagro.protocols.sharing.suite import Suite

MAX_NAME = 255
MAX_PUBLIC_KEY = 8192
SESSION_OCTETS = 32


@dataclass(frozen=True, slots=True)
class Member:
    """One party: its index, its name, and the octets of the key that its signatures are verified with.

    An index belongs to one member for the life of a key, also across resharings.
    Spec: spec/sharing.md#roster
    Raises: ParameterError
    """

    index: int
    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not 1 <= self.index <= MAX_INDEX:
            raise ParameterError(f"the index of a member is from 1 to {MAX_INDEX}")
        if not 1 <= len(self.name.encode()) <= MAX_NAME or not self.name.isprintable():
            raise ParameterError(f"the name of a member is printable text of 1 to {MAX_NAME} octets")
        if not 1 <= len(self.public_key) <= MAX_PUBLIC_KEY:
            raise ParameterError(f"the public key of a member has 1 to {MAX_PUBLIC_KEY} octets")

    def to_bytes(self) -> bytes:
        """frame(be(index, 2), name, public key)."""
        return frame(i2osp(self.index, 2), self.name.encode(), self.public_key)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The member with these octets. Raises: EncodingError."""
        index, name, public_key = unframe(octets, 3)
        if len(index) != 2:
            raise MalformedEnvelope("the index of a member has 2 octets")
        try:
            return cls(os2ip(index), name.decode(), public_key)
        except (ParameterError, UnicodeDecodeError):
            raise NonCanonical("a field of a member is out of its range") from None


@dataclass(frozen=True)
class Roster:
    """The members in the order of their indices, the threshold, and how many may be absent or wrong.

    `faults` is at most n - t, which is what it is where it is not given; at most t - 1 of them may be wrong together
    before the secret is theirs. Spec: spec/sharing.md#roster
    Raises: ParameterError
    """

    members: tuple[Member, ...]
    threshold: int
    faults: int

    @classmethod
    def create(cls, members: Iterable[Member], threshold: int, faults: int | None = None) -> Self:
        """The roster of these members, with `faults` = n - t unless it is given."""
        found = tuple(members)
        return cls(found, threshold, len(found) - threshold if faults is None else faults)

    def __post_init__(self) -> None:
        indices = [member.index for member in self.members]
        if not indices or any(a >= b for a, b in pairwise(indices)):
            raise ParameterError("the members of a roster stand in the order of their indices, at least one")
        if len({member.public_key for member in self.members}) != len(indices):
            raise ParameterError("two members of a roster have one key")
        if not 1 <= self.threshold <= len(indices):
            raise ParameterError("a threshold is from 1 to the number of members")
        if not 0 <= self.faults <= len(indices) - self.threshold:
            raise ParameterError("at most n - t members can be absent or wrong")

    @cached_property
    def indices(self) -> tuple[int, ...]:
        """The indices, rising."""
        return tuple(member.index for member in self.members)

    def to_bytes(self) -> bytes:
        """frame(be(threshold, 2), be(faults, 2), member, member, ..)."""
        return frame(i2osp(self.threshold, 2), i2osp(self.faults, 2), *(member.to_bytes() for member in self.members))

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The roster with these octets. Raises: EncodingError."""
        fields = unframe(octets)
        if len(fields) < 3 or [len(one) for one in fields[:2]] != [2, 2]:
            raise MalformedEnvelope("a roster is a threshold, a number of faults, and its members")
        members = tuple(Member.from_bytes(one) for one in fields[2:])
        try:
            return cls(members, os2ip(fields[0]), os2ip(fields[1]))
        except ParameterError as error:
            raise NonCanonical(str(error)) from None


class Signatures(Protocol):
    """How members' signatures are verified."""

    def verify(self, member: Member, message: bytes, signature: bytes) -> None:
        """Nothing, if the signature is the member's. Raises: VerificationError."""


class Credentials(Signatures, Protocol):
    """How a party signs, verifies, seals and opens: the caller's keys, of whatever kind."""

    def sign(self, message: bytes) -> bytes:
        """This party's signature over the message."""

    def seal(self, member: Member, plaintext: bytes) -> bytes:
        """The plaintext, so that only the member can read it."""

    def open(self, member: Member, sealed: bytes) -> bytes:
        """What the member sealed for this party. Raises: VerificationError."""


class Outgoing(NamedTuple):
    """A message for one member, or for all others if `to` is None."""

    to: int | None
    octets: bytes


def run_id(suite: Suite, kind: str, session: bytes, *fields: bytes) -> bytes:
    """SHA-256 of what names a run: its kind, its session, the roster and whatever else is fixed before it.

    Spec: spec/sharing.md#roster
    Shape: session 32 octets that no other run has
    Raises: ParameterError
    """
    if len(session) != SESSION_OCTETS:
        raise ParameterError(f"a session has {SESSION_OCTETS} octets")
    return hashlib.sha256(suite.labelled("RUN_", kind.encode(), session, *fields)).digest()


@dataclass
class Table:
    """What every message of one run is made and judged with."""

    suite: Suite
    run_id: bytes
    members: dict[int, Member]
    me: int
    credentials: Credentials

    def __post_init__(self) -> None:
        if self.me not in self.members:
            raise ParameterError(f"number {self.me} is not in the roster")
        self._verified: set[bytes] = set()

    def verify(self, index: int, message: bytes, signature: bytes) -> None:
        """Nothing, if the member signed the message. Raises: VerificationError, also for no member."""
        if index not in self.members:
            raise VerificationError(f"number {index} is not in the roster")
        key = hashlib.sha256(frame(i2osp(index, 2), message, signature)).digest()
        if key not in self._verified:
            self.credentials.verify(self.members[index], message, signature)
            self._verified.add(key)
