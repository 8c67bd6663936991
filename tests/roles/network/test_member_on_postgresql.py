"""Replicas of a member on one PostgreSQL database: one takes part in the network, the others issue; and its backup."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from milagro.errors import AlreadyExists
from milagro.protocols.issuance import LEEWAY
from milagro.roles.dta.member.restoring import restore
from tests.roles.network.house import House
from tests.roles.network.site import free_ports
from tests.roles.network.test_backup import Asking, house, wait_until_back
from tests.roles.network.test_logins import NAMES
from tests.stores.databases import postgres, programs

if TYPE_CHECKING:
    from tests.stores.databases import Postgres

__all__ = ["house", "postgres"]  # fixtures


def replica_of(house: House, name: str, replica: str) -> None:
    """A folder with the same files, the watermark as well; it has another port, and takes no part."""
    shutil.copytree(house.folder / name, house.folder / replica)
    path = Path(house.config(replica))
    (port,) = free_ports(1)
    lines = [f"port = {port}" if line.startswith("port = ") else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines).replace("[dta.network]", "[dta.network]\ntakes_part = false") + "\n")


def test_replicas_of_a_member(house: House, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(programs()), prepend=":")
    house.init(*NAMES)
    asking = Asking(house)
    path = Path(house.config("a"))
    path.write_text(path.read_text().replace('path = "state.sqlite"', f'url = "{postgres.new_schema()}"'))
    house.found(2, *NAMES)
    house.serve(*NAMES)
    house.wait(*NAMES)
    one = house.members["a"]
    ticket = asking.ticket(one)
    assert asking.ask(one, ticket) == "share"
    replica_of(house, "a", "a2")
    house.serve("a2")
    other = house.members["a2"]
    assert other.node.app is None
    other.check_ready()
    assert asking.ask(other, ticket) == "TicketReused"
    house.network("refresh", "b")
    house.wait(*NAMES, epoch=1)
    assert other.node.holdings.current().share.key.epoch == 1  # though it was not there
    house.run("dta", "backup", "a.backup", "--config", str(path))
    house.stop("a")
    late = asking.ticket(other)
    assert asking.ask(other, late) == "share"
    house.stop("a2")

    # the database is lost, and put back
    with pytest.raises(AlreadyExists, match="exists already and is not overwritten"):
        restore(house.folder / "a.backup", path)
    url = next(line for line in path.read_text().splitlines() if line.startswith("url = "))
    name = url.rpartition("%3D")[2].rstrip('"')
    postgres.execute(f"DROP SCHEMA {name} CASCADE", f"CREATE SCHEMA {name}")
    house.run("dta", "restore", "a.backup", "--config", str(path))
    house.serve("a")
    wait_until_back(house, "a")
    member = house.members["a"]
    assert asking.ask(member, late) == "TicketBeforeRestore"
    assert asking.ask(member, asking.ticket(member, int(time.time()) + LEEWAY)) == "share"
