"""Issuing by a D-TA, and the recombination of what n of them issued: additive, all n of n.

D-TA i:  s_i  --commitment-->    s_i P1   public, in G1 only
              --server_share-->  s_i Q    to the MFA server  --combine_server_shares--> ServerSecret sQ
              --client_share-->  s_i A    to the client      --combine_client_shares--> ClientSecret
              --permit_share-->  s_i AT   to the client      --combine_permit_shares--> Permit
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Self, TypeVar

from milagro.errors import IdentityElement, InvalidShare, MalformedEnvelope, NonCanonical, ParameterError
from milagro.protocols.mpin.v2.identity import Identity, check_text
from milagro.protocols.mpin.v2.permits import Permit
from milagro.protocols.mpin.v2.pin import ClientSecret
from milagro.protocols.mpin.v2.suite import Suite, check_now
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from milagro.groups import G1Point, G2Point, G2Prepared, Random, Scalar

MAX_ISSUER = 253


def _issuer_from(octets: bytes) -> str:
    """The issuer's name in a share, refused unless it is in its one form."""
    try:
        name = octets.decode()
        if check_text("issuer", name, MAX_ISSUER) == name:
            return name
    except (UnicodeDecodeError, ParameterError):
        pass
    raise MalformedEnvelope("the name of an issuer is not text in its canonical form")


