"""An MFA server and devices with a network of D-TAs: any t are enough, bad ones are named, and keys may change."""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from milagro.cid import CID
from milagro.errors import ConfigError, MilagroError, Unavailable
from milagro.protocols.mpin.v2 import Context, Credential, Identity, Permit, Token, start_login
from milagro.protocols.sharing import KeyRing, deal
from milagro.roles import proofs
from milagro.roles.client.device import DeviceFolder
from milagro.roles.client.service import _Holder
from milagro.roles.issuance.agreement import agreed
from milagro.roles.mfa.network import open_network
from milagro.roles.mfa.service import invite
from milagro.roles.mfa.watch import KeyWatch
from milagro.roles.refusals import code_of
from tests.roles.issuing import byzantine
from tests.roles.world import (
    CHEAP,
    HASTY,
    MFA_URL,
    OVERLAP,
    PASSPHRASE,
    PATIENT,
    PIN,
    SLOT,
    WRONG,
    World,
    application,
    login,
)

if TYPE_CHECKING:
    from milagro.protocols.sharing import SharedKey
    from milagro.roles.client.device import DeviceRecord

CONTEXT = Context("login.test", MFA_URL, "login.test")


def refused(client: Any, pin: str = PIN) -> str:
    with pytest.raises(MilagroError) as caught:
        login(client, pin)
    return code_of(caught.value)


# -- any t -------------------------------------------------------------------------------------------------------------
def test_enrol_and_log_in(world: World) -> None:
    client = world.enrol()
    record = world.device().record()
    assert record.network == str(world.issuers.network().network)
    assert record.key_id == world.network.key.key_id
    assert record.issuers == ["dta-1", "dta-2", "dta-3"]
    assert world.told == []
    answer = login(client)
    assert (answer.user, answer.device, answer.move) == ("alice", "laptop", None)
    assert refused(client, WRONG) == "authentication-failed"
    assert world.attempts() == 1
    world.clock.now += SLOT
    assert login(client).user == "alice"
    assert world.attempts() == 0
    assert [refused(client, WRONG) for _ in range(3)] == ["authentication-failed"] * 3
    assert refused(client) == "locked"


def test_one_dta_down_is_named_and_not_needed(world: World) -> None:
    world.take_down(2)
    client = world.enrol()
    assert login(client).user == "alice"
    assert any(text.startswith("D-TA dta-2 was passed over: unreachable") for text in world.told)


@pytest.mark.parametrize(
    ("misdeed", "reason"), [(byzantine.wrong_share, "wrong-share"), (byzantine.garbage, "garbage")]
)
def test_a_dta_that_does_wrong_is_named_and_not_needed(world: World, misdeed: byzantine.Misdeed, reason: str) -> None:
    world.fronts[0].misdeed = misdeed
    client = world.enrol()
    assert any(text.startswith(f"D-TA dta-1 was passed over: {reason}") for text in world.told)
    world.fronts[0].misdeed = None
    assert login(client).user == "alice"


def test_with_too_few_nothing_is_enrolled_and_the_same_code_goes_on_later(world: World) -> None:
    world.fronts[0].misdeed = world.fronts[1].misdeed = byzantine.garbage
    code = invite(world.mfa.records, "alice", world.clock(), timedelta(hours=1))
    world.patience = HASTY
    with pytest.raises(MilagroError, match="dta-1: garbage"):
        world.client().enrol(application("alice", "laptop", code), lambda: PIN)
    assert not world.device().enrolled()
    world.fronts[0].misdeed, world.patience = None, PATIENT
    client = world.client()
    client.enrol(application("alice", "laptop", code), lambda: PIN)
    assert login(client).user == "alice"


def test_logins_need_no_dta(world: World) -> None:
    client = world.enrol()
    login(client)
    world.take_down(1, 2, 3)
    world.start_mfa()
    assert login(client).user == "alice"


def test_a_suspended_account_gets_no_permit(world: World) -> None:
    client = world.enrol()
    login(client)
    world.mfa.records.suspend("alice", suspended=True)
    world.clock.now += SLOT
    assert refused(client) == "suspended"
    world.mfa.records.suspend("alice", suspended=False)
    assert login(client).user == "alice"


