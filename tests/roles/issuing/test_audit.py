"""The audit log: an entry that is altered, dropped, moved or repeated is refused by name; so is a second history."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from milagro.cid import CID
from milagro.cli import main
from milagro.errors import BrokenChain, EncodingError, MilagroError
from milagro.octets import frame, unframe
from milagro.protocols import pki
from milagro.protocols.envelope import HybridSigningKey
from milagro.protocols.issuance import Entry, Head, Issue, Purpose, Restored, Ticket, entry_digest, origin
from milagro.roles.charter import Charter, Seat
from milagro.roles.dta.issuing import AuthorityTerms, IssuingRecords
from milagro.roles.dta.issuing.audit import Cosignature, SignedHead
from milagro.roles.dta.issuing.exports import MAGIC, Expected, Start, VerifiedLog, verify_log, write_log
from milagro.roles.dta.issuing.records import Use
from milagro.roles.dta.issuing.tables import SCHEMA
from milagro.roles.dta.issuing.watermark import Watermark
from milagro.roles.dta.member.config import read_config
from milagro.roles.dta.network.node import open_database
from milagro.roles.refusals import (
    HeadForged,
    LogAltered,
    LogForked,
    LogReordered,
    LogRepeated,
    LogTruncated,
    TooFewWitnesses,
)
from milagro.stores.state import State

NODE, NETWORK, AUTHORITY = CID.of(b"a node"), CID.of(b"a network"), CID.of(b"an authority")
KEY, OTHER = (HybridSigningKey.generate(secrets.token_bytes) for _ in range(2))
KEYS = {KEY.public.id: KEY.public}
NOW = 1_800_000_000
ORIGIN = "2a0e14f9d1b4ac34c4eea1015ff459fcc8c4d72d1a3c290c4df30a7b3f628886"
DIGEST = "d74527e7fe02db08420da3696aa1e083a73744c84e8fbd02e7876c1ef0f51be4"
Alteration = Callable[[list[bytes]], list[bytes]]


def chain(count: int, start: bytes | None = None, first: int = 1) -> list[bytes]:
    """The octets of so many entries."""
    made, before = [], origin(NODE, NETWORK) if start is None else start
    for number in range(first, first + count):
        issue = Issue(AUTHORITY, Purpose.CLIENT_SHARE, bytes([number]) * 32, bytes(32), 0, bytes(32), bytes(16))
        made.append(Entry(number, before, NOW + number, issue).to_bytes())
        before = entry_digest(made[-1])
    return made


def head_of(entries: list[bytes], number: int | None = None) -> Head:
    last = entries[-1] if number is None else entries[number - 1]
    return Head(NODE, NETWORK, Entry.from_bytes(last).number, entry_digest(last), NOW)


def exported(
    entries: list[bytes], head: Head, start: Start | None = None, witnesses: list[Cosignature] | None = None
) -> bytes:
    file = io.BytesIO()
    begins = start or Start(1, origin(NODE, NETWORK))
    write_log(file, begins, entries, SignedHead.sign(head, KEY), witnesses or [])
    return file.getvalue()


def verified(octets: bytes, **changes: Any) -> VerifiedLog:
    return verify_log(io.BytesIO(octets), replace(Expected(NODE, KEYS), **changes))


GOOD = chain(9)


def test_a_log_that_holds() -> None:
    found = verified(exported(GOOD, head_of(GOOD)))
    assert (found.first, found.entries, found.head.head, found.lost) == (1, 9, head_of(GOOD), ())
    assert verified(exported([], Head(NODE, NETWORK, 0, origin(NODE, NETWORK), NOW))).entries == 0


@pytest.mark.parametrize(
    ("alter", "error"),
    [
        (lambda log: [*log[:4], log[4].replace(b"\x05" * 32, b"\x06" * 32), *log[5:]], LogAltered),
        (lambda log: [*log[:8], log[8].replace(b"\x09" * 32, b"\x06" * 32)], LogAltered),
        (lambda log: [*log[:4], *log[5:]], LogTruncated),
        (lambda log: log[1:], LogTruncated),
        (lambda log: log[:-1], LogTruncated),
        (lambda log: log[:3], LogTruncated),
        (lambda log: [], LogTruncated),
        (lambda log: [*log[:3], log[4], log[3], *log[5:]], LogReordered),
        (lambda log: [*log[1:], log[0]], LogReordered),
        (lambda log: log[::-1], LogReordered),
        (lambda log: [*log[:5], log[4], *log[5:]], LogRepeated),
        (lambda log: [*log, log[0]], LogRepeated),
        (lambda log: [*log, *chain(1, bytes(32), 10)], LogAltered),
        (lambda log: [*log, *chain(1, entry_digest(log[-1]), 10)], LogAltered),
        (lambda log: [*log[:4], b"\xa0", *log[5:]], LogAltered),
        (lambda log: chain(9, bytes(32)), LogAltered),
    ],
)  # fmt: skip
def test_what_was_done_to_a_log_is_named(alter: Alteration, error: type[MilagroError]) -> None:
    with pytest.raises(error) as caught:
        verified(exported(alter(GOOD), head_of(GOOD)))
    assert type(caught.value) is error


@given(st.integers(0, 8), st.data())
@settings(max_examples=150, deadline=None)
def test_no_octet_of_an_entry_can_be_changed(which: int, data: st.DataObject) -> None:
    entry = GOOD[which]
    at = data.draw(st.integers(0, len(entry) - 1))
    altered = entry[:at] + bytes([entry[at] ^ 1 << data.draw(st.integers(0, 7))]) + entry[at + 1 :]
    with pytest.raises(BrokenChain):
        verified(exported([*GOOD[:which], altered, *GOOD[which + 1 :]], head_of(GOOD)))


@given(st.permutations(range(9)), st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_no_other_order_and_no_part_passes(order: list[int], count: int) -> None:
    some = [GOOD[i] for i in order][:count]
    if some == GOOD:
        return
    with pytest.raises((LogTruncated, LogReordered)):
        verified(exported(some, head_of(GOOD)))


@given(st.integers(0, len(exported(GOOD, head_of(GOOD))) - 1))
@settings(max_examples=60, deadline=None)
def test_a_file_that_is_cut_short_is_refused(length: int) -> None:
    octets = exported(GOOD, head_of(GOOD))
    with pytest.raises((EncodingError, LogTruncated, HeadForged)):
        verified(octets[:length])


def test_only_the_node_signs_its_head() -> None:
    good = exported(GOOD, head_of(GOOD))
    with pytest.raises(HeadForged):
        verified(good, node_keys={OTHER.public.id: OTHER.public})
    with pytest.raises(HeadForged):
        verified(good, node=CID.of(b"another node"))
    fields = unframe(good[len(MAGIC) :])
    signed = SignedHead.from_bytes(fields[-1])
    for wrong in (
        replace(signed, signature=bytes(len(signed.signature))),
        replace(signed, key_id=OTHER.public.id),
        replace(signed, head=replace(signed.head, time=NOW + 1)),
        SignedHead.sign(signed.head, OTHER),
    ):
        with pytest.raises(HeadForged):
            verified(MAGIC + frame(*fields[:-1], wrong.to_bytes()))


def test_an_older_head_has_to_be_in_it() -> None:
    good = exported(GOOD, head_of(GOOD))
    for number in range(1, 10):
        verified(good, since=head_of(GOOD, number))
    verified(good, since=Head(NODE, NETWORK, 0, origin(NODE, NETWORK), NOW))
    with pytest.raises(LogForked):
        verified(good, since=replace(head_of(GOOD, 4), digest=bytes(32)))
    with pytest.raises(LogForked):
        verified(good, since=replace(head_of(GOOD, 4), network=NODE))
    with pytest.raises(LogTruncated):
        verified(exported(GOOD[:5], head_of(GOOD, 5)), since=head_of(GOOD, 7))
    rewritten = [*GOOD[:3], *_again(GOOD[3:], entry_digest(GOOD[2]))]
    with pytest.raises(LogForked):
        verified(exported(rewritten, head_of(rewritten)), since=head_of(GOOD, 6))


def _again(entries: list[bytes], before: bytes) -> list[bytes]:
    """The same entries an hour later: another history."""
    made = []
    for octets in entries:
        entry = replace(Entry.from_bytes(octets), previous=before, time=NOW + 3600)
        made.append(entry.to_bytes())
        before = entry_digest(made[-1])
    return made


def test_an_export_of_the_end_continues_an_older_one() -> None:
    start = Start(5, entry_digest(GOOD[3]))
    tail = exported(GOOD[4:], head_of(GOOD), start)
    assert verified(tail, since=head_of(GOOD, 4)).entries == 5
    verified(tail, since=head_of(GOOD, 6))
    with pytest.raises(LogTruncated):
        verified(tail, since=head_of(GOOD, 3))
    with pytest.raises(LogForked):
        verified(exported(GOOD[4:], head_of(GOOD), start), since=replace(head_of(GOOD, 4), digest=bytes(32)))
    with pytest.raises(LogAltered):
        verified(exported(GOOD[4:], head_of(GOOD), Start(5, bytes(32))))


def test_witnesses_are_counted_once_and_only_for_this_head() -> None:
    head, cids = head_of(GOOD), [CID.of(b"witness %d" % i) for i in range(3)]
    keys = [HybridSigningKey.generate(secrets.token_bytes) for _ in cids]
    named = {cid: {key.public.id: key.public} for cid, key in zip(cids, keys, strict=True)}
    good = [Cosignature.sign(head, cid, key, NOW) for cid, key in zip(cids, keys, strict=True)]
    octets = exported(GOOD, head, witnesses=good)
    assert verified(octets, witnesses=named, threshold=3).cosigners == tuple(cids)
    older = Cosignature.sign(head_of(GOOD, 5), cids[2], keys[2], NOW)
    by_another = Cosignature.sign(head, cids[2], keys[1], NOW)
    later = replace(good[2], time=NOW + 1)
    for wrong in (older, by_another, later, good[0]):
        octets = exported(GOOD, head, witnesses=[*good[:2], wrong])
        assert verified(octets, witnesses=named, threshold=2).cosigners == tuple(cids[:2])
        with pytest.raises(TooFewWitnesses):
            verified(octets, witnesses=named, threshold=3)
    with pytest.raises(TooFewWitnesses):
        verified(exported(GOOD, head, witnesses=good), witnesses={cids[0]: named[cids[0]]}, threshold=2)


def test_a_declared_loss_is_told_and_taken_only_by_those_who_say_so() -> None:
    restored = Entry(7, entry_digest(GOOD[5]), NOW, Restored(4)).to_bytes()
    log = [*GOOD[:3], restored, *chain(2, entry_digest(restored), 8)]
    octets = exported(log, head_of(log))
    with pytest.raises(LogTruncated, match="restored"):
        verified(octets)
    assert verified(octets, accept_losses=True).lost == ((4, 6),)
    verified(octets, accept_losses=True, since=head_of(GOOD, 6))
    with pytest.raises(LogForked):
        verified(octets, accept_losses=True, since=replace(head_of(GOOD, 6), digest=bytes(32)))
    with pytest.raises(LogTruncated):
        verified(octets, accept_losses=True, since=head_of(GOOD, 5))  # nothing shows whether it was this one
    for lost_from in (3, 5, 7):
        wrong = Entry(7, entry_digest(GOOD[5]), NOW, Restored(lost_from)).to_bytes()
        with pytest.raises(LogTruncated):
            verified(exported([*GOOD[:3], wrong], head_of([wrong])), accept_losses=True)


def test_the_octets_of_the_log_are_frozen() -> None:
    issue = Issue(AUTHORITY, Purpose.PERMIT, bytes(32), bytes(32), 3, bytes(32), bytes(16), 7)
    entry = Entry(1, origin(NODE, NETWORK), NOW, issue)
    zeros = "5820" + bytes(32).hex()
    assert origin(NODE, NETWORK).hex() == ORIGIN
    assert entry.to_bytes().hex() == (
        f"ac00000101025820{ORIGIN}031a6b49d200045824" + AUTHORITY.to_bytes().hex() + "05667065726d697406" + zeros
        + "07" + zeros + "080309" + zeros + "0a50" + bytes(16).hex() + "0b07"
    )  # fmt: skip
    assert Entry(5, bytes(32), NOW, Restored(2)).to_bytes().hex() == f"a50001010502{zeros}031a6b49d2000c02"
    assert entry_digest(entry.to_bytes()).hex() == DIGEST
    assert hashlib.sha256(frame(b"milagro audit entry v1", entry.to_bytes())).hexdigest() == DIGEST
    for one in (entry, Entry(5, bytes(32), NOW, Restored(2))):
        assert Entry.from_bytes(one.to_bytes()) == one
    head = Head(NODE, NETWORK, 1, bytes(32), NOW)
    cids = [cid.to_bytes().hex() for cid in (NODE, NETWORK)]
    assert head.to_bytes().hex() == f"a60001015824{cids[0]}025824{cids[1]}030104{zeros}051a6b49d200"
    assert Head.from_bytes(head.to_bytes()) == head


# -- with a node -------------------------------------------------------------------------------------------------------
@pytest.fixture
def records(tmp_path: Path) -> Iterator[IssuingRecords]:
    made = IssuingRecords(State(tmp_path / "db", SCHEMA), Watermark(tmp_path / "mark"), NODE, NETWORK, NOW)
    yield made
    made.close()


def issue_some(records: IssuingRecords, count: int) -> None:
    terms = AuthorityTerms(AUTHORITY, frozenset({"a"}))
    for _ in range(count):
        ticket = Ticket.fresh(
            NETWORK, Purpose.CLIENT_SHARE, secrets.token_bytes(32), bytes(32), NOW, secrets.token_bytes
        )
        records.use(Use(ticket, terms, secrets.token_bytes(32), 0), NOW)


def test_what_a_node_gives_out_holds(records: IssuingRecords) -> None:
    issue_some(records, 5)
    file = io.BytesIO()
    old = records.log.export(file, KEY, NOW)
    assert verified(file.getvalue()).entries == 5
    issue_some(records, 3)
    tail = io.BytesIO()
    records.log.export(tail, KEY, NOW, first=6)
    assert verified(tail.getvalue(), since=old.head).entries == 3
    with pytest.raises(BrokenChain):
        records.log.export(io.BytesIO(), KEY, NOW, first=10)
    assert records.log.kept_head() is not None


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM issuing_entry WHERE number = 3",
        "UPDATE issuing_entry SET octets = (SELECT octets FROM issuing_entry WHERE number = 2) WHERE number = 3",
        "UPDATE issuing_entry SET number = 99 WHERE number = 3",
        "DELETE FROM issuing_entry WHERE number = 5",
    ],
)
def test_a_database_that_was_edited_gives_a_log_that_does_not_hold(records: IssuingRecords, statement: str) -> None:
    issue_some(records, 5)
    with records.state.write() as connection:
        connection.exec_driver_sql(statement)
    file = io.BytesIO()
    records.log.export(file, KEY, NOW)
    with pytest.raises(BrokenChain):
        verified(file.getvalue())


# -- the command -------------------------------------------------------------------------------------------------------
class Command:
    """`milagro dta audit` with a D-TA and witnesses in folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dids = {name: self.new(name) for name in ("node", "one", "two")}
        self.configuration = folder / "milagro.toml"
        self.configuration.write_text(CONFIGURATION)

    def new(self, name: str) -> str:
        made = self.run("id", "new", str(self.folder / name), "--json", *SECRET, "--argon2-memory-mib", "8")
        assert made.exit_code == 0, made.output
        return str(json.loads(made.stdout)["did"])

    def records(self, watermark: str) -> IssuingRecords:
        """Those of the D-TA, which has joined a network."""
        database = open_database(read_config(self.configuration).node)
        with database.state.write() as connection:
            database.network.set_fact(connection, "charter", CHARTER.to_bytes())
        node = pki.identity_of(self.dids["node"])
        return IssuingRecords(database.state, Watermark(self.folder / watermark), node, CHARTER.network, NOW)

    @staticmethod
    def run(*arguments: str) -> Any:
        return CliRunner().invoke(main, list(arguments))

    def bundles(self) -> list[str]:
        return [part for name in self.dids for part in ("--bundle", str(self.folder / name / "identity.bundle"))]

    def export(self, *more: str, code: int = 0) -> str:
        target = self.folder / f"{secrets.token_hex(4)}.log"
        made = self.run("dta", "audit", "export", str(target), "--config", str(self.configuration), *more)
        assert made.exit_code == code, made.output
        return str(target)

    def audit(self, command: str, log: str, *more: str) -> Any:
        return self.run("dta", "audit", command, log, "--node", self.dids["node"], *self.bundles(), *more)

    def cosign(self, log: str, name: str, *more: str) -> Any:
        return self.audit("cosign", log, "--identity", str(self.folder / name), *SECRET, *more)


