"""What protects PINs beside the count of three: delays, budgets, restores, and one answer for everybody unknown.

Spec: spec/mpin.md#pin-protection
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milagro.errors import MilagroError, Replay
from milagro.protocols.mpin.v2 import Ed25519Key, Identity, start_login, two_pass
from milagro.protocols.mpin.v2 import sessions as mpin_sessions
from milagro.roles.mfa import tables as mfa_tables
from milagro.roles.mfa.pins import HOUR, PinRules, network_of
from milagro.roles.mfa.records import MfaRecords, StoredSession
from milagro.roles.refusals import code_of
from milagro.roles.wire import to_text
from milagro.stores.state import back_up, restore
from tests.roles.test_login import CONTEXT, credential_of, first_pass, key_id_of, record_of
from tests.roles.world import PIN, WRONG, World, login
from tests.stores.databases import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from milagro.protocols.mpin.v2 import Credential
    from milagro.stores.state import Database

NOW = 1_800_000_000 - 1_800_000_000 % HOUR
HOME, OFFICE = "192.0.2.1", "198.51.100.7"
on_both_databases = pytest.mark.parametrize("world", KINDS, indirect=True)


def rule(world: World, **rules: int) -> None:
    """Starts the server anew with these rules."""
    object.__setattr__(world.config, "pins", PinRules(**{"delay_seconds": 0, **rules}))
    world.start_mfa()


def answer(world: World, pin: str = WRONG) -> bytes:
    started, challenge = first_pass(world)
    octets: bytes = started.answer(challenge, pin, world.clock()).to_bytes()
    return octets


def end(world: World, octets: bytes, network: str | None = None) -> tuple[str, float | None]:
    """How a second pass ends, and when to come again."""
    try:
        world.mfa.pass_two(octets, network)
    except MilagroError as error:
        return code_of(error), getattr(error, "retry_after", None)
    return "accepted", None


WRONG_PIN = ("authentication-failed", None)


def test_a_client_waits_by_itself_and_goes_on(world: World) -> None:
    """Nothing is counted for what came too soon, so the same answer is sent again."""
    login(world.enrol())
    rule(world, delay_seconds=4)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        world.clock.now += int(seconds)

    client = world.client()
    client._sleep = sleep
    for pin in (WRONG, WRONG):
        with pytest.raises(MilagroError, match="authentication failed"):
            login(client, pin)
    assert (login(client).user, waited) == ("alice", [4.0, 16.0])
    assert [text for text in world.told if "goes on in 16 s" in text]
    rule(world, delay_seconds=61, longest_delay_seconds=100)
    client = world.client()
    client._sleep = sleep
    for pin in (WRONG, PIN):
        with pytest.raises(MilagroError):
            login(client, pin)
    assert len(waited) == 2


# -- delays ----------------------------------------------------------------------------------------------------------
@on_both_databases
def test_a_device_waits_after_each_wrong_pin_and_nothing_is_counted_meanwhile(world: World) -> None:
    login(world.enrol())
    rule(world, delay_seconds=2, longest_delay_seconds=60)
    answers = [answer(world) for _ in range(4)]
    assert end(world, answers[0]) == WRONG_PIN
    assert end(world, answers[1]) == ("too-soon", 2.0)
    world.start_mfa()  # durable
    world.clock.now += 1
    assert end(world, answers[1]) == ("too-soon", 1.0)
    assert world.attempts() == 1
    world.clock.now += 1
    assert end(world, answers[1]) == WRONG_PIN  # the same answer, once it is time
    world.clock.now += 7
    assert end(world, answers[2]) == ("too-soon", 1.0)
    world.clock.now += 1
    assert end(world, answers[2]) == WRONG_PIN
    assert end(world, answers[3])[0] == "locked"  # the third needs no delay
    assert world.attempts() == 3


def test_a_right_pin_ends_the_waiting(world: World) -> None:
    login(world.enrol())
    rule(world, delay_seconds=2)
    right, other = answer(world, PIN), answer(world, PIN)
    assert end(world, answer(world)) == WRONG_PIN
    assert end(world, right) == ("too-soon", 2.0)
    world.clock.now += 2
    assert end(world, right) == ("accepted", None)
    assert end(world, other) == ("accepted", None)


def test_the_refusal_says_over_http_when_to_come_again(world: World) -> None:
    login(world.enrol())
    rule(world, delay_seconds=3)
    answers = [answer(world) for _ in range(2)]
    assert world.post("/v1/login/pass2", {"message": to_text(answers[0])})[0] == 401
    done = world.http.post("/v1/login/pass2", json={"message": to_text(answers[1])})
    assert (done.status_code, done.headers["retry-after"], done.json()["error"]["code"]) == (429, "3", "too-soon")
    shown = world.http.get("/metrics").text
    assert 'milagro_mfa_logins_total{result="too-soon"} 1.0' in shown


@given(st.integers(0, 3600), st.integers(0, 3600), st.integers(1, 2))
def test_delays_grow_and_are_bounded(first: int, longest: int, wrong: int) -> None:
    rules = PinRules(delay_seconds=first, longest_delay_seconds=longest)
    assert rules.delay(wrong) == min(longest, first * (1, 4)[wrong - 1])
    assert rules.delay(wrong) <= rules.delay(wrong + 1) <= longest


# -- budgets ---------------------------------------------------------------------------------------------------------
class Fleet:
    """Many devices' counters, without their logins."""

    def __init__(self, database: Database, **rules: int) -> None:
        self.records = MfaRecords(database, rules=PinRules(**{"delay_seconds": 0, **rules}))
        self.now = NOW
        self._digests: dict[str, bytes] = {}

    def enrol(self, user: str) -> None:
        key = Ed25519Key.generate(secrets.token_bytes)
        suite = "MPIN-V2_BLS12381_SHA-256_CK_"
        salt = secrets.token_bytes(16)
        identity = Identity(suite, "login.test", user, "phone", NOW, salt, key.algorithm, key.public_key)
        self.records.invite(user.encode(), user, NOW + HOUR)
        self.records.enrol(user.encode(), identity, NOW)
        self._digests[user] = identity.digest()

    def attempt(self, user: str, network: str | None, *, right: bool = False) -> str:
        """How an attempt ends; nothing for one that is evaluated."""
        if user not in self._digests:
            self.enrol(user)
        digest = self._digests[user]
        session = StoredSession(secrets.token_bytes(16), digest, secrets.token_bytes(16), self.now + 100, b"")
        self.records.open_session(session, self.now, 1000)
        try:
            assert self.records.count_attempt(session, self.now, network)
        except MilagroError as error:
            return code_of(error)
        if right:
            self.records.succeed(digest, self.now)
        else:
            self.records.note_wrong(network, self.now)
        return ""