def test_a_resharing_is_not_noticed(world: World) -> None:
    client = world.enrol()
    world.reshare()
    world.clock.now += SLOT
    assert login(client).user == "alice"  # the client learns the epoch from the D-TAs
    world.refresh()
    assert world.issuers.held.ring.current.epoch == 1
    world.start_mfa()
    assert world.issuers.held.ring.current.epoch == 1
    assert login(world.enrol("bob", "phone")).user == "bob"


def test_a_dta_that_moved_is_found_where_the_next_charter_says(world: World) -> None:
    client = world.enrol()
    first = world.device().network()
    assert first is not None
    amended = replace(
        world.charter([node.url for node in first.nodes]),
        number=2,
        first=CID.from_text(first.network),
        previous=CID.from_text(first.network),
        base=world.network.key.to_bytes(),
    )
    found = "http://127.0.0.1:9009"
    seats = [replace(seat, url=found) if seat.index == 2 else seat for seat in amended.seats]
    world.hand_round(replace(amended, seats=tuple(seats)))
    world.refresh()
    world.clock.now += SLOT
    assert login(client).user == "alice"
    after = world.device().network()
    assert after is not None
    assert after.network == first.network
    assert [node.url for node in after.nodes] == [first.nodes[0].url, found, first.nodes[2].url]


def test_the_charter_of_another_network_is_not_gone_over_to(world: World) -> None:
    before = world.issuers.network()
    other = replace(world.charter([node.url for node in before.nodes]), session=b"o" * 32)
    world.hand_round(other)
    world.refresh()
    assert world.issuers.network() == before


def test_a_damaged_charter_changes_nothing(world: World) -> None:
    before = world.issuers.network()
    (world.folder / "mfa" / "charter").write_bytes(b"half of it")
    world.refresh()
    assert world.issuers.network() == before
    assert login(world.enrol()).user == "alice"


# -- rotation ----------------------------------------------------------------------------------------------------------
def test_a_rotation_moves_devices_over_by_themselves(world: World) -> None:
    client, before = world.enrol(), world.device().record()
    new = world.rotate()
    assert login(client).user == "alice"  # the server does not know yet
    assert world.device().record() == before
    world.refresh()
    assert set(world.issuers.held.secrets) == {before.key_id, new}
    world.start_mfa()  # both are read back
    assert login(world.enrol("bob", "phone")).user == "bob"
    assert world.device("phone").record().key_id == new
    assert refused(client, WRONG) == "authentication-failed"
    assert world.device().record() == before  # a wrong PIN moves nothing
    assert login(client).user == "alice"
    after = world.device().record()
    assert (after.key_id, after.identity) == (new, before.identity)
    assert after.token != before.token
    assert world.device().waiting() is None
    assert world.told == []
    world.clock.now += OVERLAP
    assert login(client).user == "alice"
    assert refused(client, WRONG) == "authentication-failed"
    world.refresh()
    assert set(world.issuers.held.secrets) == {new}
    assert len(list((world.folder / "mfa" / "network-keys").glob("*.sealed"))) == 1


def test_a_device_that_missed_the_overlap_is_told(world: World) -> None:
    client = world.enrol()
    login(client)
    world.rotate()
    world.refresh()
    world.clock.now += OVERLAP
    assert refused(client) == "key-over"
    assert refused(client, WRONG) == "key-over"
    assert world.attempts() == 0


class Dies(BaseException):
    """kill -9 at a named step, as far as a folder can tell."""


class Deadly(DeviceFolder):
    """A folder whose device dies before or after a step."""

    __slots__ = ()
    at = ""

    def _step(self, name: str) -> None:
        if name == Deadly.at:
            raise Dies

    def keep_waiting(self, record: DeviceRecord) -> None:
        self._step("before keeping")
        super().keep_waiting(record)
        self._step("after keeping")

    def move_over(self, record: DeviceRecord) -> None:
        self._step("before moving")
        super().move_over(record)

    def drop_waiting(self) -> None:
        self._step("before dropping")
        super().drop_waiting()


@pytest.mark.parametrize("at", ["before keeping", "after keeping", "before moving", "before dropping"])
@pytest.mark.parametrize("late", [False, True])
def test_a_device_that_dies_while_moving_has_a_token_that_works(
    world: World, monkeypatch: pytest.MonkeyPatch, at: str, late: bool
) -> None:
    world.enrol()
    new = world.rotate()
    world.refresh()
    monkeypatch.setattr(Deadly, "at", at)
    with pytest.raises(Dies):
        login(world.client(folder=Deadly(world.device().path)))
    if late:
        world.clock.now += OVERLAP
    if late and at == "before keeping":
        assert refused(world.client()) == "key-over"  # it had not begun to move
        return
    assert refused(world.client(), WRONG) == "authentication-failed"
    assert login(world.client()).user == "alice"
    assert world.device().record().key_id == new
    assert not (world.device().path / "device-next.json").exists()


