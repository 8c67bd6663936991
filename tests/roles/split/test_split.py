"""Logins at replicas that share the server secret: t of them are needed, each counts, and a thief of one gains nothing.

Spec: spec/mpin.md#split-secret
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from milagro.errors import (
    AlreadyExists,
    AuthenticationFailed,
    ConfigError,
    Expired,
    InvalidShare,
    MilagroError,
    NotFound,
    ParameterError,
    Replay,
    Unavailable,
)
from milagro.octets import unframe
from milagro.protocols.mpin.v2 import PassOne, PassTwo, Verifier, start_login
from milagro.protocols.mpin.v2.joint import Attempts, Contribution, Partial, Participant, contribute
from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa.network import open_network
from milagro.roles.mfa.split.config import SplitConfig
from milagro.roles.mfa.split.dealt import Replica
from milagro.roles.mfa.split.leading import SplitSecret
from milagro.roles.mfa.split.messages import (
    AnswerRequest,
    Evidence,
    JoinRequest,
    LinkKey,
    SettleRequest,
)
from milagro.roles.mfa.split.splitting import split_secrets
from milagro.roles.purposes import ADD_DEVICE
from milagro.roles.refusals import Locked, code_of
from milagro.roles.wire import to_text
from tests.roles.split.replicas import Replicas, whole_files
from tests.roles.test_login import CONTEXT, credential_of, key_id_of
from tests.roles.world import CHEAP, PASSPHRASE, PIN, SLOT, WRONG, World, login

NO_MAC = bytes(32)


@pytest.fixture
def replicas(world: World) -> Iterator[Replicas]:
    login(world.enrol())  # the device has its permit, too
    made = Replicas(world)
    yield made
    made.close()


def secret_of(replicas: Replicas, number: int) -> SplitSecret:
    secret = replicas[number].issuers.server_secret(key_id_of(replicas.world), replicas.world.clock())
    assert isinstance(secret, SplitSecret)
    return secret


# -- logins ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_two_of_three_replicas_on_postgresql_log_people_in_also_with_one_gone(replicas: Replicas) -> None:
    assert whole_files(replicas.world.folder) == []
    for number in range(3):
        assert replicas.login(number).identity.user == "alice"
    assert replicas.world.attempts() == 0
    replicas.settled(0, 1, 2)
    replicas.doors[2].down = True
    for number in (0, 1, 0, 1):
        replicas.login(number)
    with pytest.raises(AuthenticationFailed):
        replicas.login(0, WRONG)
    assert replicas.world.attempts() == 1
    assert replicas.counted(1) == 1
    replicas.login(0)
    assert replicas.world.attempts() == 0
    replicas.settled(1)


def test_wrong_pins_are_counted_by_the_database_and_by_the_others(replicas: Replicas) -> None:
    replicas.doors[2].down = True
    for wrong in range(1, 4):
        with pytest.raises(AuthenticationFailed):
            replicas.login(0, WRONG)
        assert (replicas.world.attempts(), replicas.counted(1)) == (wrong, wrong)
    with pytest.raises(Locked):
        replicas.login(0)


def test_a_login_for_one_purpose_is_verified_together_too(replicas: Replicas) -> None:
    with pytest.raises(AuthenticationFailed):
        replicas[0].pass_two(replicas.prepare(0, WRONG, purpose=ADD_DEVICE), purpose=ADD_DEVICE)
    assert replicas.counted(1) + replicas.counted(2) == 1
    for number in (0, 1):
        second = replicas.prepare(number, purpose=ADD_DEVICE)
        with pytest.raises(ParameterError):
            replicas[number].pass_two(second)  # as a plain login it is none
        assert replicas[number].pass_two(second, purpose=ADD_DEVICE).identity.user == "alice"


def test_logins_at_the_same_moment_are_judged_in_one_run_and_the_wrong_ones_found(replicas: Replicas) -> None:
    names = [f"device-{i}" for i in range(5)]
    for name in names:
        login(replicas.world.enrol(f"user-{name}", name))
    secret, service = secret_of(replicas, 0), replicas[0]
    wrong = {"device-1", "device-4"}
    countables = []
    for name in names:
        second = PassTwo.from_bytes(replicas.prepare(0, WRONG if name in wrong else PIN, name))
        session = service.records.session(second.session_id)
        assert session is not None
        octets = session.octets
        countables.append(service._verifier.resume(_state(octets)).accept(second, replicas.world.clock()))
    replicas.doors[1].asked.clear()
    replicas.doors[2].down = True
    found = secret.verify(countables)
    assert [isinstance(one, AuthenticationFailed) for one in found] == [name in wrong for name in names]
    assert replicas.doors[1].asked.count("/v1/split/join") <= 9  # each guess was counted once all the same
    joining = replicas[1].joining
    assert joining is not None
    for name, one in zip(names, countables, strict=True):
        assert joining._counters.attempts(one.identity.digest()) == (name in wrong)


def _state(octets: bytes) -> bytes:
    return unframe(octets)[1]


def test_many_people_log_in_at_all_replicas_at_once(replicas: Replicas) -> None:
    names = [f"device-{i}" for i in range(9)]
    for name in names:
        login(replicas.world.enrol(f"user-{name}", name))
    prepared = [(i % 3, replicas.prepare(i % 3, PIN, name)) for i, name in enumerate(names)]
    with ThreadPoolExecutor(9) as pool:
        found = list(pool.map(lambda one: replicas[one[0]].pass_two(one[1]), prepared))
    assert [one.identity.device for one in found] == names


def test_replicas_with_all_places_taken_by_logins_still_serve_each_other(replicas: Replicas) -> None:
    """Each has one place for logins, and needs the other: had they no places for each other, both would wait."""
    replicas.doors[2].down = True
    names = [f"device-{i}" for i in range(4)]
    for name in names:
        login(replicas.world.enrol(f"user-{name}", name))
    for number in (0, 1):
        server = replicas.configs[number].common.server
        one_place = replace(server, limits=replace(server.limits, running=1))
        replicas.doors[number].app = mfa_http.create_app(replicas[number], one_place)
    messages = [(i % 2, replicas.prepare(i % 2, PIN, name)) for i, name in enumerate(names)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda one: _post(replicas, *one), messages)) == [200] * 4


def _post(replicas: Replicas, number: int, message: bytes) -> int:
    url = f"{replicas.replicas[number].url}/v1/login/pass2"
    return httpx.post(url, json={"message": to_text(message)}, timeout=120).status_code


def test_three_of_three(world: World) -> None:
    login(world.enrol())
    made = Replicas(world, threshold=3)
    try:
        made.login(1)
        with pytest.raises(AuthenticationFailed):
            made.login(1, WRONG)
        made.doors[0].down = True
        with pytest.raises(Unavailable):
            made.login(1)
    finally:
        made.close()


# -- replicas that are not there ---------------------------------------------------------------------------------------
def test_with_too_few_replicas_nothing_is_counted_once_that_is_known(replicas: Replicas) -> None:
    replicas.doors[1].down = replicas.doors[2].down = True
    prepared = replicas.prepare(0)
    with pytest.raises(Unavailable):
        replicas[0].pass_two(prepared)  # found out by this one, which stays counted
    assert replicas.world.attempts() == 1
    for _ in range(3):
        with pytest.raises(Unavailable):
            replicas.prepare(0)
    assert replicas.world.attempts() == 1
    replicas.doors[1].down = False
    secret = replicas[0].issuers._held_secret(key_id_of(replicas.world), 0)
    assert isinstance(secret, SplitSecret)
    for one in secret._others:
        one._asked -= 10  # a second later
    replicas.login(0)
    assert replicas.world.attempts() == 0


def test_a_replica_that_lies_is_passed_over(replicas: Replicas) -> None:
    secret = secret_of(replicas, 0)
    liar = replicas[1].issuers._held_secret(key_id_of(replicas.world), 0)
    other = replicas[2].issuers._held_secret(key_id_of(replicas.world), 0)
    assert isinstance(liar, SplitSecret)
    assert isinstance(other, SplitSecret)
    point = other.dealt.share.point
    object.__setattr__(liar.dealt.share, "point", point)
    object.__setattr__(liar.dealt.share, "prepared", point.curve.prepare(point))
    for _ in range(3):
        replicas.login(0)
    assert [one.up for one in secret._others if one.replica.index == 2] == [False]


# -- a thief of replica a: its share, its link key, the database -----------------------------------------------------
class Thief:
    """What whoever holds replica a, the database and alice's whole device can ask the others."""

    def __init__(self, replicas: Replicas) -> None:
        self.replicas, self.dealt = replicas, secret_of(replicas, 0).dealt
        self.world = replicas.world
        self.verifier: Verifier = replicas[0]._verifier

    def request(self, kind: type, receiver: int, run: bytes, **fields: object) -> object:
        head = {"key_id": self.dealt.key_id, "run": run, "sender": 1, "receiver": receiver, "at": self.world.clock()}
        return kind(**head, mac=NO_MAC, **fields).under(self.dealt.link)  # type: ignore[attr-defined]

    def evidence(self, pin: str) -> Evidence:
        """An attempt whose challenge the thief makes itself."""
        credential, permit = credential_of(self.world)
        started = start_login(credential, CONTEXT, self.world.clock(), secrets.token_bytes, permit)
        challenged = self.verifier.challenge(
            PassOne.from_bytes(started.message.to_bytes()), credential.identity, self.world.clock(), secrets.token_bytes
        )
        second = started.answer(challenged.message, pin, self.world.clock())
        return Evidence(session=challenged.to_bytes(), second=second.to_bytes())

    def join(self, number: int, *evidence: Evidence, run: bytes | None = None) -> tuple[bytes, Contribution]:
        joining, run = self.replicas[number].joining, run or secrets.token_bytes(16)
        assert joining is not None
        octets = joining.join(self.request(JoinRequest, number + 1, run, attempts=list(evidence)))  # type: ignore[arg-type]
        return run, Contribution.from_bytes(self.world.mfa.suite, octets)

    def finish(self, number: int, run: bytes, theirs: Contribution, evidence: Evidence) -> bool:
        """Takes a run to its end; whether the PIN was right."""
        joining = self.replicas[number].joining
        assert joining is not None
        challenged = self.verifier.resume(evidence.session)
        countable = challenged.accept(evidence.second, self.world.clock())
        suite = self.world.mfa.suite
        mine = Participant(
            self.dealt.share, self.dealt.dealing, Attempts.of(suite, run, [countable]), secrets.token_bytes
        )
        said = [mine.contribution, theirs]
        own = mine.answer(said, secrets.token_bytes)
        octets = [one.to_bytes() for one in said]
        partial = joining.answer(self.request(AnswerRequest, number + 1, run, contributions=octets))  # type: ignore[arg-type]
        partials = [own, Partial.from_bytes(suite, partial)]
        with contextlib.suppress(AuthenticationFailed):
            mine.decide(partials)
        settle = self.request(SettleRequest, number + 1, run, partials=[one.to_bytes() for one in partials])
        try:
            joining.settle(settle)  # type: ignore[arg-type]
        except AuthenticationFailed:
            return False
        return True


