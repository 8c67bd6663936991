"""What an identity is now, as a function of the operations and receipts that have been seen.

    create -> changes under key 0 -> rotation to key 1 -> changes under key 1 -> ...

Under one control key all changes count, in the order (sequence number, name), which keeps every change behind those
before it. A rotation fixes which changes of the key that it ends remain: those before it. What a thief of that key has
written beside them has no effect, and a thief cannot rotate. Two rotations of one key are both from somebody who holds
the next key: there nothing is decided, unless one of the two has enough receipts; the identity stands as it was before
and `require` refuses it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from milagro.cid import CID
from milagro.errors import BrokenChain, NotFound
from milagro.protocols.pki.edits import AddKey, Attest, Edit, Key, Purpose, RemoveService, RevokeKey, SetService
from milagro.protocols.pki.operations import Block, Create, Retire, Rotate, Witnesses
from milagro.protocols.pki.replica import Replica
from milagro.protocols.signatures import VerifyingKey


class ForkKind(StrEnum):
    """Which operations stand in each other's place."""

    CHANGES = "changes"
    ROTATIONS = "rotations"


@dataclass(frozen=True, slots=True)
class Fork:
    """Operations that one key signed for one place: evidence that its owner, or a thief, said two things.

    Two changes with one sequence number are settled when one operation has both before it, or when a rotation has
    dropped one. Two rotations are settled when one of them has enough receipts.
    Spec: spec/dpki.md#forks
    """

    kind: ForkKind
    operations: tuple[CID, ...]
    settled: bool


@dataclass(frozen=True, slots=True)
class State:
    """What the identity says of itself.

    Spec: spec/dpki.md#state
    """

    control: VerifyingKey
    next: bytes
    epoch: int
    sequence: int
    retired: bool
    witnesses: Witnesses | None
    keys: tuple[Key, ...]
    revoked: frozenset[bytes]
    services: Mapping[str, SetService] = field(hash=False)
    attestations: frozenset[Attest]

    def keys_for(self, purpose: Purpose) -> tuple[Key, ...]:
        """The keys of a purpose, in the order of their ids."""
        return tuple(key for key in self.keys if key.purpose is purpose)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The state, and all that somebody who relies on it should see.

    Spec: spec/dpki.md#resolution
    """

    identity: CID
    state: State
    heads: tuple[CID, ...]
    forks: tuple[Fork, ...]
    superseded: tuple[CID, ...]
    unconfirmed: tuple[CID, ...]
    waiting: tuple[CID, ...]

    def require(self, *, confirmed: bool = False, active: bool = True) -> State:
        """The state, if it can be relied on.

        Spec: spec/dpki.md#resolution
        Raises: BrokenChain if rotations contradict each other and nothing decides, if the identity is retired and
            `active` is asked for, or if `confirmed` is asked for and an operation lacks receipts, or there are no
            witnesses
        """
        if any(fork.kind is ForkKind.ROTATIONS and not fork.settled for fork in self.forks):
            raise BrokenChain(f"{self.identity} has two rotations that contradict each other; ask its owner elsewhere")
        if active and self.state.retired:
            raise BrokenChain(f"{self.identity} is retired")
        if confirmed and (self.unconfirmed or self.state.witnesses is None):
            raise BrokenChain(f"{self.identity} has operations that not enough witnesses have signed")
        return self.state


def resolve(replica: Replica) -> Resolution:
    """What the operations and receipts in a replica say.

    Spec: spec/dpki.md#resolution, spec/dpki.md#state
    Raises: NotFound without the identity's first document
    """
    if replica.identity not in replica:
        raise NotFound(f"the first document of {replica.identity} is not here")
    chain = _Chain(replica)
    chain.follow()
    kept = chain.kept
    return Resolution(
        replica.identity,
        _state(replica, kept),
        _heads(kept),
        tuple(_forks(chain)),
        tuple(block.cid for block in replica if block.cid not in kept),
        tuple(block.cid for block in kept.values() if not chain.is_confirmed(block.cid)),
        replica.waiting,
    )


class _Chain:
    """The line of control keys, and which operations remain under each."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.kept: dict[CID, Block] = {}
        self.rivals: dict[tuple[CID, ...], bool] = {}
        self._under: dict[CID, list[Block]] = defaultdict(list)
        for block in replica:
            self._under[replica.root_of(block.cid)].append(block)

    def follow(self) -> None:
        root: CID | None = self.replica.identity
        while root is not None:
            self.kept[root] = self.replica[root]
            root = self._work_off(root)

    def _work_off(self, root: CID) -> CID | None:
        """Keeps what remains under one control key; gives the rotation that ends it, if one does."""
        under = [block for block in self._under[root] if block.cid != root]
        rotations = [block.cid for block in under if isinstance(block.operation, Rotate)]
        following = self._choose(rotations)
        changes = [block for block in under if not isinstance(block.operation, Rotate)]
        for rotation in [following] if following else rotations:
            changes = [block for block in changes if self.replica.is_before(block.cid, rotation)]
        self.kept.update((block.cid, block) for block in changes)
        return following

    def _choose(self, rotations: list[CID]) -> CID | None:
        if len(rotations) < 2:
            return rotations[0] if rotations else None
        decided = [cid for cid in rotations if self.has_receipts(cid)]
        self.rivals[tuple(rotations)] = len(decided) == 1
        return decided[0] if len(decided) == 1 else None

    def witnesses(self, operation: CID) -> Witnesses | None:
        """The witnesses who answer for an operation: those in force before it; for the first document, its own."""
        return self.replica.control_of(self.replica.root_of(operation)).witnesses

    def has_receipts(self, operation: CID) -> bool:
        """Whether enough witnesses have signed it."""
        witnesses = self.witnesses(operation)
        if witnesses is None:
            return False
        signed = {receipt.witness for receipt in self.replica.receipts(operation)}
        return len(signed & set(witnesses.keys)) >= witnesses.threshold

    def is_confirmed(self, operation: CID) -> bool:
        """Whether it has the receipts that it needs."""
        return self.witnesses(operation) is None or self.has_receipts(operation)