@pytest.fixture
def fleet(database: Database, request: pytest.FixtureRequest) -> Any:
    made: list[Fleet] = []

    def make(**rules: int) -> Fleet:
        made.append(Fleet(database, **rules))
        return made[-1]

    yield make
    for one in made:
        one.records.state.close()


def test_a_network_has_a_budget_of_wrong_pins_an_hour(fleet: Callable[..., Fleet]) -> None:
    many = fleet(network_per_hour=4, server_per_hour=0)
    assert [many.attempt(f"user {number}", HOME) for number in range(6)] == [""] * 4 + ["network-budget"] * 2
    assert many.attempt("user 4", HOME, right=True) == "network-budget"
    assert many.attempt("user 4", OFFICE, right=True) == ""  # others are served
    assert many.attempt("user 5", None) == ""  # nor is anybody whose address is not known
    many.now += HOUR - 1
    assert many.attempt("user 7", HOME) == "network-budget"
    many.now += 1
    assert many.attempt("user 7", HOME) == ""


def test_a_full_server_budget_stops_those_who_were_wrong_and_nobody_else(fleet: Callable[..., Fleet]) -> None:
    many = fleet(network_per_hour=0, server_per_hour=4)
    assert [many.attempt(f"user {number}", f"192.0.2.{number}") for number in range(4)] == [""] * 4
    assert many.attempt("user 0", OFFICE, right=True) == "server-budget"
    assert many.attempt("stranger to the attack", OFFICE, right=True) == ""
    assert many.attempt("unlucky", OFFICE) == ""
    assert many.attempt("unlucky", OFFICE, right=True) == "server-budget"
    many.now += HOUR
    assert many.attempt("unlucky", OFFICE, right=True) == ""


