"""One ticket is one share: for all threads and processes, after a restart, and after yesterday's database came back."""

from __future__ import annotations

import secrets
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from milagro.cid import CID
from milagro.errors import BrokenChain, MilagroError, Unavailable
from milagro.groups import curve
from milagro.protocols.envelope import EncryptionKey
from milagro.protocols.issuance import LEEWAY, Entry, Issue, Purpose, Restored, Ticket
from milagro.protocols.sharing import Suite, issuing
from milagro.roles.correspondence.keys import senders_of
from milagro.roles.dta.issuing import AuthorityTerms, IssuingRecords
from milagro.roles.dta.issuing.records import Use
from milagro.roles.dta.issuing.tables import SCHEMA
from milagro.roles.dta.issuing.watermark import Mark, Watermark
from milagro.roles.issuance.requests import open_answer
from milagro.roles.refusals import TicketBeforeRestore, TicketExpired, TicketReused
from milagro.stores.state import State
from milagro.stores.state import back_up as copy_of
from tests.roles.issuing.network import NETWORK, Dta, Holder, Network

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
REPLY = EncryptionKey.generate(secrets.token_bytes)
NODE, AUTHORITY = CID.of(b"a node"), CID.of(b"an authority")
TERMS = AuthorityTerms(AUTHORITY, frozenset({"login.example"}), identity_per_day=dict.fromkeys(Purpose, 10**6))
NOW = 1_800_000_000
SHARING = Suite(curve("BLS12-381", backend="native"))


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    made = Network(tmp_path)
    yield made
    made.close()


def ask(dta: Dta, holder: Holder, ticket: bytes, reply: EncryptionKey = REPLY) -> str:
    """What came of it: the share in hexadecimal, or the name of the refusal."""
    request, asked = holder.request(dta, ticket, reply), holder.asked(dta, ticket, reply)
    try:
        envelope = dta.service.issue(request).envelope
    except MilagroError as error:
        return type(error).__name__
    issued = open_answer(asked, envelope, [reply], senders_of(dta.owner.state.keys))
    return issuing.ClientShare.from_bytes(SHARING, issued.share).point.to_bytes().hex()


def events(dta: Dta) -> list[Issue | Restored]:
    return [Entry.from_bytes(octets).event for octets in dta.service.records.log.entries()]