def _heads(kept: Mapping[CID, Block]) -> tuple[CID, ...]:
    followed = {cid for block in kept.values() for cid in block.previous}
    return tuple(sorted(kept.keys() - followed, key=CID.to_bytes))


def _forks(chain: _Chain) -> Iterable[Fork]:
    """The operations that share a place: a sequence number under one control key, or its one rotation."""
    decided = chain.rivals
    places: dict[tuple[CID, int | None], list[CID]] = defaultdict(list)
    for block in chain.replica:
        if block.previous:
            rotates = isinstance(block.operation, Rotate)
            places[chain.replica.root_of(block.cid), None if rotates else block.sequence].append(block.cid)
    for (_, sequence), rivals in places.items():
        operations = tuple(rivals)
        if len(operations) < 2:
            continue
        if sequence is None:  # rotations on a branch that was not followed decide nothing
            yield Fork(ForkKind.ROTATIONS, operations, decided.get(operations, True))
        else:
            yield Fork(ForkKind.CHANGES, operations, _is_settled(chain, operations))


def _is_settled(chain: _Chain, operations: tuple[CID, ...]) -> bool:
    remaining = [cid for cid in operations if cid in chain.kept]
    joined = (all(chain.replica.is_before(cid, head) for cid in remaining) for head in _heads(chain.kept))
    return len(remaining) < 2 or any(joined)


# -- state -----------------------------------------------------------------------------------------------------------
def _state(replica: Replica, kept: Mapping[CID, Block]) -> State:
    """The operations applied in order.

    Spec: spec/dpki.md#state
    """
    keys: dict[bytes, Key] = {}
    revoked: set[bytes] = set()
    services: dict[str, SetService] = {}
    attestations: dict[tuple[CID, str], Attest | None] = {}
    roots = []
    for block in (block for block in replica if block.cid in kept):
        operation = block.operation
        if isinstance(operation, (Create, Rotate)):
            roots.append(operation)
        for edit in () if isinstance(operation, Retire) else operation.edits:
            _apply(edit, keys, revoked, services, attestations)
    last = roots[-1]
    return State(
        control=last.control,
        next=last.next,
        epoch=len(roots) - 1,
        sequence=max(block.sequence for block in kept.values()),
        retired=any(isinstance(block.operation, Retire) for block in kept.values()),
        witnesses=last.witnesses,
        keys=tuple(keys[key_id] for key_id in sorted(keys.keys() - revoked)),
        revoked=frozenset(revoked),
        services=MappingProxyType(dict(sorted(services.items()))),
        attestations=frozenset(one for one in attestations.values() if one is not None),
    )


def _apply(
    edit: Edit,
    keys: dict[bytes, Key],
    revoked: set[bytes],
    services: dict[str, SetService],
    attestations: dict[tuple[CID, str], Attest | None],
) -> None:
    if isinstance(edit, AddKey):
        keys[edit.key.id] = edit.key
    elif isinstance(edit, RevokeKey):
        revoked.add(edit.key_id)
    elif isinstance(edit, SetService):
        services[edit.name] = edit
    elif isinstance(edit, RemoveService):
        services.pop(edit.name, None)
    elif isinstance(edit, Attest):
        attestations[edit.subject, edit.claim] = edit
    else:
        attestations[edit.subject, edit.claim] = None
