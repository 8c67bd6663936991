"""What a requester knows of a network: its D-TAs by their identities, and its keys by their ids.

A key id is pinned; the epochs of its key come and go. A D-TA's word on them counts once: t of them must say the same.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from milagro.errors import InvalidSignature, MilagroError
from milagro.protocols.envelope.signatures import signed_octets
from milagro.protocols.issuance import view_octets
from milagro.protocols.sharing import KeyRing, Roster, Succession
from milagro.protocols.sharing import Suite as SharingSuite
from milagro.roles.correspondence.keys import senders_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from milagro.cid import CID
    from milagro.protocols import pki
    from milagro.protocols.envelope import VerifyingKey
    from milagro.protocols.mpin.v2 import Suite
    from milagro.protocols.sharing import SharedKey, Signatures
    from milagro.roles.issuance.messages import KeyView, SuccessionAnswer

PURPOSE: Final = "issuing key view"


@dataclass(frozen=True, slots=True)
class Node:
    """One D-TA: its index, its name for people, its identity and what that lists, and where it is."""

    index: int
    name: str
    identity: CID
    state: pki.State = field(repr=False)
    url: str = ""

    @property
    def signing(self) -> Mapping[bytes, VerifyingKey]:
        """The keys that its signatures are of."""
        return senders_of(self.state.keys)


def signed_view(suite: str, view: bytes) -> bytes:
    """What a D-TA signs to show its view: octets of an envelope signature with a purpose of their own.

    Spec: spec/issuing.md#key-views
    """
    return signed_octets(suite, PURPOSE, view)


@dataclass(frozen=True)
class NetworkView:
    """The network as one requester knows it.

    Spec: spec/issuing.md#key-views
    """

    network: CID
    suite: Suite
    nodes: tuple[Node, ...]
    keys: tuple[SharedKey, ...]
    roster: Roster | None = None
    endorsers: Signatures | None = None

    @property
    def sharing(self) -> SharingSuite:
        """The suite of the shares."""
        return SharingSuite(self.suite.curve)

    @property
    def current(self) -> SharedKey:
        """The key that a ticket is for unless it says otherwise."""
        return self.keys[0]

    def key(self, key_id: bytes | None) -> SharedKey:
        """The known epoch of the key with this id; of the current one for None.

        Raises: InvalidSignature if the id is not pinned
        """
        for key in self.keys:
            if key_id in (None, key.key_id):
                return key
        raise InvalidSignature("this key of the network is not one that is known here")

    # -- learning ------------------------------------------------------------------------------------------------------
    def ring_of(self, node: Node, view: KeyView) -> KeyRing:
        """The keys that this node says are accepted.

        Spec: spec/issuing.md#key-views
        Raises: InvalidSignature if it is not of this node and network; EncodingError
        """
        octets = view_octets(self.network, node.identity, view.keys, view.at)
        key = node.signing.get(view.signing_key)
        if key is None or (view.network, view.node) != (str(self.network), str(node.identity)):
            raise InvalidSignature("the key view is not signed by this D-TA for this network")
        key.verify(view.signature, signed_view(key.suite, octets))
        return KeyRing.from_bytes(self.sharing, view.keys)

    def learned(self, rings: Mapping[int, KeyRing]) -> NetworkView:
        """The view with the latest epoch of every pinned key that as many nodes as its threshold agree on.

        Spec: spec/issuing.md#key-views
        """
        said: dict[bytes, set[int]] = defaultdict(set)
        found: dict[bytes, SharedKey] = {}
        for index, ring in rings.items():
            for key in (ring.current, *(old for old, _ in ring.retiring)):
                said[key.to_bytes()].add(index)
                found[key.to_bytes()] = key
        candidates = [(found[octets], said[octets]) for octets in found]
        return replace(self, keys=tuple(self._latest(known, candidates) for known in self.keys))

    def _latest(self, known: SharedKey, candidates: Iterable[tuple[SharedKey, set[int]]]) -> SharedKey:
        best = known
        for key, said in candidates:
            # Of the known threshold at most all but one lie.
            if key.key_id == known.key_id and key.epoch > best.epoch and len(said) >= known.threshold:
                best = key
        return best

    # -- rotation ------------------------------------------------------------------------------------------------------
    def follow(self, answers: Iterable[SuccessionAnswer]) -> NetworkView:
        """The view with the keys that follow the current one, as far as holders of each endorse its successor.

        What does not fit or is not endorsed by enough holders is passed over.
        Spec: spec/issuing.md#key-views
        """
        view = self
        for answer in answers:
            try:
                view = view.succeeded(answer)
            except MilagroError:
                continue
        return view

    def succeeded(self, answer: SuccessionAnswer) -> NetworkView:
        """The view after one succession of its current key.

        Raises: EncodingError; InvalidSignature if it follows another key, or nobody here can judge it; what
            `Succession.verify` raises
        """
        succession = Succession.from_bytes(self.sharing, answer.succession)
        if self.roster is None or self.endorsers is None or succession.old.key_id != self.current.key_id:
            raise InvalidSignature("the succession does not continue the current key")
        # The threshold that counts is the one that is known here, not the one that the succession brings along.
        endorsements = {one.index: one.signature for one in answer.endorsements}
        known = Succession(self.current, succession.new, succession.overlap_ends)
        if len(endorsements) < known.old.threshold:
            raise InvalidSignature("fewer holders endorse the succession than the key's threshold")
        succession.verify(self.roster, endorsements, self.endorsers)
        return replace(self, keys=(succession.new, *self.keys))
