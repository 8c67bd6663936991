"""Logins over HTTP: the right PIN, wrong PINs, and everything that may not be counted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from milagro.errors import AuthenticationFailed, Expired, MilagroError, Replay
from milagro.protocols.mpin.v2 import (
    Context,
    Countable,
    Credential,
    Ed25519Key,
    Identity,
    PassTwo,
    Permit,
    Token,
    start_login,
)
from milagro.roles import proofs
from milagro.roles.client.device import DeviceFolder
from milagro.roles.mfa.service import MfaService
from milagro.roles.refusals import code_of
from milagro.roles.wire import to_octets, to_text
from tests.roles.world import MFA_URL, PIN, SLOT, WRONG, Client, World, application, login
from tests.stores.databases import KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.roles.client.device import DeviceRecord

import secrets


def refused(client: Client, pin: str) -> str:
    with pytest.raises(MilagroError) as caught:
        login(client, pin)
    return code_of(caught.value)


def record_of(world: World, name: str = "laptop") -> DeviceRecord:
    return DeviceFolder(world.folder / "devices" / name).record()


def credential_of(world: World, name: str = "laptop") -> tuple[Credential, Permit | None]:
    folder = DeviceFolder(world.folder / "devices" / name)
    kept = folder.permit()
    permit = Permit.from_bytes(world.mfa.suite, kept.permit) if kept else None
    return Credential(Token.from_bytes(world.mfa.suite, folder.record().token), folder.stored_key()), permit


def key_id_of(world: World) -> bytes:
    return world.network.key.key_id


CONTEXT = Context("login.test", MFA_URL, "login.test")
on_both_databases = pytest.mark.parametrize("world", KINDS, indirect=True)


def first_pass(world: World, context: Context = CONTEXT) -> tuple[Any, bytes]:
    """A login after pass 1: what the client holds, and the server's challenge."""
    credential, permit = credential_of(world)
    started = start_login(credential, context, world.clock(), secrets.token_bytes, permit)
    return started, world.mfa.pass_one(started.message.to_bytes(), key_id_of(world))


def test_the_right_pin_logs_in(world: World) -> None:
    client = world.enrol()
    answer = login(client)
    assert (answer.user, answer.device, answer.at) == ("alice", "laptop", world.clock())
    assert world.attempts() == 0


def test_logins_without_permits(folder: Path, clock: Any) -> None:
    world = World(folder, clock, slot=0).build()
    client = world.enrol()
    assert login(client).user == "alice"
    assert refused(client, WRONG) == "authentication-failed"
    world.close()


def test_a_p256_key_logs_in(world: World) -> None:
    client = world.client("token")
    client.enrol(application("alice", "token", world.invite(), "ecdsa-p256-sha256"), lambda: PIN)
    assert login(client).device == "token"


@on_both_databases
def test_three_wrong_pins_lock_even_against_the_right_one(world: World) -> None:
    client = world.enrol()
    assert [refused(client, WRONG) for _ in range(3)] == ["authentication-failed"] * 3
    assert world.attempts() == 3
    assert refused(client, PIN) == "locked"
    assert world.attempts() == 3


@on_both_databases
def test_a_right_pin_gives_the_attempts_back(world: World) -> None:
    client = world.enrol()
    for _ in range(2):
        assert refused(client, WRONG) == "authentication-failed"
    assert login(client).user == "alice"
    assert world.attempts() == 0
    assert [refused(client, WRONG) for _ in range(3)] == ["authentication-failed"] * 3
    assert refused(client, PIN) == "locked"


@on_both_databases
def test_the_lock_survives_a_restart(world: World) -> None:
    client = world.enrol()
    for _ in range(2):
        refused(client, WRONG)
    world.start_mfa()
    assert world.attempts() == 2
    refused(client, WRONG)
    world.start_mfa()
    assert refused(client, PIN) == "locked"


@on_both_databases
def test_a_session_survives_a_restart_and_is_used_once(world: World) -> None:
    login(world.enrol())
    started, challenge = first_pass(world)
    answer = started.answer(challenge, PIN, world.clock()).to_bytes()
    world.start_mfa()
    assert world.mfa.pass_two(answer).identity.user == "alice"
    for _ in range(2):
        with pytest.raises(Replay):
            world.mfa.pass_two(answer)
        world.start_mfa()
    assert world.attempts() == 0


@on_both_databases
def test_a_recorded_first_pass_opens_no_second_session(world: World) -> None:
    login(world.enrol())
    started, _ = first_pass(world)
    with pytest.raises(Replay):
        world.mfa.pass_one(started.message.to_bytes(), key_id_of(world))


def test_a_clock_that_was_set_back_opens_no_session_even_after_a_restart(world: World) -> None:
    login(world.enrol())
    world.clock.now -= 3600
    for _ in range(2):
        with pytest.raises(Expired, match="clock ran backwards"):
            first_pass(world)
        world.start_mfa()


