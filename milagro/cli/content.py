"""`milagro content put|get|check`: a look at a content store, for the one who runs it."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from milagro.cid import CID, Codec
from milagro.errors import ConfigError
from milagro.stores import files
from milagro.stores.content import MAX_BLOCK_OCTETS, ContentStore
from milagro.stores.content.folder import FolderStore
from milagro.stores.content.memory import MemoryStore

Command = TypeVar("Command", bound=Callable[..., Any])
_CODECS = {"raw": Codec.RAW, "dag-cbor": Codec.DAG_CBOR}


def _store_options(command: Command) -> Command:
    folder = click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="A folder of blocks.")
    daemon = click.option(
        "--ipfs", metavar="URL", help="A Kubo daemon's API, such as http://127.0.0.1:5001 or unix:/run/kubo/api.sock."
    )
    return folder(daemon(command))


@click.group()
def content() -> None:
    """Put blocks into a content store, get them out, and see whether it works."""


@content.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--codec", type=click.Choice(tuple(_CODECS)), default="raw", show_default=True, help="What the octets are."
)
@_store_options
def put(file: IO[bytes], codec: str, folder: Path | None, ipfs: str | None) -> None:
    """Put FILE (- for standard input) into the store as one block, and print its CID."""
    block = file.read(MAX_BLOCK_OCTETS + 1)
    with _open_store(folder, ipfs) as store:
        click.echo(store.put(block, _CODECS[codec]))


@content.command()
@click.argument("cid")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this new file, not to stdout.")
@click.option("--timeout", "seconds", type=click.FloatRange(0.1, 3600), default=10.0, show_default=True)
@_store_options
def get(cid: str, out: Path | None, seconds: float, folder: Path | None, ipfs: str | None) -> None:
    """Get the block named CID, checked against its name."""
    with _open_store(folder, ipfs) as store:
        block = store.get(CID.from_text(cid), seconds)
    if out is not None:
        files.write_new(out, block)
    else:
        click.echo(block, nl=False)


@content.command()
@click.option("--pubsub", is_flag=True, help="The daemon must have pubsub, too.")
@_store_options
def check(pubsub: bool, folder: Path | None, ipfs: str | None) -> None:
    """Say whether the store can be used now, and what to do if not."""
    with _open_store(folder, ipfs) as store:
        store.check()
    if pubsub:
        if ipfs is None:
            raise ConfigError("--pubsub is about a Kubo daemon; name it with --ipfs")
        with contextlib.closing(_import("milagro.stores.messaging.pubsub").Pubsub(ipfs)) as channel:
            channel.check()
    click.echo("ok")


@contextlib.contextmanager
def _open_store(folder: Path | None, ipfs: str | None) -> Iterator[ContentStore]:
    if (folder is None) == (ipfs is None):
        raise ConfigError("name one store: --folder DIRECTORY or --ipfs URL")
    store: ContentStore
    store = FolderStore(folder) if folder is not None else _import("milagro.stores.content.ipfs").IpfsStore(ipfs)
    with store:
        yield store


@contextlib.contextmanager
def open_named(name: str | None) -> Iterator[ContentStore]:
    """The store that one option names: `ipfs` for the daemon of this machine, a URL for another, else a folder.

    Without a name it is an empty one in memory.
    """
    if name is None:
        with MemoryStore() as empty:
            yield empty
        return
    is_daemon = name == "ipfs" or "://" in name or name.startswith("unix:")
    url = _import("milagro.stores.kubo").DEFAULT_URL if name == "ipfs" else name
    with _open_store(None if is_daemon else Path(name), url if is_daemon else None) as store:
        yield store


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"IPFS needs the library {error.name!r}, which is not installed; pip install 'milagro[ipfs]'"
        ) from error