# -- in parallel -------------------------------------------------------------------------------------------------------
def test_those_who_are_decided_together_do_not_touch_each_other(tmp_path: Path) -> None:
    """Good uses, repetitions, used tickets, tickets over the quota and from before, from many threads at once."""
    terms = replace(TERMS, per_hour=30)
    records = IssuingRecords(*_parts(tmp_path), NODE, NETWORK, NOW)
    first = [bytes([i]) * 32 for i in range(10)]
    for i, request in enumerate(first):
        assert records.use(Use(_ticket(NOW, i), terms, request, 0), NOW)

    def one(i: int) -> str:
        kind, number = i % 4, i // 4 % 10
        if kind == 0:
            use = Use(_ticket(NOW, number), terms, first[number], 0)
        elif kind == 1:
            use = Use(_ticket(NOW, number), terms, bytes([200]) * 32, 0)
        else:
            use = Use(_ticket(NOW, 50 + i // 4 if kind == 2 else 150), terms, bytes([i]) * 32, 0)
        try:
            return "new" if records.use(use, NOW) else "again"
        except (MilagroError, RuntimeError) as error:
            return type(error).__name__

    with ThreadPoolExecutor(32) as pool:
        said = Counter(pool.map(one, range(160)))
    assert said["again"] == 40
    assert said["new"] == 20  # what the quota left
    assert said["TicketReused"] + said["AuthorityQuota"] == 100
    assert records.log.mark().number == 30
    assert len(list(records.log.entries())) == 30
    records.close()


def test_a_database_that_fails_fails_all_who_wait_and_then_goes_on(tmp_path: Path) -> None:
    records = IssuingRecords(*_parts(tmp_path), NODE, NETWORK, NOW)
    with records.state.write() as connection:
        connection.exec_driver_sql("ALTER TABLE issuing_entry RENAME TO away")
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(records.use, Use(_ticket(NOW, i), TERMS, bytes(32), 0), NOW) for i in range(16)]
        for one in waiting:
            with pytest.raises(Unavailable):
                one.result()
    with records.state.write() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO issuing_entry")
    for i in range(16):
        assert records.use(Use(_ticket(NOW, i), TERMS, bytes(32), 0), NOW)
    records.close()


# -- again -------------------------------------------------------------------------------------------------------------
def test_the_same_request_is_answered_again_and_another_is_not(network: Network) -> None:
    holder, dta = network.holder(), network.dtas[0]
    ticket = network.for_holder(holder)
    first = ask(dta, holder, ticket)
    assert len(first) > 60
    other = EncryptionKey.generate(secrets.token_bytes)
    for _ in range(2):
        assert ask(dta, holder, ticket) == first
        assert ask(dta, holder, ticket, other) == "TicketReused"
        dta.service.close()
        dta.open(network)
    assert len(events(dta)) == 1
    network.clock.now += 119
    assert ask(dta, holder, ticket) == first
    network.clock.now += 1
    assert ask(dta, holder, ticket) == "TicketExpired"


def test_another_envelope_around_the_same_id_is_the_same_ticket(network: Network) -> None:
    holder, dta = network.holder(), network.dtas[0]
    ticket = network.ticket(holder.subject)
    assert len(ask(dta, holder, network.sealed(ticket))) > 60
    assert ask(dta, holder, network.sealed(ticket)) == "TicketReused"


def test_each_dta_spends_a_ticket_for_itself(network: Network) -> None:
    holder = network.holder()
    ticket = network.for_holder(holder)
    assert len({ask(dta, holder, ticket) for dta in network.dtas}) == 3


def test_a_ticket_whose_id_was_forgotten_is_refused_even_under_a_clock_that_went_back(network: Network) -> None:
    holder, dta = network.holder(), network.dtas[0]
    ticket = network.for_holder(holder)
    ask(dta, holder, ticket)
    assert dta.service.records.forget(network.clock() + 1000) == 1
    assert ask(dta, holder, ticket) == "TicketExpired"


# -- yesterday's database ----------------------------------------------------------------------------------------------
def restored(network: Network, dta: Dta, backup: Path) -> None:
    """Ends the D-TA, puts its database back, and starts it."""
    dta.service.close()
    for path in dta.folder.glob("state.sqlite*"):
        path.unlink()
    shutil.copy(backup, dta.folder / "state.sqlite")
    dta.open(network)


def back_up(dta: Dta) -> Path:
    target = dta.folder / "backup"
    target.unlink(missing_ok=True)
    copy_of(dta.service.records.state, target)
    return target


def test_a_restored_database_does_not_make_used_tickets_good_again(network: Network) -> None:
    holder, dta = network.holder(), network.dtas[0]
    early = network.for_holder(holder)
    ask(dta, holder, early)
    backup = back_up(dta)
    ticket = network.for_holder(holder)
    share = ask(dta, holder, ticket)
    other = EncryptionKey.generate(secrets.token_bytes)
    restored(network, dta, backup)
    for again in (ticket, early):
        for reply in (REPLY, other):
            assert ask(dta, holder, again, reply) == "TicketBeforeRestore"
    network.clock.now += LEEWAY
    assert ask(dta, holder, network.for_holder(holder)) == "TicketBeforeRestore"
    network.clock.now += 1
    fresh = network.for_holder(holder)
    assert ask(dta, holder, fresh) == share  # of the same point, as the share of one identity always is
    assert [type(event).__name__ for event in events(dta)] == ["Issue", "Restored", "Issue"]
    assert events(dta)[1] == Restored(lost_from=2)
    assert [Entry.from_bytes(octets).number for octets in dta.service.records.log.entries()] == [1, 3, 4]
    dta.service.close()
    dta.open(network)
    assert ask(dta, holder, ticket) == "TicketBeforeRestore"  # also after the next start
    assert ask(dta, holder, fresh) == share
    assert len(events(dta)) == 3


def test_a_restart_without_a_restore_refuses_nothing(network: Network) -> None:
    holder, dta = network.holder(), network.dtas[0]
    one, two = (network.for_holder(holder) for _ in range(2))
    ask(dta, holder, one)
    backup = back_up(dta)
    restored(network, dta, backup)
    assert len(ask(dta, holder, two)) > 60
    assert ask(dta, holder, one, EncryptionKey.generate(secrets.token_bytes)) == "TicketReused"


def test_a_database_that_is_said_to_be_restored_is_believed_without_any_file(tmp_path: Path) -> None:
    """On a new machine, from before the first share: no watermark and no log tell, but who restored it does."""
    records = IssuingRecords(*_parts(tmp_path), NODE, NETWORK, NOW)
    records.close()
    (tmp_path / "state.mark").unlink()
    state = State(tmp_path / "state.sqlite", SCHEMA, clock=lambda: NOW + 100)
    with state.write() as connection:
        state.note_restored(connection)
    state.close()
    for start in (NOW + 200, NOW + 300):
        records = IssuingRecords(*_parts(tmp_path), NODE, NETWORK, start)
        with pytest.raises(TicketBeforeRestore):
            records.use(Use(_ticket(NOW + 100 + LEEWAY, 1), TERMS, bytes(32), 0), start)
        assert records.log.mark().number == 1 + (start > NOW + 200)
        assert records.use(Use(_ticket(NOW + 101 + LEEWAY, start - NOW - 200), TERMS, bytes(32), 0), start)
        records.close()


def test_a_crash_between_database_and_watermark_is_no_restore(network: Network) -> None:
    """The entry is durable, the share has not left: the same request gets it after the restart."""
    holder, dta = network.holder(), network.dtas[0]
    one, two = (network.for_holder(holder) for _ in range(2))
    ask(dta, holder, one)
    mark = dta.folder / "state.mark"
    before = mark.read_bytes()
    share = ask(dta, holder, two)
    dta.service.close()
    mark.write_bytes(before)
    dta.open(network)
    assert ask(dta, holder, two) == share
    assert [type(event).__name__ for event in events(dta)] == ["Issue", "Issue"]


@pytest.mark.parametrize("spoil", ["removed", "cut short", "altered"])
def test_a_log_without_its_watermark_counts_as_restored(network: Network, spoil: str) -> None:
    holder, dta = network.holder(), network.dtas[0]
    ticket = network.for_holder(holder)
    ask(dta, holder, ticket)
    dta.service.close()
    mark = dta.folder / "state.mark"
    octets = mark.read_bytes()
    mark.unlink()
    if spoil != "removed":
        mark.write_bytes(octets[:-1] if spoil == "cut short" else octets[:7] + b"\0" + octets[8:])
    dta.open(network)
    assert ask(dta, holder, ticket) == "TicketBeforeRestore"
    assert events(dta)[-1] == Restored(lost_from=2)


def test_a_lost_database_goes_on_behind_its_watermark(network: Network) -> None:
    holder, dta = network.holder(), network.dtas[0]
    ticket = network.for_holder(holder)
    ask(dta, holder, ticket)
    dta.service.close()
    for path in dta.folder.glob("state.sqlite*"):
        path.unlink()
    dta.open(network)
    assert ask(dta, holder, ticket) == "TicketBeforeRestore"
    assert events(dta) == [Restored(lost_from=1)]
    assert dta.service.records.log.mark().number == 2


def test_a_database_that_is_restored_under_a_running_replica_is_noticed(tmp_path: Path) -> None:
    """As it can be done to PostgreSQL: here by taking away what another connection has written."""
    state, mark = _parts(tmp_path)
    records = IssuingRecords(state, mark, NODE, NETWORK, NOW)
    for i in range(3):
        assert records.use(Use(_ticket(NOW, i), TERMS, bytes(32), 0), NOW)
    with state.write() as connection:
        digest = connection.exec_driver_sql("SELECT digest FROM issuing_entry WHERE number = 1").scalar()
        connection.exec_driver_sql("DELETE FROM issuing_entry WHERE number > 1")
        connection.exec_driver_sql("DELETE FROM issuing_spent WHERE jti <> ?", (bytes(15) + b"\0",))
        connection.exec_driver_sql("UPDATE issuing_log SET number = 1, digest = ?", (digest,))
    with pytest.raises(TicketBeforeRestore):
        records.use(Use(_ticket(NOW, 2), TERMS, bytes([1] * 32), 0), NOW + 1)
    later = _ticket(NOW + 1 + LEEWAY + 1, 9)
    assert records.use(Use(later, TERMS, bytes(32), 0), NOW + 10)
    assert [Entry.from_bytes(octets).number for octets in records.log.entries()] == [1, 4, 5]
    records.close()


def test_databases_of_others_are_refused(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        records = IssuingRecords(*_parts(folder), NODE, NETWORK, NOW)
        records.use(Use(_ticket(NOW), TERMS, secrets.token_bytes(32), 0), NOW)
        records.close()
    with pytest.raises(BrokenChain):
        IssuingRecords(*_parts(one), CID.of(b"another node"), NETWORK, NOW)
    for path in one.glob("state.sqlite*"):
        path.unlink()
    shutil.copy(two / "state.sqlite", one / "state.sqlite")
    with pytest.raises(BrokenChain):
        IssuingRecords(*_parts(one), NODE, NETWORK, NOW)


def test_a_watermark_only_rises(tmp_path: Path) -> None:
    mark = Watermark(tmp_path / "mark")
    assert mark.read() is None
    for number in (3, 1, 2, 7):
        mark.raise_to(Mark(number, bytes([number]) * 32))
    assert Watermark(tmp_path / "mark").read() == Mark(7, bytes([7]) * 32)


def _parts(folder: Path) -> tuple[State, Watermark]:
    return State(folder / "state.sqlite", SCHEMA), Watermark(folder / "state.mark")


def _ticket(now: int, number: int = 0) -> Ticket:
    return Ticket(NETWORK, Purpose.CLIENT_SHARE, bytes(32), bytes(32), bytes(15) + bytes([number]), now, now + 300)


# -- anything in any order ---------------------------------------------------------------------------------------------
class Uses(RuleBasedStateMachine):
    """Tickets are used, the D-TA restarts, an old database comes back: no ticket ever serves two requests."""

    @initialize()
    def start(self) -> None:
        import tempfile

        self.folder = Path(tempfile.mkdtemp())
        self.now, self.tickets, self.served = NOW, 0, {}
        self.backup = None
        self.records = IssuingRecords(*_parts(self.folder), NODE, NETWORK, self.now)

    @rule()
    def use(self) -> None:
        self.tickets += 1
        self._try(self.tickets, self.now)

    @precondition(lambda self: self.tickets)
    @rule()
    def use_again(self) -> None:
        for number in list(self.served)[-3:]:
            self._try(number, self.served[number][1])

    def _try(self, number: int, issued: int) -> None:
        request = secrets.token_bytes(32)
        try:
            self.records.use(Use(_ticket(issued, number % 256), TERMS, request, 0), self.now)
        except (TicketReused, TicketBeforeRestore, TicketExpired):
            return
        assert number not in self.served
        self.served[number] = (request, issued)

    @rule()
    def later(self) -> None:
        self.now += 4

    @rule()
    def back_up(self) -> None:
        self.backup = self.folder / f"backup-{secrets.token_hex(4)}"
        copy_of(self.records.state, self.backup)

    @rule()
    def restart(self) -> None:
        self.records.close()
        self.records = IssuingRecords(*_parts(self.folder), NODE, NETWORK, self.now)

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore(self) -> None:
        self.records.close()
        for path in self.folder.glob("state.sqlite*"):
            path.unlink()
        shutil.copy(self.backup, self.folder / "state.sqlite")
        self.records = IssuingRecords(*_parts(self.folder), NODE, NETWORK, self.now)

    @invariant()
    def the_log_holds_what_it_did_not_lose(self) -> None:
        entries = [Entry.from_bytes(octets) for octets in self.records.log.entries()]
        numbers = [entry.number for entry in entries]
        assert numbers == sorted(set(numbers))

    def teardown(self) -> None:
        self.records.close()
        shutil.rmtree(self.folder)


TestUses = Uses.TestCase
TestUses.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