def test_right_pins_use_no_budget_up(fleet: Callable[..., Fleet]) -> None:
    many = fleet(network_per_hour=1, server_per_hour=1)
    assert [many.attempt("alice", HOME, right=True) for _ in range(5)] == [""] * 5


def test_whoever_fills_a_budget_is_told_of_once_and_old_hours_are_dropped(fleet: Callable[..., Fleet]) -> None:
    many = fleet(network_per_hour=2, server_per_hour=3)
    told = [many.records.note_wrong(HOME, NOW) for _ in range(4)]
    assert told == [[], [HOME], ["server"], []]
    many.records.note_wrong(OFFICE, NOW + 2 * HOUR)
    with many.records.state.read() as connection:
        places = connection.exec_driver_sql("SELECT place FROM wrong_pins ORDER BY place").scalars().all()
    assert places == [OFFICE, "server"]


def test_a_spray_is_slowed_seen_and_not_counted(world: World) -> None:
    login(world.enrol())
    rule(world, network_per_hour=1)
    answers = [answer(world) for _ in range(2)]
    assert end(world, answers[0], HOME) == WRONG_PIN
    assert end(world, answers[1], HOME) == ("network-budget", float(HOUR - world.clock() % HOUR))
    assert world.attempts() == 1
    assert end(world, answers[1], OFFICE) == WRONG_PIN


@pytest.mark.parametrize(
    ("caller", "network"),
    [
        (None, None),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::/64", "2001:db8:1::/56"),
        ("2001:db8:1:ff::/64", "2001:db8:1::/56"),
        ("2001:db8:1:100::/64", "2001:db8:1:100::/56"),
    ],
)
def test_networks(caller: str | None, network: str | None) -> None:
    assert network_of(caller) == network


# -- restores --------------------------------------------------------------------------------------------------------
def put_back(world: World, copy: Path) -> None:
    world.mfa.close()
    restore(world.config.common.store, mfa_tables.SCHEMA, copy)
    world.start_mfa()


@on_both_databases
def test_after_a_restore_each_device_has_the_attempts_that_it_had(world: World, tmp_path: Path) -> None:
    login(world.enrol())
    login(world.enrol("bob", "phone"))
    back_up(world.mfa.records.state, tmp_path / "copy")
    for _ in range(2):
        end(world, answer(world))
    put_back(world, tmp_path / "copy")
    world.start_mfa()  # no second restore
    assert world.attempts() == 2
    for _ in range(2):
        with pytest.raises(MilagroError, match="authentication failed"):
            login(world.client("phone"), WRONG)
    assert login(world.client("phone")).user == "bob"  # at once, and with one attempt left
    assert end(world, answer(world)) == WRONG_PIN
    with pytest.raises(MilagroError, match="locked"):
        login(world.client())
    login(world.enrol("carol", "tablet"))
    assert world.attempts("carol", "tablet") == 0


@on_both_databases
def test_a_success_after_the_copy_counts_as_well(world: World, tmp_path: Path) -> None:
    login(world.enrol())
    for _ in range(2):
        end(world, answer(world))
    back_up(world.mfa.records.state, tmp_path / "copy")
    login(world.client())
    put_back(world, tmp_path / "copy")
    assert world.attempts() == 0


