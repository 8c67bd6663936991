"""Enrolment: by invitation, once, one identity for an account's device, and never lost once acknowledged."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from milagro.errors import AlreadyExists, MilagroError, NotFound, ParameterError
from milagro.protocols.mpin.v2 import Ed25519Key, Identity
from milagro.roles import proofs
from milagro.roles.client.device import DeviceFolder
from milagro.roles.mfa.service import code_hash, invite, new_code
from milagro.roles.proofs import Applicant
from milagro.roles.refusals import code_of
from milagro.roles.wire import to_text
from tests.roles.world import HASTY, MFA_URL, PATIENT, PIN, World, application, login

if TYPE_CHECKING:
    from milagro.roles.mfa.service import Enrolment


def apply(world: World, key: Ed25519Key, code: str, user: str = "alice", device: str = "laptop") -> Enrolment:
    applicant = Applicant(user, device, code, key.algorithm, key.public_key)
    return world.mfa.enrol(applicant, key.sign(proofs.enrolment("login.test", MFA_URL, applicant)))


def refused(world: World, key: Ed25519Key, code: str, user: str = "alice", device: str = "laptop") -> str:
    with pytest.raises(MilagroError) as caught:
        apply(world, key, code, user, device)
    return code_of(caught.value)


@pytest.fixture
def key() -> Ed25519Key:
    return Ed25519Key.generate(secrets.token_bytes)


def other_key() -> Ed25519Key:
    return Ed25519Key.generate(secrets.token_bytes)


def test_the_same_code_and_key_give_the_same_identity_and_a_fresh_ticket(world: World, key: Ed25519Key) -> None:
    code = world.invite()
    first, second = apply(world, key, code), apply(world, key, code)
    assert first.identity == second.identity
    assert first.ticket.key == second.ticket.key == world.network.key.to_bytes()
    assert first.ticket.ticket != second.ticket.ticket
    world.start_mfa()
    world.clock.now += 3 * 24 * 3600  # also after the invitation's end: it was used in time
    assert apply(world, key, code).identity == first.identity


def test_an_invitation_works_for_one_key_one_device_one_user(world: World, key: Ed25519Key) -> None:
    code = world.invite()
    assert refused(world, key, code, user="bob") == "invitation-refused"
    apply(world, key, code)
    assert refused(world, other_key(), code) == "invitation-refused"
    assert refused(world, key, code, device="phone") == "invitation-refused"


def test_a_confirmed_enrolment_has_used_its_code_up(world: World) -> None:
    client = world.client()
    code = world.invite()
    client.enrol(application("alice", "laptop", code), lambda: PIN)
    key = DeviceFolder(world.folder / "devices" / "laptop").stored_key()
    assert isinstance(key, Ed25519Key)
    assert refused(world, key, code) == "invitation-refused"


def test_wrong_and_late_codes_look_alike(world: World, key: Ed25519Key) -> None:
    late = world.invite()
    world.clock.now += 24 * 3600
    texts = set()
    for code in (late, new_code()):
        with pytest.raises(MilagroError) as caught:
            apply(world, key, code)
        texts.add((code_of(caught.value), str(caught.value)))
    assert len(texts) == 1


def test_a_second_identity_for_a_device_is_refused(world: World, key: Ed25519Key) -> None:
    first = apply(world, key, world.invite())
    assert refused(world, other_key(), world.invite()) == "device-pinned"
    pinned = world.mfa.records.pinned("alice", "laptop")
    assert pinned is not None
    assert pinned.identity == first.identity
    apply(world, other_key(), world.invite(), device="phone")
    world.mfa.records.remove("alice", "laptop")
    assert apply(world, other_key(), world.invite()).identity != first.identity


def test_names_are_one_whatever_their_spelling(world: World, key: Ed25519Key) -> None:
    apply(world, key, world.invite("zo\u0065\u0308"), "zo\u00eb", "cafe\u0301")
    assert refused(world, other_key(), world.invite("zo\u00eb"), "zo\u0065\u0308", "caf\u00e9") == "device-pinned"


def test_the_applicant_must_hold_the_key(world: World, key: Ed25519Key) -> None:
    code = world.invite()
    applicant = Applicant("alice", "laptop", code, key.algorithm, key.public_key)
    elsewhere = proofs.enrolment("login.test", "http://127.0.0.1:9", applicant)
    for signature in (other_key().sign(proofs.enrolment("login.test", MFA_URL, applicant)), key.sign(elsewhere)):
        with pytest.raises(MilagroError) as caught:
            world.mfa.enrol(applicant, signature)
        assert code_of(caught.value) == "holder-not-proven"
    apply(world, key, code)


def test_a_suspended_account_enrols_no_further_device(world: World, key: Ed25519Key) -> None:
    apply(world, key, world.invite())
    world.mfa.records.suspend("alice", suspended=True)
    assert refused(world, other_key(), world.invite(), device="phone") == "suspended"


def test_a_code_is_read_however_it_is_typed() -> None:
    code = new_code()
    assert len(code.replace("-", "")) == 16
    assert code_hash(code) == code_hash(code.lower().replace("-", " "))
    assert code_hash("OIL0-OIL0-OIL0-OIL0") == code_hash("0110011001100110")
    assert code_hash(code) != code_hash(new_code())


def test_codes_are_stored_hashed(world: World) -> None:
    code = world.invite()
    files = list((world.folder / "mfa").glob("state.sqlite*"))
    stored = b"".join(file.read_bytes() for file in files)
    assert code_hash(code) in stored
    assert code.encode() not in stored
    assert code.replace("-", "").encode() not in stored


@pytest.mark.parametrize("user", ["", "x" * 257, "tab\there"])
def test_nobody_impossible_is_invited(world: World, user: str) -> None:
    with pytest.raises(ParameterError):
        invite(world.mfa.records, user, world.clock(), timedelta(hours=1))


def test_an_enrolment_that_broke_off_is_taken_up(world: World) -> None:
    world.take_down(2, 3)
    world.patience, code = HASTY, world.invite()
    with pytest.raises(MilagroError, match="dta-3: unreachable"):
        world.client().enrol(application("alice", "laptop", code), lambda: PIN)
    world.fronts[1].down, world.patience = False, PATIENT
    client = world.client()
    client.enrol(application("alice", "laptop", code), lambda: PIN)
    assert login(client).user == "alice"
    with pytest.raises(AlreadyExists):
        client.enrol(application("alice", "laptop", code), lambda: PIN)


def test_the_device_folder_is_private(world: World) -> None:
    login(world.enrol())
    folder = world.folder / "devices" / "laptop"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == dict.fromkeys(
        ("key.pem", "device.json", "network.json", "permit.json"), 0o600
    )
    device = DeviceFolder(folder)
    shown = repr(device.record()) + str(device.record()) + repr(device.permit()) + str(device.permit())
    for secret in (to_text(device.record().token), repr(device.record().token)):
        assert secret not in shown


def test_a_device_that_is_not_enrolled_says_so(world: World) -> None:
    with pytest.raises(NotFound, match="enroll"):
        login(world.client("empty"))


def test_requests_of_holders_are_fresh_and_theirs(world: World) -> None:
    world.enrol()
    device = DeviceFolder(world.folder / "devices" / "laptop")
    identity, key, key_id = device.record().identity, device.stored_key(), device.record().key_id

    def ask(path: str, at: int, signature: bytes, who: bytes = identity) -> tuple[int, str]:
        body = {"identity": to_text(who), "at": at, "signature": to_text(signature)}
        body |= {"key_id": to_text(key_id)} if path == "/v1/permits" else {}
        status, answer = world.post(path, body)
        return status, answer["error"]["code"] if status != 200 else "done"

    now = world.clock()
    good = key.sign(proofs.permits("login.test", MFA_URL, identity, now, key_id))
    assert ask("/v1/permits", now, good) == (200, "done")
    assert ask("/v1/permits", now + 1, good) == (403, "holder-not-proven")
    assert ask("/v1/enrolments/confirm", now, good) == (403, "holder-not-proven")
    old = key.sign(proofs.permits("login.test", MFA_URL, identity, now - 61, key_id))
    assert ask("/v1/permits", now - 61, old) == (410, "expired")
    stranger = Identity.create(
        world.mfa.suite, "login.test", "alice", "laptop", other_key(), now, secrets.token_bytes
    ).to_bytes()
    assert ask("/v1/permits", now, good, stranger) == (403, "holder-not-proven")
    mallory = other_key()
    own = Identity.create(
        world.mfa.suite, "login.test", "alice", "laptop", mallory, now, secrets.token_bytes
    ).to_bytes()
    proof = mallory.sign(proofs.permits("login.test", MFA_URL, own, now, key_id))
    assert ask("/v1/permits", now, proof, own) == (404, "unknown-identity")