@dataclass(frozen=True, slots=True)
class Commitment:
    """s_i P1: public, and in G1 only.

    Spec: spec/mpin.md#issuing
    """

    suite: Suite
    issuer: str
    point: G1Point

    def to_bytes(self) -> bytes:
        """The octets: `COMMITMENT_`, issuer, point."""
        return self.suite.labelled("COMMITMENT_", self.issuer.encode(), self.point.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The commitment with these octets. Raises EncodingError."""
        issuer, point = suite.fields("COMMITMENT_", octets, 2)
        return cls(suite, _issuer_from(issuer), suite.curve.g1_from_bytes(point))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ServerShare(SecretValue):
    """s_i Q, for the MFA server.

    Spec: spec/mpin.md#issuing
    Secret: whoever has the sum of all and a stolen token can search its PIN offline
    """

    suite: Suite
    issuer: str
    point: G2Point

    def to_bytes(self) -> bytes:
        """The octets: `SERVER-SHARE_`, issuer, point."""
        return self.suite.labelled("SERVER-SHARE_", self.issuer.encode(), self.point.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The share with these octets. Raises EncodingError."""
        issuer, point = suite.fields("SERVER-SHARE_", octets, 2)
        return cls(suite, _issuer_from(issuer), suite.curve.g2_from_bytes(point))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ClientShare(SecretValue):
    """s_i A, for the holder of the identity.

    Spec: spec/mpin.md#issuing
    """

    suite: Suite
    issuer: str
    identity: Identity
    point: G1Point

    def to_bytes(self) -> bytes:
        """The octets: `CLIENT-SHARE_`, issuer, identity, point."""
        fields = (self.issuer.encode(), self.identity.to_bytes(), self.point.to_bytes())
        return self.suite.labelled("CLIENT-SHARE_", *fields)

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The share with these octets. Raises EncodingError."""
        issuer, identity, point = suite.fields("CLIENT-SHARE_", octets, 3)
        who = Identity.from_bytes(identity)
        suite.need(who.suite_id)
        return cls(suite, _issuer_from(issuer), who, suite.curve.g1_from_bytes(point))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PermitShare(SecretValue):
    """s_i AT(slot), for the holder of the identity.

    Spec: spec/mpin.md#issuing
    """

    suite: Suite
    issuer: str
    identity: Identity
    slot: int
    point: G1Point

    def to_bytes(self) -> bytes:
        """The octets: `PERMIT-SHARE_`, issuer, slot, identity, point."""
        slot = self.suite.slot_octets(self.slot)
        fields = (self.issuer.encode(), slot, self.identity.to_bytes(), self.point.to_bytes())
        return self.suite.labelled("PERMIT-SHARE_", *fields)

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The share with these octets. Raises EncodingError."""
        issuer, slot_octets, identity, point = suite.fields("PERMIT-SHARE_", octets, 4)
        who = Identity.from_bytes(identity)
        suite.need(who.suite_id)
        slot = suite.slot_from_octets(slot_octets)
        if slot is None:
            raise MalformedEnvelope("this suite has no permits")
        return cls(suite, _issuer_from(issuer), who, slot, suite.curve.g1_from_bytes(point))


class MasterShare(SecretValue):
    """s_i: the one secret of a D-TA.

    Spec: spec/mpin.md#issuing
    Secret: all of it; constant time in s_i on the native backend
    """

    __slots__ = ("_s", "issuer", "suite")

    def __init__(self, suite: Suite, issuer: str, s: Scalar) -> None:
        self.suite = suite
        self.issuer = check_text("issuer", issuer, MAX_ISSUER)
        self._s = s

    @classmethod
    def generate(cls, suite: Suite, issuer: str, random: Random) -> Self:
        """A new s_i in [1, r - 1]."""
        return cls(suite, issuer, suite.curve.random_scalar(random))

    @classmethod
    def from_bytes(cls, suite: Suite, issuer: str, octets: bytes) -> Self:
        """The share with this number.

        Shape: scalar_bytes octets
        Raises: WrongLength, NonCanonical, also for zero
        """
        s = suite.scalar_from_bytes(octets)
        if s.is_zero():
            raise NonCanonical("a master share is a number from 1 to r - 1")
        return cls(suite, issuer, s)

    def to_bytes(self) -> bytes:
        """s_i.

        Shape: scalar_bytes octets
        Secret: the result; keep it sealed
        """
        return self._s.to_bytes()

    def commitment(self) -> Commitment:
        """s_i P1."""
        return Commitment(self.suite, self.issuer, self._s * self.suite.curve.g1)

    def server_share(self) -> ServerShare:
        """s_i Q."""
        return ServerShare(self.suite, self.issuer, self._s * self.suite.curve.g2)

    def client_share(self, identity: Identity) -> ClientShare:
        """s_i A, with A hashed here from the identity.

        Raises: ParameterError if the identity is of another suite
        """
        return ClientShare(self.suite, self.issuer, identity, self._s * self.suite.hash_identity(identity))

    def permit_share(self, identity: Identity, slot: int) -> PermitShare:
        """s_i AT(slot), with AT hashed here from the identity.

        Raises: ParameterError if the identity is of another suite or the suite has no slots
        """
        point = self._s * self.suite.permit_point(identity, check_now(slot))
        return PermitShare(self.suite, self.issuer, identity, slot, point)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ServerSecret(SecretValue):
    """sQ = sum s_i Q: what an MFA server checks logins with. `prepared` is the same, ready for pairings.

    Spec: spec/mpin.md#recombination
    Secret: see ServerShare
    """

    suite: Suite
    point: G2Point
    prepared: G2Prepared = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prepared", self.suite.curve.prepare(self.point))

    def to_bytes(self) -> bytes:
        """The octets: `SERVER-SECRET_`, point.

        Secret: the result
        """
        return self.suite.labelled("SERVER-SECRET_", self.point.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The secret with these octets. Raises EncodingError."""
        (point,) = suite.fields("SERVER-SECRET_", octets, 1)
        return cls(suite, suite.curve.g2_from_bytes(point))


# -- recombination ---------------------------------------------------------------------------------------------------
ShareT = TypeVar("ShareT", ServerShare, ClientShare, PermitShare)


def _one_from_each(shares: Iterable[ShareT], issuers: Collection[str]) -> list[ShareT]:
    """The shares, if there is exactly one of each issuer and no two are the same point."""
    found = list(shares)
    names = [share.issuer for share in found]
    if not issuers or len(set(issuers)) != len(issuers):
        raise ParameterError("the issuers must be named, each of them once")
    if sorted(names) != sorted(issuers):
        missing = ", ".join(sorted(set(issuers) - set(names))) or "none"
        raise ParameterError(f"exactly one share of each issuer is needed; missing: {missing}")
    if any(share.suite != found[0].suite for share in found):
        raise ParameterError("the shares are of different suites")
    if any(found[i].point == found[j].point for i in range(len(found)) for j in range(i)):
        raise InvalidShare("two issuers sent the same point")
    return found


def _same_identity(shares: Sequence[ClientShare] | Sequence[PermitShare]) -> Identity:
    identity = shares[0].identity
    if any(share.identity != identity for share in shares):
        raise ParameterError("the shares belong to different identities")
    return identity


def check_server_share(share: ServerShare, commitment: Commitment) -> None:
    """Nothing, if e(s_i P1, Q) = e(P1, s_i Q).

    Spec: spec/mpin.md#recombination
    Raises: InvalidShare with the issuer as culprit; ParameterError if the two do not belong together
    """
    if share.issuer != commitment.issuer or share.suite != commitment.suite:
        raise ParameterError("a share and a commitment of different issuers or suites were compared")
    E = share.suite.curve
    if not E.pairing_check([(commitment.point, E.g2_prepared), (-E.g1, share.point)]):
        raise InvalidShare("a server share does not fit its commitment", [share.issuer])


def combine_server_shares(shares: Iterable[ServerShare], commitments: Iterable[Commitment]) -> ServerSecret:
    """sQ = sum s_i Q, each share checked against its commitment.

    Spec: spec/mpin.md#recombination
    Raises: InvalidShare naming every issuer whose share is wrong; ParameterError unless there is one share for each
        commitment; IdentityElement
    """
    known = {commitment.issuer: commitment for commitment in commitments}
    found = _one_from_each(shares, known)
    culprits = [share.issuer for share in found if not _fits(share, known[share.issuer])]
    if culprits:
        raise InvalidShare("server shares do not fit their commitments", culprits)
    point = reduce(add, (share.point for share in found))
    if point.is_identity():
        raise IdentityElement("the server shares cancel each other")
    return ServerSecret(found[0].suite, point)


def _fits(share: ServerShare, commitment: Commitment) -> bool:
    try:
        check_server_share(share, commitment)
    except InvalidShare:
        return False
    return True


def combine_client_shares(shares: Iterable[ClientShare], issuers: Collection[str]) -> ClientSecret:
    """CS = sum s_i A.

    Spec: spec/mpin.md#recombination
    Raises: ParameterError unless there is one share from each issuer, all for one identity; InvalidShare for two equal
        ones; IdentityElement
    """
    found = _one_from_each(shares, issuers)
    identity = _same_identity(found)
    point = reduce(add, (share.point for share in found))
    if point.is_identity():
        raise IdentityElement("the client shares cancel each other")
    return ClientSecret(found[0].suite, identity, point)


def combine_permit_shares(shares: Iterable[PermitShare], issuers: Collection[str]) -> Permit:
    """TP = sum s_i AT(slot).

    Spec: spec/mpin.md#recombination
    Raises: ParameterError unless there is one share from each issuer, all for one identity and slot; InvalidShare for
        two equal ones; IdentityElement
    """
    found = _one_from_each(shares, issuers)
    identity = _same_identity(found)
    slot = found[0].slot
    if any(share.slot != slot for share in found):
        raise ParameterError("the permit shares belong to different slots")
    point = reduce(add, (share.point for share in found))
    if point.is_identity():
        raise IdentityElement("the permit shares cancel each other")
    return Permit(found[0].suite, identity, slot, point)
