"""Replicas of a D-TA on one database, SQLite and PostgreSQL: a ticket is one share, and a quota one quota, for all."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from milagro.cid import CID
from milagro.protocols.envelope import EncryptionKey
from milagro.protocols.issuance import LEEWAY, Purpose
from milagro.roles.dta.issuing import IssuingRecords
from milagro.roles.dta.issuing.tables import SCHEMA
from milagro.roles.dta.issuing.watermark import Watermark
from milagro.stores.state import State, back_up, restore
from tests.roles.correspondents import Owner
from tests.roles.issuing.network import NETWORK, Dta, Holder, Network
from tests.roles.issuing.test_once import AUTHORITY, NODE, NOW, ROOT, _ticket, ask
from tests.stores.databases import programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milagro.stores.state import Database

OTHER = EncryptionKey.generate(secrets.token_bytes)


class Replicas:
    """Three replicas of the first D-TA of a network, each with a watermark of its own."""

    def __init__(self, folder: Path, database: Database, **terms: object) -> None:
        self.network, self.database, self.folder = Network(folder / "network", **terms), database, folder
        self.dtas: list[Dta] = []
        self.start()

    def start(self) -> None:
        first = self.network.dtas[0]
        for number in range(3):
            own = self.folder / f"replica-{number}"
            own.mkdir(exist_ok=True)
            made = Dta(first.index, first.owner, first.hand, own)
            self.dtas.append(made.open(self.network, self.database))

    def stop(self) -> None:
        while self.dtas:
            self.dtas.pop().service.close()

    def close(self) -> None:
        self.stop()
        self.network.close()


@pytest.fixture
def replicas(tmp_path: Path, database: Database) -> Iterator[Replicas]:
    made = Replicas(tmp_path, database)
    yield made
    made.close()


def test_a_thousand_uses_of_one_ticket_through_all_replicas_give_one_share(replicas: Replicas) -> None:
    network = replicas.network
    holder = network.holder()
    ticket, replies = network.for_holder(holder), [EncryptionKey.generate(secrets.token_bytes) for _ in range(8)]

    def use(number: int) -> str:
        return ask(replicas.dtas[number % 3], holder, ticket, replies[number % 8])

    with ThreadPoolExecutor(24) as pool:
        said = Counter(pool.map(use, range(1000)))
    assert said.pop("TicketReused") == 875  # all but those of the request that was first
    assert list(said.values()) == [125]
    assert len(list(replicas.dtas[0].service.records.log.entries())) == 1
    assert replicas.dtas[2].service.records.quotas(network.terms[0], network.clock()).authority_day == 1


def test_each_refusal_has_its_name_at_every_replica_and_after_a_restart(replicas: Replicas) -> None:
    network = replicas.network
    holder, now = network.holder(), network.clock()
    used = network.for_holder(holder)
    share = ask(replicas.dtas[0], holder, used)
    assert len(share) > 60
    refused = {
        "TicketReused": used,
        "TicketForged": network.sealed(network.ticket(holder.subject), by=Owner.new()),
        "TicketExpired": network.for_holder(holder, issued=now - 200, expires=now - 1),
        "TicketAudience": network.for_holder(holder, network=CID.of(b"another")),
        "TicketIdentity": network.for_holder(network.holder()),
    }
    for _ in range(2):
        for dta in replicas.dtas:
            assert ask(dta, holder, used) == share  # the same request, whose answer was lost
            assert {name: ask(dta, holder, ticket, OTHER) for name, ticket in refused.items()} == {
                n: n for n in refused
            }
        replicas.stop()
        replicas.start()


def test_quotas_hold_over_all_replicas(tmp_path: Path, database: Database) -> None:
    """Exactly as many as there may be of an authority in an hour, and of one identity in a day, whoever is asked."""
    replicas = Replicas(tmp_path, database, per_hour=9, identity_per_day={**dict.fromkeys(Purpose, 100)})
    network = replicas.network
    network.terms[0] = replace(network.terms[0], identity_per_day=dict.fromkeys(Purpose, 4))
    replicas.stop()
    replicas.start()
    one, others = network.holder(), [network.holder() for _ in range(30)]

    def use(holders: list[Holder]) -> Counter[str]:
        asked = [(replicas.dtas[at % 3], holder, network.for_holder(holder)) for at, holder in enumerate(holders)]
        with ThreadPoolExecutor(12) as pool:
            said = pool.map(lambda args: ask(*args), asked)
        return Counter(name if name.endswith("Quota") else "share" for name in said)

    assert use([one] * 12) == {"share": 4, "IdentityQuota": 8}
    assert use(others) == {"share": 5, "AuthorityQuota": 25}
    replicas.close()


def test_yesterdays_database_makes_no_ticket_good_again_at_any_replica(
    replicas: Replicas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if replicas.database.url:
        monkeypatch.setenv("PATH", str(programs()), prepend=":")
    network = replicas.network
    holder, copy = network.holder(), tmp_path / "copy"
    early = network.for_holder(holder)
    ask(replicas.dtas[0], holder, early)
    back_up(replicas.dtas[0].service.records.state, copy)
    ticket = network.for_holder(holder)
    share = ask(replicas.dtas[1], holder, ticket)
    replicas.stop()
    restore(replicas.database, SCHEMA, copy)
    replicas.start()
    for dta in replicas.dtas:
        assert {ask(dta, holder, one, OTHER) for one in (early, ticket)} == {"TicketBeforeRestore"}
    network.clock.now += LEEWAY + 1
    fresh = network.for_holder(holder)
    assert [ask(dta, holder, fresh) for dta in replicas.dtas] == [share] * 3


def test_several_processes_on_one_database_spend_a_ticket_once(tmp_path: Path, database: Database) -> None:
    ticket = _ticket(NOW)
    where = database.url or str(database.path)
    IssuingRecords(State(database, SCHEMA), Watermark(tmp_path / "first.mark"), NODE, NETWORK, NOW).close()
    given = {"node": str(NODE), "network": str(NETWORK), "authority": str(AUTHORITY), "now": NOW}
    given |= {"ticket": ticket.to_bytes().hex(), "database": where}
    children = []
    for child in range(3):
        requests = [bytes([child, i % 20] * 16).hex() for i in range(100)]
        own = tmp_path / str(child)
        own.mkdir()
        command = [sys.executable, "-m", "tests.roles.issuing.issuing_process", str(own)]
        given_to_it = json.dumps({**given, "requests": requests})
        children.append(
            subprocess.Popen(
                [*command, given_to_it], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        )
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    said = Counter("".join(child.communicate("go\n")[0] for child in children))
    assert said["i"] == 1
    assert said["a"] == 4  # the winner's request comes five times
    assert said["r"] == 3 * 100 - 5
    records = IssuingRecords(State(database, SCHEMA), Watermark(tmp_path / "first.mark"), NODE, NETWORK, NOW)
    assert records.log.mark().number == 1
    records.close()
