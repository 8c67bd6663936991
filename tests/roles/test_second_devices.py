"""A second device by the first: invited with a PIN, confirmed by what it shows.

Spec: spec/mpin.md#second-device
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from milagro.cli import devices as cli
from milagro.cli import main
from milagro.errors import MilagroError
from milagro.octets import frame
from milagro.protocols.mpin.v2 import Ed25519Key
from milagro.roles import proofs
from milagro.roles.client.devices import OwnDevices
from milagro.roles.client.service import Application, _Errand
from milagro.roles.device_messages import DeviceInvitationAnswer
from milagro.roles.mfa import qr
from milagro.roles.mfa.records import DeviceState
from milagro.roles.refusals import code_of
from tests.roles.web.pages_world import PagesWorld
from tests.roles.world import MFA_URL, PIN, WRONG, login

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from milagro.roles.client.service import Client
    from tests.roles.world import World


def own(world: World, name: str) -> OwnDevices:
    return OwnDevices(world.device(name), world.dial, world.clock)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(MilagroError) as caught:
        act()
    return code_of(caught.value)


def invitation(world: World, client: Client | None = None) -> DeviceInvitationAnswer:
    return (client or world.client()).invite_device(lambda: PIN)


def enrol(world: World, code: str, name: str = "phone", user: str = "alice") -> Client:
    client = world.client(name)
    client.enrol(Application(MFA_URL, user, name, code), lambda: PIN)
    return client


def test_invited_enrolled_and_confirmed(world: World) -> None:
    world.enrol()
    found = invitation(world)
    fragment = parse_qs(urlsplit(found.link).fragment)
    assert fragment == {"enrol": [found.code], "user": ["alice"]}
    assert found.link.startswith(f"{MFA_URL}/login#")
    assert (found.qr, found.expires) == (qr.rows(found.link), world.clock() + 600)
    phone = enrol(world, found.code)
    theirs, mine = own(world, "phone"), own(world, "laptop")
    assert theirs.standing() == "waiting"
    assert refused(lambda: login(phone)) == "device-waiting"
    assert refused(theirs.devices) == "device-waiting"
    assert [(one.name, one.state) for one in mine.devices().devices] == [("laptop", "active"), ("phone", "waiting")]
    code = theirs.own_code()
    assert (len(code), code.isdigit()) == (6, True)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert refused(lambda: mine.confirm("phone", wrong)) == "matching-code-refused"
    assert refused(lambda: mine.confirm("laptop", code)) == "unknown-identity"
    mine.confirm("phone", f"{code[:3]} {code[3:]}")
    assert refused(lambda: mine.confirm("phone", code)) == "unknown-identity"
    assert theirs.standing() == "active"
    assert login(phone).device == "phone"


def test_a_device_that_waits_confirms_neither_itself_nor_others_and_invites_nobody(world: World) -> None:
    world.enrol()
    phone = enrol(world, invitation(world).code)
    theirs = own(world, "phone")
    assert refused(lambda: theirs.confirm("phone", theirs.own_code())) == "device-waiting"
    assert refused(lambda: phone.invite_device(lambda: PIN)) == "device-waiting"
    assert world.attempts("alice", "phone") == 0


def test_a_second_pass_that_was_begun_before_is_no_way_round(world: World) -> None:
    """The state is looked at where the attempt is counted, too."""
    world.enrol()
    phone = enrol(world, invitation(world).code)
    own(world, "laptop").confirm("phone", own(world, "phone").own_code())
    records = world.mfa.records
    device = records.pinned("alice", "phone")
    assert device is not None

    def waits_again(name: str) -> None:
        if name == "pass-1":
            with records.state.write() as connection:
                connection.exec_driver_sql("UPDATE device SET state = 'waiting' WHERE name = 'phone'")

    world.mfa._checkpoint = waits_again
    assert refused(lambda: login(phone)) == "device-waiting"
    assert world.attempts("alice", "phone") == 0


def test_the_code_is_good_once_and_for_ten_minutes(world: World) -> None:
    world.enrol()
    code = invitation(world).code

    def attempt(name: str) -> str:
        key = Ed25519Key.generate(secrets.token_bytes)
        applicant = proofs.Applicant("alice", name, code, key.algorithm, key.public_key)
        try:
            world.mfa.enrol(applicant, key.sign(proofs.enrolment("login.test", MFA_URL, applicant)))
        except MilagroError as error:
            return code_of(error)
        return "enrolled"

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(attempt, ["p1", "p2", "p3", "p4"]))
    assert sorted(said) == ["enrolled", *3 * ["invitation-refused"]]
    late = invitation(world).code
    world.clock.now += 600
    assert refused(lambda: enrol(world, late)) == "invitation-refused"


def test_the_next_invitation_ends_the_one_before_and_leaves_the_operators(world: World) -> None:
    world.enrol()
    by_operator, first = world.invite(), invitation(world).code
    second = invitation(world).code
    assert refused(lambda: enrol(world, first)) == "invitation-refused"
    enrol(world, second)
    login(enrol(world, by_operator, "tablet"))  # which waits for nobody


def test_it_takes_the_pin_and_a_login_for_this_purpose(world: World) -> None:
    client = world.enrol()
    assert refused(lambda: client.invite_device(lambda: WRONG)) == "authentication-failed"
    assert world.attempts() == 1
    for purpose in (None, "crossing x"):
        errand = _Errand("/v1/devices/invite", DeviceInvitationAnswer, purpose)
        assert refused(lambda errand=errand: client._enter(errand, lambda: PIN)) == "parameter-error"  # type: ignore[misc]
    assert world.attempts() == 1
    assert client.invite_device(lambda: PIN).user == "alice"
    assert world.attempts() == 0


def test_whoever_is_faster_with_a_photographed_code_has_nothing(world: World) -> None:
    world.enrol()
    code = invitation(world).code
    thief = enrol(world, code, "thief")
    assert refused(lambda: enrol(world, code)) == "invitation-refused"  # the owner sees that
    assert refused(lambda: login(thief)) == "device-waiting"
    own(world, "laptop").remove("thief")
    assert refused(lambda: login(thief)) in {"unknown-identity", "authentication-failed"}


def test_suspension_and_removal_end_invitations(world: World) -> None:
    client = world.enrol()
    code = invitation(world).code
    world.mfa.records.suspend("alice", suspended=True)
    assert refused(lambda: client.invite_device(lambda: PIN)) == "suspended"
    world.mfa.records.suspend("alice", suspended=False)
    assert refused(lambda: enrol(world, code)) == "invitation-refused"
    code = invitation(world).code
    world.enrol(name="tablet")
    world.mfa.records.remove("alice", "laptop")
    assert refused(lambda: enrol(world, code)) == "invitation-refused"


def test_a_confirmation_needs_a_recent_login_and_the_users_own_key(world: World) -> None:
    world.enrol()
    world.enrol("bob", "desktop")
    login(world.client("desktop"))
    enrol(world, invitation(world).code)
    code = own(world, "phone").own_code()
    assert refused(lambda: own(world, "desktop").confirm("phone", code)) == "unknown-identity"
    world.clock.now += 601
    assert refused(lambda: own(world, "laptop").confirm("phone", code)) == "login-needed"
    device = world.mfa.records.pinned("alice", "phone")
    assert device is not None
    assert device.state is DeviceState.WAITING


def test_the_digits_are_those_of_the_spec() -> None:
    octets = hashlib.sha256(frame(b"MILAGRO-ROLES-V1_DEVICE-CODE", b"identity")).digest()[:8]
    assert proofs.device_code(b"identity") == str(int.from_bytes(octets, "big") % 10**6).zfill(6)


def test_a_qr_code_is_drawn_with_its_quiet_zone() -> None:
    lines = cli.drawn(qr.rows("https://login.test/login#x")).splitlines()
    assert lines[0] == "█" * len(lines[0])
    assert {len(line) for line in lines} == {len(qr.rows("https://login.test/login#x")) + 4}


def test_on_the_command_line(tmp_path: Path) -> None:
    def run(*arguments: str, folder: str = "laptop", code: int = 0) -> str:
        words = ("client", *arguments, "--folder", str(tmp_path / folder), "--pin-env", "TEST_PIN")
        done = CliRunner().invoke(main, words, env={"TEST_PIN": PIN})
        assert done.exit_code == code, done.output
        return str(done.output)

    def enroll(code: str, name: str) -> str:
        known = ("--server", world.url, "--user", "alice", "--code", code, "--device", name)
        return run("enroll", *known, folder=name)

    world = PagesWorld.made(tmp_path / "world")
    with world.serving():
        assert "Confirm" not in enroll(world.code("alice"), "laptop")
        assert "this device" in run("devices", "list")
        shown = run("devices", "add")
        # The servers of this process write their log to the same place.
        (found,) = (json.loads(line) for line in run("devices", "add", "--json").splitlines() if line[:1] == "{")
        assert f"Open {world.url}/login#enrol=" in shown
        assert "move" not in found
        digits = re.findall(r"with the code (\d{6})\.", enroll(found["code"], "phone"))
        assert "[device-waiting]" in run("login", folder="phone", code=3)
        assert "phone: waiting" in run("devices", "list")
        assert "matching-code-refused" in run("devices", "confirm", "phone", "12", code=3)
        assert "phone may log in now" in run("devices", "confirm", "phone", *digits)
        assert "logged in as alice" in run("login", folder="phone")
        assert "phone is removed" in run("devices", "remove", "phone")
        assert run("login", folder="phone", code=3)
    world.close()