def test_a_thief_of_one_replica_and_a_device_has_three_guesses_at_each_other_one(replicas: Replicas) -> None:
    thief = Thief(replicas)
    for number in (1, 2):
        for guess in ("0000", "0001", "0002"):
            evidence = thief.evidence(guess)
            run, theirs = thief.join(number, evidence)
            assert not thief.finish(number, run, theirs, evidence)
        with pytest.raises(Locked):
            thief.join(number, thief.evidence("0003"))
        with pytest.raises(Locked):
            thief.join(number, thief.evidence(PIN))
    with replicas.world.mfa.records.state.write() as connection:  # the thief has the database
        connection.exec_driver_sql("UPDATE device SET attempts = 0")
    for number in (1, 2):
        replicas.restart(number)
        with pytest.raises(Locked):
            thief.join(number, thief.evidence("0003"))


def test_the_same_attempt_again_is_not_another_one_and_is_looked_at_so_often_only(replicas: Replicas) -> None:
    thief, evidence = Thief(replicas), None
    evidence = thief.evidence("0000")
    for _ in range(32):
        thief.join(1, evidence)
    assert replicas.counted(1) == 1
    with pytest.raises(MilagroError) as refused:
        thief.join(1, evidence)
    assert code_of(refused.value) == "rate-limited"
    thief.join(1, thief.evidence("0001"))
    assert replicas.counted(1) == 2


