"""Who a command is about: key files, or identities with what is known of them in bundles and content stores.

What is learned of others while a command works for the owner of FOLDER is kept in FOLDER/known.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from milagro.cid import CID
from milagro.cli import prompts
from milagro.cli.content import open_named
from milagro.errors import ConfigError, MilagroError
from milagro.protocols import pki
from milagro.protocols.envelope import EncryptionPublicKey, PrivateKeys, PublicKeys, VerifyingKey, dearmored
from milagro.protocols.envelope.armor import PUBLIC_KEYS
from milagro.protocols.pki.did import METHOD
from milagro.roles.correspondence.directory import Directory
from milagro.roles.correspondence.keys import EnvelopeKeys, recipients_of, senders_of
from milagro.stores import files
from milagro.stores.identities import IdentityFolder, KnownIdentities, read_bundle
from milagro.stores.keys import Passphrase, SealedFile

Command = TypeVar("Command", bound=Callable[..., Any])

KEY_ROLE = {"role": "envelope"}
CONTENT = click.option(
    "--content", metavar="FOLDER|ipfs|URL", help="Content store to fetch from: a folder, or a Kubo daemon."
)
HEADS = click.option(
    "--heads", multiple=True, metavar="CID", help="Where an identity's log ends, as `id publish` prints it."
)
BUNDLE = click.option("--bundle", "bundles", multiple=True, type=prompts.FILE, help="Bundle of an identity.")
IDENTITY = click.option(
    "--identity", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of your identity."
)


@contextlib.contextmanager
def directory(
    content: str | None, bundles: Iterable[Path] = (), heads: Iterable[str] = (), known: Path | None = None
) -> Iterator[Directory]:
    """What bundles, the folder of those known, and the content store say of identities."""
    with open_named(content) as store:
        found = Directory(store, KnownIdentities(known) if known else None)
        for path in bundles:
            found.add(read_bundle(path))
        for text in heads:
            found.learn(CID.from_text(text))
        yield found


@contextlib.contextmanager
def parties(options: dict[str, Any]) -> Iterator[Parties]:
    """The parties of an envelope, by the options of its command."""
    own: Path | None = options["identity"]
    known = own / "known" if own else None
    with directory(options["content"], options["bundles"], options["heads"], known) as found:
        yield Parties(found, own)


class Parties:
    """Public keys of those named by a file or a DID, and the private ones of an identity's owner."""

    def __init__(self, directory: Directory, own: Path | None) -> None:
        self._directory, self._own = directory, own

    def recipients(self, names: Iterable[str]) -> list[EncryptionPublicKey]:
        """The keys to seal to."""
        keys: dict[bytes, EncryptionPublicKey] = {}
        for name in names:
            found = recipients_of(self._state(name)) if _is_did(name) else [public_keys(Path(name)).encryption]
            keys |= {key.id: key for key in found}
        return list(keys.values())

    def senders(self, names: Iterable[str]) -> dict[bytes, tuple[str, VerifyingKey]]:
        """By key id, who it is and the key to verify with."""
        known: dict[bytes, tuple[str, VerifyingKey]] = {}
        for name in names:
            if _is_did(name):
                known |= {key_id: (name, key) for key_id, key in senders_of(self._state(name).keys).items()}
            else:
                signing = public_keys(Path(name)).signing
                known[signing.id] = f"the owner of {name}", signing
        return known

    def signing(self, key: Path | None, passphrase: Passphrase) -> PrivateKeys:
        """The keys to sign with."""
        own = _one_of(key, self._own)
        if key is not None:
            return private_keys(key, passphrase)
        replica = IdentityFolder.at(own).read()
        self._directory.add(replica)
        return EnvelopeKeys.read(own, passphrase).signing(self._directory.resolution(replica.identity).require())

    def opening(self, keys: Iterable[Path], passphrase: Passphrase) -> list[PrivateKeys]:
        """The keys to open with, those that were revoked too."""
        here = [private_keys(path, passphrase) for path in keys]
        if self._own is not None:
            here += EnvelopeKeys.read(self._own, passphrase).pairs
        if not here:
            raise ConfigError("say who you are: --key FILE or --identity FOLDER")
        return here

    def _state(self, did: str) -> pki.State:
        identity = pki.identity_of(did)
        resolution = self._directory.find(identity)
        warn_of_first_only(resolution, "--bundle or --heads tells")
        return resolution.require()


def warn_of_first_only(resolution: pki.Resolution, cure: str) -> None:
    """Says so if nothing later than the first document of an identity is known."""
    if resolution.heads == (resolution.identity,):
        did = pki.did_of(resolution.identity)
        click.echo(
            f"warning: only the first document of {did} is known. Keys may have been revoked since; {cure}", err=True
        )


def public_keys(path: Path) -> PublicKeys:
    """The keys in a file of public keys."""
    try:
        return PublicKeys.from_bytes(dearmored(files.read(path), PUBLIC_KEYS))
    except MilagroError as error:
        raise ConfigError(f"{path} does not hold public keys: {error}") from error


def private_keys(path: Path, passphrase: Passphrase) -> PrivateKeys:
    """The keys in a sealed key file."""
    return PrivateKeys.from_bytes(SealedFile(path).open(passphrase, KEY_ROLE))


def _is_did(name: str) -> bool:
    return name.startswith(METHOD)


def _one_of(key: Path | None, own: Path | None) -> Path:
    chosen = [path for path in (key, own) if path is not None]
    if len(chosen) != 1:
        raise ConfigError("say who you are: either --key FILE or --identity FOLDER")
    return chosen[0]
