"""What no database can say of itself: that it is older than the journals, or than the D-TAs, know.

Spec: spec/mpin.md#restores, spec/mpin.md#witnessing
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from milagro.cli import main
from milagro.errors import InvalidSignature, MilagroError, ParameterError, Unavailable
from milagro.protocols.mpin.v2 import Ed25519Key, Identity
from milagro.roles.issuance.messages import MAX_STANDINGS, WitnessRequest
from milagro.roles.issuance.standings import Standing, verified
from milagro.roles.mfa.attempts.guard import Guard
from milagro.roles.mfa.pins import PinRules
from milagro.roles.mfa.records import MAX_ATTEMPTS, MfaRecords, StoredSession
from milagro.roles.mfa.service import MfaService
from milagro.roles.mfa.tables import SCHEMA
from milagro.roles.refusals import Locked, TicketForged, TooSoon, code_of
from milagro.stores.state import Database, back_up, restore
from tests.roles.conftest import MEMORY
from tests.roles.correspondents import Owner
from tests.roles.test_login import on_both_databases
from tests.roles.test_pins import WRONG_PIN, answer, end, put_back
from tests.roles.world import PIN, WRONG, World, login

if TYPE_CHECKING:
    from milagro.roles.mfa.attempts.witness import Witnessing

on_postgresql = pytest.mark.parametrize("world", ["postgresql"], indirect=True)


def allow(world: World, left: int) -> None:
    """Starts the server anew with so many attempts after a restore."""
    object.__setattr__(world.config, "pins", PinRules(delay_seconds=0, after_restore=left))
    world.start_mfa()


def guard_of(service: MfaService) -> Guard:
    assert service.records.guard is not None
    return service.records.guard


def witnessing_of(world: World) -> Witnessing:
    assert world.mfa.witnessing is not None
    return world.mfa.witnessing


def ask(world: World) -> None:
    witnessing_of(world).ask(world.issuers.witnesses())


def wrong(world: World, times: int) -> None:
    for _ in range(times):
        assert end(world, answer(world)) == WRONG_PIN


# -- the journal alone -------------------------------------------------------------------------------------------------
def test_a_copy_of_the_same_minute_is_noticed_by_the_journal(world: World, tmp_path: Path) -> None:
    login(world.enrol())
    path = world.config.common.store.path
    assert path is not None
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(tmp_path / "c")) as to:
        source.backup(to)  # nobody is told, and no number is raised
    wrong(world, 3)
    restore(world.config.common.store, SCHEMA, tmp_path / "c")
    assert world.attempts() == 0
    assert end(world, answer(world))[0] in {"replay", "locked"}
    assert world.attempts() == 3
    put_back(world, tmp_path / "c")
    assert world.attempts() == 3


def test_what_is_not_in_the_journal_is_not_looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    login(world.enrol())

    def full(*_arguments: Any) -> None:
        raise Unavailable("no space")

    octets = answer(world, PIN)
    monkeypatch.setattr(Guard, "note", full)
    monkeypatch.setattr(world.mfa._logins, "verify", None)  # would be a TypeError
    assert end(world, octets)[0] == "unavailable"
    assert world.attempts() == 1


@on_both_databases
def test_a_lost_journal_leaves_what_the_operator_says(world: World, tmp_path: Path) -> None:
    login(world.enrol())
    back_up(world.mfa.records.state, tmp_path / "copy")
    wrong(world, 1)
    world.mfa.close()
    journals = world.config.journals
    assert journals is not None
    shutil.rmtree(journals)
    put_back(world, tmp_path / "copy")
    assert end(world, answer(world))[0] == "locked"
    allow(world, 1)
    assert end(world, answer(world)) == WRONG_PIN
    login(world.enrol("carol", "tablet"))  # who is enrolled afterwards is not concerned
    assert world.attempts("carol", "tablet") == 0


def end_of_first(world: World) -> str:
    with pytest.raises(MilagroError) as caught:
        answer(world)
    return code_of(caught.value)


def again(world: World) -> None:
    """A second later."""
    guard_of(world.mfa)._again = 0.0


# -- any order of events -----------------------------------------------------------------------------------------------
class Processes:
    """Two processes of a server on one SQLite file, one device, and what its holder may expect."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now, self.wrong = folder, 1_800_000_000, 0
        self.database = Database(path=folder / "state.sqlite", epoch_file=folder / "state.epoch")
        self.running = [self._open(), self._open()]
        self.copies: list[Path] = []
        self.restored = False
        key = Ed25519Key.generate(secrets.token_bytes)
        suite, salt = "MPIN-V2_BLS12381_SHA-256_CK_", secrets.token_bytes(16)
        identity = Identity(suite, "login.test", "alice", "phone", self.now, salt, key.algorithm, key.public_key)
        self.running[0].invite(b"code", "alice", self.now + 100)
        self.digest = self.running[0].enrol(b"code", identity, self.now).digest()

    def _open(self) -> MfaRecords:
        return MfaRecords(self.database, rules=PinRules(delay_seconds=0), journals=self.folder / "state.attempts")

    def _counted(self, records: MfaRecords) -> bool:
        """Whether the attempt is one that is judged."""
        for _ in range(10):
            session = StoredSession(secrets.token_bytes(16), self.digest, secrets.token_bytes(16), self.now + 100, b"")
            try:
                records.open_session(session, self.now, 1000)
                if records.count_attempt(session, self.now):
                    return True
            except Locked:
                return False
            except TooSoon:
                pass
            for one in self.running:
                assert one.guard is not None
                one.guard._again = 0.0
                one.guard.look()
        raise AssertionError("nobody is heard")

    def do(self, event: str, number: int) -> None:
        records = self.running[number]
        if event in {"wrong", "right"}:
            assert self._counted(records) is (self.wrong < MAX_ATTEMPTS)
            if self.wrong < MAX_ATTEMPTS:
                self.wrong += 1
                if event == "right":
                    records.succeed(self.digest, self.now)
                    self.wrong = 0
        elif event == "copy":
            self.copies.append(self.folder / f"copy-{len(self.copies)}")
            back_up(records.state, self.copies[-1])
        elif event == "restore" and self.copies and not self.restored:  # two in one second count as one
            self.restored = True
            restore(self.database, SCHEMA, self.copies[number % len(self.copies)])
        elif event == "restart":
            records.close()
            self.running[number] = self._open()

    def close(self) -> None:
        for one in self.running:
            one.close()


