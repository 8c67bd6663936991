"""One suite that every content store passes, then what is special to one."""

from __future__ import annotations

import multiprocessing
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milagro import cbor
from milagro.cid import CID, Codec
from milagro.errors import ConfigError, CorruptBlock, EncodingError, NotFound, ParameterError, StoreError, Unavailable
from milagro.stores import files, kubo
from milagro.stores.content import MAX_BLOCK_OCTETS, ContentStore
from milagro.stores.content.cached import CachedStore
from milagro.stores.content.folder import FolderStore
from milagro.stores.content.ipfs import IpfsStore
from milagro.stores.content.memory import MemoryStore
from milagro.stores.retry import Backoff
from tests.conftest import missing
from tests.stores.daemons import Daemon, new_swarm_key

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("memory", "folder", "cached", "ipfs")


def make_store(kind: str, folder: Path, swarm: list[Daemon] | None) -> ContentStore:
    match kind:
        case "memory":
            return MemoryStore()
        case "folder":
            return FolderStore(folder / "blocks")
        case "cached":
            return CachedStore(FolderStore(folder / "blocks"), MemoryStore())
        case _:
            assert swarm is not None
            return IpfsStore(swarm[0].url)


def ipfs_library() -> None:
    try:
        __import__("ipfshttpclient")
    except ModuleNotFoundError:
        missing("the library ipfshttpclient is not installed; pip install 'milagro[ipfs]'")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ContentStore]:
    swarm = None
    if request.param == "ipfs":
        ipfs_library()
        swarm = request.getfixturevalue("swarm")
    with make_store(request.param, tmp_path, swarm) as made:
        yield made


# -- the suite ------------------------------------------------------------------------------------------------
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=2000), codec=st.sampled_from(Codec))
def test_what_is_put_is_got_under_its_hash(store: ContentStore, content: bytes, codec: Codec) -> None:
    block = content if codec is Codec.RAW else cbor.encode({"a": content, "b": [CID.of(content).link(), None]})
    cid = store.put(block, codec)
    assert cid == CID.of(block, codec)
    assert store.get(cid) == block
    assert store.has(cid)
    assert store.put(block, codec) == cid  # once more is no error


def test_the_largest_block_fits_and_a_larger_one_does_not(store: ContentStore) -> None:
    block = os.urandom(MAX_BLOCK_OCTETS)
    assert store.get(store.put(block)) == block
    with pytest.raises(ParameterError):
        store.put(block + b"\0")


@pytest.mark.parametrize("block", [b"", b"\xa1\x01\x02", b"\xa0\xa0", b"\xd8\x2a\x41\x00", b"\x18\x01", b"text"])
def test_what_is_not_dag_cbor_is_not_called_so(store: ContentStore, block: bytes) -> None:
    with pytest.raises(EncodingError):
        store.put(block, Codec.DAG_CBOR)


def test_what_nobody_has_is_not_found(store: ContentStore) -> None:
    cid = CID.of(os.urandom(20))
    assert not store.has(cid)
    with pytest.raises(NotFound, match=str(cid)):
        store.get(cid, timeout_seconds=0.3)


def test_what_is_removed_is_gone(store: ContentStore) -> None:
    cid = store.put(os.urandom(20))
    store.remove(cid)
    store.remove(cid)
    assert not store.has(cid)
    with pytest.raises(NotFound):
        store.get(cid, timeout_seconds=0.3)


def test_it_can_be_used_by_several_threads(store: ContentStore) -> None:
    blocks = [os.urandom(100) for _ in range(40)] * 2
    with ThreadPoolExecutor(8) as pool:
        cids = list(pool.map(store.put, blocks))
        assert list(pool.map(store.get, cids)) == blocks


def test_it_says_that_it_can_be_used(store: ContentStore) -> None:
    store.check()


# -- what was read is hashed again ----------------------------------------------------------------------------
class Lying(MemoryStore):
    """A store that gives something else."""

    def __init__(self, instead: bytes) -> None:
        super().__init__()
        self.instead = instead

    def _read(self, _cid: CID, _timeout_seconds: float) -> bytes:
        return self.instead


@pytest.mark.parametrize("instead", [b"", b"something else", bytes(MAX_BLOCK_OCTETS + 1)])
def test_another_block_is_refused(instead: bytes) -> None:
    with pytest.raises(CorruptBlock):
        Lying(instead).get(CID.of(b"a block"))


