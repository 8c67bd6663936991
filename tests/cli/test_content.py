"""`milagro content`: what an operator types to see that a store works."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from milagro.cid import CID
from milagro.cli import main
from tests.stores.daemons import binary, make_swarm
from tests.stores.test_content import ipfs_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from tests.stores.daemons import Daemon


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["content", *arguments], input=stdin)


@pytest.fixture(params=["folder", "ipfs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    if request.param == "folder":
        yield "--folder", str(tmp_path / "blocks")
        return
    ipfs_library()
    binary()
    daemons: list[Daemon] = make_swarm(tmp_path, 1)
    yield "--ipfs", daemons[0].url
    daemons[0].kill()


def test_put_get_and_check(store: tuple[str, str], tmp_path: Path) -> None:
    block = os.urandom(1000)
    (tmp_path / "block").write_bytes(block)
    put = run("put", str(tmp_path / "block"), *store)
    assert (put.exit_code, put.output) == (0, f"{CID.of(block)}\n")
    got = run("get", str(CID.of(block)), *store)
    assert (got.exit_code, got.stdout_bytes) == (0, block)
    out = tmp_path / "out"
    assert run("get", str(CID.of(block)), "--out", str(out), *store).exit_code == 0
    assert out.read_bytes() == block
    assert run("get", str(CID.of(block)), "--out", str(out), *store).exit_code == 5
    piped = run("put", "-", "--codec", "dag-cbor", *store, stdin=b"\xa0")
    assert piped.output == "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua\n"
    checked = run("check", *store, *(["--pubsub"] if store[0] == "--ipfs" else []))
    assert (checked.exit_code, checked.output) == (0, "ok\n")


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "text"),
    [
        (("put", "-"), b"a", 2, "name one store"),
        (("put", "-", "--folder", "FOLDER", "--ipfs", "http://127.0.0.1:9"), b"a", 2, "name one store"),
        (("put", "-", "--folder", "FOLDER"), bytes((1 << 20) + 1), 2, "at most 1048576 fit"),
        (("put", "-", "--codec", "dag-cbor", "--folder", "FOLDER"), b"text", 2, "error: "),
        (("get", "nonsense", "--folder", "FOLDER"), b"", 2, "59 characters"),
        (("get", str(CID.of(b"a")), "--folder", "FOLDER"), b"", 5, "there is no block"),
        (("check", "--pubsub", "--folder", "FOLDER"), b"", 2, "name it with --ipfs"),
    ],
)
def test_errors_say_what_to_do(arguments: tuple[str, ...], stdin: bytes, code: int, text: str, tmp_path: Path) -> None:
    result = run(*(str(tmp_path / "blocks") if word == "FOLDER" else word for word in arguments), stdin=stdin)
    assert result.exit_code == code
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_daemon_that_is_not_there() -> None:
    ipfs_library()
    result = run("check", "--ipfs", "http://127.0.0.1:9")
    assert result.exit_code == 6
    assert "run `ipfs daemon`" in result.stderr


@pytest.mark.parametrize("library", ["ipfshttpclient", "httpx"])
def test_without_the_extra_it_says_which_one(library: str) -> None:
    """A fresh interpreter in which one library cannot be imported."""
    code = (
        f"import sys; sys.modules['{library}'] = None\n"
        "from milagro.cli import main\n"
        "main(['content', 'check', '--ipfs', 'http://127.0.0.1:9'])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2
    assert "pip install 'milagro[ipfs]'" in result.stderr


def test_a_folder_needs_no_library() -> None:
    code = (
        "import sys\n"
        "for name in ('httpx', 'sqlalchemy', 'ipfshttpclient'): sys.modules[name] = None\n"
        "from milagro.cli import main\n"
        "main(['content', 'check', '--help'])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
