"""Putting a backup of a D-TA back: nothing is overwritten, and the database is marked as an older one beforehand.

    unpacked beside the configuration, every file against its SHA-256 --> configuration read --> nothing in the way?
        --> database: marked, then put in its place --> keys, identity, blocks --> the configuration, last

What is there already and the same stays, so a command that was cut short can be given again once its database is gone.

Spec: spec/dta-network.md, Backups; Coming back from a backup
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from milagro.errors import AlreadyExists, ConfigError, NotFound, StoreError, Unavailable
from milagro.roles.dta.member.backup import CONFIG, DATA_KEY, DATABASE, FORMAT, MANIFEST, VERSION, Manifest, kind_of
from milagro.roles.dta.member.config import MemberConfig, read_config
from milagro.roles.dta.network.node import node_schema
from milagro.roles.dta.network.returning import come_back
from milagro.stores import files
from milagro.stores.identities import BUNDLE, read_bundle
from milagro.stores.state import Database, State, look
from milagro.stores.state import restore as put_back

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAME: Final = re.compile(
    r"milagro\.toml|database|data-key\.sealed|authorities/[0-9]{1,4}\.bundle|blocks/[a-z2-7]{2}/[a-z2-7]{20,120}"
    r"|identity/(identity\.bundle|(keys|envelope)/[0-9a-f]{1,64}\.key|known/[a-z2-7]{20,120}\.bundle)"
)
_NEEDED: Final = {CONFIG, DATABASE, DATA_KEY, f"identity/{BUNDLE}"}
_MAX_MANIFEST: Final = 256 << 20
_MAX_FILE: Final = 64 << 20


def restore(archive: Path, path: Path) -> Manifest:
    """Puts back what `archive` holds, with its configuration at `path`.

    Spec: spec/dta-network.md, Backups
    Raises: NotFound; StoreError if the backup is damaged or none; AlreadyExists if something else is in the way;
        ConfigError with all that the configuration misses here; Unavailable
    """
    files.make_folder(path.parent)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".restoring-") as staging:
        unpacked = Path(staging)
        manifest = _unpack(archive, unpacked)
        config = _read(unpacked, path)
        if manifest.kind != kind_of(config):
            raise ConfigError(f"the backup has a database of {manifest.kind}, and its configuration names another kind")
        found = {name: _place(config, path, name) for name in manifest.files if name != DATABASE}
        _check_free(config.common.store, unpacked, found)
        _put_database(config, unpacked)
        for name, target in sorted(found.items(), key=lambda one: one[0] == CONFIG):
            _put(unpacked / name, target)
    return manifest


# -- reading the archive -----------------------------------------------------------------------------------------------
def _unpack(archive: Path, folder: Path) -> Manifest:
    if not archive.is_file():
        raise NotFound(f"the file {archive} does not exist")
    try:
        with tarfile.open(archive, "r:") as tar:
            members = iter(tar)
            first = next(members, None)
            if first is None or first.name != MANIFEST or not first.isreg() or first.size > _MAX_MANIFEST:
                raise StoreError(f"the file {archive} is no backup of a D-TA")
            manifest = _manifest(_content(tar, first).read(), archive)
            left = dict(manifest.files)
            for member in members:
                if not member.isreg() or left.get(member.name) != _unpack_one(
                    _content(tar, member), folder, member.name
                ):
                    raise StoreError(f"the file {archive} is damaged, or was altered: {member.name!r}")
                del left[member.name]
    except (tarfile.TarError, EOFError) as error:
        raise StoreError(f"the file {archive} is no whole backup of a D-TA") from error
    except OSError as error:
        raise Unavailable(f"the file {archive} cannot be unpacked: {error.strerror or error}") from error
    if left or not manifest.files.keys() >= _NEEDED:
        raise StoreError(
            f"the file {archive} is not whole: it lacks {min([*left, *(_NEEDED - manifest.files.keys())])!r}"
        )
    return manifest


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    if content is None:
        raise tarfile.TarError(member.name)
    return content


def _manifest(octets: bytes, archive: Path) -> Manifest:
    try:
        value: dict[str, Any] = json.loads(octets)
        if value.pop("milagro") != FORMAT or value.pop("version") != VERSION:
            raise StoreError(f"the file {archive} is no backup that this release reads")
        manifest = Manifest(**value)
        if not all(_NAME.fullmatch(name) for name in manifest.files):
            raise StoreError(f"the file {archive} has a file in it that no backup has")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise StoreError(f"the file {archive} is no backup of a D-TA") from None
    return manifest


def _unpack_one(content: IO[bytes], folder: Path, name: str) -> str:
    """SHA-256 of an entry, which is in the folder now; the name is one of the manifest's or not looked at."""
    if not _NAME.fullmatch(name):
        return ""
    target, digest = folder / name, hashlib.sha256()
    files.make_folder(target.parent)
    with target.open("xb") as file:
        while piece := content.read(1 << 20):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