def test_dtas_that_do_not_issue_leave_the_device_where_it_is(world: World) -> None:
    client, before = world.enrol(), world.device().record()
    login(client)
    world.rotate()
    world.refresh()
    for front in world.fronts:
        front.misdeed = byzantine.garbage
    assert login(client).user == "alice"
    assert world.device().record() == before
    assert any("has not moved" in text for text in world.told)


# -- what a choice of keys does not give -------------------------------------------------------------------------------
def credential_of(world: World) -> tuple[Credential, Permit, bytes]:
    folder, suite = world.device(), world.mfa.suite
    record, kept = folder.record(), folder.permit()
    assert kept is not None
    permit = Permit.from_bytes(suite, kept.permit)
    return Credential(Token.from_bytes(suite, record.token), folder.stored_key()), permit, record.key_id


def attempt(world: World, key_id: bytes, pin: str = PIN) -> str:
    credential, permit, _ = credential_of(world)
    started = start_login(credential, CONTEXT, world.clock(), secrets.token_bytes, permit)
    try:
        challenge = world.mfa.pass_one(started.message.to_bytes(), key_id)
        world.mfa.pass_two(started.answer(challenge, pin, world.clock()).to_bytes())
    except MilagroError as error:
        return code_of(error)
    return "accepted"


def test_a_login_under_another_key_than_the_tokens_fails_and_is_counted(world: World) -> None:
    login(world.enrol())
    new = world.rotate()
    world.refresh()
    old = credential_of(world)[2]
    assert attempt(world, new) == "authentication-failed"
    assert world.attempts() == 1
    assert attempt(world, old) == "accepted"
    # Alternating keys gives no more than three attempts.
    assert [attempt(world, key, WRONG) for key in (old, new, old)] == ["authentication-failed"] * 3
    assert [attempt(world, key) for key in (old, new)] == ["locked"] * 2


def test_a_key_that_is_not_known_is_refused_uncounted(world: World) -> None:
    login(world.enrol())
    assert attempt(world, bytes(32)) == "key-over"
    assert world.attempts() == 0


def test_the_key_in_a_request_for_permits_is_signed(world: World) -> None:
    world.enrol()
    new = world.rotate()
    world.refresh()
    record, key, now = world.device().record(), world.device().stored_key(), world.clock()
    signed = key.sign(proofs.permits("login.test", MFA_URL, record.identity, now, record.key_id))
    assert world.mfa.permits(record.identity, now, signed, record.key_id) is not None
    with pytest.raises(MilagroError) as caught:
        world.mfa.permits(record.identity, now, signed, new)
    assert code_of(caught.value) == "holder-not-proven"