def test_a_recorded_right_login_gives_attempts_back_once(replicas: Replicas) -> None:
    thief = Thief(replicas)
    right = thief.evidence(PIN)
    run, theirs = thief.join(1, right)
    assert thief.finish(1, run, theirs, right)
    assert replicas.counted(1) == 0
    for used, guess in enumerate(("0000", "0001", "0002"), 1):
        thief.join(1, thief.evidence(guess))
        run, theirs = thief.join(1, right)
        thief.finish(1, run, theirs, right)
        assert replicas.counted(1) == used
    replicas.world.clock.now += SLOT  # as long as a session lives, the slot before is good enough
    assert replicas.world.clock.now // SLOT * SLOT == replicas.world.clock.now
    thief.replicas.world.clock.now += 121
    with pytest.raises(Expired):
        thief.join(1, right)


def test_what_is_not_signed_by_the_pinned_key_is_refused_and_not_counted(replicas: Replicas) -> None:
    thief = Thief(replicas)
    right, other = thief.evidence(PIN), thief.evidence("0000")
    for mixed in (
        Evidence(session=right.session, second=other.second),
        Evidence(session=right.session, second=_flipped(right.second, -1)),
        Evidence(session=_flipped(right.session, -13), second=right.second),
    ):
        with pytest.raises(MilagroError):
            thief.join(1, mixed)
    replicas.world.mfa.records.suspend("alice", suspended=True)
    with pytest.raises(AuthenticationFailed):
        thief.join(1, right)
    replicas.world.mfa.records.suspend("alice", suspended=False)
    replicas.world.mfa.records.remove("alice", "laptop")
    with pytest.raises(AuthenticationFailed):
        thief.join(1, right)
    joining = replicas[1].joining
    assert joining is not None
    digest = credential_of(replicas.world)[0].identity.digest()
    assert joining._counters.attempts(digest) == 0


