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
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from milagro.roles.dta.service import open_service

import milagro
from milagro.cli import main
from milagro.roles.dta import config as dta_config
from milagro.roles.sealing import open_sealer
from milagro.stores.keys import Passphrase
from tests.conftest import require_backend
from tests.roles.test_crash import free_port
from tests.stores.keys.softhsm import KEY, LABEL, PIN, SoftHsm, module

if TYPE_CHECKING:
    from click.testing import Result

AUTHORITY = f"login.test={'00' * 32}"


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
    options = ("--name", "dta-1", "--authority", AUTHORITY, "--port", str(free_port()), "--argon2-memory-mib", "8")
    return run("init", "dta", str(folder), *options, *arguments, code=code)


def in_token(hsm: SoftHsm) -> tuple[str, ...]:
    return "--pkcs11-module", str(module()), "--token", LABEL, "--pin-file", str(hsm.pin_file)


def show(path: Path) -> dict[str, str]:
    rows = json.loads(run("keys", "show", "--json", "--config", str(path)).output)
    return {Path(row["file"]).name: row["sealed_under"] for row in rows}


def commitment(path: Path) -> str:
    config = dta_config.read_config(path)
    service = open_service(config, open_sealer(config.common.keys))
    try:
        return service.status().commitment.hex()
    finally:
        service.close()


def change(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def test_a_new_passphrase(tmp_path: Path) -> None:
    init(tmp_path, "--passphrase-env", "TEST_PASSPHRASE")
    path = tmp_path / "milagro.toml"
    before = commitment(path)
    assert show(path) == {"master-share.sealed": "passphrase, Argon2id with 8192 KiB, 3 passes, 4 lanes"}
    text = run("keys", "show", "--config", str(path)).output
    assert "curve: BLS12-381" in text
    assert f"key_id: {before}" in text
    path.write_text(
        path.read_text().replace("TEST_PASSPHRASE", "TEST_NEW_PASSPHRASE")
        + '\n[keys.previous]\npassphrase_env = "TEST_PASSPHRASE"\n'
    )
    assert commitment(path) == before  # a server may start before its files are moved
    assert "sealed under the passphrase" in run("keys", "reseal", "--config", str(path)).output
    assert "was already under" in run("keys", "reseal", "--config", str(path)).output
    change(path, ('\n[keys.previous]\npassphrase_env = "TEST_PASSPHRASE"\n', ""))
    assert commitment(path) == before
    assert open_service(dta_config.read_config(path), Passphrase(b"another horse")).status().commitment.hex() == before


def test_into_the_token_and_to_another_key_and_back(tmp_path: Path, hsm: SoftHsm) -> None:
    init(tmp_path / "dta", "--passphrase-env", "TEST_PASSPHRASE")
    path = tmp_path / "dta" / "milagro.toml"
    before, start = commitment(path), path.read_text()
    path.write_text(f'{start}{hsm.toml()}[keys.previous]\nkind = "file"\n')
    assert "no key 'node-1'" in run("keys", "reseal", "--config", str(path), code=2).output
    assert "has the key 'node-1' now" in run("keys", "generate", "--config", str(path)).output
    run("keys", "generate", "--config", str(path), code=5)
    assert f"sealed under the key '{KEY}' of token '{LABEL}'" in run("keys", "reseal", "--config", str(path)).output
    path.write_text(start + hsm.toml())
    assert show(path)["master-share.sealed"].startswith(f"key '{KEY}' of a token, id ")
    assert commitment(path) == before
    change(path, (f'key = "{KEY}"', 'key = "node-2"'))
    run("keys", "generate", "--config", str(path))
    assert commitment(path) == before  # the older key still opens
    assert "sealed under the key 'node-2'" in run("keys", "reseal", "--config", str(path)).output
    path.write_text(start + hsm.toml("keys.previous"))
    assert "sealed under the passphrase" in run("keys", "reseal", "--config", str(path)).output
    path.write_text(start)
    assert commitment(path) == before


def test_a_server_that_has_no_token_makes_no_key(tmp_path: Path) -> None:
    init(tmp_path, "--passphrase-env", "TEST_PASSPHRASE")
    assert "no token" in run("keys", "generate", "--config", str(tmp_path / "milagro.toml"), code=2).output


def test_an_mfa_server_whose_secret_is_not_there_yet(tmp_path: Path) -> None:
    options = ("--name", "login.test", "--dta", "dta-1=http://127.0.0.1:8101", "--passphrase-env", "TEST_PASSPHRASE")
    run("init", "mfa", str(tmp_path), *options, "--argon2-memory-mib", "8")
    path = tmp_path / "milagro.toml"
    assert show(path)["server-secret.sealed"] == "is not there yet"
    assert "server-secret.sealed: is not there yet" in run("keys", "reseal", "--config", str(path)).output


@pytest.mark.parametrize("options", [("--token", LABEL), ("--pin-env", "X"), ("--key", "k")])
def test_options_of_a_token_want_a_module(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert "--pkcs11-module" in init(tmp_path, *options, code=2).output
    assert not list(tmp_path.iterdir())


def test_a_server_in_a_token(tmp_path: Path, hsm: SoftHsm) -> None:
    init(tmp_path / "dta", *in_token(hsm))
    path = tmp_path / "dta" / "milagro.toml"
    assert "passphrase" not in path.read_text()
    assert show(path)["master-share.sealed"].startswith("key 'dta-1' of a token")
    expected, url = commitment(path), f"http://127.0.0.1:{dta_config.read_config(path).common.server.port}"
    hsm.token().close()
    log = serve_once(path, hsm, f"{url}/v1/status", expected)
    events = {line["event"]: line for line in log}
    assert events["memory"]["locked"] in {"all", "present", "none"}
    assert not events["memory"]["core_dumps"]
    assert PIN not in str(log)


def serve_once(path: Path, hsm: SoftHsm, url: str, expected: str) -> list[dict[str, object]]:
    environment = {**os.environ, **hsm.environment, "PYTHONPATH": str(Path(milagro.__file__).parent.parent)}
    command = [sys.executable, "-m", "milagro", "serve", "dta", "--config", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(url, timeout=1) as answer:
                    assert urlsafe_b64decode(json.loads(answer.read())["commitment"] + "==").hex() == expected
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
