"""A backup of a D-TA of a network in one file: all that it is and holds, and nothing that is not sealed.

    tar:  backup.json                          what it is of, when it was made, SHA-256 of everything else
          database                             a consistent copy, made while the server runs: SQLite, or a pg_dump
          milagro.toml  data-key.sealed        the configuration; the data key as it is sealed
          identity/..   authorities/N.bundle   bundles, and the identity's keys as they are sealed, but the next one
          blocks/..                            letters that others may not have fetched yet

The files that show a restore (`state.epoch`, `issuing.mark`) stay where they are; so do PIN, passphrase and TLS key.

Spec: spec/dta-network.md, Backups
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast

from milagro.errors import AlreadyExists, ConfigError, MilagroError, Unavailable
from milagro.roles.charter import Charter
from milagro.roles.dta.network.node import open_database
from milagro.stores import files
from milagro.stores.identities import BUNDLE, read_bundle
from milagro.stores.keys import context_of
from milagro.stores.state import back_up as copy_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from milagro.roles.dta.member.config import MemberConfig
    from milagro.roles.dta.network.node import Database

FORMAT: Final = "dta backup"
VERSION: Final = 1
MANIFEST: Final = "backup.json"
DATABASE: Final = "database"
CONFIG: Final = "milagro.toml"
DATA_KEY: Final = "data-key.sealed"
_MAX_FILE: Final = 64 << 20
_OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup is of; `network` is empty before one was joined, `schema` is the database's."""

    name: str
    identity: str
    network: str
    made: int
    kind: str
    schema: int
    files: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """One JSON object."""
        return json.dumps({"milagro": FORMAT, "version": VERSION, **asdict(self)}, indent=1, sort_keys=True).encode()


def kind_of(config: MemberConfig) -> str:
    """The kind of database that a configuration names."""
    return "sqlite" if config.common.store.path is not None else "postgresql"


def back_up(config: MemberConfig, path: Path, output: Path) -> Manifest:
    """Writes a backup of the D-TA whose configuration is in `path` to a new file of mode 0600; the server may run.

    Spec: spec/dta-network.md, Backups
    Raises: AlreadyExists; ConfigError if something that is to be sealed is not, or PostgreSQL's pg_dump is not there;
        Unavailable, StoreError
    """
    if output.exists():
        raise AlreadyExists(f"the file {output} exists already and is not overwritten")
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as staging:
        copy = Path(staging) / DATABASE
        database = open_database(config.node)
        try:
            copy_database(database.state, copy)
            schema, network = database.state.standing().version, _network(database)
        finally:
            database.state.close()
        # After the database: what it speaks of is there by now.
        small, large = dict(_small_files(config, path)), {DATABASE: copy, **dict(_blocks(config))}
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in small.items()}
        digests |= {name: _digest(file) for name, file in large.items()}
        identity = read_bundle(config.node.network.identity / BUNDLE).identity
        manifest = Manifest(
            config.node.name, str(identity), network, int(time.time()), kind_of(config), schema, digests
        )
        _write(output, manifest, small, large)
    return manifest


def _network(database: Database) -> str:
    charter: Charter | None = database.charter()
    return str(charter.network) if charter is not None else ""


def _small_files(config: MemberConfig, path: Path) -> Iterator[tuple[str, bytes]]:
    network = config.node.network
    yield CONFIG, files.read(path, _MAX_FILE)
    yield DATA_KEY, _sealed(network.data_key)
    yield f"identity/{BUNDLE}", files.read(network.identity / BUNDLE, _MAX_FILE)
    for folder in ("keys", "envelope"):
        for file in sorted((network.identity / folder).glob("*.key")):
            yield f"identity/{folder}/{file.name}", _sealed(file)
    for file in sorted((network.identity / "known").glob("*.bundle")):
        yield f"identity/known/{file.name}", files.read(file, _MAX_FILE)
    for number, file in enumerate(config.issuing.bundles):
        yield f"authorities/{number}.bundle", files.read(file, _MAX_FILE)


def _sealed(path: Path) -> bytes:
    content = files.read(path)
    try:
        context_of(content)
    except MilagroError as error:
        raise ConfigError(f"{path} is not sealed, so it is not backed up: {error}") from error
    return content


def _blocks(config: MemberConfig) -> Iterator[tuple[str, Path]]:
    folder = config.node.network.blocks
    for file in sorted(folder.glob("??/*")):
        if not file.name.startswith("."):
            yield f"blocks/{file.parent.name}/{file.name}", file


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Unavailable(f"the file {path} cannot be read: {error.strerror}") from error


def _write(output: Path, manifest: Manifest, small: Mapping[str, bytes], large: Mapping[str, Path]) -> None:
    pending = files.PendingFile(output)
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", pending), mode="w|") as archive:
            for name, content in {MANIFEST: manifest.to_bytes(), **small}.items():
                archive.addfile(_entry(name, len(content), manifest.made), io.BytesIO(content))
            for name, path in large.items():
                with path.open("rb") as file:
                    archive.addfile(_entry(name, path.stat().st_size, manifest.made), file)
        pending.commit()
    except OSError as error:
        raise Unavailable(f"the file {output} cannot be written: {error}") from error
    finally:
        pending.abort()


def _entry(name: str, size: int, made: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, made, _OWNER_ONLY
    return entry