def test_a_lying_source_is_passed_over() -> None:
    block, honest = b"a block", MemoryStore()
    cid = honest.put(block)
    own = MemoryStore()
    assert CachedStore(own, Lying(b"other"), honest).get(cid) == block
    assert own.get(cid) == block
    with pytest.raises(CorruptBlock):
        CachedStore(MemoryStore(), Lying(b"other")).get(cid)


# -- folder ---------------------------------------------------------------------------------------------------
def block_file(folder: Path, cid: CID) -> Path:
    return folder / str(cid)[-3:-1] / str(cid)


@pytest.mark.parametrize("damage", [b"", b"a blocl", b"a block and more", bytes(MAX_BLOCK_OCTETS + 1)])
def test_a_damaged_file_is_refused_and_mended(tmp_path: Path, damage: bytes) -> None:
    store = FolderStore(tmp_path)
    cid = store.put(b"a block")
    block_file(tmp_path, cid).write_bytes(damage)
    with pytest.raises(StoreError):
        store.get(cid)
    store.put(b"a block")
    assert store.get(cid) == b"a block"


def test_the_file_belongs_to_its_owner_only(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "blocks")
    path = block_file(tmp_path / "blocks", store.put(b"a block"))
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_everything_is_synced_before_put_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(files.os, "fsync", fsync)
    store = FolderStore(tmp_path / "blocks")
    cid = store.put(b"a block")
    shard = str(cid)[-3:-1]
    assert synced[:2] == [tmp_path.name, "blocks"]
    assert synced[2].startswith(f".{cid}.")
    assert synced[3:] == [shard]
    store.put(b"a block")
    assert synced[4:] == [shard]


def test_leftovers_of_a_crash_are_swept_once_they_are_old(tmp_path: Path) -> None:
    path = block_file(tmp_path, FolderStore(tmp_path).put(b"a block"))
    old, new = path.with_name(".old"), path.with_name(".new")
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (0, 0))
    FolderStore(tmp_path)
    assert not old.exists()
    assert new.exists()
    assert path.exists()


def write_blocks(folder: str, start: int) -> None:
    store = FolderStore(Path(folder))
    for number in range(start, start + 60):
        store.put(b"%d" % number)


def test_processes_share_a_folder_and_one_may_be_killed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_blocks, args=(str(tmp_path), start)) for start in (0, 20, 20)]
    for writer in writers:
        writer.start()
    store = FolderStore(tmp_path)
    while not store.has(CID.of(b"5")):
        pass
    writers[0].kill()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers[1:]] == [0, 0]
    # Whatever stands under a block's name is that block.
    names = [path.name for path in tmp_path.glob("??/b*")]
    assert len(names) >= 60
    assert all(store.get(CID.from_text(name)) for name in names)


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        FolderStore(tmp_path / "file" / "blocks")


# -- ipfs -----------------------------------------------------------------------------------------------------
@pytest.fixture
def library() -> None:
    ipfs_library()


def test_a_block_crosses_the_swarm(library: None, swarm: list[Daemon]) -> None:
    block = cbor.encode([os.urandom(100_000)])
    with IpfsStore(swarm[0].url) as here, IpfsStore(swarm[2].url) as there:
        cid = here.put(block, Codec.DAG_CBOR)
        assert not there.has(cid)
        assert there.get(cid) == block
        assert there.has(cid)


def test_what_is_put_stays_through_a_collection(library: None, swarm: list[Daemon]) -> None:
    with IpfsStore(swarm[0].url) as here, IpfsStore(swarm[1].url) as there:
        kept, fetched = here.put(os.urandom(50)), there.put(os.urandom(50))
        here.get(fetched)
        swarm[0].ask("repo/gc")
        assert here.has(kept)
        assert not here.has(fetched)


def test_kubo_names_blocks_as_we_do(library: None, swarm: list[Daemon]) -> None:
    with IpfsStore(swarm[0].url) as store:
        cid = store.put(b"\xa1\x61a\x01", Codec.DAG_CBOR)
    assert swarm[0].ask("dag/get", arg=str(cid)) == {"a": 1}
    assert swarm[0].ask("cid/format", arg=str(cid), f="%V-%c-%h-%b")["Formatted"] == "1-dag-cbor-sha2-256-base32"


def test_a_daemon_that_is_gone_is_named_with_the_cure(library: None) -> None:
    store = IpfsStore("http://127.0.0.1:9", backoff=Backoff(attempts=2, first_seconds=0.01))
    for use in (store.check, lambda: store.put(b"a"), lambda: store.get(CID.of(b"a")), lambda: store.has(CID.of(b"a"))):
        with pytest.raises(Unavailable, match=r"no Kubo daemon answers at http://127.0.0.1:9 .*ipfs daemon"):
            use()


