"""The browser's client, run by Node.js, against real D-TAs and a real MFA server over HTTP."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from tests.roles.issuing import byzantine
from tests.roles.web import pages_world
from tests.roles.world import PIN, WRONG

if TYPE_CHECKING:
    from tests.roles.web.pages_world import PagesWorld

PATIENT = {"answer": 1.0, "overall": 5.0, "linger": 0.7}


def visit(world: PagesWorld, *steps: list[Any], origin: str | None = None) -> tuple[list[Any], list[Any]]:
    """What comes of these calls of the client, and what it told."""
    said = json.dumps({"origin": origin or world.origin, "steps": steps, "patience": PATIENT})
    command = [pages_world.node(), "--no-warnings", str(pages_world.WEB / "test" / "visit.mjs")]
    done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found["outcomes"], found["told"]


def enrolment(world: PagesWorld, user: str = "alice", device: str = "browser") -> list[Any]:
    return ["enrol", {"user": user, "device": device, "code": world.code(user)}, PIN]


def test_enrol_log_in_and_change_the_pin(pages: PagesWorld) -> None:
    who = ["alice", "browser"]
    outcomes, told = visit(
        pages,
        enrolment(pages),
        ["accounts"],
        ["login", *who, PIN],
        ["login", *who, WRONG],
        ["changePin", *who, WRONG, "9753"],
        ["changePin", *who, PIN, "9753"],
        ["login", *who, "9753"],
        ["login", *who, PIN],
    )
    assert told == []
    assert outcomes[1]["done"] == [{"user": "alice", "device": "browser"}]
    assert (outcomes[2]["done"]["user"], outcomes[6]["done"]["device"]) == ("alice", "browser")
    assert [one.get("refused") for one in outcomes] == [
        None, None, None, "authentication-failed", "authentication-failed", None, None, "authentication-failed",
    ]  # fmt: skip
    assert pages.attempts("alice", "browser") == 1


def test_three_wrong_pins_lock(pages: PagesWorld) -> None:
    wrong = [["login", "alice", "browser", WRONG]] * 3
    outcomes, _ = visit(pages, enrolment(pages), *wrong, ["login", "alice", "browser", PIN])
    assert [one.get("refused") for one in outcomes[1:]] == ["authentication-failed"] * 3 + ["locked"]


def test_bad_dtas_are_named_and_not_needed(pages: PagesWorld) -> None:
    pages.fronts[0].misdeed = byzantine.wrong_share
    outcomes, told = visit(pages, enrolment(pages), ["login", "alice", "browser", PIN])
    assert outcomes[1]["done"]["user"] == "alice"
    assert {(one["name"], one["reason"]) for one in told} == {("dta-1", "wrong-share")}
    pages.take_down(2)
    outcomes, _ = visit(pages, enrolment(pages, "bob"))
    assert outcomes[0]["refused"] == "too-few-answers"
    assert "dta-1: wrong-share" in outcomes[0]["message"]
    assert "dta-2: unreachable" in outcomes[0]["message"]


def test_another_epoch_is_learned_and_the_next_key_is_moved_to(pages: PagesWorld) -> None:
    pages.reshare()
    outcomes, _ = visit(pages, enrolment(pages))
    assert outcomes[0] == {"done": None}
    script = [enrolment(pages, "bob"), ["login", "bob", "browser", PIN]]
    outcomes, _ = visit(pages, *script)
    assert outcomes[1]["done"]["user"] == "bob"


def test_a_login_for_another_origin_is_no_login_here(pages: PagesWorld) -> None:
    """The same server, reached by another name: what is signed for that name does not count."""
    elsewhere = pages.origin.replace("127.0.0.1", "localhost")
    outcomes, _ = visit(pages, enrolment(pages), origin=elsewhere)
    assert outcomes[0]["refused"] == "holder-not-proven"


def test_devices_are_shown_and_removed_after_a_login(pages: PagesWorld) -> None:
    who = ["alice", "browser"]
    outcomes, _ = visit(
        pages,
        enrolment(pages),
        ["devices", *who],
        ["login", *who, PIN],
        enrolment(pages, device="phone"),
        ["devices", *who],
        ["removeDevice", *who, "phone"],
        ["removeDevice", *who, "phone"],
        ["removeDevice", *who, "browser"],
        ["login", *who, PIN],
    )
    assert outcomes[1]["refused"] == "login-needed"
    shown = outcomes[4]["done"]
    assert [(one["name"], one["current"], one["locked"]) for one in shown["devices"]] == [
        ("browser", True, False),
        ("phone", False, False),
    ]
    assert outcomes[5] == {"done": None}
    assert outcomes[6]["refused"] == "not-found"
    assert outcomes[8]["refused"] == "not-found"
    assert pages.mfa.records.pinned("alice", "browser") is None
