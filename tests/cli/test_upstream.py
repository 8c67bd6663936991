"""`milagro mfa upstream` and invitations that replace a device, as an operator types them.

spec/enrolment.md#ways, spec/enrolment.md#replacing
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from milagro.cli import main
from milagro.roles.client.service import Application
from milagro.roles.clock import unix_now
from tests.roles.world import PIN, World, login

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT = """
[mfa.upstream]
issuer = "https://id.example/realm"
client_id = "milagro"
auth_method = "none"
allowed = ["@example.com"]
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    built = World(tmp_path, unix_now, store=lambda: TEXT).build()
    yield built
    built.close()


def run(world: World, *words: str) -> tuple[int, str]:
    config = str(world.folder / "mfa" / "milagro.toml")
    result = CliRunner().invoke(main, ["mfa", *words, "--config", config])
    return result.exit_code, result.output


def test_subjects_are_linked_listed_and_unlinked(world: World) -> None:
    assert run(world, "upstream", "link", "alice@example.com", "248289761001")[0] == 0
    assert "248289761001" in run(world, "upstream", "list")[1]
    assert run(world, "upstream", "link", "alice@example.com", "77")[0] == 0  # the account goes on to another
    code, said = run(world, "upstream", "list")
    assert (code, len(said.splitlines()), said.split("\t")[:3]) == (
        0,
        1,
        ["alice@example.com", "https://id.example/realm", "77"],
    )
    code, said = run(world, "upstream", "link", "bob@example.com", "77")
    assert (code != 0, "unlink that first" in said) == (True, True)
    assert run(world, "upstream", "unlink", "alice@example.com")[0] == 0
    assert run(world, "upstream", "list") == (0, "")
    assert run(world, "upstream", "unlink", "alice@example.com")[0] == 5


def test_an_invitation_replaces_a_device_only_if_it_is_made_for_that(world: World) -> None:
    world.enrol()
    before = world.mfa.records.pinned("alice", "laptop")
    plain, replacing = run(world, "invite", "alice")[1].strip(), run(world, "invite", "alice", "--replaces")[1].strip()

    def enrol(code: str, *, replace: bool) -> None:
        client = world.client("again")
        client.enrol(Application(world.url, "alice", "laptop", code, replace=replace), lambda: PIN)

    for code, replace in ((plain, True), (replacing, False)):
        with pytest.raises(Exception, match="have it removed first"):
            enrol(code, replace=replace)
    assert world.mfa.records.pinned("alice", "laptop") == before
    world.mfa.records.suspend("alice", suspended=True)
    with pytest.raises(Exception, match="suspended"):
        enrol(replacing, replace=True)
    world.mfa.records.suspend("alice", suspended=False)
    assert world.mfa.records.pinned("alice", "laptop") == before
    enrol(replacing, replace=True)
    assert world.mfa.records.pinned("alice", "laptop") != before
    assert login(world.client("again")).device == "laptop"
    with pytest.raises(Exception, match="no such device"):
        login(world.client())