def _flipped(octets: bytes, at: int) -> bytes:
    changed = bytearray(octets)
    changed[at] ^= 1
    return bytes(changed)


def test_a_run_is_answered_once_and_settled_only_with_proofs(replicas: Replicas) -> None:
    thief = Thief(replicas)
    evidence = thief.evidence("0000")
    run, theirs = thief.join(1, evidence)
    assert not thief.finish(1, run, theirs, evidence)
    joining = replicas[1].joining
    assert joining is not None
    countable = thief.verifier.resume(evidence.session).accept(evidence.second, thief.world.clock())
    attempts = Attempts.of(thief.world.mfa.suite, run, [countable])
    mine = contribute(attempts, 1, secrets.token_bytes)
    again = thief.request(AnswerRequest, 2, run, contributions=[mine.to_bytes(), theirs.to_bytes()])
    with pytest.raises(MilagroError) as refused:
        joining.answer(again)  # type: ignore[arg-type]
    assert code_of(refused.value) == "wrong-round"
    with pytest.raises(Replay):
        thief.join(1, evidence, run=run)
    with pytest.raises(Replay):
        joining.answer(thief.request(AnswerRequest, 2, bytes(16), contributions=[b"x", b"y"]))  # type: ignore[arg-type]
    assert replicas.counted(1) == 1


def test_strangers_and_old_requests_are_refused(replicas: Replicas) -> None:
    thief = Thief(replicas)
    joining, evidence = replicas[1].joining, thief.evidence(PIN)
    assert joining is not None
    good = thief.request(JoinRequest, 2, bytes(16), attempts=[evidence])
    assert isinstance(good, JoinRequest)
    for changed in (
        {"mac": NO_MAC},
        {"sender": 3},
        {"run": bytes([1]) * 16},
        {"receiver": 3},
        {"attempts": [thief.evidence("0000")]},
    ):
        with pytest.raises(AuthenticationFailed):
            joining.join(good.model_copy(update=changed))
    for sender in (2, 4):
        with pytest.raises(AuthenticationFailed):
            joining.join(good.model_copy(update={"sender": sender}).under(thief.dealt.link))
    with pytest.raises(AuthenticationFailed):
        joining.join(good.under(LinkKey(bytes(32))))
    with pytest.raises(Expired):
        joining.join(good.model_copy(update={"at": replicas.world.clock() - 61}).under(thief.dealt.link))
    assert replicas.counted(1) == 0
    joining.join(good)