def test_a_device_takes_nothing_of_another_key_or_network(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = world.enrol()
    login(client)
    world.rotate()
    world.refresh()
    before, real = world.device().record(), world.issuers._for
    with monkeypatch.context() as patch:  # a server that offers the key of another network
        other = str(CID.of(b"another network"))
        patch.setattr(world.issuers, "_for", lambda *a: real(*a).model_copy(update={"network": other}))
        assert login(client).user == "alice"
        assert any("another network" in text for text in world.told)
        world.clock.now += SLOT
        with pytest.raises(MilagroError, match="other D-TAs"):
            login(client)
    with monkeypatch.context() as patch:  # one that has permits issued under the new key
        patch.setattr(world.issuers, "_key", lambda *_: world.issuers.held.ring.current)
        with pytest.raises(MilagroError, match="another key"):
            login(client)
    assert world.device().record() == before


def test_nobody_gets_a_new_client_secret_without_a_right_pin(world: World) -> None:
    """Whoever has the device and not its PIN could else choose a PIN under the new key."""
    login(world.enrol())
    world.rotate()
    world.refresh()
    identity, key, now = world.device().record().identity, world.device().stored_key(), world.clock()
    old = world.device().record().key_id
    signed = key.sign(proofs.permits("login.test", MFA_URL, identity, now, old))
    permit = world.mfa.permits(identity, now, signed, old)
    assert permit is not None
    holder = world.client()._network(world_holder(world))
    with pytest.raises(MilagroError):  # it is a ticket for a permit
        holder.client_secret(permit.ticket)


def world_holder(world: World) -> Any:
    identity = Identity.from_bytes(world.device().record().identity)
    return _Holder(world.mfa.suite, identity, world.device().stored_key(), world.dial(""))


# -- the server's keys -------------------------------------------------------------------------------------------------
def test_the_server_follows_no_fewer_than_the_threshold(world: World) -> None:
    before = world.issuers.held.ring.current
    hands = [dta.hand for dta in world.network.dtas]
    kept = [(hand.share, hand.retiring) for hand in hands]
    world.rotate()
    for hand, (share, retiring) in list(zip(hands, kept, strict=True))[1:]:
        hand.share, hand.retiring = share, retiring
    world.refresh()
    assert world.issuers.held.ring.current == before


def test_the_server_never_goes_back_to_a_key_that_was_followed(world: World) -> None:
    hands = [dta.hand for dta in world.network.dtas]
    kept = [hand.share for hand in hands]
    new = world.rotate()
    world.refresh()
    for hand, share in zip(hands, kept, strict=True):
        hand.share, hand.retiring = share, []
    world.refresh()
    assert world.issuers.held.ring.current.key_id == new


def test_a_server_that_first_starts_in_an_overlap_has_both_secrets(world: World) -> None:
    client, old = world.enrol(), world.network.key.key_id
    new = world.rotate()
    for path in (world.folder / "mfa" / "network-keys").iterdir():
        path.unlink()
    world.start_mfa()
    assert set(world.issuers.held.secrets) == {old, new}
    assert login(client).user == "alice"


def test_what_dtas_agree_on(world: World) -> None:
    def key(epoch: int = 0, secret: Any = None) -> SharedKey:
        suite, random = world.network.sharing, secrets.token_bytes
        return deal(suite, secret or world.network.secret, 2, 5, random, epoch=epoch)[0].key

    old, later = key(), key(1)
    new = key(0, world.network.suite.curve.scalar(7))
    other = key(0, world.network.suite.curve.scalar(8))
    before, moved, rotated = KeyRing(old), KeyRing(later), KeyRing(new, ((later, 99),))
    assert agreed([before, before, moved], 2) == before
    assert agreed([before, before, moved, moved], 2) == moved  # while they switch, each epoch may have enough
    assert agreed([moved, moved, rotated, rotated], 2) == rotated  # and each key
    assert agreed([moved, rotated], 2) is None
    assert agreed([before, moved, rotated], 2) is None
    assert agreed([KeyRing(new), KeyRing(new), KeyRing(other), KeyRing(other)], 2) is None
    assert agreed([rotated, KeyRing(new, ((later, 98),))], 2) == KeyRing(new)  # they disagree about the end
    assert agreed([], 2) is None


def test_a_first_start_without_enough_dtas_says_who_is_missing(world: World) -> None:
    for path in (world.folder / "mfa" / "network-keys").iterdir():
        path.unlink()
    world.take_down(1, 3)
    with pytest.raises(Unavailable, match=r"dta-1: unreachable.*dta-3: unreachable"):
        open_network(world.config, world.mfa.suite, PASSPHRASE, world.dta_dial, world.clock, CHEAP)


def test_a_secret_of_another_server_is_not_taken(world: World) -> None:
    object.__setattr__(world.config, "name", "other.test")
    with pytest.raises(ConfigError, match=r"other\.test"):
        open_network(world.config, world.mfa.suite, PASSPHRASE, world.dta_dial, world.clock, CHEAP)


def test_a_charter_of_another_suite_is_not_taken(world: World) -> None:
    object.__setattr__(world.config.suite, "slot_seconds", 60)
    with pytest.raises(ConfigError, match="charter") as caught:
        open_network(world.config, world.mfa.suite, PASSPHRASE, world.dta_dial, world.clock, CHEAP)
    assert caught.value.problems == ("suite.slot_seconds is 60, and in the charter it is 3600",)


def test_the_watch_goes_on_after_a_failure() -> None:
    done, calls = threading.Event(), []

    def refresh() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise Unavailable("not now")
        if len(calls) == 2:
            raise ValueError("a fault of ours")
        done.set()

    watch = KeyWatch(refresh, 0.01)
    watch.start()
    assert done.wait(10)
    watch.stop()