# -- where it goes -----------------------------------------------------------------------------------------------------
def _read(unpacked: Path, path: Path) -> MemberConfig:
    """The configuration, read as if it were in its place; what it names of the authorities is put in place before."""
    for number, target in enumerate(_authority_bundles(unpacked / CONFIG, path.parent)):
        source = unpacked / "authorities" / f"{number}.bundle"
        if source.exists():
            _require_same(source, target)
            _put(source, target)
    pending = path.with_name(f".{path.name}.restoring")
    with contextlib.suppress(FileNotFoundError):
        pending.unlink()
    try:
        files.write_new(pending, files.read(unpacked / CONFIG))
        return read_config(pending)
    finally:
        pending.unlink(missing_ok=True)


def _authority_bundles(path: Path, folder: Path) -> Iterator[Path]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("dta", {}).get("authorities", [])
        yield from (folder / table["bundle"] for table in tables if "bundle" in table)
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError("the configuration in the backup cannot be read") from error


def _place(config: MemberConfig, path: Path, name: str) -> Path:
    """Where the configuration wants a file of the backup."""
    network, (kind, _, rest) = config.node.network, name.partition("/")
    if kind == "authorities":
        number = int(rest.removesuffix(".bundle"))
        if number >= len(config.issuing.bundles):
            raise StoreError("the backup has bundles that its configuration does not name")
        return config.issuing.bundles[number]
    return {
        CONFIG: path,
        DATA_KEY: network.data_key,
        "identity": network.identity / rest,
        "blocks": network.blocks / rest,
    }[kind]


def _check_free(store: Database, unpacked: Path, found: Mapping[str, Path]) -> None:
    for name, target in found.items():
        _require_same(unpacked / name, target)
    taken = store.path.exists() if store.path is not None else look(store, node_schema()[0].application) is not None
    if taken:
        raise AlreadyExists(f"the database {store.shown} exists already and is not overwritten")


def _require_same(source: Path, target: Path) -> None:
    if target.exists() and files.read(target, _MAX_FILE) != files.read(source, _MAX_FILE):
        raise AlreadyExists(f"the file {target} exists already, with another content, and is not overwritten")


def _put(source: Path, target: Path) -> None:
    if not target.exists():
        files.make_folder(target.parent)
        files.write_new(target, files.read(source, _MAX_FILE))


# -- the database ------------------------------------------------------------------------------------------------------
def _put_database(config: MemberConfig, unpacked: Path) -> None:
    """SQLite: marked, then put in place. PostgreSQL: restored, then marked; the configuration comes after that."""
    store, copy = config.common.store, unpacked / DATABASE
    identity = str(read_bundle(unpacked / "identity" / BUNDLE).identity)
    schema = node_schema()[0]
    if store.path is None:
        put_back(store, schema, copy)
        _mark(store, identity)
        return
    _mark(Database(path=copy), identity)
    files.make_folder(store.path.parent)
    if shutil.disk_usage(store.path.parent).free < copy.stat().st_size:
        raise Unavailable(f"there is no room for the database in {store.path.parent}")
    put_back(store, schema, copy)


def _mark(database: Database, identity: str) -> None:
    """Notes the restore for issuing, for the network and for one's own log of letters, in one transaction."""
    schema, letters, network = node_schema()
    state = State(database, schema)
    try:
        with state.write() as connection:
            state.note_restored(connection)
            come_back(connection, network)
            letters.forget_own(connection, identity)
    finally:
        state.close()