# -- keys ------------------------------------------------------------------------------------------------------------
def test_a_replica_refuses_to_start_beside_a_whole_secret_or_with_another_replicas_share(replicas: Replicas) -> None:
    keys = replicas.configs[0].network.keys
    (keys / "left.sealed").write_bytes(b"-")
    with pytest.raises(ConfigError, match="lies whole"):
        replicas.issuers(0)
    (keys / "left.sealed").unlink()
    first, second = (replicas.folder_of(config) for config in replicas.configs[:2])
    key_id = key_id_of(replicas.world)
    first._sealed(key_id).path.write_bytes(second._sealed(key_id).path.read_bytes())
    with pytest.raises(ConfigError):
        replicas.issuers(0)
    first._public(key_id).write_bytes(b"{}")
    with pytest.raises(ConfigError, match="damaged"):
        replicas.issuers(0)


def test_after_a_rotation_the_old_key_works_until_the_new_one_is_dealt(replicas: Replicas) -> None:
    new = replicas.world.rotate()
    for number in range(3):
        with pytest.raises(Unavailable, match="milagro mfa split"):
            replicas[number].issuers.refresh()
    assert replicas.login(0).move is None
    assert deal_again(replicas) == [new]
    for number in range(3):
        replicas[number].issuers.refresh()
        assert replicas[number].issuers.held.ring.current.key_id == new
    assert whole_files(replicas.world.folder / "replicas") == []


def deal_again(replicas: Replicas) -> list[bytes]:
    """What an operator does after a rotation: on a server without [mfa.split], which has no ring any more."""
    world, into = replicas.world, replicas.world.folder / "again"
    open_network(world.config, world.mfa.suite, PASSPHRASE, world.dta_dial, world.clock, CHEAP).close()
    assert len(list(world.config.network.keys.glob("*.sealed"))) == 2
    dealt = split_secrets(world.config, PASSPHRASE, 2, replicas.replicas, into, CHEAP, current_only=True)
    assert not list(world.config.network.keys.glob("*.sealed"))
    for one, config in zip(replicas.replicas, replicas.configs, strict=True):
        assert config.split is not None
        shutil.copytree(into / one.name, config.split.folder, dirs_exist_ok=True)
    return dealt


def test_what_cannot_be_split_is_refused_and_stays_whole(world: World, tmp_path: Path) -> None:
    servers = [Replica(index=i, name=name, url=f"https://{name}.test") for i, name in enumerate("abc", 1)]
    whole = list(world.config.network.keys.glob("*.sealed"))
    twice = [*servers[:2], Replica(index=3, name="a", url="https://c.test")]
    plain = [*servers[:2], Replica(index=3, name="c", url="http://c.test")]
    split_config = replace(world.config, split=SplitConfig(tmp_path / "x", tmp_path / "y", None, 5))
    without_slots = replace(world.config, suite=replace(world.config.suite, slot_seconds=0))
    for config, threshold, named in (
        (world.config, 4, servers),
        (world.config, 2, twice),
        (world.config, 2, plain),
        (split_config, 2, servers),
        (without_slots, 2, servers),
    ):
        with pytest.raises((ConfigError, ParameterError)):
            split_secrets(config, PASSPHRASE, threshold, named, tmp_path / "into", CHEAP)
    split_folder = tmp_path / "again"
    (split_folder / "b").mkdir(parents=True)
    (split_folder / "b" / whole[0].name).write_bytes(b"-")
    with pytest.raises(AlreadyExists):
        split_secrets(world.config, PASSPHRASE, 2, servers, split_folder, CHEAP)
    assert list(world.config.network.keys.glob("*.sealed")) == whole
    assert len(split_secrets(world.config, PASSPHRASE, 2, servers, tmp_path / "into", CHEAP)) == 1
    with pytest.raises(NotFound):
        split_secrets(world.config, PASSPHRASE, 2, servers, tmp_path / "into", CHEAP)


def test_the_dealing_is_checked_against_the_networks_key(replicas: Replicas) -> None:
    folder, key_id = replicas.folder_of(replicas.configs[0]), key_id_of(replicas.world)
    assert folder.open(key_id).own == 1
    with pytest.raises(NotFound):
        folder.open(bytes(32))
    dealt = folder.open(key_id)
    text = repr(dealt)
    assert "link" not in text
    assert "share" not in text
    with pytest.raises(InvalidShare):
        dealt.dealing.check(dealt.dealing.commitment(1))
