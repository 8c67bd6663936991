"""`milagro keys`, and servers whose secrets are in a token: real processes and a token of SoftHSM."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import milagro
from milagro.cli import main
from milagro.roles.dta.member import config as dta_config
from milagro.roles.dta.member.service import Member
from milagro.roles.sealing import open_sealer
from milagro.stores.keys import Passphrase
from tests.conftest import require_backend
from tests.roles.test_crash import free_port
from tests.stores.keys.softhsm import KEY, LABEL, PIN, SoftHsm, module

if TYPE_CHECKING:
    from click.testing import Result


@pytest.fixture(autouse=True)
def setup(monkeypatch: pytest.MonkeyPatch) -> None:
    require_backend("native")
    monkeypatch.delenv("MILAGRO_BACKEND", raising=False)
    monkeypatch.setenv("TEST_PASSPHRASE", "correct horse")
    monkeypatch.setenv("TEST_NEW_PASSPHRASE", "another horse")


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    assert PIN not in result.output
    return result


def init(folder: Path, *arguments: str, code: int = 0) -> Result:
    options = ("--name", "dta-1", "--port", str(free_port()), "--argon2-memory-mib", "8")
    return run("init", "dta", str(folder), *options, *arguments, code=code)


def in_token(hsm: SoftHsm) -> tuple[str, ...]:
    return "--pkcs11-module", str(module()), "--token", LABEL, "--pin-file", str(hsm.pin_file)


def show(path: Path) -> dict[str, str]:
    rows = json.loads(run("keys", "show", "--json", "--config", str(path)).output)
    return {Path(row["file"]).name: row["sealed_under"] for row in rows}


def opens(path: Path) -> bool:
    """Whether the server of this configuration opens everything that it needs."""
    config = dta_config.read_config(path)
    Member(config, open_sealer(config.common.keys)).close()
    return True


def change(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def test_a_new_passphrase(tmp_path: Path) -> None:
    init(tmp_path, "--passphrase-env", "TEST_PASSPHRASE")
    path = tmp_path / "milagro.toml"
    assert set(show(path).values()) == {"passphrase, Argon2id with 8192 KiB, 3 passes, 4 lanes"}
    assert "data-key.sealed" in show(path)
    assert "role: dta" in run("keys", "show", "--config", str(path)).output
    path.write_text(
        path.read_text().replace("TEST_PASSPHRASE", "TEST_NEW_PASSPHRASE")
        + '\n[keys.previous]\npassphrase_env = "TEST_PASSPHRASE"\n'
    )
    assert opens(path)  # a server may start before its files are moved
    assert "sealed under the passphrase" in run("keys", "reseal", "--config", str(path)).output
    assert "was already under" in run("keys", "reseal", "--config", str(path)).output
    change(path, ('\n[keys.previous]\npassphrase_env = "TEST_PASSPHRASE"\n', ""))
    assert opens(path)
    Member(dta_config.read_config(path), Passphrase(b"another horse")).close()


def test_into_the_token_and_to_another_key_and_back(tmp_path: Path, hsm: SoftHsm) -> None:
    init(tmp_path / "dta", "--passphrase-env", "TEST_PASSPHRASE")
    path = tmp_path / "dta" / "milagro.toml"
    start = path.read_text()
    path.write_text(f'{start}{hsm.toml()}[keys.previous]\nkind = "file"\n')
    assert "no key 'node-1'" in run("keys", "reseal", "--config", str(path), code=2).output
    assert "has the key 'node-1' now" in run("keys", "generate", "--config", str(path)).output
    run("keys", "generate", "--config", str(path), code=5)
    assert f"sealed under the key '{KEY}' of token '{LABEL}'" in run("keys", "reseal", "--config", str(path)).output
    path.write_text(start + hsm.toml())
    assert show(path)["data-key.sealed"].startswith(f"key '{KEY}' of a token, id ")
    assert opens(path)
    change(path, (f'key = "{KEY}"', 'key = "node-2"'))
    run("keys", "generate", "--config", str(path))
    assert opens(path)  # the older key still opens
    assert "sealed under the key 'node-2'" in run("keys", "reseal", "--config", str(path)).output
    path.write_text(start + hsm.toml("keys.previous"))
    assert "sealed under the passphrase" in run("keys", "reseal", "--config", str(path)).output
    path.write_text(start)
    assert opens(path)


def test_a_server_that_has_no_token_makes_no_key(tmp_path: Path) -> None:
    init(tmp_path, "--passphrase-env", "TEST_PASSPHRASE")
    assert "no token" in run("keys", "generate", "--config", str(tmp_path / "milagro.toml"), code=2).output


@pytest.mark.parametrize("options", [("--token", LABEL), ("--pin-env", "X"), ("--key", "k")])
def test_options_of_a_token_want_a_module(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert "--pkcs11-module" in init(tmp_path, *options, code=2).output
    assert not list(tmp_path.iterdir())


def test_a_server_in_a_token(tmp_path: Path, hsm: SoftHsm) -> None:
    init(tmp_path / "dta", *in_token(hsm))
    path = tmp_path / "dta" / "milagro.toml"
    assert "passphrase" not in path.read_text()
    assert show(path)["data-key.sealed"].startswith("key 'dta-1' of a token")
    assert opens(path)
    hsm.token().close()
    log = serve_once(path, hsm, f"http://127.0.0.1:{dta_config.read_config(path).common.server.port}/v1/status")
    events = {line["event"]: line for line in log}
    assert events["memory"]["locked"] in {"all", "present", "none"}
    assert not events["memory"]["core_dumps"]
    assert PIN not in str(log)


def serve_once(path: Path, hsm: SoftHsm, url: str) -> list[dict[str, object]]:
    environment = {**os.environ, **hsm.environment, "PYTHONPATH": str(Path(milagro.__file__).parent.parent)}
    command = [sys.executable, "-m", "milagro", "serve", "dta", "--config", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(url, timeout=1) as answer:
                    assert json.loads(answer.read())["name"] == "dta-1"
                break
            except OSError:
                assert process.poll() is None, process.stderr.read()  # type: ignore[union-attr]
                time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=20)[1]
    assert process.returncode == 0
    return [json.loads(line) for line in said.splitlines()]


def test_the_disk_without_the_token_opens_nothing(tmp_path: Path, hsm: SoftHsm) -> None:
    init(tmp_path / "dta", *in_token(hsm))
    path = tmp_path / "dta" / "milagro.toml"
    hsm.token().close()
    shutil.rmtree(hsm.tokens)
    hsm.tokens.mkdir()
    assert "is not there" in serve_in_vain(path, hsm, 6)
    hsm.add(LABEL)  # another token under the same name, and even with a key of the same label
    hsm.token().close()
    run("keys", "generate", "--config", str(path))
    assert "this token does not have" in serve_in_vain(path, hsm, 3)


def serve_in_vain(path: Path, hsm: SoftHsm, code: int) -> str:
    environment = {**os.environ, **hsm.environment, "PYTHONPATH": str(Path(milagro.__file__).parent.parent)}
    command = [sys.executable, "-m", "milagro", "serve", "dta", "--config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr
