"""A server secret split by the command, and three replicas as real processes on one PostgreSQL database."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_processes import Site, native_backend
from tests.roles.network.site import free_ports
from tests.stores.databases import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stores.databases import Postgres

__all__ = ["native_backend", "postgres"]  # fixtures
NAMES = ("a", "b", "c")


@pytest.fixture
def site(tmp_path: Path, postgres: Postgres) -> Iterator[Site]:
    made = Site(tmp_path)
    made.make_mfa()
    path = Path(made.config("mfa"))
    text = path.read_text().replace('path = "state.sqlite"', f'url = "{postgres.new_schema()}"')
    assert "postgresql" in text
    path.write_text(text)
    yield made
    made.close()


def splitting(site: Site, *more: str) -> tuple[str, ...]:
    into = str(site.folder / "shares")
    replicas = [f"{name}={site.urls[name]}" for name in NAMES]
    return "mfa", "split", *more, "--into", into, *replicas, "--argon2-memory-mib", "8", "--config", site.config("mfa")


def take_shares(site: Site) -> None:
    """Makes each replica a folder of its own: the server's, with its share and its port."""
    for name in NAMES:
        folder = site.folder / name
        shutil.copytree(site.folder / "mfa", folder)
        shutil.copytree(site.folder / "shares" / name, folder / "split")
        path = folder / "milagro.toml"
        text = path.read_text().replace(f"port = {site.ports['mfa']}", f"port = {site.ports[name]}")
        path.write_text(text + "\n[mfa.split]\nanswer_seconds = 60\n")
    shutil.rmtree(site.folder / "shares")


def test_logins_go_on_with_one_of_three_replicas_killed_and_wrong_pins_are_counted(site: Site) -> None:
    for name, port in zip(NAMES, (site.ports["mfa"], *free_ports(2)), strict=True):
        site.ports[name], site.urls[name] = port, f"http://127.0.0.1:{port}"  # a is where clients go to
    assert "fetch it first" in site.run(*splitting(site, "--threshold", "2"), code=5)
    site.run("mfa", "fetch-keys", "--config", site.config("mfa"))
    assert list((site.folder / "mfa" / "network-keys").glob("*.sealed"))
    said = site.run(*splitting(site, "--threshold", "2"))
    assert "2 of" in said
    assert "purposes" in said
    assert not list((site.folder / "mfa" / "network-keys").glob("*.sealed"))
    take_shares(site)
    for name in NAMES:
        site.start(name)
    code = site.run("mfa", "invite", "alice", "--config", site.config("a")).strip()
    enroll = ("client", "enroll", "--folder", str(site.folder / "device"), "--pin-env", "TEST_PIN")
    site.run(*enroll, "--server", site.urls["a"], "--user", "alice", "--device", "laptop", "--code", code)
    assert "logged in as alice" in site.run(*site.client("login"))
    site.stop("c", 9)
    for _ in range(2):
        assert "logged in as alice" in site.run(*site.client("login"))
    assert "authentication failed" in site.run(*site.client("login", "TEST_WRONG_PIN"), code=3)
    (device,) = json.loads(site.run("mfa", "users", "devices", "--json", "--config", site.config("b")))
    assert (device["wrong_pins"], device["locked"]) == (1, False)
    assert "logged in as alice" in site.run(*site.client("login"))
    site.stop("b", 9)
    site.run(*site.client("login"), code=6)
    assert site.stop("a") == 0
    assert "Traceback" not in site.log("a")
