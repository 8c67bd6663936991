"""`milagro serve mfa` with [mfa.oidc] in its configuration: the provider as its operator starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from click.testing import CliRunner

from milagro.cli import main
from milagro.roles.clock import unix_now
from tests.canaries import plant
from tests.roles.network.site import free_ports
from tests.roles.oidc.world import TEXT, Browser, OidcWorld, answer_of
from tests.roles.world import PASSPHRASE, write

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world(tmp_path: Path) -> Iterator[OidcWorld]:
    (port,) = free_ports(1)
    extra = '[passphrase]\nfile = "passphrase"\n' + TEXT
    built = OidcWorld(tmp_path, unix_now, extra=extra, url=f"http://127.0.0.1:{port}", sockets=True)
    write(tmp_path / "mfa" / "passphrase", PASSPHRASE.reveal().decode()).chmod(0o600)
    yield built.build()
    built.close()


def test_the_provider_serves_logs_in_and_stops(world: OidcWorld) -> None:
    world.enrol("alice", "laptop")
    command = [sys.executable, "-m", "milagro", "serve", "mfa", "--config", str(world.folder / "mfa" / "milagro.toml")]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path.cwd())}, stderr=subprocess.PIPE)
    try:
        with httpx.Client(base_url=world.url, trust_env=False, timeout=30) as http:
            wait_for(http, process)
            kids = [key["kid"] for key in http.get("/oidc/jwks.json").json()["keys"]]
            assert kids == [key.kid for key in world.provider.keys.published(unix_now())]
            browser = Browser(world, http=http)
            answer = answer_of(browser.follow(world.rp().authorize(browser)))
            plant("a code", answer["code"])
            body = {
                "grant_type": "authorization_code",
                "code": answer["code"],
                "redirect_uri": "https://rp.test/callback",
            }
            secret = (world.folder / "mfa" / "secret").read_text().strip()
            tokens = http.post("/oidc/token", data=body, auth=("rp", secret)).json()
            for kind in ("access_token", "refresh_token", "id_token"):
                plant(kind, tokens[kind])
            assert world.rp().works(tokens)  # another replica on the same database
            suspended = CliRunner().invoke(main, ["mfa", "users", "suspend", "alice", "--config", command[-1]])
            assert suspended.exit_code == 0
            assert not world.rp().works(tokens)
            for _ in range(300):  # the server looks for notes of other processes every few seconds
                if world.hook.tokens:
                    break
                time.sleep(0.1)
            assert len(world.hook.tokens) == 1
            assert http.post("/oidc/revoke", data={"token": tokens["refresh_token"]}, auth=("rp", secret)).text == "{}"
    finally:
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert answer["code"].encode() not in log
    assert b'"route": "/oidc/token"' in log


def wait_for(http: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, process.communicate()[1].decode()
        try:
            if http.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")