def test_a_daemon_that_is_killed_and_comes_back(library: None, tmp_path: Path, swarm: list[Daemon]) -> None:
    daemon = Daemon(tmp_path / "daemon", new_swarm_key())
    daemon.initialise()
    daemon.start()
    daemon.pin_address()
    store = IpfsStore(daemon.url, backoff=Backoff(attempts=60, first_seconds=0.2, longest_seconds=0.5))
    try:
        first = store.put(b"before")
        daemon.kill()
        restart = threading.Timer(1.0, daemon.start)
        restart.start()
        second = store.put(b"after")  # waits for it
        restart.join()
        assert (store.get(first), store.get(second)) == (b"before", b"after")
    finally:
        daemon.kill()


class Answers(BaseHTTPRequestHandler):
    """Something that listens on the daemon's port."""

    status, body = 200, b""

    def do_POST(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def impostor() -> Iterator[tuple[type[Answers], str]]:
    handler = type("Impostor", (Answers,), {})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (200, b'{"Version": "0.4.23"}', "too old; install 0.43.0 or newer"),
        (200, b'{"Version": "0.38.2"}', "too old"),
        (200, b'{"Version": "latest"}', "no Kubo daemon; check the port"),
        (200, b"<html>", "no Kubo daemon; check the port"),
        (200, b"[]", "no Kubo daemon; check the port"),
        (200, b"[" * 100_000, "no Kubo daemon; check the port"),
        (200, b"x" * (2 << 20), "more than an answer can have"),
        (404, b"nothing here", "no Kubo daemon with its HTTP API"),
        (403, b"", r"API\.Authorizations"),
        (500, b'{"Message": "disk is full"}', "disk is full"),
    ],
)
def test_another_program_or_version_is_named(
    library: None, impostor: tuple[type[Answers], str], status: int, body: bytes, text: str
) -> None:
    impostor[0].status, impostor[0].body = status, body
    with pytest.raises(StoreError, match=text):
        IpfsStore(impostor[1]).put(b"a block")


def test_an_old_daemon_is_warned_of_once(impostor: tuple[type[Answers], str]) -> None:
    impostor[0].body = b'{"Version": "0.42.0-rc1"}'
    daemon = kubo.Daemon(impostor[1])
    with pytest.warns(RuntimeWarning, match="CVE-2026-46679"):
        daemon.require()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        daemon.require()


@pytest.mark.parametrize("url", ["", "ftp://localhost", "http://user:secret@127.0.0.1:5001", "http://203.0.113.5:5001"])
def test_a_url_that_should_not_be_used(library: None, url: str) -> None:
    with pytest.raises(ConfigError):
        IpfsStore(url)


def test_kubo_with_pubsub_off_names_the_cure(tmp_path: Path, swarm: list[Daemon]) -> None:
    daemon = Daemon(tmp_path / "daemon", new_swarm_key(), pubsub=False)
    daemon.initialise()
    daemon.start()
    try:
        with pytest.raises(Unavailable, match=r"Pubsub\.Enabled true"):
            kubo.Daemon(daemon.url).require_pubsub()
        with pytest.raises(Unavailable, match=r"Pubsub\.Enabled true"):
            next(kubo.Daemon(daemon.url).subscribe("topic", 1))
    finally:
        daemon.kill()


# -- trying again ---------------------------------------------------------------------------------------------
def test_only_what_may_work_later_is_tried_again() -> None:
    calls: list[int] = []

    def fail(error: Exception, succeed_at: int) -> str:
        calls.append(1)
        if len(calls) == succeed_at:
            return "done"
        raise error

    waits: list[float] = []
    backoff = Backoff(attempts=3, first_seconds=0.5, longest_seconds=0.6)
    assert backoff.call(lambda: fail(Unavailable("x"), 3), waits.append) == "done"
    assert len(waits) == 2
    assert all(0 <= wait <= 0.6 for wait in waits)
    calls.clear()
    with pytest.raises(Unavailable):
        backoff.call(lambda: fail(Unavailable("x"), 9), waits.append)
    assert len(calls) == 3
    calls.clear()
    with pytest.raises(NotFound):
        backoff.call(lambda: fail(NotFound("x"), 9), waits.append)
    assert len(calls) == 1
