"""What a D-TA holds of the network's keys now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from milagro.protocols.sharing import KeyRing, KeyShare


@dataclass(frozen=True, slots=True)
class Holding:
    """A share, and until when what it issues is accepted: None for the current key.

    Secret: share
    """

    share: KeyShare
    accepted_until: int | None


class Holdings(Protocol):
    """The shares of a node: never two epochs of one key at once."""

    def current(self) -> Holding:
        """The share of the current key.

        Raises: ProtocolError while there is no key
        """

    def find(self, key_id: bytes, now: int) -> Holding:
        """The share of the key with this id.

        Raises: Expired if the key is not accepted now; ProtocolError while there is no key
        """

    def public(self, now: int) -> KeyRing:
        """The keys that are accepted now.

        Raises: ProtocolError while there is no key
        """
