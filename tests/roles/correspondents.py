"""Identities with envelope keys for the tests of correspondence, and correspondents in this process."""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from milagro.protocols import pki
from milagro.protocols.envelope import PrivateKeys
from milagro.protocols.pki import Replica
from milagro.protocols.signatures import SigningKey
from milagro.roles.correspondence.correspondent import Correspondent
from milagro.roles.correspondence.directory import Directory
from milagro.roles.correspondence.keys import EnvelopeKeys, listed
from milagro.stores.identities import KnownIdentities
from milagro.stores.messaging.tables import open_state
from tests.stores.parties import FAST

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.cid import CID
    from milagro.stores.content import ContentStore
    from milagro.stores.messaging.channel import Channel


@dataclass
class Owner:
    """An identity with all its private keys."""

    control: SigningKey
    following: SigningKey
    replica: Replica
    pairs: list[PrivateKeys]

    @classmethod
    def new(cls) -> Owner:
        control, following = (SigningKey.generate(secrets.token_bytes) for _ in range(2))
        keys = PrivateKeys.generate(secrets.token_bytes)
        block = pki.create(control, following.public, 1000, [*map(pki.AddKey, listed(keys.public))])
        replica = Replica(block.cid)
        replica.add(block.octets)
        return cls(control, following, replica, [keys])

    @property
    def identity(self) -> CID:
        return self.replica.identity

    @property
    def keys(self) -> EnvelopeKeys:
        return EnvelopeKeys(tuple(self.pairs))

    @property
    def state(self) -> pki.State:
        return pki.resolve(self.replica).state

    def change(self, *edits: pki.Edit) -> None:
        self.replica.add(pki.change(self.replica, self.control, 1001, edits).octets)

    def new_keys(self) -> None:
        """Revokes the keys that the identity lists, and lists new ones."""
        keys = PrivateKeys.generate(secrets.token_bytes)
        self.change(*(pki.RevokeKey(key.id) for key in self.state.keys), *map(pki.AddKey, listed(keys.public)))
        self.pairs.append(keys)

    def copy(self) -> Owner:
        """What a thief of everything has."""
        return Owner(self.control, self.following, Replica.from_bytes(self.replica.to_bytes()), list(self.pairs))


@dataclass
class Party:
    """A correspondent with folders of its own; `restart` is what a process does that comes back after kill -9."""

    owner: Owner
    store: ContentStore
    channel: Channel
    folder: Path
    name: str
    known: str = ""
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Party:
        state, tables = open_state(self.folder / f"{self.name}.sqlite")
        self._stack.callback(state.close)
        self.directory = Directory(self.store, KnownIdentities(self.folder / f"{self.known or self.name}-known"))
        self.correspondent = self._stack.enter_context(
            Correspondent(
                "topic", self.owner.replica, self.owner.keys, self.directory, self.store, self.channel, state, tables,
                FAST, clock=lambda: 1_800_000_000,
            )
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def identity(self) -> CID:
        return self.owner.identity

    def restart(self) -> None:
        self._stack.close()
        self.__enter__()

    def renew(self) -> None:
        self.correspondent.renew(self.owner.replica, self.owner.keys)

    def take(self, count: int, timeout_seconds: float = 15.0) -> list[tuple[CID, bytes]]:
        """The next so many letters; fewer if there is silence for so long."""
        letters: list[tuple[CID, bytes]] = []
        while len(letters) < count:
            letter = self.correspondent.deliver(lambda _connection, _letter: None, timeout_seconds)
            if letter is None:
                break
            letters.append((letter.sender, letter.payload))
        return letters

    def wait_until_knows(self, identity: CID, sequence: int) -> None:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                if self.directory.resolution(identity).state.sequence >= sequence:
                    return
            except Exception:  # noqa: BLE001 - not known yet
                pass
            time.sleep(0.02)
        raise AssertionError(f"{self.name} did not learn of operation {sequence}")