EVENTS = st.sampled_from(["wrong", "wrong", "wrong", "right", "copy", "restore", "restore", "restart"])


@given(st.lists(st.tuples(EVENTS, st.integers(0, 1)), min_size=10, max_size=30))
@example([("copy", 0), ("wrong", 0), ("wrong", 1), ("restore", 0), ("restart", 1)])
@example([("wrong", 0), ("copy", 0), ("wrong", 1), ("right", 0), ("wrong", 0), ("restore", 0)])
@settings(max_examples=25, deadline=None)
def test_attempts_are_exact_whatever_happens_in_between(events: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as place:
        processes = Processes(Path(place))
        for event, number in [*events, ("wrong", 0), ("wrong", 1), ("wrong", 0), ("wrong", 1)]:
            processes.do(event, number)
        processes.close()


# -- several replicas ------------------------------------------------------------------------------------------------
class Twin:
    """A second replica, with files of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        common = world.config.common
        folder = world.folder / "twin"
        folder.mkdir(exist_ok=True)
        store = replace(common.store, epoch_file=folder / "state.epoch")
        self._config = replace(world.config, common=replace(common, store=store))
        self.start()

    def start(self) -> None:
        world = self._world
        self.service = MfaService(self._config, world.mfa.suite, world.issuers, clock=world.clock)


@on_postgresql
def test_nobody_is_heard_until_all_journals_are_merged(world: World, tmp_path: Path) -> None:
    login(world.enrol())
    twin = Twin(world)
    guard_of(world.mfa).look()  # every other second
    back_up(world.mfa.records.state, tmp_path / "copy")
    octets = [answer(world) for _ in range(3)]
    for one in octets:
        with pytest.raises(MilagroError, match="authentication failed"):
            twin.service.pass_two(one)
    twin.service.records.close()
    put_back(world, tmp_path / "copy")
    assert world.attempts() == 0
    assert end_of_first(world) == "too-soon"
    twin.start()
    assert world.attempts() == 3
    again(world)
    assert end_of_first(world) == "locked"
    twin.service.records.close()


@on_postgresql
def test_a_replica_that_the_copy_does_not_know_is_waited_for(world: World, tmp_path: Path) -> None:
    """Nor does the first one know it: it came, counted and died between two looks. The D-TAs know it."""
    login(world.enrol())
    back_up(world.mfa.records.state, tmp_path / "copy")
    twin = Twin(world)
    assert twin.service.witnessing is not None
    twin.service.witnessing.ask(world.issuers.witnesses())
    octets = [answer(world) for _ in range(2)]
    for one in octets:
        with pytest.raises(MilagroError, match="authentication failed"):
            twin.service.pass_two(one)
    twin.service.records.close()
    put_back(world, tmp_path / "copy")
    ask(world)
    assert guard_of(world.mfa).awaited == [guard_of(twin.service).id]
    assert end_of_first(world) == "too-soon"
    twin.start()
    again(world)
    assert end(world, answer(world)) == WRONG_PIN
    assert end(world, answer(world))[0] == "locked" if world.attempts() < 3 else world.attempts() == 3
    twin.service.records.close()


@on_postgresql
def test_the_operator_sees_the_replicas_and_gives_one_up(world: World, tmp_path: Path) -> None:
    login(world.enrol())
    twin = Twin(world)
    guard_of(world.mfa).look()
    gone = guard_of(twin.service).id.hex()
    twin.service.records.close()
    back_up(world.mfa.records.state, tmp_path / "copy")
    put_back(world, tmp_path / "copy")
    config = ("--config", str(world.folder / "mfa" / "milagro.toml"))

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["mfa", "replicas", *arguments, *config])
        assert done.exit_code == 0, done.output
        return done.output

    assert any(gone in line and "awaited" in line for line in run("list").splitlines())
    assert gone in run("forget", gone[:10], "--yes")
    assert any(gone in line and "given up" in line for line in run("list").splitlines())
    assert '"state": "given up"' in run("list", "--json")
    again(world)
    assert end(world, answer(world, PIN))[0] == "locked"  # 0 attempts are left, as the default is
    twin.start()  # it comes back all the same, as another one
    assert guard_of(twin.service).id.hex() != gone
    twin.service.records.close()


# -- the whole machine -----------------------------------------------------------------------------------------------
class Image:
    """All files of the server as they were."""

    def __init__(self, world: World, place: Path) -> None:
        self._world, self._place = world, place
        world.mfa.close()
        shutil.copytree(world.folder / "mfa", place)
        world.start_mfa()

    def put_back(self) -> None:
        self._world.mfa.close()
        shutil.rmtree(self._world.folder / "mfa")
        shutil.copytree(self._place, self._world.folder / "mfa")
        self._world.start_mfa()


@pytest.mark.parametrize("down", [(), (2, 3)])
def test_an_image_of_the_whole_machine_is_noticed_by_the_d_tas(
    world: World, tmp_path: Path, down: tuple[int, ...]
) -> None:
    login(world.enrol())
    ask(world)
    assert guard_of(world.mfa).witnessed
    image = Image(world, tmp_path / "image")
    wrong(world, 3)
    ask(world)
    image.put_back()
    assert world.attempts() == 0  # nothing on this machine knows better
    for index in down:
        world.fronts[index - 1].down = True
    ask(world)
    assert end(world, answer(world, PIN))[0] == "locked"
    assert guard_of(world.mfa).witnessed is not bool(down)
    for index in down:
        world.fronts[index - 1].down = False
    login(world.enrol("carol", "tablet"))
    world.start_mfa()
    assert end(world, answer(world, PIN))[0] == "locked"


def test_without_d_tas_it_serves_and_acts_when_they_are_back(world: World, tmp_path: Path) -> None:
    login(world.enrol())
    ask(world)
    image = Image(world, tmp_path / "image")
    wrong(world, 1)
    ask(world)
    image.put_back()
    for front in world.fronts:
        front.down = True
    ask(world)
    assert not guard_of(world.mfa).witnessed
    assert "milagro_mfa_witnessed 0.0" in world.http.get("/metrics").text
    assert end(world, answer(world, PIN))[0] == "accepted"
    for front in world.fronts:
        front.down = False
    ask(world)
    assert end(world, answer(world, PIN))[0] == "locked"
    figure = next(line for line in world.http.get("/metrics").text.splitlines() if line.startswith("milagro_mfa_unc"))
    assert float(figure.split()[1]) > 0


def test_restarts_and_witnesses_are_no_restore(world: World) -> None:
    login(world.enrol())
    wrong(world, 2)
    for _ in range(3):
        ask(world)
        world.start_mfa()
        ask(world)
    assert end(world, answer(world, PIN)) == ("accepted", None)
    assert guard_of(world.mfa).restored_at == 0


# -- the witness -----------------------------------------------------------------------------------------------------
def test_a_d_ta_keeps_the_latest_standing_and_no_stranger_s(world: World) -> None:
    dta, authority, now = world.network.dtas[0].service, world.issuers._authority, world.clock()
    network = world.network.id

    def tell(*standings: Standing, key: Any = authority.signing) -> set[Standing]:
        request = WitnessRequest(standings=[one.signed(network, key) for one in standings])
        return {verified(one, network, authority.verifying) for one in dta.witness(request).standings}

    one, two = bytes(16), bytes([1]) * 16
    first, later, gone = Standing(one, 1, 5, 3), Standing(one, 1, 6, 3), Standing(one, 0, 0, 0, gone=True)
    other = Standing(two, 1, 1, 1)
    assert tell(later) == {later}
    assert tell(first) == {later}
    assert tell(replace(later, mark=9, run=bytes([7]) * 16)) == {later}  # another way from the same start
    assert tell(other) == {later, other}
    assert tell(gone) == {later, other}  # as it was
    assert tell(later) == {gone, other}
    with pytest.raises((TicketForged, InvalidSignature)):
        tell(later, key=Owner.new().pairs[-1].signing)
    forged = replace(later, mark=99).signed(network, authority.signing).model_copy(update={"mark": 100})
    with pytest.raises(InvalidSignature):
        dta.witness(WitnessRequest(standings=[forged]))
    with pytest.raises(ParameterError, match="replicas at most"):
        tell(*(Standing(bytes([2, at]) * 8, 1, 1, 1) for at in range(MAX_STANDINGS)))
    assert tell(other) == {gone, other}
    assert now == world.clock()
    assert WRONG != PIN
