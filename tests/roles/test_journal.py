"""The journal of attempts: what was on the disk is there again, however the process and the file ended.

Spec: spec/mpin.md#restores
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import milagro
from milagro.errors import Unavailable
from milagro.roles.mfa.attempts import journal as module
from milagro.roles.mfa.attempts.journal import Journal, Record, Used, left_behind, take

SIZE = 64
devices = st.integers(0, 5).map(lambda number: bytes([number]) * 32)
changes = st.lists(st.tuples(devices, st.integers(1, 30), st.integers(0, 3)), max_size=60)


def model(done: list[tuple[bytes, int, int]]) -> dict[bytes, Used]:
    """What the changes come to: of each device the one of the largest number, the first of two that are the same."""
    found: dict[bytes, Used] = {}
    for digest, count, used in done:
        if digest not in found or found[digest].count < count:
            found[digest] = Used(count, used)
    return found


def filled(folder: Path, done: list[tuple[bytes, int, int]]) -> Journal:
    journal = take(folder, gap=False)
    for digest, count, used in done:
        journal.add([Record.of_attempts(digest, Used(count, used))])
    return journal


def again(folder: Path) -> Journal:
    return take(folder, gap=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "attempts"


@given(changes, st.booleans())
@settings(max_examples=60, deadline=None)
def test_it_reads_what_was_written(done: list[tuple[bytes, int, int]], renewed: bool) -> None:
    with tempfile.TemporaryDirectory() as place:
        first = filled(Path(place), done)
        if renewed:
            first.renew()
        identity, mark = first.id, first.mark
        assert mark == len(done)
        first.close()
        second = again(Path(place))
        assert (second.id, second.mark, second.whole, second.is_new) == (identity, mark, True, False)
        assert second.attempts() == model(done)
        second.close()


@given(changes.filter(bool), st.integers(1, SIZE - 1), st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_a_torn_tail_loses_what_was_not_written_and_no_more(
    done: list[tuple[bytes, int, int]], cut: int, after: bytes
) -> None:
    with tempfile.TemporaryDirectory() as place:
        filled(Path(place), done).close()
        path = Path(place) / "1.journal"
        octets = path.read_bytes()
        path.write_bytes(octets[: len(octets) - cut] + after[: cut - 1])  # the last record in part, with what lay there
        torn = again(Path(place))
        assert torn.whole
        assert torn.attempts() == model(done[:-1])
        torn.add([Record.of_attempts(b"x" * 32, Used(1, 1))])
        torn.close()
        kept = again(Path(place))
        assert kept.attempts() == model([*done[:-1], (b"x" * 32, 1, 1)])
        assert kept.whole
        kept.close()


@given(changes.filter(lambda done: len(done) > 2), st.data())
@settings(max_examples=40, deadline=None)
def test_damage_before_the_end_is_noticed_and_keeps_the_rest(
    done: list[tuple[bytes, int, int]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as place:
        first = filled(Path(place), done)
        first.close()
        path, at = Path(place) / "1.journal", data.draw(st.integers(0, len(done) - 2))
        octets = bytearray(path.read_bytes())
        octets[SIZE * (1 + at) + data.draw(st.integers(0, SIZE - 1))] ^= 1
        path.write_bytes(octets)
        damaged = again(Path(place))
        assert not damaged.whole
        assert damaged.header.gap
        assert damaged.content.peers == {first.id: True}  # nobody can say what it had
        assert damaged.attempts() == model([*done[:at], *done[at + 1 :]])
        damaged.close()


def test_a_damaged_header_makes_another_replica(folder: Path) -> None:
    filled(folder, [(b"d" * 32, 1, 1)]).close()
    path = folder / "1.journal"
    path.write_bytes(b"?" + path.read_bytes()[1:])
    found = again(folder)
    assert (found.whole, found.header.gap, found.attempts()) == (False, True, {})
    found.close()


def test_a_record_of_another_journal_or_place_does_not_fit(folder: Path, tmp_path: Path) -> None:
    one, other = filled(folder, [(b"d" * 32, 1, 1)]), filled(tmp_path / "other", [(b"d" * 32, 9, 0)])
    one.close()
    other.close()
    strange = (tmp_path / "other" / "1.journal").read_bytes()[SIZE:]
    with (folder / "1.journal").open("ab") as file:
        file.write(strange)  # as the second record
        file.write((folder / "1.journal").read_bytes()[SIZE : 2 * SIZE])  # its own first, as the third
    found = again(folder)
    assert (found.attempts(), found.mark) == ({b"d" * 32: Used(1, 1)}, 1)
    found.close()


def test_it_is_written_anew_before_it_is_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAST", 20)
    journal = take(folder, gap=False)
    for count in range(1, 400):
        journal.add([Record.of_attempts(bytes([count % 3]) * 32, Used(count, count % 4))], durable=False)
    assert (folder / "1.journal").stat().st_size <= SIZE * 23
    journal.begin()
    assert journal.mark == 400
    found, run = journal.attempts(), journal.run
    journal.close()
    kept = again(folder)
    assert (kept.attempts(), kept.mark, kept.content.start, kept.run) == (found, 400, 1, run)
    kept.close()


def test_it_knows_what_it_was_and_not_what_another_copy_became(folder: Path, tmp_path: Path) -> None:
    journal = take(folder, gap=False)
    journal.begin()
    journal.add([Record.of_attempts(b"a" * 32, Used(1, 1))])
    early = journal.content.start, journal.run, journal.mark
    shutil.copytree(folder, tmp_path / "image")
    journal.add([Record.of_attempts(b"a" * 32, Used(2, 2))])
    later = journal.content.start, journal.run, journal.mark
    journal.begin()
    latest = journal.content.start, journal.run, journal.mark
    assert all(journal.has(*one) for one in (early, later, latest))
    journal.close()
    image = again(tmp_path / "image")
    assert [image.has(*one) for one in (early, later)] == [True, False]
    image.begin()
    for count in range(2, 20):  # also once it is longer
        image.add([Record.of_attempts(b"b" * 32, Used(count, 1))])
    image.renew()
    assert [image.has(*one) for one in (early, later, latest)] == [True, False, False]
    image.close()


def test_devices_that_used_something_are_never_let_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = filled(folder, [(bytes([number]) * 32, 1, number % 2) for number in range(20)])
    monkeypatch.setattr(module.Content.records, "__defaults__", (4,))
    journal.renew()
    used = {bytes([number]) * 32 for number in range(20) if number % 2}
    assert used <= journal.attempts().keys()
    assert len(journal.attempts()) == 10
    assert journal.mark == 20
    journal.close()


def test_many_threads_share_a_journal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    fdatasync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: synced.append(file) or fdatasync(file))
    journal = take(folder, gap=False)
    with ThreadPoolExecutor(16) as pool:
        for number in pool.map(lambda at: _note(journal, at), range(400)):
            assert number
    assert len(synced) <= 400
    journal.close()
    kept = again(folder)
    assert len(kept.attempts()) == 100
    assert kept.mark == 400
    kept.close()


def _note(journal: Journal, at: int) -> int:
    journal.add([Record.of_attempts((at % 100).to_bytes(32, "big"), Used(at, 1))])
    return journal.mark


def test_each_process_has_one_of_its_own_and_sees_those_that_nobody_has(folder: Path) -> None:
    one, two, three = (filled(folder, [(bytes([number]) * 32, 1, 1)]) for number in range(3))
    assert len({one.id, two.id, three.id}) == 3
    two.close()
    assert [header.id for header, *_ in left_behind(folder, one.path)] == [two.id]
    taken = again(folder)
    assert taken.id == two.id
    for journal in (one, taken, three):
        journal.close()


def test_a_full_disk_refuses_and_leaves_the_journal_good(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = filled(folder, [(b"a" * 32, 1, 1)])
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, octets: write(file, octets[:30]))
    with pytest.raises(Unavailable):
        journal.add([Record.of_attempts(b"b" * 32, Used(1, 1))])
    monkeypatch.undo()
    with pytest.raises(Unavailable):
        journal.add([Record.of_attempts(b"c" * 32, Used(1, 1))])
    journal.check()  # there is room again
    journal.add([Record.of_attempts(b"d" * 32, Used(1, 1))])
    journal.close()
    kept = again(folder)
    assert kept.whole
    assert {b"a" * 32, b"d" * 32} == kept.attempts().keys()
    kept.close()


_WRITER = """
import os, sys
from pathlib import Path
from milagro.roles.mfa.attempts import journal as module
module._LEAST = 12
journal = module.take(Path(sys.argv[1]), gap=False)
for count in range(1, 100_000):
    journal.add([module.Record.of_attempts(bytes([count % 5]) * 32, module.Used(count, 1 + count % 3))])
    os.write(1, b"%d\\n" % count)
"""


@pytest.mark.parametrize("after", [1, 30, 77])
def test_what_a_killed_process_said_to_be_written_is_there(folder: Path, after: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(milagro.__file__).parent.parent)}
    process = subprocess.Popen([sys.executable, "-c", _WRITER, str(folder)], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    for _ in range(after):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    said = [int(line) for line in process.stdout.read().split() if line] or [after]
    process.wait(60)
    process.stdout.close()
    shutil.copytree(folder, folder.with_name("image"))
    for place in (folder, folder.with_name("image")):
        journal = again(place)
        assert journal.whole
        last = max(used.count for used in journal.attempts().values())
        assert last in (said[-1], said[-1] + 1)  # one may have been written and not said
        assert journal.mark == last
        journal.close()
