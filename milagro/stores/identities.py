"""An owner's identity in a folder: the bundle of its operations, and its control keys, each sealed in a file.

    DIR/identity.bundle        operations and receipts; public
    DIR/keys/<digest>.key      the control key in force
    NEXT/<digest>.key          the key after it; NEXT is DIR/next, better a place that is not always there

A key is found by the digest that the operations commit to, so a rotation renames nothing: first the key after the
next is sealed and on disk, then the key that comes into force is beside the bundle, then the bundle with the rotation
is in place. A crash in between leaves the identity as it was, and a file that nothing needs.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from milagro.errors import AlreadyExists, MilagroError, NotFound, StoreError
from milagro.protocols import pki
from milagro.protocols.pki import Replica
from milagro.protocols.signatures import SigningKey
from milagro.stores import files
from milagro.stores.keys import Argon2Cost, SealedFile, SealingKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from milagro.cid import CID

BUNDLE: Final = "identity.bundle"
_CONTEXT = {"role": "identity", "suite": "ED25519+MLDSA65.1"}
_MAX_BUNDLE = 64 << 20
_NAME_DIGITS = 32


@dataclass(frozen=True, slots=True)
class IdentityFolder:
    """An identity that somebody here owns. `next_folder` is where the key after the current one is.

    Raises: StoreError and what the bundle's parser raises, each with the file's name
    """

    folder: Path
    next_folder: Path

    @classmethod
    def at(cls, folder: Path, next_folder: Path | None = None) -> IdentityFolder:
        """The folder, with the next key inside it unless another place is given."""
        return cls(folder, next_folder or folder / "next")

    # -- making and reading -----------------------------------------------------------------------------------------
    def create(
        self,
        sealing: SealingKey,
        time: int,
        edits: Sequence[pki.Edit] = (),
        witnesses: pki.Witnesses | None = None,
        cost: Argon2Cost | None = None,
    ) -> Replica:
        """A new identity with two new keys.

        Raises: AlreadyExists if the folder has one
        """
        self.require_new()
        control, following = (SigningKey.generate(secrets.token_bytes) for _ in range(2))
        block = pki.create(control, following.public, time, edits, witnesses)
        self._keep(self._keys, control, sealing, cost)
        self._keep(self.next_folder, following, sealing, cost)
        replica = Replica(block.cid)
        replica.add(block.octets)
        files.write_new(self.folder / BUNDLE, replica.to_bytes())
        return replica

    def require_new(self) -> None:
        """Nothing, if the folder has no identity.

        Raises: AlreadyExists
        """
        if (self.folder / BUNDLE).exists():
            raise AlreadyExists(f"the folder {self.folder} has an identity already")

    def read(self) -> Replica:
        """The identity's operations and receipts, every signature checked."""
        return read_bundle(self.folder / BUNDLE)

    def save(self, replica: Replica) -> None:
        """The operations and receipts, now on disk."""
        files.replace(self.folder / BUNDLE, replica.to_bytes())

    # -- keys ---------------------------------------------------------------------------------------------------------
    @property
    def _keys(self) -> Path:
        return self.folder / "keys"

    def control(self, replica: Replica, sealing: SealingKey) -> SigningKey:
        """The control key in force.

        Raises: NotFound, DecryptionFailed
        Secret: the result
        """
        return _open(self._keys, pki.next_digest(pki.resolve(replica).state.control), sealing)

    def rotate(
        self,
        replica: Replica,
        sealing: SealingKey,
        time: int,
        edits: Sequence[pki.Edit] = (),
        witnesses: pki.Witnesses | None = None,
        since: Sequence[CID] = (),
        cost: Argon2Cost | None = None,
    ) -> pki.Block:
        """The rotation, on disk with its keys, and in the replica.

        Raises: NotFound if the next key is not in `next_folder`; what `pki.rotate` raises
        """
        control = _open(self.next_folder, pki.resolve(replica).state.next, sealing)
        following = SigningKey.generate(secrets.token_bytes)
        block = pki.rotate(replica, control, following.public, time, edits, witnesses, since)
        self._keep(self.next_folder, following, sealing, cost)
        with contextlib.suppress(AlreadyExists):  # an earlier rotation that did not get further
            self._keep(self._keys, control, sealing, cost)
        replica.add(block.octets)
        self.save(replica)
        return block

    def _keep(self, folder: Path, key: SigningKey, sealing: SealingKey, cost: Argon2Cost | None) -> None:
        files.make_folder(folder)
        digest = pki.next_digest(key.public)
        _file(folder, digest).create(key.to_bytes(), sealing, {**_CONTEXT, "key_id": digest.hex()}, cost)


def _file(folder: Path, digest: bytes) -> SealedFile:
    return SealedFile(folder / f"{digest.hex()[:_NAME_DIGITS]}.key")


def _open(folder: Path, digest: bytes, sealing: SealingKey) -> SigningKey:
    file = _file(folder, digest)
    if not file.exists():
        raise NotFound(f"the key that is needed is not in {folder}: there is no file {file.path.name}")
    key = SigningKey(file.open(sealing, {**_CONTEXT, "key_id": digest.hex()}))
    if pki.next_digest(key.public) != digest:
        raise StoreError(f"{file.path}: the file holds another key than its name says")
    return key


def read_bundle(path: Path) -> Replica:
    """The replica in a bundle file.

    Raises: NotFound, StoreError, EncodingError, BrokenChain, InvalidSignature; each names the file
    """
    content = files.read(path, _MAX_BUNDLE)
    try:
        return Replica.from_bytes(content)
    except MilagroError as error:
        raise type(error)(f"{path}: {error}") from error


@dataclass(frozen=True, slots=True)
class KnownIdentities:
    """What was learned of others' identities, a bundle each, so that a revocation is not forgotten over a restart."""

    folder: Path

    def _path(self, identity: CID) -> Path:
        return self.folder / f"{identity}.bundle"

    def read(self, identity: CID) -> Replica:
        """What is known of an identity; an empty replica if nothing is.

        Raises: as read_bundle; BrokenChain if the file is another identity's
        """
        replica = Replica(identity)
        with contextlib.suppress(NotFound):
            replica.merge(read_bundle(self._path(identity)))
        return replica

    def save(self, replica: Replica) -> None:
        """Keeps what a replica holds, the first document at least, and adds to it what another process has kept.

        Raises: as read, StoreError
        """
        files.make_folder(self.folder)
        with files.locked(self.folder):
            replica.merge(self.read(replica.identity))
            files.replace(self._path(replica.identity), replica.to_bytes())


def gather(identity: CID, paths: Iterable[Path]) -> Replica:
    """What several bundles say of one identity together.

    Raises: as read_bundle; BrokenChain for a bundle of another identity
    """
    replica = Replica(identity)
    for path in paths:
        other = read_bundle(path)
        try:
            replica.merge(other)
        except MilagroError as error:
            raise type(error)(f"{path}: {error}") from error
    return replica