@on_both_databases
def test_parallel_guesses_never_get_more_than_three_evaluated(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    login(world.enrol())
    evaluated: list[int] = []
    verify = Countable.verify

    def counted_verify(self: Countable, secret: Any) -> Any:
        evaluated.append(1)
        return verify(self, secret)

    answers = []
    for guess in range(30):
        started, challenge = first_pass(world)
        answers.append(started.answer(challenge, f"9{guess:03d}", world.clock()).to_bytes())
    monkeypatch.setattr(Countable, "verify", counted_verify)

    def attempt(message: bytes) -> str:
        return world.post("/v1/login/pass2", {"message": to_text(message)})[1]["error"]["code"]

    with ThreadPoolExecutor(30) as pool:
        codes = sorted(pool.map(attempt, answers))
    assert codes == ["authentication-failed"] * 3 + ["locked"] * 27
    assert len(evaluated) == 3
    assert refused(world.client(), PIN) == "locked"


@on_both_databases
def test_one_answer_sent_thirty_times_is_evaluated_once(world: World) -> None:
    login(world.enrol())
    started, challenge = first_pass(world)
    body = {"message": to_text(started.answer(challenge, WRONG, world.clock()).to_bytes())}
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: world.post("/v1/login/pass2", body), range(30)))
    codes = sorted(answer["error"]["code"] for _, answer in answers)
    assert codes == ["authentication-failed"] + ["replay"] * 29
    assert world.attempts() == 1


def test_a_bad_signature_counts_nothing_and_leaves_the_session(world: World) -> None:
    login(world.enrol())
    started, challenge = first_pass(world)
    answer = started.answer(challenge, PIN, world.clock())
    forged = PassTwo.from_bytes(answer.to_bytes()[:-1] + bytes([answer.to_bytes()[-1] ^ 1]))
    status, body = world.post("/v1/login/pass2", {"message": to_text(forged.to_bytes())})
    assert (status, body["error"]["code"]) == (403, "invalid-signature")
    assert world.attempts() == 0
    assert world.mfa.pass_two(answer.to_bytes()).identity.user == "alice"


def test_a_login_relayed_from_another_origin_is_refused_uncounted(world: World) -> None:
    login(world.enrol())
    phished = Context("login.test", "http://127.0.0.1:9999", "login.test")
    with pytest.raises(MilagroError) as caught:
        first_pass(world, phished)
    assert code_of(caught.value) == "invalid-signature"
    assert world.attempts() == 0


def test_strangers_cannot_tell_accounts_apart(world: World) -> None:
    world.enrol()
    key = Ed25519Key.generate(secrets.token_bytes)
    texts = []
    for user in ("alice", "nobody"):
        identity = Identity.create(
            world.mfa.suite, "login.test", user, "laptop", key, world.clock(), secrets.token_bytes
        )
        token, permit = issue_alone(world, identity)
        started = start_login(Credential(token, key), CONTEXT, world.clock(), secrets.token_bytes, permit)
        body = {"message": to_text(started.message.to_bytes()), "key_id": to_text(key_id_of(world))}
        status, answer = world.post("/v1/login/pass1", body)
        texts.append((status, answer["error"]["code"], answer["error"]["message"]))
    assert texts[0] == texts[1]
    assert texts[0][:2] == (401, "authentication-failed")
    assert world.attempts() == 0


def issue_alone(world: World, identity: Identity) -> tuple[Token, Permit]:
    """A token and a permit of the right form from a master secret of one's own."""
    from milagro.protocols.mpin.v2 import MasterShare, combine_client_shares, combine_permit_shares

    suite = world.mfa.suite
    master = MasterShare.generate(suite, "own", secrets.token_bytes)
    slot = suite.slot_at(world.clock())
    assert slot is not None
    permit = combine_permit_shares([master.permit_share(identity, slot)], ["own"])
    return combine_client_shares([master.client_share(identity)], ["own"]).token(PIN), permit


@on_both_databases
def test_expired_sessions_are_refused_and_purged(world: World) -> None:
    login(world.enrol())
    started, challenge = first_pass(world)
    answer = started.answer(challenge, PIN, world.clock()).to_bytes()
    world.clock.now += world.config.session_seconds
    with pytest.raises(Expired):
        world.mfa.pass_two(answer)
    world.clock.now += 120
    first_pass(world)  # opening a session clears the old ones away
    with pytest.raises(Replay):
        world.mfa.pass_two(answer)
    assert world.attempts() == 0


def test_a_clock_that_ran_backwards_opens_no_session_again(world: World) -> None:
    login(world.enrol())
    started, challenge = first_pass(world)
    answer = started.answer(challenge, PIN, world.clock()).to_bytes()
    world.clock.now -= 60
    with pytest.raises(Expired):
        world.mfa.pass_two(answer)


def test_a_permit_of_the_last_slot_is_renewed(world: World) -> None:
    client = world.enrol()
    login(client)
    before = DeviceFolder(world.folder / "devices" / "laptop").permit()
    world.clock.now += SLOT
    assert login(client).user == "alice"
    after = DeviceFolder(world.folder / "devices" / "laptop").permit()
    assert before is not None
    assert after is not None
    assert after.slot == before.slot + 1


