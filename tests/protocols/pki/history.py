"""Keys and histories for the tests: signing with ML-DSA-65 takes a while, so keys are made once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache

from milagro.protocols import pki
from milagro.protocols.pki import Block, Replica
from milagro.protocols.signatures import SigningKey


@cache
def key(name: str) -> SigningKey:
    """The signing key of a name, the same every time."""
    return SigningKey(hashlib.shake_256(name.encode()).digest(64))


def named(n: int) -> pki.AddKey:
    """An edit that adds the n-th key."""
    return pki.AddKey(pki.Key(pki.Purpose.BLS, "BLS12-381-AUG.1", bytes([n]) * 48))


def replica_of(blocks: Iterable[Block]) -> Replica:
    """A replica that was given the blocks in this order."""
    blocks = list(blocks)
    replica = Replica(blocks[0].identity)
    for block in blocks:
        replica.add(block.octets)
    return replica


def begun(*edits: pki.Edit, witnesses: pki.Witnesses | None = None) -> Replica:
    """A new identity under key 0, with key 1 to come."""
    return replica_of([pki.create(key("0"), key("1").public, 1000, edits, witnesses)])


def put(replica: Replica, block: Block) -> Block:
    """The block, now in the replica."""
    replica.add(block.octets)
    return block
