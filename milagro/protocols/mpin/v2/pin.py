"""The PIN and the token: token = CS - H1(frame(identity, pin), PIN_). And the credential, which is what a client keeps.

ClientSecret --token(pin)--> Token --change_pin(old, new)--> Token
                               + client key = Credential
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from milagro.errors import IdentityElement, ParameterError
from milagro.octets import equal
from milagro.protocols.mpin.v2.identity import Identity
from milagro.protocols.mpin.v2.suite import Pin, Suite
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from milagro.groups import G1Point
    from milagro.protocols.mpin.v2.client_key import ClientKey
    from milagro.protocols.mpin.v2.permits import Permit


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Token(SecretValue):
    """The client secret less the PIN's point.

    Spec: spec/mpin.md#pin
    Secret: all of it
    """

    suite: Suite
    identity: Identity
    point: G1Point

    def to_bytes(self) -> bytes:
        """The octets: `TOKEN_`, identity, point.

        Secret: the result
        """
        return self.suite.labelled("TOKEN_", self.identity.to_bytes(), self.point.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The token with these octets. Raises EncodingError."""
        identity, point = suite.fields("TOKEN_", octets, 2)
        who = Identity.from_bytes(identity)
        suite.need(who.suite_id)
        return cls(suite, who, suite.curve.g1_from_bytes(point))

    def change_pin(self, old: Pin, new: Pin) -> Token:
        """The token for the same client secret under another PIN.

        A wrong old PIN is not noticed and gives a token that no PIN opens: log in first.
        Spec: spec/mpin.md#pin
        Raises: ParameterError, IdentityElement
        """
        restored = self.point + self.suite.pin_point(self.identity, old)
        return _less_pin(self.suite, self.identity, restored, new)


def _less_pin(suite: Suite, identity: Identity, point: G1Point, pin: Pin) -> Token:
    rest = point - suite.pin_point(identity, pin)
    if rest.is_identity():
        raise IdentityElement("the token would be the identity; choose another PIN")
    return Token(suite, identity, rest)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ClientSecret(SecretValue):
    """CS = sA. It lives only until `token` was called.

    Spec: spec/mpin.md#recombination
    Secret: all of it
    """

    suite: Suite
    identity: Identity
    point: G1Point

    def token(self, pin: Pin) -> Token:
        """CS - H1(frame(identity, pin), PIN_).

        Spec: spec/mpin.md#pin
        Raises: ParameterError for a PIN without octets or with too many
        """
        return _less_pin(self.suite, self.identity, self.point, pin)

    def to_bytes(self) -> bytes:
        """The octets: `CLIENT-SECRET_`, identity, point.

        Secret: the result
        """
        return self.suite.labelled("CLIENT-SECRET_", self.identity.to_bytes(), self.point.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The secret with these octets. Raises EncodingError."""
        identity, point = suite.fields("CLIENT-SECRET_", octets, 2)
        who = Identity.from_bytes(identity)
        suite.need(who.suite_id)
        return cls(suite, who, suite.curve.g1_from_bytes(point))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Credential(SecretValue):
    """What a client holds between logins: the token, and the key that its identity names.

    Raises: ParameterError if the key is not the identity's
    """

    token: Token
    key: ClientKey

    def __post_init__(self) -> None:
        identity = self.token.identity
        if self.key.algorithm != identity.algorithm or not equal(self.key.public_key, identity.public_key):
            raise ParameterError("the client key is not the one in the identity")

    @property
    def suite(self) -> Suite:
        """The suite of the token."""
        return self.token.suite

    @property
    def identity(self) -> Identity:
        """Who logs in."""
        return self.token.identity

    def slot(self, permit: Permit | None) -> int | None:
        """The slot of a login with this permit.

        Raises: ParameterError if the permit is missing, not wanted, or somebody else's
        """
        if (permit is None) != (self.suite.slot is None):
            raise ParameterError("a permit goes with a suite that has time slots, and only with one")
        if permit is None:
            return None
        if permit.suite != self.suite or permit.identity != self.identity:
            raise ParameterError("the permit belongs to another identity or suite")
        return permit.slot

    def secret_point(self, pin: Pin, permit: Permit | None) -> G1Point:
        """SEC = token + H1(frame(identity, pin), PIN_) + TP.

        Spec: spec/mpin.md#permits
        Secret: the result
        """
        self.slot(permit)
        restored = self.token.point + self.suite.pin_point(self.identity, pin)
        return restored if permit is None else restored + permit.point
