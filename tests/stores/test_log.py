"""Logs: strict entries, bounded reading, and evidence against a sender who tells two stories."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milagro import cbor
from milagro.cid import CID, Codec
from milagro.errors import BrokenChain, EncodingError, InvalidSignature, MalformedEnvelope, NotFound, ParameterError
from milagro.stores.content.memory import MemoryStore
from milagro.stores.messaging import frames
from milagro.stores.messaging.entry import LABEL, MAX_PAYLOAD_OCTETS, MAX_SEQUENCE, Entry, Fork, skip_target
from milagro.stores.messaging.frames import Question
from milagro.stores.messaging.inbox import WINDOW, Reader, Rewritten
from tests.stores.parties import Identity, verify

if TYPE_CHECKING:
    from collections.abc import Callable

ALICE = Identity.of("alice")
TOPIC = "topic"


class Log:
    """A log in a dictionary; from entry `fork_at` on it may tell another story."""

    def __init__(self, topic: str = TOPIC, author: Identity = ALICE) -> None:
        self.store, self.topic, self.author = MemoryStore(), topic, author
        self.entries: list[Entry] = []
        self.fetched = 0

    def append(self, payload: bytes = b"payload", *, previous: CID | None = None, skip: CID | None = None) -> Entry:
        number = len(self.entries) + 1
        before = previous or (self.entries[-1].cid if number > 1 else None)
        target = skip_target(number)
        further = skip or (before if target == number - 1 else self.entries[target - 1].cid if target else None)
        entry = Entry.signed(self.author, self.topic, number, before, further, (self.store.put(payload),), len(payload))
        self.store.put(entry.block, Codec.DAG_CBOR)
        self.entries.append(entry)
        return entry

    def grown(self, count: int, payload: bytes = b"payload") -> Log:
        for _ in range(count):
            self.append(payload)
        return self

    def branch(self, length: int) -> Log:
        """A log with the same first entries, in the same store."""
        other = Log(self.topic, self.author)
        other.store, other.entries = self.store, self.entries[:length]
        return other

    def fetch(self, cid: CID) -> bytes:
        self.fetched += 1
        return self.store.get(cid)


def read_all(log: Log, reader: Reader) -> list[int]:
    numbers = []
    while window := reader.window(log.fetch, verify):
        assert len(window) <= WINDOW
        numbers.append(window[0].sequence)
        assert reader.contradiction(window[0]) is None
        reader.moved(window[0])
    return numbers


# -- entries --------------------------------------------------------------------------------------------------
LOG = Log().grown(6)
ENTRY = LOG.entries[5]


def test_an_entry_comes_back_as_it_was_signed() -> None:
    for entry in LOG.entries:
        again = Entry.decode(entry.block)
        again.check(verify)
        assert again == entry
        assert entry.cid == CID.of(entry.block, Codec.DAG_CBOR)
    assert (ENTRY.previous, ENTRY.skip) == (LOG.entries[4].cid, LOG.entries[3].cid)


def test_every_flipped_bit_and_every_truncation_is_refused() -> None:
    for at in range(8 * len(ENTRY.block)):
        block = bytearray(ENTRY.block)
        block[at // 8] ^= 1 << at % 8
        with pytest.raises((EncodingError, InvalidSignature)):
            Entry.decode(bytes(block)).check(verify)
    for length in range(len(ENTRY.block)):
        with pytest.raises(EncodingError):
            Entry.decode(ENTRY.block[:length])


LINK, RAW = LOG.entries[0].cid.link(), CID.of(b"payload").link()
REFUSED: dict[str, dict[str, cbor.Value]] = {
    "another version": {"v": 2},
    "no number": {"seq": 0, "prev": None, "skip": None},
    "a number too high": {"seq": MAX_SEQUENCE + 1},
    "no topic": {"topic": ""},
    "a topic too long": {"topic": "t" * 129},
    "no sender": {"sender": ""},
    "a first entry that continues something": {"seq": 1, "prev": LINK, "skip": None},
    "a later entry that continues nothing": {"prev": None},
    "a skip link where there is none": {"seq": 4, "skip": LINK},
    "no skip link where there is one": {"skip": None},
    "an odd entry with two different links": {"seq": 5, "prev": LINK, "skip": LOG.entries[1].cid.link()},
    "a link to a raw block": {"prev": RAW},
    "a part that is no raw block": {"parts": [LINK]},
    "parts for another size": {"size": 2 << 20},
    "no parts": {"parts": []},
    "an empty payload": {"size": 0, "parts": []},
    "a payload too large": {"size": MAX_PAYLOAD_OCTETS + 1, "parts": [RAW] * 65},
    "an unknown field": {"x": 1},
    "no signature": {"sig": b""},
    "a signature too long": {"sig": bytes(8193)},
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_an_entry_that_breaks_the_rules_is_refused_though_it_is_signed(fields: dict[str, cbor.Value]) -> None:
    whole = dict(cbor.decode(ENTRY.block, tags=(42,))) | fields  # type: ignore[call-overload]
    signature = whole.pop("sig")
    signed = fields.get("sig", ALICE.sign(LABEL + cbor.encode(whole)) if signature else b"")
    with pytest.raises(MalformedEnvelope):
        Entry.decode(cbor.encode({**whole, "sig": signed}))


def test_an_author_is_told_what_cannot_be_made() -> None:
    with pytest.raises(ParameterError):
        Entry.signed(ALICE, TOPIC, 2, None, None, (CID.of(b""),), 1)


@settings(max_examples=300)
@given(st.integers(1, 1 << 40), st.data())
def test_any_entry_is_reached_in_few_steps(start: int, data: st.DataObject) -> None:
    goal = data.draw(st.integers(1, start))
    at, steps = start, 0
    while at > goal:
        skip = skip_target(at)
        link = CID.of(b"%d" % at)
        entry = dataclasses.replace(ENTRY, sequence=at, previous=link, skip=link if skip else None)
        at, cid = entry.step_towards(goal)
        assert cid == link
        steps += 1
    assert at == goal
    assert steps <= 2 + start.bit_length() * (start.bit_length() + 1) / 2


# -- frames ---------------------------------------------------------------------------------------------------
def test_frames_come_back() -> None:
    for frame in (ENTRY, Question("topic", "alice", 0), Question("t" * 128, "ü", MAX_SEQUENCE)):
        assert frames.decode(frames.encode(frame)) == frame


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x00",
        b"\x03\x80",
        b"\x02",
        b"\x02\x80",
        b"\x02" + cbor.encode(["topic", "alice"]),
        b"\x02" + cbor.encode(["topic", "alice", -1]),
        b"\x02" + cbor.encode(["topic", "alice", True]),
        b"\x02" + cbor.encode(["topic", "alice", MAX_SEQUENCE + 1]),
        b"\x02" + cbor.encode(["", "alice", 1]),
        b"\x02" + cbor.encode(["topic", "a" * 129, 1]),
        b"\x02" + cbor.encode(["topic", b"alice", 1]),
        b"\x02" + cbor.encode(["topic", "alice", 1]) + b"\x00",
        b"\x02" + b"\x9f" + cbor.encode(["topic", "alice", 1])[1:] + b"\xff",
    ],
)
def test_other_frames_are_refused(octets: bytes) -> None:
    with pytest.raises(EncodingError):
        frames.decode(octets)


@given(st.binary(max_size=300))
def test_no_octets_do_anything_but_decode_or_be_refused(octets: bytes) -> None:
    for prefix in (b"", b"\x01", b"\x02"):
        with contextlib.suppress(EncodingError):
            frames.decode(prefix + octets)


# -- reading --------------------------------------------------------------------------------------------------
@settings(max_examples=25, deadline=None)
@given(st.integers(1, 700), st.data())
def test_a_log_is_read_in_order_whatever_was_heard_of_it(length: int, data: st.DataObject) -> None:
    log = LONG.branch(length)
    reader = Reader(TOPIC, ALICE.name, (0, None), None)
    heard = data.draw(st.lists(st.sampled_from(log.entries), max_size=20))
    for entry in [*heard, log.entries[-1], *heard]:
        assert reader.heard(entry) is None
    assert read_all(log, reader) == list(range(1, length + 1))


LONG = Log().grown(700)


def test_a_long_log_is_read_in_windows_with_few_fetches_too_many() -> None:
    log = Log().grown(3000)
    reader = Reader(TOPIC, ALICE.name, (0, None), None)
    reader.heard(log.entries[-1])
    assert read_all(log, reader) == list(range(1, 3001))
    assert log.fetched < 1.1 * 3000


def test_a_restarted_reader_goes_on_after_its_cursor() -> None:
    reader = Reader(TOPIC, ALICE.name, (300, LONG.entries[299].cid), LONG.entries[-1])
    assert read_all(LONG, reader) == list(range(301, 701))


def test_memory_is_bounded_whatever_a_sender_announces() -> None:
    log = Log().grown(2 * WINDOW + 40)
    reader = Reader(TOPIC, ALICE.name, (0, None), None)
    for entry in log.entries:
        reader.heard(entry)
    assert len(reader._claims) <= WINDOW
    assert read_all(log, reader) == list(range(1, len(log.entries) + 1))
    assert not reader._claims


# -- two stories ----------------------------------------------------------------------------------------------
def told(reader: Reader, log: Log) -> Fork:
    """The fork that reading shows."""
    while window := reader.window(log.fetch, verify):
        if fork := reader.contradiction(window[0]):
            return fork
        reader.moved(window[0])
    raise AssertionError("no fork was seen")


@pytest.mark.parametrize("other_first", [False, True])
def test_two_ends_with_one_number(other_first: bool) -> None:
    log = Log().grown(5)
    other = log.branch(4).grown(1, b"another story")
    ends = [log.entries[-1], other.entries[-1]]
    first, second = reversed(ends) if other_first else ends
    reader = Reader(TOPIC, ALICE.name, (0, None), None)
    assert reader.heard(first) is None
    fork = reader.heard(second)
    assert fork is not None
    assert Fork.prove(fork.first.block, fork.second.block, verify) == fork


@pytest.mark.parametrize("branched_at", [1, 3, 6])
@pytest.mark.parametrize("heard_before", [False, True])
def test_an_announced_entry_that_is_not_in_the_log(branched_at: int, heard_before: bool) -> None:
    log = Log().grown(9)
    other = log.branch(branched_at).grown(2, b"another story")
    reader = Reader(TOPIC, ALICE.name, (0, None), None)
    ends = [log.entries[-1], other.entries[-1]]
    for end in reversed(ends) if heard_before else ends:
        assert reader.heard(end) is None
    fork = told(reader, log)
    assert fork.sequence == branched_at + 2
    Fork.prove(fork.first.block, fork.second.block, verify)


def test_a_log_that_was_written_anew_below_what_was_handed_over() -> None:
    log = Log().grown(8)
    other = log.branch(3).grown(10, b"another story")
    reader = Reader(TOPIC, ALICE.name, (8, log.entries[7].cid), other.entries[-1])
    with pytest.raises(Rewritten) as caught:
        reader.window(other.fetch, verify)
    Fork.prove(log.entries[7].block, caught.value.entry.block, verify)


def test_a_skip_link_into_another_story() -> None:
    """The sender signs entry WINDOW + 8 with a skip link into another story than its previous ones tell."""
    log = Log().grown(WINDOW + 63)
    other = log.branch(3).grown(WINDOW + 60, b"another story")
    log.append(skip=other.entries[skip_target(WINDOW + 64) - 1].cid)
    log.grown(3)
    reader = Reader(TOPIC, ALICE.name, (0, None), None)
    reader.heard(log.entries[-1])
    # The first window follows one story and the second one meets the other.
    with pytest.raises(BrokenChain):
        read_all(log, reader)


def test_entries_of_one_story_are_no_evidence() -> None:
    a, b = LOG.entries[:2]
    stranger = Log(author=Identity.of("mallory")).grown(1).entries[0]
    elsewhere = Log(topic="elsewhere").grown(1).entries[0]
    for first, second in ((a, a), (a, b), (a, stranger), (a, elsewhere)):
        with pytest.raises(BrokenChain):
            Fork.prove(first.block, second.block, verify)
    forged = dict(cbor.decode(a.block, tags=(42,))) | {"sig": bytes(64)}  # type: ignore[call-overload]
    with pytest.raises(InvalidSignature):
        Fork.prove(a.block, cbor.encode(forged), verify)


def other_log(log: Log, other: Log) -> CID:
    other.store = log.store
    return other.grown(3).entries[-1].cid


def forged(log: Log) -> CID:
    fields = dict(cbor.decode(log.entries[2].block, tags=(42,)))  # type: ignore[call-overload]
    return log.store.put(cbor.encode({**fields, "sig": bytes(64)}), Codec.DAG_CBOR)


BROKEN: dict[str, Callable[[Log], CID]] = {
    "no entry": lambda log: log.store.put(b"\xa0", Codec.DAG_CBOR),
    "an entry with another number": lambda log: log.entries[0].cid,
    "an entry of another topic": lambda log: other_log(log, Log("elsewhere")),
    "an entry of another sender": lambda log: other_log(log, Log(author=Identity.of("mallory"))),
    "an entry with a forged signature": forged,
}


@pytest.mark.parametrize("target", BROKEN.values(), ids=BROKEN)
def test_a_link_that_leads_astray(target: Callable[[Log], CID]) -> None:
    log = Log().grown(3)
    log.append(previous=target(log))
    reader = Reader(TOPIC, ALICE.name, (0, None), log.entries[-1])
    with pytest.raises(BrokenChain, match="leads to"):
        reader.window(log.fetch, verify)


def test_a_missing_entry_is_waited_for() -> None:
    log = Log().grown(4)
    log.store.remove(log.entries[1].cid)
    reader = Reader(TOPIC, ALICE.name, (0, None), log.entries[-1])
    with pytest.raises(NotFound):
        reader.window(log.fetch, verify)
    log.store.put(log.entries[1].block, Codec.DAG_CBOR)
    assert read_all(log, reader) == [1, 2, 3, 4]
