"""Three parties, and short ways to seal and open between them."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from typing import TYPE_CHECKING, Any

from milagro.protocols.envelope import (
    BLS,
    HYBRID,
    Opened,
    PrivateKeys,
    Reader,
    Terms,
    open_envelope,
    seal,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CONTEXT = "milagro-test/1 order"
NOW = 1_770_000_000
EXHAUSTIVE = os.environ.get("MILAGRO_EXHAUSTIVE") == "1"


def random_from(seed: str) -> Callable[[int], bytes]:
    calls = 0

    def draw(count: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.shake_256(f"{seed}:{calls}".encode()).digest(count)

    return draw


def octets(seed: str, count: int) -> bytes:
    return hashlib.shake_256(seed.encode()).digest(count)


@cache
def party(name: str, signatures: str = HYBRID) -> PrivateKeys:
    return PrivateKeys.generate(random_from(f"{name} {signatures}"), signatures)


ALICE, BOB, CAROL, MALLORY = (party(name) for name in ("alice", "bob", "carol", "mallory"))
ALICE_BLS = party("alice", BLS)
EVERYBODY = {who.signing.public.id: who.signing.public for who in (ALICE, BOB, CAROL, MALLORY, ALICE_BLS)}


def terms(**changes: Any) -> Terms:
    return Terms(**{"context": CONTEXT, "timestamp": NOW, **changes})


def send(payload: bytes, *to: PrivateKeys, sender: PrivateKeys = ALICE, seed: str = "seal", **changes: Any) -> bytes:
    keys = [who.public.encryption for who in to or (BOB,)]
    return seal(payload, sender.signing, keys, terms(**changes), random_from(seed))


def reader(who: PrivateKeys = BOB, **changes: Any) -> Reader:
    return Reader(**{"keys": [who.encryption], "senders": EVERYBODY, "context": CONTEXT, **changes})


def receive(envelope: bytes, who: PrivateKeys = BOB, **changes: Any) -> tuple[bytes, Opened]:
    return open_envelope(envelope, reader(who, **changes))
