"""A Kubo daemon behind a Unix socket, kept from everybody who has no right to the socket's folder."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from milagro.cli import main
from milagro.errors import ConfigError, Unavailable
from milagro.stores import kubo
from milagro.stores.content.ipfs import IpfsStore
from milagro.stores.messaging.pubsub import Pubsub
from milagro.stores.retry import Backoff
from tests.conftest import missing
from tests.stores.daemons import Daemon, binary, new_swarm_key

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path without capital letters, which pytest's own do not promise."""
    made = Path(tempfile.gettempdir()) / f"milagro-{secrets.token_hex(6)}"
    made.mkdir(mode=0o700)
    try:
        yield made
    finally:
        shutil.rmtree(made)


@pytest.fixture
def daemon(folder: Path) -> Iterator[Daemon]:
    """A daemon whose API is behind FOLDER/api.sock, too."""
    binary()
    try:
        __import__("ipfshttpclient")
    except ModuleNotFoundError:
        missing("the library ipfshttpclient is not installed; pip install 'milagro[ipfs]'")
    made = Daemon(folder / "repository", new_swarm_key())
    made.initialise()
    config = json.loads((made.repository / "config").read_text())
    config["Addresses"]["API"] = ["/ip4/127.0.0.1/tcp/0", f"/unix{folder}/api.sock"]
    (made.repository / "config").write_text(json.dumps(config))
    made.start()
    try:
        yield made
    finally:
        made.stop()


def test_content_and_pubsub_through_a_socket(daemon: Daemon, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # must not be asked the way
    url = f"unix:{folder}/api.sock"
    with IpfsStore(url) as store:
        store.check()
        cid = store.put(b"behind a socket")
        assert store.get(cid, 5) == b"behind a socket"
    with contextlib.closing(Pubsub(url)) as channel:
        channel.check()
    shown = CliRunner().invoke(main, ["content", "get", str(cid), "--ipfs", url])
    assert (shown.exit_code, shown.output) == (0, "behind a socket")
    daemon.stop()
    with IpfsStore(url, 1, Backoff(attempts=1)) as store, pytest.raises(Unavailable, match="unix:"):
        store.check()


@pytest.mark.parametrize("url", ["unix:", "unix:run/kubo.sock", "unix:/run/Kubo/api.sock", "unix:/run/\x00"])
def test_what_names_no_socket(url: str) -> None:
    with pytest.raises(ConfigError, match="names no socket"):
        kubo.Daemon(url)
