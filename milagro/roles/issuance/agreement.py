"""What enough D-TAs of a network say of its keys, for somebody who knows none of them yet, or may have missed one.

A key counts once as many D-TAs as the threshold say in views signed by their identities that it is the current one:
of so many at least one is honest. The threshold is that of the key that is known already, else that of the charter.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from milagro.errors import MilagroError
from milagro.protocols.sharing import KeyRing
from milagro.roles.issuance.calls import NoAnswer
from milagro.roles.issuance.reports import Fault, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from milagro.protocols.sharing import SharedKey
    from milagro.roles.issuance.calls import Dial
    from milagro.roles.issuance.views import NetworkView, Node


def hear(view: NetworkView, dial: Dial, seconds: float) -> tuple[list[KeyRing], list[Fault]]:
    """What each D-TA says of the keys, and who said nothing that counts; all are asked at once."""

    async def all_of_them() -> list[KeyRing | Fault]:
        return await asyncio.gather(*(_one(view, node, dial, seconds) for node in view.nodes))

    heard = asyncio.run(all_of_them())
    return [one for one in heard if isinstance(one, KeyRing)], [one for one in heard if isinstance(one, Fault)]


async def _one(view: NetworkView, node: Node, dial: Dial, seconds: float) -> KeyRing | Fault:
    try:
        async with dial(node) as caller:
            return view.ring_of(node, await caller.keys(seconds))
    except NoAnswer as fault:
        return Fault(node.name, fault.reason, fault.detail, fault.code)
    except MilagroError as error:
        return Fault(node.name, Reason.GARBAGE, f"its key view does not hold: {error}")


def agreed(rings: Iterable[KeyRing], threshold: int) -> KeyRing | None:
    """The keys that at least `threshold` of the rings have; None if they have no one current key.

    Old keys count with the ends of their overlaps.
    """
    heard = list(rings)
    currents = [key for key, said in _counted(ring.current for ring in heard) if said >= threshold]
    pairs = {(key.to_bytes(), ends): key for ring in heard for key, ends in ring.retiring}
    said = Counter((key.to_bytes(), ends) for ring in heard for key, ends in ring.retiring)
    retiring = {(pairs[one], one[1]) for one, count in said.items() if count >= threshold}
    current = _latest(currents, {key.key_id for key, _ in retiring})
    if current is None:
        return None
    kept = sorted((pair for pair in retiring if pair[0].key_id != current.key_id), key=lambda pair: pair[1])
    return KeyRing(current, tuple(kept))


def _counted(keys: Iterable[SharedKey]) -> list[tuple[SharedKey, int]]:
    listed = list(keys)
    by_octets = {key.to_bytes(): key for key in listed}
    return [(by_octets[octets], count) for octets, count in Counter(key.to_bytes() for key in listed).items()]


def _latest(candidates: list[SharedKey], retiring: set[bytes]) -> SharedKey | None:
    """The one that follows the others: while D-TAs switch, each of two keys or epochs may have enough of them."""
    new = [key for key in candidates if key.key_id not in retiring] or candidates
    if len({key.key_id for key in new}) != 1:
        return None
    return max(new, key=lambda key: key.epoch)