def test_an_old_permit_is_refused(world: World) -> None:
    login(world.enrol())
    credential, permit = credential_of(world)
    world.clock.now += SLOT
    started = start_login(credential, CONTEXT, world.clock(), secrets.token_bytes, permit)
    with pytest.raises(Expired):
        world.mfa.pass_one(started.message.to_bytes(), key_id_of(world))


@on_both_databases
def test_too_many_logins_under_way_are_shed(world: World) -> None:
    login(world.enrol())
    object.__setattr__(world.config, "max_sessions", 2)
    first_pass(world)
    first_pass(world)
    with pytest.raises(MilagroError) as caught:
        first_pass(world)
    assert code_of(caught.value) == "busy"


def test_one_device_cannot_take_all_sessions(world: World) -> None:
    login(world.enrol())
    login(world.enrol("bob", "phone"))
    for _ in range(64):
        first_pass(world)
    with pytest.raises(MilagroError) as caught:
        first_pass(world)
    assert code_of(caught.value) == "busy"
    assert login(world.client("phone")).user == "bob"


@on_both_databases
def test_two_servers_on_one_database_count_together(world: World) -> None:
    login(world.enrol())
    twin = MfaService(world.config, world.mfa.suite, world.mfa.issuers, clock=world.clock)
    answers = []
    for _ in range(20):
        started, challenge = first_pass(world)
        answers.append(started.answer(challenge, WRONG, world.clock()).to_bytes())

    def attempt(number: int) -> str:
        with pytest.raises(MilagroError) as caught:
            (world.mfa if number % 2 else twin).pass_two(answers[number])
        return code_of(caught.value)

    with ThreadPoolExecutor(20) as pool:
        codes = sorted(pool.map(attempt, range(20)))
    twin.close()
    assert codes == ["authentication-failed"] * 3 + ["locked"] * 17


@on_both_databases
def test_suspension_refuses_permits_and_logins(world: World) -> None:
    client = world.enrol()
    login(client)
    started, challenge = first_pass(world)
    world.mfa.records.suspend("alice", suspended=True)
    assert refused(client, PIN) == "suspended"
    answer = started.answer(challenge, PIN, world.clock()).to_bytes()
    with pytest.raises(MilagroError) as caught:  # a login that was under way is stopped as well
        world.mfa.pass_two(answer)
    assert code_of(caught.value) == "suspended"
    world.clock.now += SLOT  # the permit on the device is over
    assert refused(client, PIN) == "suspended"
    assert world.attempts() == 0
    world.mfa.records.suspend("alice", suspended=False)
    assert login(client).user == "alice"


def test_a_suspended_or_locked_device_hears_it_in_pass_one_and_gets_no_permit(world: World) -> None:
    client = world.enrol()
    login(client)
    device = DeviceFolder(world.folder / "devices" / "laptop")
    identity, now = device.record().identity, world.clock()
    key = key_id_of(world)
    proof = device.stored_key().sign(proofs.permits("login.test", MFA_URL, identity, now, key))
    world.mfa.permits(identity, now, proof, key)

    def codes() -> list[str]:
        found = []
        for step in (lambda: world.mfa.permits(identity, now, proof, key), lambda: first_pass(world)):
            with pytest.raises(MilagroError) as caught:
                step()
            found.append(code_of(caught.value))
        return found

    world.mfa.records.suspend("alice", suspended=True)
    assert codes() == ["suspended", "suspended"]
    world.mfa.records.suspend("alice", suspended=False)
    for _ in range(3):
        refused(client, WRONG)
    assert codes() == ["locked", "locked"]


@on_both_databases
def test_a_removed_device_is_a_stranger(world: World) -> None:
    client = world.enrol()
    login(client)
    world.mfa.records.remove("alice", "laptop")
    assert refused(client, PIN) == "authentication-failed"
    world.enrol("alice", "laptop", "new-laptop")
    assert login(world.client("new-laptop")).user == "alice"
    with pytest.raises(AuthenticationFailed):
        login(client)


def test_the_answer_carries_what_the_documentation_says(world: World) -> None:
    login(world.enrol())
    started, challenge = first_pass(world)
    body = {"message": to_text(started.answer(challenge, PIN, world.clock()).to_bytes())}
    status, answer = world.post("/v1/login/pass2", body)
    assert status == 200
    assert set(answer) == {"user", "device", "identity_digest", "at", "move"}
    assert answer["move"] is None
    assert len(to_octets(answer["identity_digest"])) == 32


def test_an_older_database_is_told_of(world: World) -> None:
    login(world.enrol())
    store = world.config.common.store
    assert store.path is not None
    world.mfa.close()
    for path in store.path.parent.glob("state.sqlite*"):
        path.unlink()  # an empty one is as old as can be
    with structlog.testing.capture_logs() as said:
        MfaService(world.config, world.mfa.suite, world.issuers).close()
    assert any("older copy" in line["event"] for line in said)
