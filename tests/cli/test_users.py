"""`milagro mfa users`, as an operator types it, beside a server that runs on the same database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from milagro.cli import main
from milagro.errors import MilagroError
from milagro.roles.mfa.accounts import Accounts
from milagro.roles.refusals import code_of
from tests.roles.conftest import clock, folder, native_backend, world
from tests.roles.world import PIN, World, login

if TYPE_CHECKING:
    from milagro.roles.client.service import Client

__all__ = ["clock", "folder", "native_backend", "world"]  # fixtures


def run(world: World, *arguments: str, code: int = 0, typed: str = "") -> str:
    path = str(world.folder / "mfa" / "milagro.toml")
    result = CliRunner().invoke(main, ["mfa", *arguments, "--config", path], input=typed)
    assert result.exit_code == code, result.output
    return result.output


def rows(world: World, *arguments: str) -> Any:
    return json.loads(run(world, *arguments, "--json"))


def refused(client: Client) -> str:
    with pytest.raises(MilagroError) as caught:
        login(client, PIN)
    return code_of(caught.value)


def test_users_and_devices_are_listed(world: World) -> None:
    login(world.enrol("alice", "laptop"))
    world.enrol("alice", "phone")
    world.enrol("zoë", "tablet")
    users = rows(world, "users", "list")
    assert [(row["user"], row["devices"], row["suspended"]) for row in users] == [
        ("alice", 2, False),
        ("zoë", 1, False),
    ]
    assert users[0]["last_login"].startswith("20")
    assert [row["device"] for row in rows(world, "users", "devices", "alice")] == ["laptop", "phone"]
    assert [row["device"] for row in rows(world, "users", "devices", "zoe\u0308")] == ["tablet"]  # another spelling
    assert len(rows(world, "users", "devices")) == 3
    assert run(world, "users", "list").splitlines()[1] == "zoë\t1 device\t-"
    assert "no user 'missing'" in run(world, "users", "devices", "missing", code=5)


def test_a_running_server_obeys_at_once(world: World) -> None:
    alice, bob = world.enrol("alice"), world.enrol("bob", folder="bob")
    login(alice)
    assert rows(world, "users", "suspend", "alice") == {"user": "alice", "suspended": True}
    assert refused(alice) == "suspended"
    login(bob)
    assert "suspended" in run(world, "users", "list").splitlines()[0]
    assert "alice may log in again" in run(world, "users", "resume", "alice")
    login(alice)


def test_one_device_is_removed(world: World) -> None:
    laptop, phone = world.enrol("alice", "laptop"), world.enrol("alice", "phone")
    run(world, "users", "remove", "alice", "--device", "phone")
    login(laptop)
    assert refused(phone) == "unknown-identity"
    assert [row["device"] for row in rows(world, "users", "devices", "alice")] == ["laptop"]
    assert {row["state"] for row in rows(world, "users", "devices", "alice", "--all")} == {"active", "removed"}


def test_an_account_is_removed_whole(world: World) -> None:
    laptop = world.enrol("alice", "laptop")
    open_code = world.invite("alice")
    with world.mfa.records.state.write() as connection:
        connection.exec_driver_sql("INSERT INTO account_profile (\"user\", claims) VALUES ('alice', '{}')")
    run(world, "users", "remove", "alice", code=1, typed="n\n")
    login(laptop)
    run(world, "users", "remove", "alice", typed="y\n")
    assert refused(laptop) == "authentication-failed"  # it has a permit
    assert rows(world, "users", "list") == []
    with world.mfa.records.state.read() as connection:
        for table in ("invitation", "account_profile"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0, table
    assert open_code
    login(world.enrol("alice", "laptop", folder="again"))
    assert "no user 'bob'" in run(world, "users", "remove", "bob", "--yes", code=5)


def test_a_suspended_account_stays_so_when_it_is_removed(world: World) -> None:
    world.enrol("alice")
    run(world, "users", "suspend", "alice")
    run(world, "users", "remove", "alice", "--yes")
    assert [(row["user"], row["devices"]) for row in rows(world, "users", "list")] == [("alice", 0)]
    with pytest.raises(MilagroError) as caught:
        world.enrol("alice", folder="again")
    assert code_of(caught.value) == "suspended"
    run(world, "users", "resume", "alice")
    world.enrol("alice", folder="later")


def test_users_come_in_pages(world: World) -> None:
    with world.mfa.records.state.write() as connection:
        for name in ("a", "b", "c", "d"):
            statement = f"INSERT INTO account (\"user\", suspended, created) VALUES ('{name}', 1, 0)"
            connection.exec_driver_sql(statement)
    accounts = Accounts(world.mfa.records.state)
    first = accounts.users(limit=3)
    assert [user.name for user in first] == ["a", "b", "c"]
    assert [user.name for user in accounts.users(after=first[-1].name, limit=3)] == ["d"]
