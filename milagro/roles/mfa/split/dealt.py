"""What one replica was dealt of a server secret: two files of a key, written by `milagro mfa split`.

FOLDER/<key id>.json      who the replicas are, which of them this is, and the dealing; public
FOLDER/<key id>.sealed    the share, and the replicas' common key
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, ValidationError

from milagro.errors import ConfigError, MilagroError
from milagro.groups.batches import weighted_sum
from milagro.octets import frame, unframe
from milagro.protocols.mpin.v2.split import Dealing, SplitShare, deal
from milagro.protocols.sharing import Suite as SharingSuite
from milagro.roles.mfa.split.messages import LINK_OCTETS, LinkKey
from milagro.roles.mfa.split.types import Index
from milagro.roles.wire import Message, Octets, faults_text
from milagro.stores import files
from milagro.stores.keys import Argon2Cost, SealedFile, SealingKey
from milagro.stores.urls import url_fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from milagro.groups import G1Point
    from milagro.protocols.mpin.v2 import ServerSecret, Suite

_NAME_DIGITS: Final = 32


class Replica(Message):
    """One replica: its number, its name, and the URL at which the others reach it."""

    index: Index
    name: Annotated[str, Field(min_length=1, max_length=64)]
    url: Annotated[str, Field(min_length=1, max_length=2000)]


class DealtFile(Message):
    """The public file."""

    version: Literal[1]
    own: Index
    replicas: Annotated[list[Replica], Field(min_length=2, max_length=32)]
    dealing: Octets


@dataclass(frozen=True)
class Dealt:
    """One replica's part in a split secret.

    Secret: share, link
    """

    key_id: bytes
    own: int
    replicas: tuple[Replica, ...]
    dealing: Dealing
    share: SplitShare = field(repr=False)
    link: LinkKey = field(repr=False)

    @property
    def others(self) -> list[Replica]:
        """All but this one."""
        return [one for one in self.replicas if one.index != self.own]


@dataclass(frozen=True)
class DealtFolder:
    """The folder. `context` says of which server and network its files are.

    Secret: sealing
    """

    folder: Path
    suite: Suite
    context: Mapping[str, str]
    sealing: SealingKey = field(repr=False)
    cost: Argon2Cost | None = None

    def has(self, key_id: bytes) -> bool:
        """Whether a share of this key's secret is here."""
        return self._sealed(key_id).exists()

    def open(self, key_id: bytes) -> Dealt:
        """This replica's part in the secret of a key, all of it checked against the key's id.

        Raises: NotFound, DecryptionFailed, ConfigError
        Secret: the result
        """
        file = self._read(key_id)
        sealed = self._sealed(key_id)
        octets = sealed.open(self.sealing, self._context(key_id, file.own))
        try:
            share_octets, link = unframe(octets, 2)
            share = SplitShare.from_bytes(self.suite, share_octets)
            dealing = Dealing.from_bytes(self.suite, file.dealing)
            _check(self.suite, key_id, file, dealing, share)
        except MilagroError as error:
            raise ConfigError(f"{sealed.path} and the file beside it are no share of this key: {error}") from error
        return Dealt(key_id, file.own, tuple(file.replicas), dealing, share, LinkKey(link))

    def write(self, key_id: bytes, file: DealtFile, share: SplitShare, link: bytes) -> None:
        """Writes what one replica is dealt.

        Raises: AlreadyExists, StoreError
        """
        files.make_folder(self.folder)
        self._sealed(key_id).create(
            frame(share.to_bytes(), link), self.sealing, self._context(key_id, file.own), self.cost
        )
        files.write_new(self._public(key_id), file.model_dump_json(indent=1).encode() + b"\n")

    def _read(self, key_id: bytes) -> DealtFile:
        path = self._public(key_id)
        try:
            return DealtFile.model_validate_json(files.read(path))
        except ValidationError as error:
            raise ConfigError(f"{path} is damaged: {faults_text(error.errors())}") from None

    def _public(self, key_id: bytes) -> Path:
        return self.folder / f"{key_id.hex()[:_NAME_DIGITS]}.json"

    def _sealed(self, key_id: bytes) -> SealedFile:
        return SealedFile(self.folder / f"{key_id.hex()[:_NAME_DIGITS]}.sealed")

    def _context(self, key_id: bytes, index: int) -> dict[str, str]:
        return {**self.context, "kind": "server-secret-share", "key_id": key_id.hex(), "index": str(index)}


def _check(suite: Suite, key_id: bytes, file: DealtFile, dealing: Dealing, share: SplitShare) -> None:
    if share.index != file.own or [one.index for one in file.replicas] != list(range(1, dealing.count + 1)):
        raise ConfigError("the replicas and the dealing do not fit each other")
    check_replicas(file.replicas)
    E = suite.curve
    first = range(1, dealing.threshold + 1)
    public = weighted_sum(E, [dealing.commitment(i) for i in first], E.lagrange_at_zero(first))
    if key_id_of(suite, public) != key_id:
        raise ConfigError("the dealing is of another key")
    dealing.check(public)
    share.check(dealing)


def key_id_of(suite: Suite, public: G1Point) -> bytes:
    """The id of the network's key s P1 = `public`, as `SharedKey.key_id`."""
    sharing = SharingSuite(suite.curve)
    return hashlib.sha256(sharing.labelled("SHARED-KEY_", public.to_bytes())).digest()


def check_replicas(replicas: Sequence[Replica]) -> None:
    """Nothing, if names and URLs are all different, and each URL is one that the others may call.

    Raises: ConfigError
    """
    for what in ("name", "url"):
        seen = [getattr(one, what) for one in replicas]
        if len(set(seen)) != len(seen):
            raise ConfigError(f"two replicas have one {what}")
    for one in replicas:
        if fault := url_fault(one.url):
            raise ConfigError(f"the URL of the replica {one.name!r} {fault}")


def deal_out(
    secret: ServerSecret, public: G1Point, threshold: int, replicas: Sequence[Replica], folders: Sequence[DealtFolder]
) -> bytes:
    """The id of the key s P1 = `public`, whose secret is dealt: each part is in its folder, and was read back from it.

    Raises: ConfigError, AlreadyExists, InvalidShare, ParameterError, StoreError
    """
    check_replicas(replicas)
    dealing, shares = deal(secret, public, threshold, len(replicas), secrets.token_bytes)
    key_id, link = key_id_of(secret.suite, public), secrets.token_bytes(LINK_OCTETS)
    for folder, share in zip(folders, shares, strict=True):
        file = DealtFile(version=1, own=share.index, replicas=list(replicas), dealing=dealing.to_bytes())
        folder.write(key_id, file, share, link)
    for folder in folders:
        folder.open(key_id)
    return key_id
