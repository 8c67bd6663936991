"""What an MFA server keeps of its network's keys: which are accepted, and its secret of each.

    FOLDER/ring            the current key and those whose overlap lasts; public
    FOLDER/<key id>.sealed    s Q of a key. Its context names network and key, and no epoch: a resharing changes neither

A secret is sealed before the ring names its key, and forgotten after the ring names it no more; so after a crash in
between, there is a file that is opened in place of fetching, or one that nothing needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from milagro.errors import AlreadyExists, ConfigError, MilagroError
from milagro.protocols.mpin.v2 import ServerSecret, Suite
from milagro.protocols.sharing import KeyRing
from milagro.protocols.sharing import Suite as SharingSuite
from milagro.stores import files
from milagro.stores.keys import Argon2Cost, SealedFile, SealingKey

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.roles.mfa.split.leading import SplitSecret

_RING: Final = "ring"
_NAME_DIGITS: Final = 32


LoginSecret: TypeAlias = "ServerSecret | SplitSecret"
"""What logins are verified with: the whole secret of a key, or a share of it and those who have the others."""


@dataclass(frozen=True)
class Held:
    """The keys that this server works with now, and its secret of each. Secret: secrets."""

    ring: KeyRing
    secrets: Mapping[bytes, LoginSecret] = field(repr=False)


@dataclass(frozen=True)
class NetworkKeys:
    """The folder with the keys.

    Secret: sealing, and what is opened
    """

    fetches: ClassVar[bool] = True  # secrets that are not here, from the D-TAs

    folder: Path
    suite: Suite
    context: Mapping[str, str]
    sealing: SealingKey = field(repr=False)
    cost: Argon2Cost | None = None

    def read(self) -> Held | None:
        """What was kept; None if there is nothing yet.

        Raises: ConfigError, NotFound, DecryptionFailed
        """
        ring = self._ring()
        if ring is None:
            return None
        old = [key.key_id for key, _ in ring.retiring if self.has(key.key_id)]
        return Held(ring, {key_id: self.open(key_id) for key_id in (ring.current.key_id, *old)})

    def has(self, key_id: bytes) -> bool:
        """Whether the secret of a key is here."""
        return self._file(key_id).exists()

    def open(self, key_id: bytes) -> LoginSecret:
        """The secret of a key.

        Raises: NotFound, DecryptionFailed, ConfigError if it is of another server or network
        Secret: the result
        """
        file = self._file(key_id)
        octets = file.open(self.sealing, self._context(key_id))
        try:
            return ServerSecret.from_bytes(self.suite, octets)
        except MilagroError as error:
            raise ConfigError(f"{file.path} holds no server secret: {error}") from error

    def seal(self, key_id: bytes, secret: ServerSecret) -> None:
        """Keeps the secret of a key; one that another process kept meanwhile is as good."""
        files.make_folder(self.folder)
        try:
            self._file(key_id).create(secret.to_bytes(), self.sealing, self._context(key_id), self.cost)
        except AlreadyExists:
            self.open(key_id)

    def keep(self, ring: KeyRing) -> None:
        """Keeps the ring, and forgets the secrets of keys that are not in it."""
        files.make_folder(self.folder)
        files.replace(self.folder / _RING, ring.to_bytes())
        named = {self._file(key.key_id).path for key in (ring.current, *(key for key, _ in ring.retiring))}
        for path in self.folder.glob("*.sealed"):
            if path not in named:
                path.unlink(missing_ok=True)

    def forget(self) -> None:
        """Removes the ring, then all secrets: as if nothing had ever been asked for."""
        (self.folder / _RING).unlink(missing_ok=True)
        for path in self.folder.glob("*.sealed"):
            path.unlink(missing_ok=True)
        files.sync_folder(self.folder)

    def _ring(self) -> KeyRing | None:
        path = self.folder / _RING
        if not path.exists():
            return None
        try:
            return KeyRing.from_bytes(SharingSuite(self.suite.curve), files.read(path))
        except MilagroError as error:
            raise ConfigError(f"{path} is damaged; remove it, and the keys are asked for anew: {error}") from error

    def _file(self, key_id: bytes) -> SealedFile:
        return SealedFile(self.folder / f"{key_id.hex()[:_NAME_DIGITS]}.sealed")

    def _context(self, key_id: bytes) -> dict[str, str]:
        return {**self.context, "key_id": key_id.hex()}
