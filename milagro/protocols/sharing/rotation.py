"""Rotation: a new key takes over from an old one, and both are accepted for a while.

new key      a key generation of its own: nothing of the old key is in it
succession   old key, new key and the end of the overlap, signed by members of the old roster
KeyRing      issue with the current key; accept what the current key made, and until the overlap ends, the one before
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from milagro.errors import Expired, MalformedEnvelope, NonCanonical, ParameterError, VerificationError
from milagro.octets import frame, i2osp, os2ip, unframe
from milagro.protocols.sharing.refusals import InvalidProof, MixedShares, TooFewShares
from milagro.protocols.sharing.shared_key import SharedKey
from milagro.protocols.sharing.suite import Suite

if TYPE_CHECKING:
    from milagro.protocols.sharing.runs.roster import Credentials, Roster, Signatures

_MAX_TIME = 1 << 62


@dataclass(frozen=True)
class Succession:
    """That one key follows another, and until when the old one is accepted, in unix seconds.

    Spec: spec/sharing.md#rotation
    Raises: ParameterError if the keys are the same, or of different suites
    """

    old: SharedKey
    new: SharedKey
    overlap_ends: int

    def __post_init__(self) -> None:
        if self.old.suite != self.new.suite or self.old.public == self.new.public:
            raise ParameterError("a key is followed by another one of the same suite")
        if not 0 <= self.overlap_ends < _MAX_TIME:
            raise ParameterError("a time is an integer of unix seconds, not negative")

    def to_bytes(self) -> bytes:
        """`SUCCESSION_`, old key, new key, be(end of overlap, 8)."""
        fields = self.old.to_bytes(), self.new.to_bytes(), i2osp(self.overlap_ends, 8)
        return self.old.suite.labelled("SUCCESSION_", *fields)

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The succession with these octets. Raises: EncodingError."""
        old, new, ends = suite.fields("SUCCESSION_", octets, 3)
        if len(ends) != 8:
            raise MalformedEnvelope("a time has 8 octets")
        try:
            return cls(SharedKey.from_bytes(suite, old), SharedKey.from_bytes(suite, new), os2ip(ends))
        except ParameterError as error:
            raise NonCanonical(str(error)) from None

    def endorse(self, keys: Credentials) -> bytes:
        """A member's signature over it."""
        return keys.sign(self.to_bytes())

    def verify(self, roster: Roster, endorsements: Mapping[int, bytes], keys: Signatures) -> None:
        """Nothing, if as many holders of the old key as the roster's threshold, and all that are given, endorse it.

        `roster` is that of the old key. That the old key is the one in force is checked by `KeyRing.rotate`.
        Spec: spec/sharing.md#rotation
        Raises: TooFewShares; InvalidProof for an old key of another roster, or naming one that is not a holder or
            did not sign
        """
        if self.old.threshold != roster.threshold or not {*self.old.holders} <= {*roster.indices}:
            raise InvalidProof("the old key of the succession is not that of the roster")
        members = {member.index: member for member in roster.members if member.index in self.old.holders}
        for index, signature in endorsements.items():
            if index not in members:
                raise InvalidProof("an endorsement by one who holds no share", [index])
            try:
                keys.verify(members[index], self.to_bytes(), signature)
            except VerificationError:
                raise InvalidProof("an endorsement that its holder did not sign", [index]) from None
        if len(endorsements) < self.old.threshold:
            raise TooFewShares(f"{len(endorsements)} endorsements where {self.old.threshold} are needed")


@dataclass(frozen=True)
class KeyRing:
    """The current key, and those before it whose overlap has not ended.

    Spec: spec/sharing.md#rotation
    """

    current: SharedKey
    retiring: tuple[tuple[SharedKey, int], ...] = ()

    def rotate(self, succession: Succession, now: int) -> KeyRing:
        """The ring with the new key in front, after the succession was verified.

        Raises: MixedShares if the current key is another than the old one, its epoch, threshold and holders included;
            Expired if the overlap has ended already
        """
        if succession.old != self.current:  # the same public key with a threshold of one would be endorsed by one
            raise MixedShares("the succession is of another key, or another epoch of it, than the current one")
        if succession.overlap_ends <= now:
            raise Expired("the overlap has ended before it began")
        kept = self.at(now).retiring
        return KeyRing(succession.new, (*kept, (self.current, succession.overlap_ends)))

    def reshared(self, key: SharedKey) -> KeyRing:
        """The ring after a resharing of the current key, whose certificate was verified: the key itself proves nothing.

        Raises: MixedShares unless it is the same public key in a later epoch
        """
        if key.key_id != self.current.key_id or key.epoch <= self.current.epoch:
            raise MixedShares("a resharing keeps the public key and goes to a later epoch")
        return KeyRing(key, self.retiring)

    def at(self, now: int) -> KeyRing:
        """The ring without the keys whose overlap has ended."""
        return KeyRing(self.current, tuple((key, ends) for key, ends in self.retiring if now < ends))

    def accepted(self, now: int) -> Sequence[SharedKey]:
        """The keys under which something is accepted now, the current one first."""
        return [self.current, *(key for key, _ in reversed(self.at(now).retiring))]

    def find(self, key_id: bytes, now: int) -> SharedKey:
        """The accepted key with this id.

        Raises: Expired if there is none now
        """
        for key in self.accepted(now):
            if key.key_id == key_id:
                return key
        raise Expired("no key with this id is accepted now")

    def to_bytes(self) -> bytes:
        """frame(current key, frame(key, be(end, 8)), ..)."""
        return frame(self.current.to_bytes(), *(frame(key.to_bytes(), i2osp(ends, 8)) for key, ends in self.retiring))

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The ring with these octets. Raises: EncodingError."""
        first, *rest = unframe(octets) or [b""]
        pairs = [unframe(one, 2) for one in rest]
        if any(len(ends) != 8 or os2ip(ends) >= _MAX_TIME for _, ends in pairs):
            raise MalformedEnvelope("a time has 8 octets")
        retiring = tuple((SharedKey.from_bytes(suite, key), os2ip(ends)) for key, ends in pairs)
        return cls(SharedKey.from_bytes(suite, first), retiring)