SECRET = ("--passphrase-env", "MILAGRO_TEST_PASSPHRASE")
SEATS = tuple(Seat(i, f"dta-{i}", CID.of(b"%d" % i), f"https://dta-{i}.example") for i in (1, 2, 3))
CHARTER = Charter("test", "BN254", "sha256", 3600, 2, SEATS, bytes(32))
CONFIGURATION = """
role = "dta"
[server]
port = 8001
public_url = "http://127.0.0.1:8001"
[store]
path = "db"
[passphrase]
env = "MILAGRO_TEST_PASSPHRASE"
[dta]
name = "dta-1"
[dta.network]
identity = "node"
"""


def test_a_log_is_given_out_witnessed_and_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILAGRO_TEST_PASSPHRASE", "correct horse")
    command = Command(tmp_path)
    records = command.records("mark")
    issue_some(records, 4)
    log = command.export()
    witnesses = [part for name in ("one", "two") for part in ("--witness", command.dids[name])]
    unwitnessed = command.audit("verify", log, *witnesses)
    assert (unwitnessed.exit_code, "0 witnesses" in unwitnessed.output) == (3, True)
    for name in ("one", "two"):
        assert command.cosign(log, name).exit_code == 0
    shown = json.loads(command.audit("verify", log, *witnesses, "--json").stdout)
    assert (shown["entries"], shown["cosigners"]) == (4, [command.dids["one"], command.dids["two"]])

    issue_some(records, 2)
    later, tail = command.export(), command.export("--first", "5")
    for one in (later, tail):
        assert command.audit("verify", one, "--since", log).exit_code == 0
        assert command.cosign(one, "one").exit_code == 0
    assert command.audit("verify", log, "--since", later).exit_code == 3
    back = command.cosign(log, "one")
    assert (back.exit_code, "were seen before" in back.output) == (3, True)
    stranger = command.cosign(tail, "node")
    assert (stranger.exit_code, "entry 1" in stranger.output) == (3, True)

    octets = Path(log).read_bytes()
    Path(log).write_bytes(octets[:300] + bytes([octets[300] ^ 1]) + octets[301:])
    assert command.audit("verify", log).exit_code in (2, 3)
    records.close()


def test_a_second_history_gets_no_cosignature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILAGRO_TEST_PASSPHRASE", "correct horse")
    command = Command(tmp_path)
    for mark in ("mark", "another"):
        (tmp_path / "db").unlink(missing_ok=True)
        records = command.records(mark)
        issue_some(records, 3)
        log = command.export()
        records.close()
        said = command.cosign(log, "one")
        assert (said.exit_code, "two histories" in said.output) == ((0, False) if mark == "mark" else (3, True))