def test_a_session_from_before_a_restore_is_over(world: World, tmp_path: Path) -> None:
    login(world.enrol())
    octets = answer(world, PIN)
    back_up(world.mfa.records.state, tmp_path / "copy")
    assert end(world, octets) == ("accepted", None)
    put_back(world, tmp_path / "copy")
    with pytest.raises(Replay):
        world.mfa.pass_two(octets)


@on_both_databases
def test_a_restore_under_a_running_server_is_noticed_at_once(world: World, tmp_path: Path) -> None:
    login(world.enrol())
    back_up(world.mfa.records.state, tmp_path / "copy")
    assert [end(world, answer(world)) for _ in range(3)] == [WRONG_PIN] * 3
    restore(world.config.common.store, mfa_tables.SCHEMA, tmp_path / "copy")
    assert end(world, answer(world))[0] == "locked"
    assert world.attempts() == 3


# -- strangers -------------------------------------------------------------------------------------------------------
_WATCHED = ((mpin_sessions, "verify_signature"), (MfaRecords, "pinned"), (two_pass, "check_client"))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch, world: World) -> list[str]:
    """The group operations, signatures checked, and looks into the database, in their order."""
    done: list[str] = []

    def watch(place: Any, name: str) -> None:
        original = getattr(place, name)

        def noting(*arguments: Any, **named: Any) -> Any:
            done.append(name)
            return original(*arguments, **named)

        monkeypatch.setattr(place, name, noting)

    for place, name in _WATCHED:
        watch(place, name)
    curve = type(world.mfa.suite.curve)
    for name in ("pairing_check", "g1_from_bytes", "hash_to_g1"):
        watch(curve, name)
    return done


def asked_by_a_stranger(world: World, user: str, device: str) -> list[tuple[int, Any, list[str], int, int]]:
    """What a stranger with a key of his own hears who poses as this user's device: pass 1 twice, pass 2, permits."""
    own = credential_of(world, "laptop")[0]
    key = Ed25519Key.generate(secrets.token_bytes)
    posing = replace(own.identity, user=user, device=device, public_key=key.public_key, issued_at=world.clock())
    heard = []
    for message in _messages(world, posing, key, own):
        done = world.http.post("/v1/login/pass1", json=message)
        body = done.json()["error"]
        heard.append((done.status_code, body["code"], sorted(body), len(body["message"]), len(done.content)))
    return heard


def _messages(world: World, posing: Identity, key: Ed25519Key, own: Credential) -> list[dict[str, str]]:
    """A first pass that the stranger signed, and one that nobody did."""
    permit = credential_of(world, "laptop")[1]
    started = start_login(own, CONTEXT, world.clock(), secrets.token_bytes, permit)
    first = replace(started.message, identity=posing, signature=b"")
    signed = replace(first, signature=key.sign(first.signed(CONTEXT)))
    forged = replace(first, signature=secrets.token_bytes(64))
    key_id = to_text(key_id_of(world))
    return [{"message": to_text(one.to_bytes()), "key_id": key_id} for one in (signed, forged, signed)]


def test_an_unknown_identity_gets_the_same_work_and_the_same_answers(world: World, work: list[str]) -> None:
    login(world.enrol())
    assert record_of(world).device == "laptop"
    found = {}
    for user in ("alice", "zelda"):
        work.clear()
        heard = asked_by_a_stranger(world, user, "laptop")
        client_side = [name for name in work if name in {"pinned", "verify_signature", "check_client"}]
        found[user] = heard, client_side, work.count("pairing_check"), len(work)
    assert found["alice"] == found["zelda"]
    assert [code for _, code, *_ in found["alice"][0]] == [
        "authentication-failed",
        "invalid-signature",
        "authentication-failed",
    ]
    assert found["alice"][2] == 0
    assert world.attempts() == 0
