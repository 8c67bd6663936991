"""What an MFA server has its D-TAs witness of each of its replicas: how often it was started, how long its journal is.

The server signs it, so a D-TA cannot make a number up; it can only keep back what it has heard. Numbers never fall, so
of two standings of one replica the one of the higher rank is the later.

Spec: spec/mpin.md#witnessing
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from milagro.errors import InvalidSignature
from milagro.octets import frame, i2osp
from milagro.protocols.envelope.signatures import signed_octets
from milagro.roles.issuance.messages import ReplicaStanding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milagro.cid import CID
    from milagro.protocols.envelope import SigningKey, VerifyingKey

PURPOSE: Final = "mfa replica standing"


@dataclass(frozen=True, slots=True)
class Standing:
    """One replica; `gone` if it will not come back. `epoch` is that of the database as it knew it."""

    replica: bytes
    start: int
    mark: int
    epoch: int
    gone: bool = False
    run: bytes = bytes(16)  # drawn at the start

    @property
    def rank(self) -> tuple[bool, int, int, int]:
        """What grows."""
        return self.gone, self.start, self.mark, self.epoch

    def to_bytes(self, network: CID) -> bytes:
        """frame(network, replica, be(gone, 1), run, be(start, 8), be(mark, 8), be(epoch, 8))

        Spec: spec/mpin.md#witnessing
        """
        numbers = [i2osp(number, 8) for number in (self.start, self.mark, self.epoch)]
        return frame(network.to_bytes(), self.replica, bytes([self.gone]), self.run, *numbers)

    def signed(self, network: CID, key: SigningKey) -> ReplicaStanding:
        """The message, signed by the server."""
        octets = signed_octets(key.public.suite, PURPOSE, self.to_bytes(network))
        return ReplicaStanding(
            replica=self.replica,
            start=self.start,
            run=self.run,
            mark=self.mark,
            epoch=self.epoch,
            gone=self.gone,
            signing_key=key.public.id,
            signature=key.sign(octets),
        )


def verified(message: ReplicaStanding, network: CID, keys: Mapping[bytes, VerifyingKey]) -> Standing:
    """What the message says, if one of the keys signed it.

    Spec: spec/mpin.md#witnessing
    Raises: InvalidSignature
    """
    key = keys.get(message.signing_key)
    if key is None:
        raise InvalidSignature("the standing of a replica is not signed by a key that counts here")
    found = Standing(message.replica, message.start, message.mark, message.epoch, message.gone, message.run)
    key.verify(message.signature, signed_octets(key.suite, PURPOSE, found.to_bytes(network)))
    return found
