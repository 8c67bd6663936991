"""What the owner of an identity does: the next signed block, from what the owner's replica holds.

    create --> (change | rotate)* --> retire

The key after the current one is made before it is needed and kept elsewhere: whoever takes the current key cannot
rotate, and a rotation takes back what was signed with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from milagro.cid import CID
from milagro.errors import BrokenChain, NotFound, ParameterError
from milagro.protocols.pki.edits import Edit
from milagro.protocols.pki.operations import (
    MAX_PREVIOUS,
    Block,
    Change,
    Create,
    Place,
    Retire,
    Rotate,
    Witnesses,
    next_digest,
)
from milagro.protocols.pki.resolution import resolve
from milagro.protocols.signatures import SigningKey, VerifyingKey

if TYPE_CHECKING:
    from milagro.protocols.pki.replica import Replica


def create(
    control: SigningKey,
    following: VerifyingKey,
    time: int,
    edits: Sequence[Edit] = (),
    witnesses: Witnesses | None = None,
) -> Block:
    """The first document of a new identity; its CID is the identity.

    Spec: spec/dpki.md#identity
    Raises: ParameterError
    """
    return Block.sign(Create(time, control.public, next_digest(following), tuple(edits), witnesses), control)


def change(replica: Replica, control: SigningKey, time: int, edits: Sequence[Edit]) -> Block:
    """Edits behind everything that stands; where changes stand side by side, this one joins them.

    Spec: spec/dpki.md#edits
    Raises: ParameterError without edits or with another key than the one in force; BrokenChain as Resolution.require
    """
    if not edits:
        raise ParameterError("a change has at least one edit")
    _need(replica, control)
    return Block.sign(Change(_place(replica), time, tuple(edits)), control)


def rotate(
    replica: Replica,
    control: SigningKey,
    following: VerifyingKey,
    time: int,
    edits: Sequence[Edit] = (),
    witnesses: Witnesses | None = None,
    since: Sequence[CID] = (),
) -> Block:
    """A new control key, the one committed to, and the commitment to the one after it.

    `since` are the last operations that are the owner's; later ones under the old key lose their effect. Without it
    all that stands remains. `witnesses` replace those in force.
    Spec: spec/dpki.md#rotation
    Raises: ParameterError if the key is not the one committed to, NotFound for an operation that is not here
    """
    resolution = resolve(replica)
    if next_digest(control.public) != resolution.state.next:
        raise ParameterError("this is not the key that was committed to as the next control key")
    place = _place(replica, since)
    if len({replica.root_under(cid) for cid in (*place.previous, *resolution.heads)}) != 1:
        raise ParameterError("a rotation takes back operations under the control key in force only")
    operation = Rotate(place, time, control.public, next_digest(following), tuple(edits), witnesses)
    return Block.sign(operation, control)


def retire(replica: Replica, control: SigningKey, time: int) -> Block:
    """The end of the identity.

    Spec: spec/dpki.md#retirement
    Raises: ParameterError with another key than the one in force; BrokenChain as Resolution.require
    """
    _need(replica, control)
    return Block.sign(Retire(_place(replica), time), control)


def _need(replica: Replica, control: SigningKey) -> None:
    if resolve(replica).require().control != control.public:
        raise ParameterError("this is not the control key in force")


def _place(replica: Replica, since: Sequence[CID] = ()) -> Place:
    # More operations side by side than one can follow are joined by several, one after the other.
    previous = sorted(set(since or resolve(replica).heads), key=CID.to_bytes)[:MAX_PREVIOUS]
    for cid in previous:
        if cid not in replica:
            raise NotFound(f"there is no valid operation {cid} here")
        if isinstance(replica[cid].operation, Retire):
            raise BrokenChain("the identity is retired; a rotation that takes that back names what came before it")
    return Place(replica.identity, tuple(previous), 1 + max(replica[cid].sequence for cid in previous))
