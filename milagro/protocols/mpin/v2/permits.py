"""Time permits: without the one of the current slot a client cannot log in, so refusing them revokes it.

slot = floor(now / L)      AT = H1(frame(L, slot, identity), PERMIT_)      TP = s AT      T = A + AT
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from milagro.errors import Expired, MalformedEnvelope
from milagro.protocols.mpin.v2.identity import Identity
from milagro.protocols.mpin.v2.suite import Suite
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from milagro.groups import G1Point


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Permit(SecretValue):
    """TP = s AT(slot) for one identity.

    Spec: spec/mpin.md#permits
    """

    suite: Suite
    identity: Identity
    slot: int
    point: G1Point

    def to_bytes(self) -> bytes:
        """The octets: `TIME-PERMIT_`, slot, identity, point."""
        slot = self.suite.slot_octets(self.slot)
        return self.suite.labelled("TIME-PERMIT_", slot, self.identity.to_bytes(), self.point.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The permit with these octets. Raises EncodingError."""
        slot_octets, identity, point = suite.fields("TIME-PERMIT_", octets, 3)
        who = Identity.from_bytes(identity)
        suite.need(who.suite_id)
        slot = suite.slot_from_octets(slot_octets)
        if slot is None:
            raise MalformedEnvelope("this suite has no permits")
        return cls(suite, who, slot, suite.curve.g1_from_bytes(point))


def current_slot(suite: Suite, slot_octets: bytes, now: int, grace: int) -> int | None:
    """The slot of a message, if the server's clock allows it: the current one, or the one before for `grace` seconds.

    Spec: spec/mpin.md#permits
    Raises: MalformedEnvelope if it is of another slot length or missing, Expired
    """
    slot = suite.slot_from_octets(slot_octets)
    current = suite.slot_at(now)
    if slot is None or current is None or suite.slot_seconds is None:
        return None
    in_grace = slot == current - 1 and now - current * suite.slot_seconds < grace
    if slot != current and not in_grace:
        raise Expired("the time permit is not for the current slot; fetch a new one")
    return slot
