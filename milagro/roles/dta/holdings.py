"""What a D-TA holds: its share of the network's key, and of those before it that are still accepted.

Issuing asks for a share here, each time anew: when the network goes over to another epoch the old share is gone, and a
node that has none says so.

Spec: spec/dta-network.md, Holdings
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from milagro.errors import ProtocolError

if TYPE_CHECKING:
    from milagro.protocols.sharing import KeyRing, KeyShare


class NotReady(ProtocolError):
    """This D-TA has no share of the key now: there is no key yet, or its share has to be repaired or refreshed."""

    code: ClassVar[str] = "not-ready"


@dataclass(frozen=True, slots=True)
class Holding:
    """A share, and until when it is accepted, in unix seconds; None for the current key.

    Secret: share
    """

    share: KeyShare = field(repr=False)
    accepted_until: int | None


class Holdings(Protocol):
    """The shares of a D-TA."""

    def current(self) -> Holding:
        """The share of the current key. Raises: NotReady."""

    def find(self, key_id: bytes, now: int) -> Holding:
        """The share of the key with this id. Raises: Expired if that key is not accepted now, NotReady."""

    def public(self, now: int) -> KeyRing:
        """The current key and those that are still accepted. Raises: NotReady."""
